"""How much compute icons take to reach their directions, by the default and by plain Adam at 0.05.

    python benchmarks/convergence.py DATA [--quick] [--json] [--sheet FILE.png]

DATA is a folder with bvlc_googlenet/weights.safetensors and imagenet_sample/. Icons of 96 px are
drawn for cells of mixed4c, from noise, by the objective and the transforms of an atlas. Compute is
counted in steps: one gradient of the network for one icon. The default has a schedule that ends
where the steps do, so every number of steps is a run of its own; plain Adam is one run, looked at
on its way. Printed are the mean cosines reached, whitened and not, and how many times as many steps
plain Adam takes for the same; of the icons as they are, and of the icons moved by the transforms.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import cells
import jax
import numpy as np
import rich.box
import rich.console
import rich.table
from PIL import Image, ImageDraw

import atlasjax as ax
from atlasjax.parallel import divide_cpu


class Size(NamedTuple):
    """How much is measured."""

    icons: int
    photographs: int | None
    grid: int
    default: tuple[int, ...]
    plain: tuple[int, ...]


FULL = Size(24, None, 20, (16, 24, 32, 48, 96), (16, 24, 32, 48, 64, 96, 128, 192))
QUICK = Size(8, 100, 8, (8, 16), (4, 8, 16, 24, 32))


def by_default(cut: cells.Cut, direction: np.ndarray, steps: tuple[int, ...]) -> cells.Icons:
    keys = jax.random.split(jax.random.key(0), len(direction))
    made = {}
    for count in steps:
        draw = ax.icon_drawer(cut.model, cut.layer, ax.IconSettings(steps=count), cut.white)
        made[count] = ax.icons(draw, direction, keys, attempts=1).icon
    return made


def show(
    default: Mapping[int, cells.Reached], plain: Mapping[int, cells.Reached]
) -> list[dict[str, float | None]]:
    """Print both curves, and return the rows of the default with their ratios."""
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
    table.add_column("")
    for column in ("steps", "cosine", "moved", "plain Adam takes", "moved"):
        table.add_column(column, justify="right")
    rows = []
    for count, found in default.items():
        row: dict[str, float | None] = {"steps": count, **found._asdict()}
        times = []
        for kind in found._fields:
            curve = [getattr(reached, kind) for reached in plain.values()]
            needed = cells.steps_to(getattr(found, kind), list(plain), curve)
            row[f"ratio_{kind}"] = None if needed is None else needed / count
            most = f"> {max(plain) / count:.1f} x"
            times.append(most if needed is None else f"{needed / count:.1f} x")
        table.add_row("default", str(count), *pairs([f"{x:.3f}" for x in found]), *pairs(times))
        rows.append(row)
    for count, found in plain.items():
        table.add_row("plain Adam", str(count), *pairs([f"{x:.3f}" for x in found]))
    rich.console.Console(highlight=False, width=cells.WIDTH).print(table)
    print("each as it is / whitened; moved: of icons seen through the transforms")
    return rows


def pairs(shown: list[str]) -> list[str]:
    return [" / ".join(two) for two in zip(shown[::2], shown[1::2], strict=True)]


def sheet(rows: Mapping[str, np.ndarray], path: Path, most: int = 16) -> None:
    """Write icons side by side, each way of drawing them in a row of its own."""
    gap, head = 4, 18
    size = next(iter(rows.values())).shape[1]
    width = min(most, len(next(iter(rows.values())))) * (size + gap)
    whole = Image.new("RGB", (width, len(rows) * (size + gap + head)), "white")
    for i, (title, icon) in enumerate(rows.items()):
        top = i * (size + gap + head)
        ImageDraw.Draw(whole).text((2, top + 3), title, fill="black")
        for j, picture in enumerate(icon[:most]):
            whole.paste(Image.fromarray(picture), (j * (size + gap), top + head))
    whole.save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--quick", action="store_true", help="8 icons, few steps, 100 photographs")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--sheet", type=Path, help="write the icons side by side to this file")
    chosen = parser.parse_args()
    divide_cpu()  # as the command line does
    size = QUICK if chosen.quick else FULL
    try:
        cut = cells.cut(chosen.data, "mixed4c", (size.grid,), size.photographs)
    except ax.UserError as error:
        sys.exit(f"convergence.py: {error}")
    everything = cut.direction[size.grid]
    direction = everything[cells.some(len(everything), size.icons)]
    reached = cells.measure(cut)
    default = by_default(cut, direction, size.default)
    plain = cells.by_plain_adam(cut, direction, size.plain)
    of_default, of_plain = (
        {n: reached(icon, direction) for n, icon in made.items()} for made in (default, plain)
    )
    rows = show(of_default, of_plain)
    if chosen.sheet:
        titles = {f"default, {n} steps": icon for n, icon in default.items()}
        beside = {n for n in size.plain if n in size.default or n == size.plain[-1]}
        titles |= {f"plain Adam {cells.PLAIN}, {n} steps": plain[n] for n in sorted(beside)}
        sheet(titles, chosen.sheet)
    if chosen.json:
        curve = [{"steps": n, **found._asdict()} for n, found in of_plain.items()]
        print(json.dumps({"icons": len(direction), "default": rows, "plain_adam": curve}))


if __name__ == "__main__":
    main()
