"""The command `atlasjax tree RUN_DIR CLASS CLASS`: a decision between classes as a small tree."""

import argparse
import shlex
from typing import Any


def add(commands: Any) -> None:
    """Add the command to a parser's commands, as `add_subparsers` returned them."""
    tree = commands.add_parser(
        "tree",
        help="show a network's decision between two classes as a small tree",
        description="Show how a network decides between two classes as a small decision tree over "
        "the cells of an atlas, or a layer's units or groups, each with its icon and real patches.",
        epilog="example: atlasjax tree runs/quickstart wok 'frying pan'",
    )
    tree.add_argument("run_dir", help="a folder that `atlasjax run` made")
    tree.add_argument("one", help="a class: WordNet id, index or part of the name")
    tree.add_argument("other", help="another class")
    tree.add_argument(
        "--features", default="cells", help="what it asks about: cells, groups or units"
    )
    tree.add_argument("--layer", help="of these; that of the most faithful tree by default")
    tree.add_argument("--grid", type=int, help="of the cells; likewise")
    tree.add_argument("--groups", type=int, default=12, metavar="N", help="how many")
    tree.add_argument("--images", metavar="FOLDER", help="other images of the two classes")
    tree.add_argument("--max-leaves", type=int, default=5, metavar="N")
    tree.add_argument("--pool", default="max", help="over an image: max or mean")
    tree.add_argument("--weights", metavar="PATH", help="where the weights file is now")
    tree.add_argument("--model", metavar="MODEL", help="the network, if the run does not tell")
    tree.add_argument("--seed", type=int, default=0)
    tree.add_argument("--out", metavar="DIR", help="the folder; in the run's by default")
    tree.set_defaults(function=_tree, computes=True)


def _tree(chosen: argparse.Namespace) -> None:
    from atlasjax.workflows.tree import tree

    made = tree(
        chosen.run_dir,
        chosen.one,
        chosen.other,
        features=chosen.features,
        layer=chosen.layer,
        grid=chosen.grid,
        groups=chosen.groups,
        images=chosen.images,
        max_leaves=chosen.max_leaves,
        pool=chosen.pool,
        weights=chosen.weights,
        model=chosen.model,
        seed=chosen.seed,
        out=chosen.out,
        command=shlex.join(["atlasjax", *chosen.given]),
    )
    for name, share in made.tried.items():
        print(f"{name}: fidelity {share:.1%}")
    found = made.contents
    print(
        f"{made.name}: {found.tree.leaves} leaves, {found.path_length:.2f} questions "
        f"on average, as the network says of {found.fidelity:.1%} of other images"
    )
    print(f"open {made.page}")
