"""Does a picture depend on what is drawn beside it, on its place in the batch, or on the batch?

    python benchmarks/company.py [--layer mixed4a] [--quick] [--json]

Draws one channel of the small network that comes with the package: alone, among others at several
places, and in batches of other sizes. It prints how far each picture is from that drawn alone: the
largest difference between two pixels, of 255, and the correlation. 0 and 1 say that they are the
same.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np
import rich.box
import rich.console
import rich.table

import atlasjax as ax
from atlasjax import models, vis
from atlasjax.parallel import divide_cpu

CHANNEL = 3
OTHERS = (5, 8, 13, 21, 34, 55, 2)  # channels that are drawn beside it
BATCH = 4


class Case(NamedTuple):
    """In which company a channel is drawn.

    Attributes:
        name: what the table says.
        which: the channels.
        batch: pictures at a time.
    """

    name: str
    which: tuple[int, ...]
    batch: int = BATCH


def cases() -> list[Case]:
    """Return the cases, the picture drawn alone first."""
    places = [Case(f"at place {i} of {BATCH}", (*OTHERS[:i], CHANNEL)) for i in range(1, BATCH)]
    return [
        Case("alone", (CHANNEL,)),
        Case("alone, again", (CHANNEL,)),
        Case("first of 2", (CHANNEL, *OTHERS[:1])),
        Case("first of 6", (CHANNEL, *OTHERS[:5])),
        *places,
        Case("in the second batch", (*OTHERS[:5], CHANNEL)),
        Case("first of 6, batch 1", (CHANNEL, *OTHERS[:5]), 1),
        Case("first of 6, batch 2", (CHANNEL, *OTHERS[:5]), 2),
        Case("first of 6, batch 16", (CHANNEL, *OTHERS[:5]), 16),
    ]


def compare(layer: str, settings: vis.Settings, asked: Sequence[Case]) -> dict[str, Any]:
    """Draw every case, and compare it with the first."""
    model, key = ax.models.load(models.SCENES), jax.random.key(0)
    pictures = {}
    for case in asked:
        made = vis.channels(model, layer, case.which, key, replace(settings, batch=case.batch))
        pictures[case.name] = made.images[case.which.index(CHANNEL)]
    alone, found = pictures[asked[0].name], {}
    for name, picture in pictures.items():
        whole, other = (np.round(255 * image).astype(int) for image in (alone, picture))
        found[name] = {
            "largest": int(np.abs(whole - other).max()),
            "correlation": float(np.corrcoef(alone.ravel(), picture.ravel())[0, 1]),
            "bits": bool((alone == picture).all()),
        }
    return found


def main() -> None:
    divide_cpu()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--layer", default="mixed4a")
    parser.add_argument("--quick", action="store_true", help="32 px and 24 steps, not 64 and 128")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    size, steps = (32, 24) if chosen.quick else (64, 128)
    try:
        found = compare(chosen.layer, vis.Settings(size, steps), cases())
    except ax.UserError as error:
        sys.exit(f"company.py: {error}")
    device = f"{len(jax.devices())} x {jax.devices()[0].device_kind}"
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
    table.add_column(f"{chosen.layer}, {size} px, {steps} steps, {device}")
    for column in ("largest difference, of 255", "correlation", "same bits"):
        table.add_column(column, justify="right")
    for name, row in found.items():
        same = "yes" if row["bits"] else "no"
        table.add_row(name, str(row["largest"]), f"{row['correlation']:.5f}", same)
    rich.console.Console(highlight=False, soft_wrap=True).print(table)
    if chosen.json:
        print(json.dumps({"layer": chosen.layer, "device": device, "cases": found}))


if __name__ == "__main__":
    main()
