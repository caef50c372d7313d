"""Which units of GoogLeNet's mixed3a and mixed3b are detectors, found by tuning alone.

    python benchmarks/tuning.py [--weights PATH] [--images FOLDER] [--sheet PNG] [--quick] [--json]

Curve detectors of mixed3b, detectors of high beside low frequency and of black and white without
colour in mixed3a: how many, their angles, in which branch each lives, and how evenly the family
shares the circle. In Lucid's training of this network all ten published curve detectors, and all
thirty units of related groups, live in the 5x5 branch; all fifteen high-low units in the 3x3; all
nine for black and white in the 5x5. Angles are in degrees; of black and white, the hue that is
answered most.

With `--images`, a folder of photographs, mixed3b's curve units are removed, and as many others.

`--sheet` draws, of each, the stimulus that it is found to prefer, its tuning around the circle,
and, with `--images`, the patches of a folder's photographs that it answers most, which the search
has not seen. `--quick` looks at mixed3a's alone.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from PIL import Image, ImageDraw, ImageFont

import atlasjax as ax
from atlasjax import models
from atlasjax.circuits import Branches, branches, specialization, stimuli, without_units
from atlasjax.circuits.detectors import (
    Detectors,
    find_black_and_white,
    find_curves,
    find_high_low,
)
from atlasjax.circuits.examples import unit_examples
from atlasjax.circuits.figures import polar
from atlasjax.circuits.selectivity import joint
from atlasjax.data import batches, open_images
from atlasjax.parallel import divide_cpu

TILE, GAP, SHOWN, TEXT = 96, 6, 6, 150
REMOVED, CHANCE = 64, 10  # photographs, and sets of other units, that removal is tried on


class Search(NamedTuple):
    """What is looked for where, and how its stimulus is drawn."""

    name: str
    layer: str
    find: Callable[..., Detectors]
    draw: Callable[[Detectors, int], Any]


def curve(found: Detectors, unit: int) -> Any:
    measures = found.measures
    angle, radius = float(measures["preferred"][unit]), float(measures["radius"][unit])
    return stimuli.curves(angle, radius, size=TILE)


def sides(found: Detectors, unit: int) -> Any:
    return stimuli.high_low(float(found.measures["preferred"][unit]), size=TILE)


def grey(found: Detectors, unit: int) -> Any:
    del found, unit
    return stimuli.textures(8, size=TILE)


SEARCHES = (
    Search("high-low frequency", "mixed3a", find_high_low, sides),
    Search("black and white", "mixed3a", find_black_and_white, grey),
    Search("curves", "mixed3a", find_curves, curve),
    Search("curves", "mixed3b", find_curves, curve),
)


def told(search: Search, found: Detectors, part: Branches, seconds: float) -> dict[str, Any]:
    """Print and return what was found."""
    units, branch = found.units.tolist(), names(part)
    live, widths = Counter(branch[unit] for unit in units), Counter(branch)
    p = specialization(part, units, jax.random.key(0)).p if units else 1.0
    print(f"\n{search.layer}: {len(units)} units for {search.name} in {seconds:.0f} s")
    print("  " + ", ".join(f"{live[b]} of {widths[b]} in {b}" for b in widths), end="; ")
    print(f"p {p:.2g} that units drawn by chance are spread as unevenly")
    for unit, angle in zip(units, found.preferred.tolist(), strict=True):
        rest = {k: float(v[unit]) for k, v in found.measures.items() if k != "preferred"}
        shown = ", ".join(f"{name} {value:.3g}" for name, value in rest.items())
        print(f"  {unit:>4} {branch[unit]:<11} {angle:5.0f}; {shown}")
    result = {"units": units, "preferred": found.preferred.tolist(), "branches": dict(live), "p": p}
    if len(units) > 1 and search.find is not find_black_and_white:
        family = joint(found.axis, found.answer, units)
        print(f"  widest gap {family.gap:.0f} degrees; least of the family anywhere", end=" ")
        print(f"{family.evenness:.2f} of a peak; neighbours correlate by {family.overlap:.2f}")
        result |= {"gap": family.gap, "evenness": family.evenness, "overlap": family.overlap}
    return result | {"seconds": seconds}


def names(part: Branches) -> list[str]:
    """Return the branch of each unit."""
    return [part.names[number].split("/")[-1] for number in part.of]


def removed(model: Any, layer: str, units: list[int], folder: Path, count: int) -> dict[str, Any]:
    """Print and return what the logits lose with the units, and with as many others by chance."""
    rng, shown = np.random.default_rng(0), batches(open_images(str(folder), count), count)
    images = next(iter(shown)).images.astype(np.float32) / 255
    total = ax.layers(model)[layer][-1]
    rest = np.setdiff1d(np.arange(total), units)
    others = [rng.choice(rest, len(units), replace=False).tolist() for _ in range(CHANCE)]
    whole, without, *by_chance = without_units(model, layer, [[], units, *others], images)
    moved = [float(np.sqrt(np.square(one - whole).mean())) for one in (without, *by_chance)]
    other = [float((one.argmax(-1) != whole.argmax(-1)).mean()) for one in (without, *by_chance)]
    least, most, mean = min(moved[1:]), max(moved[1:]), float(np.mean(moved[1:]))
    print(f"\n{layer} without its {len(units)} curve units, {count} photographs:")
    print(f"  logits move by {moved[0]:.2f} (root mean square), {other[0]:.0%} change the answer;")
    print(f"  without as many others, {CHANCE} times by chance: by {mean:.2f}", end=" ")
    print(f"({least:.2f} to {most:.2f}), {float(np.mean(other[1:])):.0%}")
    return {
        "moved": moved[0],
        "others": moved[1:],
        "answers": other[0],
        "others_answers": other[1:],
    }


def sheet(
    found: list[tuple[Search, Detectors, list[str]]], patches: dict[str, np.ndarray]
) -> Image.Image:
    """Draw a line for each unit: its name, stimulus, tuning and patches."""
    lines = [(s, one, b, int(u)) for s, one, b in found for u in one.units]
    step, across = TILE + GAP, 2 if patches else 4
    wide = TEXT + (2 + (SHOWN if patches else 0)) * step + 2 * GAP
    high = -(-len(lines) // across) * step
    page = Image.new("RGB", (across * wide, high + GAP), (255, 255, 255))
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    for i, (search, one, branch, unit) in enumerate(lines):
        column, row = divmod(i, high // step)
        x, y = column * wide + GAP, row * step + GAP
        of = "hue" if search.find is find_black_and_white else "degrees"
        angle = f"{one.measures['preferred'][unit]:.0f} {of}"
        text = f"{search.layer}:{unit}\n{search.name}\n{branch[unit]}\n{angle}"
        pen.text((x, y + 16), text, (32, 33, 36), font)
        drawn = np.round(np.asarray(search.draw(one, unit))[0] * 255).astype(np.uint8)
        tiles = [drawn, polar(one.axis, one.answer[:, unit], TILE)]
        tiles += list(patches[search.layer][unit][:SHOWN]) if patches else []
        for j, tile in enumerate(tiles):
            page.paste(Image.fromarray(tile), (x + TEXT + j * step, y))
    return page


def seen(model: Any, folder: Path) -> dict[str, np.ndarray]:
    """Return the patches of each unit of both layers that it answers most."""
    source = open_images(str(folder))
    shown = batches(source, 32)
    found = unit_examples(model, ["mixed3a", "mixed3b"], shown, k=SHOWN, size=TILE)
    return {layer: one.top.patch for layer, one in found.layers.items()}


def main() -> None:
    divide_cpu()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--images", type=Path, help="a folder of photographs for the sheet")
    parser.add_argument("--sheet", type=Path, help="where to write a picture of what was found")
    parser.add_argument("--quick", action="store_true", help="mixed3a alone")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    try:
        model = models.load("googlenet", chosen.weights)
    except ax.UserError as error:
        sys.exit(f"tuning.py: {error}")
    made, results = [], {}
    for search in SEARCHES:
        if chosen.quick and search.layer != "mixed3a":
            continue
        began = time.perf_counter()
        found, part = search.find(model, search.layer), branches(model, search.layer)
        seconds = time.perf_counter() - began
        results[f"{search.layer} {search.name}"] = told(search, found, part, seconds)
        made.append((search, found, names(part)))
        if chosen.images and (search.layer, search.name) == ("mixed3b", "curves"):
            units = found.units.tolist()
            results["removed"] = removed(model, search.layer, units, chosen.images, REMOVED)
    if chosen.sheet:
        sheet(made, seen(model, chosen.images) if chosen.images else {}).save(chosen.sheet)
    if chosen.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
