"""The command `atlasjax run EXPERIMENT`: make an atlas from an experiment config, or finish it."""

import argparse
import shlex
import time
from typing import Any

from atlasjax.errors import UserError

NUMBERS = {
    "--devices": "how many devices of this process to use; on a CPU as many virtual ones",
    "--processes": "how many processes make the run together; see docs/hosts.md",
    "--process": "the number of this one, from 0; by default as SLURM, GKE or a TPU pod says",
}
COORDINATOR = "--coordinator"
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
    for flag, said in NUMBERS.items():
        run.add_argument(flag, type=int, metavar="N", help=said)
    run.add_argument(
        COORDINATOR, default="", metavar="HOST:PORT", help="tells the run from others; not needed"
    )
    run.set_defaults(function=_run, computes=True)


def _run(chosen: argparse.Namespace) -> None:
    began = time.perf_counter()
    from atlasjax.cli import summary
    from atlasjax.parallel import divide_cpu
    from atlasjax.runs.estimate import said
    from atlasjax.workflows import make
    from atlasjax.workflows.together import place_of

    # What follows the experiment is left for its fields.
    given = {flag for flag in FLAGS if flag in chosen.overrides}
    fresh, dry = (getattr(chosen, f[2:].replace("-", "_")) or f in given for f in FLAGS)
    overrides = [one for one in chosen.overrides if one not in given]
    overrides, numbers, coordinator = _hosts(chosen, overrides)
    place = place_of(numbers["--process"], numbers["--processes"])
    if numbers["--devices"] is not None:
        divide_cpu(numbers["--devices"])
    asked = make.asked_for(chosen.experiment)
    config = _override(asked, chosen.experiment, overrides)
    network = make.network_of(config, asked.file)
    if dry:
        print(said(make.forecast(config, network)))
        return
    devices = numbers["--devices"]
    told = [] if devices is None else ["--devices", str(devices)]
    command = shlex.join(["atlasjax", "run", chosen.experiment, *overrides, *told])
    atlas = make.run(
        config,
        network,
        command=command,
        fresh=fresh,
        say=_say,
        devices=numbers["--devices"],
        process=place.process,
        processes=place.processes,
        coordinator=coordinator,
    )
    summary.show(atlas, time.perf_counter() - began)


def _hosts(
    chosen: argparse.Namespace, overrides: list[str]
) -> tuple[list[str], dict[str, int | None], str]:
    """Take what says of devices and processes from the arguments that are left."""
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for flag in NUMBERS:
        own.add_argument(flag, type=int, default=getattr(chosen, flag[2:]))
    own.add_argument(COORDINATOR, default=chosen.coordinator)
    try:
        found, rest = own.parse_known_args(overrides)
    except argparse.ArgumentError as error:
        raise UserError(f"{error}") from None
    return rest, {flag: getattr(found, flag[2:]) for flag in NUMBERS}, found.coordinator


def _say(line: str) -> None:
    print(line, flush=True)


def _override(asked: Any, name: str, overrides: list[str]) -> Any:
    import tyro

    said = [f"{flag}: {meaning}" for flag, meaning in (NUMBERS | FLAGS).items()]
    return tyro.cli(
        type(asked.config),
        default=asked.config,
        args=overrides,
        prog=f"atlasjax run {name}",
        description="\n\n".join([asked.documentation, *said]),
        config=(tyro.conf.AvoidSubcommands,),
    )
