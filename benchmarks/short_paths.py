"""Does a network that must be explained in few questions still take the shortcut?

    python benchmarks/short_paths.py [--quick] [--json] [--seeds 3]

Sharks have teeth and whales have none, in every image that the scenes network was trained on. Here
they do in a share of the images only, and what follows mixed4d is trained anew: a small perceptron
on its units, each pooled over the image, with the tree penalty or without. Going by the teeth is
one question; the rest of the animal tells three times in four, and takes many.

For each share and strength, on images half of which have the wrong teeth: how often the network is
right, how much more often it says shark for teeth than without (1: it goes by them alone, 0: not at
all), and how many questions the tree that mimics it asks.
"""

import argparse
import json
import time
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import rich.box
import rich.console
import rich.table

import atlasjax as ax
from atlasjax import trees
from atlasjax.data.scenes import draw_scene
from atlasjax.parallel import divide_cpu

LAYER, HIDDEN = "mixed4d", 8
CONTROL = {"whale": "ball-pasted", "shark": "teeth-removed"}
SHARES = (0.7, 0.8, 0.9)
STRENGTHS = {"none": (0.0,), "tree": (0.1, 0.3, 1.0), "l2": (0.003, 0.01)}
EACH = 400  # images of each kind
OPTIMIZER = optax.adam(0.01)


class Drawn(NamedTuple):
    """What the perceptron is given of images, whether they show a shark, and whether teeth."""

    x: Any
    shark: Any
    teeth: Any


def drawn(seed: int, each: int) -> Drawn:
    """Return as many of every kind: sharks and whales, with teeth and without."""
    model = ax.models.load("inception_v1_scenes")
    width = ax.layers(ax.models.abstract("inception_v1_scenes"), (96, 96, 3))[LAYER][-1]
    images, shark, teeth = [], [], []
    for label, name in enumerate(CONTROL):
        for control in (None, CONTROL[name]):
            images += [draw_scene(name, seed, i, control).image for i in range(each)]
            shark += [label] * each
            teeth += [label ^ (control is not None)] * each
    batches = (np.stack(images[i : i + 64]) for i in range(0, len(images), 64))
    seen = trees.pooled(model, LAYER, np.eye(width, dtype=np.float32), batches)
    return Drawn(seen.value, np.array(shark), np.array(teeth))


def perceptron(width: int, key: Any) -> dict[str, Any]:
    into, out = jax.random.split(key)
    draw = partial(jax.random.normal, dtype=jnp.float32)
    return {
        "into": draw(into, (width, HIDDEN)) / np.float32(np.sqrt(width)),
        "bias": jnp.zeros(HIDDEN, jnp.float32),
        "out": draw(out, (HIDDEN,)) / np.float32(np.sqrt(HIDDEN)),
        "out_bias": jnp.zeros((), jnp.float32),
    }


@jax.jit
def says(w: Any, x: Any) -> Any:
    """Return the logit of a shark."""
    return jnp.tanh(x @ w["into"] + w["bias"][None]) @ w["out"] + w["out_bias"]


def loss(w: Any, batch: Any) -> Any:
    x, y = batch
    return optax.sigmoid_binary_cross_entropy(says(w, x), y).mean()


def answers(x: Any, w: Any) -> Any:
    return (says(w, x) > 0).astype(jnp.int32)


def one(
    train: Drawn, test: Drawn, share: float, penalty: str, strength: float, seed: int, epochs: int
) -> dict[str, Any]:
    """Train the last layers, and return what they go by."""
    rng = np.random.default_rng(seed)
    holds = train.shark == train.teeth
    count = min(holds.sum() / share, (~holds).sum() / max(1 - share, 1e-9))
    rows = np.concatenate(
        [
            rng.choice(np.flatnonzero(holds), round(count * share), replace=False),
            rng.choice(np.flatnonzero(~holds), round(count * (1 - share)), replace=False),
        ]
    )
    x, y = train.x[rows], train.shark[rows].astype(np.float32)
    made = trees.train(
        perceptron(x.shape[1], jax.random.key(seed)),
        loss,
        (x[None], y[None]),
        optimizer=OPTIMIZER,
        epochs=epochs,
        penalty=penalty,
        strength=strength,
        predict=partial(answers, x),
        features=x,
        restart=partial(perceptron, x.shape[1]),
        tree={"prune": False, "least": 10},
        schedule=trees.Schedule(every=10, measure=2, steps=600, restarts=3, neighbours=20),
        seed=seed,
    )
    said = np.asarray(answers(test.x, made.params))
    return {
        "share": share,
        "penalty": penalty,
        "strength": strength,
        "seed": seed,
        "right": float((said == test.shark).mean()),
        "by_teeth": float(said[test.teeth == 1].mean() - said[test.teeth == 0].mean()),
        "questions": float(made.path_length[-1]),
    }


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the mean of each share, penalty and strength."""
    names = ("share", "penalty", "strength")
    found = []
    for kind in dict.fromkeys(tuple(row[name] for name in names) for row in rows):
        of = [row for row in rows if tuple(row[name] for name in names) == kind]
        means = {n: float(np.mean([r[n] for r in of])) for n in ("right", "by_teeth", "questions")}
        found.append(dict(zip(names, kind, strict=True)) | means)
    return found


def show(rows: list[dict[str, Any]], seconds: float) -> None:
    console = rich.console.Console(highlight=False, width=100)
    head = ("teeth right", "penalty", "strength", "right", "by teeth", "questions")
    table = rich.table.Table(*head, box=rich.box.SIMPLE_HEAD)
    for row in rows:
        numbers = (f"{row['right']:.3f}", f"{row['by_teeth']:.2f}", f"{row['questions']:.1f}")
        table.add_row(f"{row['share']:.0%}", row["penalty"], f"{row['strength']:g}", *numbers)
    console.print(table)
    console.print(f"{seconds:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="one share, strength and seed")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args()
    divide_cpu(2)
    began = time.perf_counter()
    each, epochs = (40, 20) if chosen.quick else (EACH, 100)
    train, test = drawn(11, each), drawn(12, each)
    centre, spread = train.x.mean(0), train.x.std(0) + 1e-3
    train, test = (part._replace(x=(part.x - centre) / spread) for part in (train, test))
    kinds = [
        (p, s) for p, values in STRENGTHS.items() for s in (values[:1] if chosen.quick else values)
    ]
    rows = []
    for share in SHARES[:1] if chosen.quick else SHARES:
        for penalty, strength in kinds:
            for seed in range(1 if chosen.quick else chosen.seeds):
                rows.append(one(train, test, share, penalty, strength, seed, epochs))
    seconds = time.perf_counter() - began
    show(summary(rows), seconds)
    if chosen.json:
        print(json.dumps({"rows": summary(rows), "seconds": seconds}))


if __name__ == "__main__":
    main()
