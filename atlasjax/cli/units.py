"""The command `atlasjax units`: a site with a page for every unit of some layers."""

import argparse
import shlex
from typing import Any

EXAMPLE = (
    "atlasjax units inception_v1_scenes --layers mixed3a mixed3b --images scenes:200 --out site"
)


def add(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` returned them."""
    units = commands.add_parser(
        "units",
        help="make a site with a page for every unit of some layers",
        description="Make a site with a page for every unit of some layers. What is there already "
        "is not made again: the same command goes on where it was stopped, and another adds units.",
        epilog=f"example: {EXAMPLE}",
    )
    units.add_argument(
        "model", help="its name (see `atlasjax list`), or a file of your own, my_experiment.py"
    )
    units.add_argument("--layers", nargs="+", metavar="LAYER", help="all units of these layers")
    units.add_argument(
        "--units",
        nargs="+",
        metavar="LAYER:N,N",
        help="some units of a layer alone, such as mixed3b:379,385",
    )
    units.add_argument(
        "--images",
        metavar="FOLDER",
        help="for examples; also a tar or zip, tfds:, hf:, scenes:COUNT",
    )
    units.add_argument("--max-images", type=int, metavar="N", help="take so many, spread over all")
    units.add_argument("--weights", metavar="PATH", help="the network's weights")
    units.add_argument(
        "--run", metavar="RUN_DIR", help="an atlas of the network, to show where in it units are"
    )
    units.add_argument("--names", metavar="FILE.json", help="names and families that you gave")
    units.add_argument(
        "--beyond",
        action="store_true",
        help="show weights from the layer before the first and to the one after the last",
    )
    units.add_argument(
        "--unablated", action="store_true", help="do not try what ablating edges does"
    )
    units.add_argument("--seed", type=int, default=0)
    units.add_argument("--out", metavar="DIR", help="the site; under units/ by default")
    units.set_defaults(function=_units, computes=True)


def _units(chosen: argparse.Namespace) -> None:
    from atlasjax.workflows.unit_site.settings import UnitSettings
    from atlasjax.workflows.units import units

    made = units(
        chosen.model,
        chosen.layers,
        chosen.images,
        units=chosen.units,
        max_images=chosen.max_images,
        weights=chosen.weights,
        run=chosen.run,
        names=chosen.names,
        beyond=chosen.beyond,
        settings=UnitSettings(ablated=0) if chosen.unablated else None,
        seed=chosen.seed,
        out=chosen.out,
        command=shlex.join(["atlasjax", *chosen.given]),
    )
    for layer in made.site.layers:
        found = ", ".join(f"{len(one.units)} for {one.name}" for one in layer.families)
        print(f"{layer.name}: {len(layer.number)} units" + (f"; {found}" if found else ""))
    for note in made.site.notes:
        print(f"note: {note}")
    print(f"open {made.page}")
