"""The command `atlasjax export RUN_DIR --single-file OUT.html`: an atlas in one page."""

import argparse
from typing import Any


def add(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` returned them."""
    single = commands.add_parser("export", help="write a run's page into one file, to be mailed")
    single.add_argument("run_dir", help="a folder that `atlasjax run` made")
    single.add_argument(
        "--single-file", required=True, metavar="OUT.html", help="the file to write"
    )
    single.add_argument("--light", action="store_true", help="leave out the large icons")
    single.set_defaults(function=_export)


def _export(chosen: argparse.Namespace) -> None:
    from atlasjax.page.single_file import single_file

    out = single_file(chosen.run_dir, chosen.single_file, light=chosen.light)
    print(f"{out} ({out.stat().st_size / 2**20:.1f} MiB)")
