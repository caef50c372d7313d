"""What a site of units costs: seconds of each stage, and its size on disk.

    python benchmarks/units.py [--model NAME --weights FILE --images FOLDER] [--max-images N]
        [--layers LAYER ...] [--each N] [--whole] [--quick] [--json]

A site of a few units of each layer is made, twice as many are added to it, and what the whole site
takes is told from the difference: what is done once (programs compiled, images looked at, weights
and tuning of all units) counts once. `--whole` makes the whole site instead, and `--quick` looks at
fewer units. Without a model, it is the bundled network on generated scenes.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import atlasjax as ax
from atlasjax import models
from atlasjax.parallel import divide_cpu
from atlasjax.workflows.networks import shapes
from atlasjax.workflows.unit_site.ablated import BATCH

EACH, QUICK = 16, 3  # units of each layer in the first call
BY_UNIT = ("icons", "ablation", "page")  # stages that take longer with more units


class Call(NamedTuple):
    """One call.

    Attributes:
        units: that were added.
        seconds: of each stage.
        bytes: of the site after it.
    """

    units: int
    seconds: dict[str, float]
    bytes: int


def call(chosen: argparse.Namespace, folder: Path, units: Any, added: int) -> Call:
    """Make a site, or add units to it."""
    began = time.perf_counter()
    how = {"units": units, "weights": chosen.weights, "max_images": chosen.max_images}
    made = ax.units(chosen.model, chosen.layers, chosen.images, out=folder, **how)
    whole = time.perf_counter() - began
    stages = dict(made.site.record["seconds"])
    rest = whole - sum(stages.values())
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Call(added, stages | {"page": rest}, size)


def told(first: Call, second: Call, units: int, sources: int) -> dict[str, Any]:
    """Return what a whole site takes, told from two calls."""
    each, once = {}, {}
    for stage, took in first.seconds.items():
        more = second.seconds.get(stage, 0.0)
        if stage not in BY_UNIT:
            each[stage], once[stage] = 0.0, took
            continue
        if stage == "ablation":  # both calls compile, as every batch of a whole site does
            each[stage] = max(more - took, 0.0) / (second.units - first.units)
        else:
            each[stage] = more / second.units
        once[stage] = max(took - each[stage] * first.units, 0.0)
    total = {stage: once[stage] + each[stage] * units for stage in once}
    if "ablation" in total:
        total["ablation"] += once["ablation"] * (-(-sources // BATCH) - 1)
    grown = (second.bytes - first.bytes) / second.units
    return {
        "units": units,
        "seconds": total,
        "seconds a unit": each,
        "minutes": sum(total.values()) / 60,
        "mebibytes": (first.bytes + grown * (units - first.units)) / 2**20,
        "measured": False,
    }


def main() -> None:
    divide_cpu()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default=models.SCENES)
    parser.add_argument("--weights", help="its weights file, where it needs one")
    parser.add_argument("--images", default="scenes:200@2")
    parser.add_argument("--max-images", type=int)
    parser.add_argument("--layers", nargs="+", default=["mixed3a", "mixed3b"])
    parser.add_argument("--each", type=int, default=EACH, help="units of each layer at first")
    parser.add_argument("--whole", action="store_true", help="make the whole site")
    parser.add_argument("--quick", action="store_true", help=f"as --each {QUICK}")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    try:
        found = measured(chosen)
    except ax.UserError as error:
        sys.exit(f"units.py: {error}")
    how = "measured" if found["measured"] else "told from a few"
    print(f"{found['units']} units of {', '.join(chosen.layers)}, {how}:")
    for stage, seconds in found["seconds"].items():
        each = found["seconds a unit"].get(stage, 0.0)
        more = f", {each:.2f} s more for each unit" if each else ""
        print(f"  {stage:<10} {seconds:7.1f} s{more}")
    print(f"  together   {found['minutes']:7.1f} min, {found['mebibytes']:.0f} MiB on disk")
    if chosen.json:
        print(json.dumps(found))


def measured(chosen: argparse.Namespace) -> dict[str, Any]:
    """Return what a whole site takes."""
    known = shapes(chosen.model)
    counts = {layer: known[layer][-1] for layer in chosen.layers if layer in known}
    total, last = sum(counts.values()), counts.get(chosen.layers[-1], 0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "site"
        if chosen.whole:
            made = call(chosen, folder, None, total)
            return {
                "units": total,
                "seconds": made.seconds,
                "seconds a unit": {},
                "minutes": sum(made.seconds.values()) / 60,
                "mebibytes": made.bytes / 2**20,
                "measured": True,
            }
        each, layers = QUICK if chosen.quick else chosen.each, len(counts)
        some = {layer: list(range(each)) for layer in counts}
        first = call(chosen, folder, some, each * layers)
        print(f"{each} units of each layer: {first.seconds}", file=sys.stderr, flush=True)
        more = {layer: list(range(3 * each)) for layer in counts}
        second = call(chosen, folder, more, 2 * each * layers)
        return told(first, second, total, last)


if __name__ == "__main__":
    main()
