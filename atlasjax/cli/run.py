"""The command `atlasjax run EXPERIMENT`: make an atlas from an experiment config."""

import argparse
import shlex
import time
from typing import Any


def add(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` returned them."""
    run = commands.add_parser("run", help="make an atlas from an experiment config")
    run.add_argument(
        "experiment", help="its name (see `atlasjax list`), or a file of your own, my_experiment.py"
    )
    overrides = run.add_argument(
        "overrides",
        nargs=argparse.REMAINDER,
        metavar="--FIELD VALUE",
        help="change any field; `atlasjax run EXPERIMENT --help` lists them",
    )
    overrides.required = False  # as argparse would have it
    run.set_defaults(function=_run, computes=True)


def _run(chosen: argparse.Namespace) -> None:
    began = time.perf_counter()
    from atlasjax.cli import summary
    from atlasjax.workflows import make

    asked = make.asked_for(chosen.experiment)
    config = _override(asked, chosen.experiment, chosen.overrides)
    command = shlex.join(["atlasjax", "run", chosen.experiment, *chosen.overrides])
    atlas = make.run(config, make.network_of(config, asked.file), command=command)
    summary.show(atlas, time.perf_counter() - began)


def _override(asked: Any, name: str, overrides: list[str]) -> Any:
    import tyro

    return tyro.cli(
        type(asked.config),
        default=asked.config,
        args=overrides,
        prog=f"atlasjax run {name}",
        description=asked.documentation,
        config=(tyro.conf.AvoidSubcommands,),
    )
