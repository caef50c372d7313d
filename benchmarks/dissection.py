"""Which units of the scenes' network detect which parts (network dissection).

    python benchmarks/dissection.py [--quick] [--json]

For each of the 28 parts: the unit of any layer that overlaps with it most, at its best threshold;
the same unit and threshold on other images, so that the choice cannot flatter; the best at the one
threshold of the method as published (0.5% of a unit's values); and the part's share of all pixels,
which is what a unit that is always on would have. Then how many parts of each layer have a unit
with an overlap above .2.
"""

import argparse
import json
import time
from functools import partial
from typing import Any, NamedTuple

import rich.box
import rich.console
import rich.table

import atlasjax as ax
from atlasjax.circuits.dissection import Dissection, best, dissect, iou, published
from atlasjax.data.scenes import PARTS, masked, scenes
from atlasjax.parallel import divide_cpu

LAYERS = (
    *("conv2d0", "conv2d1", "conv2d2", "mixed3a", "mixed3b", "mixed4a"),
    *("mixed4b", "mixed4c", "mixed4d", "mixed4e", "mixed5a", "mixed5b"),
)
WANTED = 0.2  # overlap from which a part counts as detected
CHOSEN, HELD_OUT = 2, 3  # seeds of scenes that training has not seen


class Row(NamedTuple):
    """The best unit of a part."""

    unit: str
    iou: float
    held_out: float
    published: float
    share: float


def rows(chosen: dict[str, Dissection], others: dict[str, Dissection]) -> dict[str, Row]:
    """Return the best unit of each part, by one set of images, and how it does on another."""
    found = {layer: best(one) for layer, one in chosen.items()}
    fixed = {layer: published(one).max(1) for layer, one in chosen.items()}
    held = {layer: iou(one) for layer, one in others.items()}
    made = {}
    for number, part in enumerate(PARTS):
        layer = max(found, key=lambda name, n=number: found[name].iou[n].max())
        unit = int(found[layer].iou[number].argmax())
        level = int(found[layer].level[number, unit])
        one = next(iter(chosen.values()))
        made[part] = Row(
            f"{layer}:{unit}",
            float(found[layer].iou[number, unit]),
            float(held[layer][level, number, unit]),
            max(float(fixed[name][number]) for name in fixed),
            float(one.area[number] / one.pixels),
        )
    return made


def show(table: dict[str, Row], chosen: dict[str, Dissection]) -> None:
    console = rich.console.Console(highlight=False, soft_wrap=True, width=110)
    made = rich.table.Table(
        *("part", "unit", "IoU", "on others", "at 0.5%", "of pixels"), box=rich.box.SIMPLE_HEAD
    )
    for part, row in sorted(table.items(), key=lambda item: -item[1].held_out):
        numbers = (row.iou, row.held_out, row.published, row.share)
        made.add_row(part, row.unit, *(f"{number:.3f}" for number in numbers))
    console.print(made)
    for layer, one in chosen.items():
        found = (best(one).iou.max(1) > WANTED).sum()
        at_once = (published(one).max(1) > WANTED).sum()
        print(f"{layer:<8} {found:>3} parts above {WANTED}, {at_once} at 0.5%")
    above = [part for part, row in table.items() if row.held_out > WANTED]
    missing = [part for part in table if part not in above]
    print(f"{len(above)} of {len(table)} parts have a unit above {WANTED} on other images")
    print(f"without one: {', '.join(missing) or 'none'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="56 images of each set, not 280")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    asked = parser.parse_args()
    divide_cpu()
    count = 56 if asked.quick else 280
    model = ax.models.load("inception_v1_scenes")
    sets = [partial(masked, scenes(count, seed=seed)) for seed in (CHOSEN, HELD_OUT)]
    began = time.perf_counter()
    chosen = dissect(model, LAYERS, PARTS, sets[0])
    cut = {layer: one.threshold for layer, one in chosen.items()}
    others = dissect(model, LAYERS, PARTS, sets[1], thresholds=cut)
    seconds = time.perf_counter() - began
    table = rows(chosen, others)
    show(table, chosen)
    print(f"{len(LAYERS)} layers on {2 * count} images in {seconds:.0f} s")
    if asked.json:
        found: dict[str, Any] = {part: row._asdict() for part, row in table.items()}
        print(json.dumps({"parts": found, "seconds": seconds}))


if __name__ == "__main__":
    main()
