"""The command `atlasjax compare RUN_DIR CLASS CLASS`: what tells two classes apart."""

import argparse
from typing import Any

from atlasjax.cli.views import add_options, options


def add(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` returned them."""
    compare = commands.add_parser("compare", help="compare two classes of a finished run")
    compare.add_argument("run_dir", help="a folder that `atlasjax run` made")
    compare.add_argument("left", help="a class: WordNet id, index or part of the name")
    compare.add_argument("right", help="another class")
    add_options(compare)
    compare.set_defaults(function=_compare, computes=True)


def _compare(chosen: argparse.Namespace) -> None:
    from atlasjax.workflows.views import compare

    atlas = compare(chosen.run_dir, chosen.left, chosen.right, **options(chosen))
    print(f"open {atlas.folder / 'index.html'}")
