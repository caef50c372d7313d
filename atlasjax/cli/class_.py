"""The command `atlasjax class RUN_DIR CLASS`: the atlas of one class."""

import argparse
from typing import Any

from atlasjax.cli.views import add_options, options


def add(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` returned them."""
    one = commands.add_parser("class", help="make the atlas of one class from a finished run")
    one.add_argument("run_dir", help="a folder that `atlasjax run` made")
    one.add_argument("which", help="WordNet id, index or part of the name")
    add_options(one)
    one.set_defaults(function=_class, computes=True)


def _class(chosen: argparse.Namespace) -> None:
    from atlasjax.workflows.views import class_atlas

    atlas = class_atlas(chosen.run_dir, chosen.which, **options(chosen))
    print(f"open {atlas.folder / 'index.html'}")
