"""What a site of units costs: seconds of each stage, and its size on disk.

    python benchmarks/units.py [--model NAME --weights FILE --images FOLDER] [--max-images N]
        [--layers LAYER ...] [--each N] [--whole [--out SITE]] [--quick] [--json]

A site of a few units of each layer is made, twice as many are added to it, and what the whole site
takes is told from the difference: what is done once (programs compiled, images looked at, weights
and tuning of all units) counts once. `--whole` makes the whole site instead, which `--out` keeps,
and `--quick` looks at fewer units. Without a model, it is the bundled network on generated scenes.
Beside the seconds that went by stand those of all cores together, which are the same on a machine
that does other work.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import atlasjax as ax
from atlasjax import models
from atlasjax.page.units.contents import UnitSite
from atlasjax.page.units.write import write
from atlasjax.parallel import divide_cpu
from atlasjax.workflows.networks import shapes
from atlasjax.workflows.unit_site.ablated import BATCH

EACH, QUICK = 16, 3  # units of each layer in the first call
STAGES = ("examples", "weights", "ablation", "tuning", "icons", "page", "opening")


class Call(NamedTuple):
    """One call.

    Attributes:
        units: that were added.
        each: of each layer.
        seconds: of each stage.
        processor: seconds of all cores of each stage.
        bytes: of the site after it.
    """

    units: int
    each: int
    seconds: dict[str, float]
    processor: dict[str, float]
    bytes: int


def call(chosen: argparse.Namespace, folder: Path, units: Any, added: int) -> Call:
    """Make a site, or add units to it."""
    began, page = np.zeros(2), np.zeros(2)

    def timed(site_folder: Path, site: UnitSite) -> Path:
        page[:] = -now()
        made = write(site_folder, site)
        page[:] += now()
        return made

    began[:] = now()
    how = {"units": units, "weights": chosen.weights, "max_images": chosen.max_images}
    record = ax.units(chosen.model, chosen.layers, chosen.images, out=folder, write=timed, **how)
    whole, kept = now() - began, []
    for k, name in enumerate(("seconds", "processor_seconds")):
        stages = dict(record.site.record[name])
        opening = float(whole[k] - page[k]) - sum(stages.values())
        kept.append(stages | {"page": float(page[k]), "opening": opening})
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Call(added, added // len(chosen.layers), kept[0], kept[1], size)


def now() -> np.ndarray:
    """Return the seconds that have gone by, and those of all cores."""
    return np.array([time.perf_counter(), time.process_time()])


def told(first: Call, second: Call, units: int, last: int) -> dict[str, Any]:
    """Return what a whole site takes, told from two calls; `last` units have edges ablated."""
    seconds = {stage: _whole(first, second, "seconds", stage, units, last) for stage in STAGES}
    busy = {stage: _whole(first, second, "processor", stage, units, last) for stage in STAGES}
    grown = (second.bytes - first.bytes) / second.units
    return {
        "units": units,
        "seconds": seconds,
        "processor": busy,
        "mebibytes": (first.bytes + grown * (units - first.units)) / 2**20,
        "measured": False,
    }


def _whole(first: Call, second: Call, kind: str, stage: str, units: int, last: int) -> float:
    took, more = (float(getattr(one, kind).get(stage, 0.0)) for one in (first, second))
    if stage in ("icons", "page"):  # of icons, the first call compiles and the second does not
        each = more / second.units
        return max(took - each * first.units, 0.0) + each * units
    if stage == "ablation":  # both calls compile, as every batch of a whole site does
        layers = first.units // first.each
        each = max(more - took, 0.0) * layers / (second.units - first.units)
        begun = max(took - each * first.each, 0.0)
        return begun * -(-last // BATCH) + each * last
    return took


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
    parser.add_argument("--out", type=Path, help="a new folder for the whole site, to keep it")
    parser.add_argument("--quick", action="store_true", help=f"as --each {QUICK}")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    if chosen.out and (not chosen.whole or chosen.out.exists()):
        parser.error(f"--out {chosen.out}: a folder that is not there yet, and with --whole")
    try:
        found = measured(chosen)
    except ax.UserError as error:
        sys.exit(f"units.py: {error}")
    how = "measured" if found["measured"] else "told from a few"
    print(f"{found['units']} units of {', '.join(chosen.layers)}, {how}:")
    print("             seconds  of all cores")
    for stage, seconds in found["seconds"].items():
        print(f"  {stage:<10} {seconds:7.0f} {found['processor'][stage]:13.0f}")
    minutes, busy = (sum(found[kind].values()) / 60 for kind in ("seconds", "processor"))
    print(f"  together   {minutes:7.1f} {busy:13.1f} min; {found['mebibytes']:.0f} MiB on disk")
    if chosen.json:
        print(json.dumps(found))


def measured(chosen: argparse.Namespace) -> dict[str, Any]:
    """Return what a whole site takes."""
    known = shapes(chosen.model)
    counts = {layer: known[layer][-1] for layer in chosen.layers if layer in known}
    total, last = sum(counts.values()), counts.get(chosen.layers[-1], 0)
    with tempfile.TemporaryDirectory() as name:
        folder = chosen.out or Path(name) / "site"
        if chosen.whole:
            made = call(chosen, folder, None, total)
            return {
                "units": total,
                "seconds": made.seconds,
                "processor": made.processor,
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
