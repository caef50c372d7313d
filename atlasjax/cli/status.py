"""The command `atlasjax status RUN_DIR`: what of a run is done, and what is left."""

import argparse
from typing import Any


def add(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` returned them."""
    status = commands.add_parser("status", help="tell what of a run is done and what is left")
    status.add_argument("run_dir", help="a folder that `atlasjax run` made, or is making")
    status.set_defaults(function=_status)


def _status(chosen: argparse.Namespace) -> None:
    import rich.box
    import rich.console
    import rich.table

    from atlasjax.runs.status import status

    found = status(chosen.run_dir)
    console = rich.console.Console(highlight=False, soft_wrap=True)
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
    for column in ("stage", "layer", "done", "took"):
        table.add_column(column, justify="right" if column in ("done", "took") else "left")
    for row in found.rows:
        begun = f" and {row.parts} parts" if row.parts else ""
        took = "" if row.seconds is None else f"{row.seconds:.0f} s"
        table.add_row(row.stage, row.layer, f"{row.done} of {row.of}{begun}", took)
    if found.rows:
        console.print(table)
    for line in found.lines:
        console.print(line, markup=False)
