"""The command `atlasjax layers MODEL`: a network's layers with their shapes."""

import argparse
from typing import Any

from atlasjax.errors import UserError


def add(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` returned them."""
    layers = commands.add_parser("layers", help="list a model's layers with their shapes")
    layers.add_argument(
        "model", help="its name (see `atlasjax list`), or a file of your own, my_experiment.py"
    )
    layers.add_argument("--image-size", type=int, help="side of the images, in px")
    layers.add_argument("--all", action="store_true", help="branches and /pre_relu values too")
    layers.set_defaults(function=_layers)


def _layers(chosen: argparse.Namespace) -> None:
    from atlasjax.workflows.networks import shapes

    if chosen.image_size is not None and chosen.image_size < 1:
        raise UserError(f"--image-size {chosen.image_size}: must be at least 1 px")
    found = shapes(chosen.model, chosen.image_size)
    shown = {n: s for n, s in found.items() if chosen.all or "/" not in n}
    width = max(map(len, shown))
    for name, shape in shown.items():
        print(f"{name:<{width}}  {' x '.join(map(str, shape))}")
