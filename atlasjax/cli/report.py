"""The command `atlasjax report RUN_DIR`: make the report of a run that is there already."""

import argparse
from typing import Any

from atlasjax.cli.views import add_network


def add(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` returned them."""
    report = commands.add_parser("report", help="make a run's fidelity report anew")
    report.add_argument("run_dir", help="a folder that `atlasjax run` made")
    add_network(report)
    report.set_defaults(function=_report, computes=True)


def _report(chosen: argparse.Namespace) -> None:
    from atlasjax.workflows.report import report

    print(f"open {report(chosen.run_dir, chosen.weights, model=chosen.model)}")
