"""The command `atlasjax list`: the experiments and the models."""

import argparse
from typing import Any


def add(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` returned them."""
    listing = commands.add_parser("list", help="list the experiments and the models")
    listing.set_defaults(function=_list)


def _list(chosen: argparse.Namespace) -> None:
    del chosen
    from atlasjax import experiments, models

    names = experiments.names()
    width = max(map(len, names))
    print("experiments")
    for name in names:
        first = experiments.load(name)[1].strip().partition("\n")[0]
        print(f"  {name:<{width}}  {first}")
    print("models")
    for name in models.available():
        print(f"  {name}")
    print("and a file of your own, my_experiment.py, wherever a name stands")
