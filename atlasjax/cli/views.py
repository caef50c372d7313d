"""The commands `atlasjax class` and `atlasjax compare`: more maps of a finished run."""

import argparse
import shlex
from typing import Any


def add(commands: Any) -> None:
    """Add both commands to a parser's subcommands."""
    one = commands.add_parser("class", help="make the atlas of one class from a finished run")
    one.add_argument("run_dir", help="a folder that `atlasjax run` made")
    one.add_argument("which", help="WordNet id, index or part of the name")
    _add_options(one)
    one.set_defaults(function=_class, computes=True)

    compare = commands.add_parser("compare", help="compare two classes of a finished run")
    compare.add_argument("run_dir", help="a folder that `atlasjax run` made")
    compare.add_argument("left", help="a class: WordNet id, index or part of the name")
    compare.add_argument("right", help="another class")
    _add_options(compare)
    compare.set_defaults(function=_compare, computes=True)


def _add_options(parser: argparse.ArgumentParser) -> None:
    """Add what both take; what is not given is left to `views.Options`."""
    parser.argument_default = argparse.SUPPRESS
    add = parser.add_argument
    add("--layers", nargs="+", help="some of the run's; all by default")
    add("--grids", nargs="+", type=int, help="cells in each direction")
    add("--top", type=int, help="activations that speak most for a class, at most")
    add("--evidence", type=float, help="share of all that speaks for it which they hold, at most")
    add("--more-than", type=int, help="a cell is drawn when it holds more activations than this")
    add("--weights", help="where the weights are now, if not where they were")
    add("--out", help="folder of the result; one in the run's by default")


def _class(chosen: argparse.Namespace) -> None:
    from atlasjax.workflows.views import class_atlas

    atlas = class_atlas(chosen.run_dir, chosen.which, **_options(chosen))
    print(f"open {atlas.folder / 'index.html'}")


def _compare(chosen: argparse.Namespace) -> None:
    from atlasjax.workflows.views import compare

    atlas = compare(chosen.run_dir, chosen.left, chosen.right, **_options(chosen))
    print(f"open {atlas.folder / 'index.html'}")


def _options(chosen: argparse.Namespace) -> dict[str, Any]:
    names = ("layers", "grids", "top", "evidence", "more_than", "weights", "out")
    given = {name: getattr(chosen, name) for name in names if name in chosen}
    return given | {"command": shlex.join(["atlasjax", *chosen.given])}
