"""The command `atlasjax explain`: why the network gives this answer for this image."""

import argparse
import shlex
from typing import Any

EXAMPLE = "atlasjax explain inception_v1_scenes scenes:wok"


def add(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` returned them."""
    explain = commands.add_parser(
        "explain",
        help="show why a network gives its answer for single images",
        description="Show why a network gives its answer for single images, as a page.",
        epilog=f"example: {EXAMPLE}",
    )
    explain.add_argument(
        "model",
        help="its name (see `atlasjax list`), or a file of your own, my_experiment.py; "
        "or the folder of a finished run, for its network",
    )
    explain.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="a file; a scene, such as scenes:wok/22; or of a run the number of one of its images",
    )
    explain.add_argument("--layers", nargs="+", metavar="LAYER", help="by default three of them")
    explain.add_argument(
        "--classes",
        nargs="+",
        metavar="CLASS",
        help="what is explained: classes by name, number or WordNet id, or units such as "
        "mixed4d:18; by default what the images are taken for",
    )
    explain.add_argument("--groups", type=int, default=6, metavar="N", help="of each layer")
    explain.add_argument(
        "--methods",
        nargs="+",
        metavar="METHOD",
        help="saliency methods; by default all that the network has what is needed for",
    )
    explain.add_argument(
        "--unchecked",
        action="store_true",
        help="do not measure how far the maps can be trusted, which takes half of their time",
    )
    explain.add_argument("--weights", metavar="PATH", help="the network's weights")
    explain.add_argument("--seed", type=int, default=0)
    explain.add_argument(
        "--out",
        metavar="DIR",
        help="the folder; under explained/ by default, "
        "which is in the run's folder where a run is named",
    )
    explain.add_argument(
        "--model",
        dest="network",
        metavar="MODEL",
        help="a run's network, if the run does not tell: my_experiment.py",
    )
    explain.set_defaults(function=_explain, computes=True)


def _explain(chosen: argparse.Namespace) -> None:
    from atlasjax.workflows.explain import explain

    made = explain(
        chosen.model,
        chosen.images,
        layers=chosen.layers,
        classes=chosen.classes,
        methods=chosen.methods,
        groups=chosen.groups,
        checked=not chosen.unchecked,
        weights=chosen.weights,
        out=chosen.out,
        seed=chosen.seed,
        network=chosen.network,
        command=shlex.join(["atlasjax", *chosen.given]),
    )
    for picture in made.explanation.pictures:
        targets = zip(made.explanation.targets, picture.value, strict=True)
        print(f"{picture.name}: " + ", ".join(f"{name} {value:.2f}" for name, value in targets))
    for note in made.explanation.notes:
        print(f"note: {note}")
    print(f"open {made.page}")
