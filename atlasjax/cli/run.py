"""The command `atlasjax run EXPERIMENT`: make an atlas from an experiment config, or finish it."""

import argparse
import shlex
import time
from typing import Any

FLAGS = {
    "--fresh": "start over: remove what an earlier run made in the folder",
    "--dry-run": "print what room and time it takes, and make nothing",
}


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
    for flag, said in FLAGS.items():
        run.add_argument(flag, action="store_true", help=said)
    run.set_defaults(function=_run, computes=True)


def _run(chosen: argparse.Namespace) -> None:
    began = time.perf_counter()
    from atlasjax.cli import summary
    from atlasjax.runs.estimate import said
    from atlasjax.workflows import make

    # What follows the experiment is left for its fields.
    given = {flag for flag in FLAGS if flag in chosen.overrides}
    fresh, dry = (getattr(chosen, f[2:].replace("-", "_")) or f in given for f in FLAGS)
    overrides = [one for one in chosen.overrides if one not in given]
    asked = make.asked_for(chosen.experiment)
    config = _override(asked, chosen.experiment, overrides)
    network = make.network_of(config, asked.file)
    if dry:
        print(said(make.forecast(config, network)))
        return
    command = shlex.join(["atlasjax", "run", chosen.experiment, *overrides])
    atlas = make.run(config, network, command=command, fresh=fresh, say=_say)
    summary.show(atlas, time.perf_counter() - began)


def _say(line: str) -> None:
    print(line, flush=True)


def _override(asked: Any, name: str, overrides: list[str]) -> Any:
    import tyro

    return tyro.cli(
        type(asked.config),
        default=asked.config,
        args=overrides,
        prog=f"atlasjax run {name}",
        description="\n\n".join([asked.documentation, *(f"{f}: {s}" for f, s in FLAGS.items())]),
        config=(tyro.conf.AvoidSubcommands,),
    )
