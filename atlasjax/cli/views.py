"""What the commands `atlasjax class` and `atlasjax compare` have in common."""

import argparse
import shlex
from typing import Any

NAMES = ("layers", "grids", "top", "evidence", "more_than", "own_images", "weights", "model", "out")


def add_network(parser: argparse.ArgumentParser) -> None:
    """Add where the network of a finished run is now."""
    add = parser.add_argument
    add("--weights", help="where the weights are now, if not where they were")
    add("--model", help="the network, if the run does not tell: my_experiment.py")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what both take; what is not given is left to `workflows.views.Options`."""
    parser.argument_default = argparse.SUPPRESS
    add = parser.add_argument
    add("--layers", nargs="+", help="some of the run's; all by default")
    add("--grids", nargs="+", type=int, help="cells in each direction")
    add("--top", type=int, help="activations that speak most for a class, at most")
    add("--evidence", type=float, help="share of all that speaks for it which they hold, at most")
    add("--more-than", type=int, help="a cell is drawn when it holds more activations than this")
    add(
        "--own-images",
        action="store_true",
        help="take what is of images labelled as the classes, whatever it speaks for",
    )
    add("--out", help="folder of the result; one in the run's by default")
    add_network(parser)


def options(chosen: argparse.Namespace) -> dict[str, Any]:
    """Return what was given of the options, and the command itself for the record."""
    given = {name: getattr(chosen, name) for name in NAMES if name in chosen}
    return given | {"command": shlex.join(["atlasjax", *chosen.given])}
