"""The command `atlasjax circuit`: what a unit is made of, as a table and a diagram."""

import argparse
import math
from typing import Any

EXAMPLE = "atlasjax circuit inception_v1_scenes mixed3b:40 --images scenes:20"


def add(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` returned them."""
    circuit = commands.add_parser(
        "circuit",
        help="show which units a unit is made of, and whether they do anything",
        description="Show which units a unit is made of, and whether they do anything.",
        epilog=f"example: {EXAMPLE}",
    )
    circuit.add_argument(
        "model", help="its name (see `atlasjax list`), or a file of your own, my_experiment.py"
    )
    circuit.add_argument("unit", metavar="LAYER:N", help="such as mixed3b:379")
    circuit.add_argument("--depth", type=int, default=2, metavar="N", help="layers back")
    circuit.add_argument("--most", type=int, default=6, metavar="N", help="its strongest inputs")
    circuit.add_argument(
        "--images",
        metavar="FOLDER",
        help="on which edges are weighted by use and ablated; also tar, zip, tfds:, hf:, scenes:",
    )
    circuit.add_argument("--weights", metavar="PATH", help="the network's weights")
    circuit.add_argument("--seed", type=int, default=0)
    circuit.add_argument(
        "--out", metavar="FILE.svg", help="the diagram; under circuits/ by default"
    )
    circuit.set_defaults(function=_circuit, computes=True)


def _circuit(chosen: argparse.Namespace) -> None:
    from atlasjax.workflows.circuit import circuit

    made = circuit(
        chosen.model,
        chosen.unit,
        chosen.images,
        depth=chosen.depth,
        most=chosen.most,
        weights=chosen.weights,
        seed=chosen.seed,
        out=chosen.out,
    )
    print(f"{'from':<20} {'to':<20} {'weight':>8} {'use':>8} {'effect':>8}")
    for edge in made.edges:
        source, target = (f"{layer}:{unit}" for layer, unit in (edge.source, edge.target))
        numbers = " ".join(map(_number, (edge.weight, edge.contribution, edge.effect)))
        print(f"{source:<20} {target:<20} {numbers}{'  idle' if edge.idle else ''}")
    for note in made.notes:
        print(f"note: {note}")
    print(f"open {made.picture}")


def _number(value: float) -> str:
    return f"{'':>8}" if math.isnan(value) else f"{value:>8.3g}"
