"""The command `atlasjax view RUN_DIR`: serve a finished atlas to the browser on this machine."""

import argparse
import sys
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` returned them."""
    view = commands.add_parser("view", help="serve a run folder and print its address")
    view.add_argument("run_dir", help="a folder that `atlasjax run` made")
    view.add_argument("--port", type=int, default=0, help="any free one by default")
    view.set_defaults(function=_view)


def _view(chosen: argparse.Namespace) -> None:
    from atlasjax.page.server import serve

    serve(
        Path(chosen.run_dir),
        chosen.port,
        ready=lambda address: print(address, flush=True),
        warn=lambda line: print(f"atlasjax: {line}", file=sys.stderr, flush=True),
    )
