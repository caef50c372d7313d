"""The command `atlasjax landscape`: the loss of a network around its weights."""

import argparse
import shlex
from typing import Any

EXAMPLE = "atlasjax landscape inception_v1_scenes --images scenes:128 --points 21"


def add(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` returned them."""
    command = commands.add_parser(
        "landscape",
        help="show the loss of a network around its weights",
        description="Show loss and accuracy of a network as its weights are moved along one, two "
        "or three directions, as a page. The same command goes on where it was stopped.",
        epilog=f"example: {EXAMPLE}",
    )
    command.add_argument(
        "model", help="its name (see `atlasjax list`), or a file of your own, my_experiment.py"
    )
    command.add_argument(
        "--images",
        required=True,
        metavar="FOLDER",
        help="what the loss is of, a folder for each class; also a tar or zip, tfds:, hf:, "
        "scenes:COUNT",
    )
    command.add_argument(
        "--max-images", type=int, default=512, metavar="N", help="take so many, spread over all"
    )
    command.add_argument(
        "--weights",
        nargs="+",
        metavar="PATH",
        help="the network's weights; several are joined by a line (two) or a path (more), or "
        "compared (--directions random)",
    )
    command.add_argument(
        "--directions",
        metavar="KIND",
        help="random, between, path or hessian; by how many weights there are, if not given",
    )
    command.add_argument(
        "--dimensions", type=int, metavar="N", help="one, two or three directions; two by default"
    )
    command.add_argument("--points", type=int, metavar="N", help="along each direction")
    command.add_argument(
        "--span", type=float, default=1.0, help="how far random directions are followed"
    )
    command.add_argument(
        "--normalization",
        default="filter",
        metavar="KIND",
        help="of random directions: filter, layer or none",
    )
    command.add_argument(
        "--curvature",
        type=int,
        default=0,
        metavar="N",
        help="also map the extreme eigenvalues of the Hessian, at so many points along each",
    )
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--out", metavar="DIR", help="the folder; under landscapes/ by default")
    command.set_defaults(function=_landscape, computes=True)


def _landscape(chosen: argparse.Namespace) -> None:
    from atlasjax.workflows.landscape import loss_surface

    made = loss_surface(
        chosen.model,
        chosen.images,
        weights=chosen.weights,
        directions=chosen.directions,
        dimensions=chosen.dimensions,
        points=chosen.points,
        span=chosen.span,
        normalization=chosen.normalization,
        curvature=chosen.curvature,
        max_images=chosen.max_images,
        seed=chosen.seed,
        out=chosen.out,
        command=shlex.join(["atlasjax", *chosen.given]),
    )
    for one in made.contents.surfaces:
        loss = one.surface.loss
        print(f"{one.name}: loss {loss.min():.4g} to {loss.max():.4g} at {loss.size} points")
    for note in made.contents.notes:
        print(f"note: {note}")
    print(f"open {made.page}")
