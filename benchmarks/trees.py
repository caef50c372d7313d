"""Accuracy against path length: the tree penalty beside L1 and L2, on the paper's task.

    python benchmarks/trees.py [--quick] [--json] [--seeds 5] [--epochs 100] [--paper]

The signal-and-noise task of Wu et al. 2018, with the probabilities of the authors' own code: seven
of fourteen binary features follow a hidden Markov model of five states, the other seven one that
tells nothing. The label is nearly always 1 where the first state is active and the first feature is
on, and nearly never elsewhere. A GRU of few units says the label at each time; the tree that
explains it sees the features of that time alone, and has at least 25 examples in a leaf.

For each penalty and strength: the area under the ROC curve on sequences that were not seen; the
average path length of the tree that mimics the network, in questions; and the mean number of the
leaf that an example comes to, nodes counted depth first, which is what the authors' code calls the
path length. --paper leaves out the networks around the present one, as the paper does.
"""

import argparse
import json
import time
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import rich.box
import rich.console
import rich.table

from atlasjax import trees
from atlasjax.parallel import divide_cpu

EACH, STEPS, UNITS = 7, 50, 6
SEQUENCES = {"train": 100, "test": 200}
BATCHES = 10
STRENGTHS = {
    "none": (0.0,),
    "tree": (0.03, 0.1, 0.2, 0.3, 0.5),
    "l1": (0.001, 0.003, 0.01, 0.013, 0.016),
    "l2": (0.001, 0.01, 0.015, 0.02, 0.025),
}
QUICK = {"none": (0.0,), "tree": (0.5,), "l1": (0.01,), "l2": (0.02,)}
TREE = {"prune": False, "least": 25}
NODES = (0, 1, 5, 10, 20, 30, 1000)  # a leaf's number; 0 is a network that says one thing only
RATE = 0.01


class Chain(NamedTuple):
    """A hidden Markov model of five states: of its start, its moves, and its features."""

    start: np.ndarray
    move: np.ndarray
    on: np.ndarray


def band(*rows: str) -> np.ndarray:
    """Return a matrix of halves, where a row has an x."""
    return np.array([[0.5 if sign == "x" else 0.0 for sign in row] for row in rows])


SIGNAL = Chain(
    np.array([0.5, 0.5, 0, 0, 0]),
    np.array(
        [
            [0.7, 0.3, 0, 0, 0],
            [0.5, 0.25, 0.25, 0, 0],
            [0, 0.25, 0.5, 0.25, 0],
            [0, 0, 0.25, 0.25, 0.5],
            [0, 0, 0, 0.5, 0.5],
        ]
    ),
    band("xxxx...", "xxxxx..", "xxx.x..", "xxx..x.", "xxx...x"),
)
NOISE = Chain(
    np.full(5, 0.2),
    np.full((5, 5), 0.2),
    band("xxx....", ".xxx...", "..xxx..", "...xxx.", "....xxx"),
)


def sequences(rng: np.random.Generator, count: int, of: Chain) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of a hidden Markov model, and its states."""
    states = np.empty((count, STEPS), int)
    states[:, 0] = rng.choice(len(of.start), count, p=of.start)
    ends = np.cumsum(of.move, axis=1)[:, :-1]
    for t in range(1, STEPS):
        states[:, t] = (rng.random((count, 1)) > ends[states[:, t - 1]]).sum(1)
    return (rng.random((count, STEPS, EACH)) < of.on[states]).astype(np.float32), states


def drawn(seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return features and labels of the training and of the test."""
    rng, found = np.random.default_rng(seed), {}
    for part, count in SEQUENCES.items():
        signal, states = sequences(rng, count, SIGNAL)
        noise, _ = sequences(rng, count, NOISE)
        logit = 10.0 * (states == 0) + 10.0 * signal[..., 0] - 15.0
        label = rng.random(logit.shape) < 1 / (1 + np.exp(-logit))
        found[part] = np.concatenate([signal, noise], axis=-1), label.astype(np.int32)
    return found


def gru(key: Any) -> dict[str, Any]:
    into, back, out = jax.random.split(key, 3)
    draw = partial(jax.random.normal, dtype=jnp.float32)
    return {
        "into": draw(into, (2 * EACH, 3 * UNITS)) / np.float32(np.sqrt(2 * EACH)),
        "back": draw(back, (UNITS, 3 * UNITS)) / np.float32(np.sqrt(UNITS)),
        "bias": jnp.zeros(3 * UNITS),
        "out": draw(out, (UNITS,)) / np.float32(np.sqrt(UNITS)),
        "out_bias": jnp.zeros(()),
    }


def scores(w: Any, x: Any) -> Any:
    """Return the logit of every time: [sequences, steps]."""

    def step(h: Any, given: Any) -> Any:
        a = given @ w["into"] + w["bias"][None]
        b = h @ w["back"]
        (ar, az, an), (br, bz, bn) = jnp.split(a, 3, 1), jnp.split(b, 3, 1)
        r, z = jax.nn.sigmoid(ar + br), jax.nn.sigmoid(az + bz)
        h = (1 - z) * jnp.tanh(an + r * bn) + z * h
        return h, h @ w["out"] + w["out_bias"]

    start = jnp.zeros((x.shape[0], UNITS), jnp.float32)
    return jax.lax.scan(step, start, jnp.swapaxes(x, 0, 1))[1].T


def loss(w: Any, batch: Any) -> Any:
    x, y = batch
    return optax.sigmoid_binary_cross_entropy(scores(w, x), y.astype(jnp.float32)).mean()


OPTIMIZER = optax.adam(RATE)
_said = jax.jit(scores)


def _answers(x: Any, w: Any) -> Any:
    return (_said(w, x) > 0).ravel().astype(jnp.int32)


def one(penalty: str, strength: float, seed: int, epochs: int, paper: bool) -> dict[str, Any]:
    """Train a network and return what it is worth, and how long its tree's paths are."""
    from sklearn.metrics import roc_auc_score

    parts = drawn(seed)
    x, y = parts["train"]
    schedule = trees.Schedule(every=5, window=400, steps=600, restarts=3)
    made = trees.train(
        gru(jax.random.key(seed)),
        loss,
        (x.reshape(BATCHES, -1, *x.shape[1:]), y.reshape(BATCHES, -1, STEPS)),
        optimizer=OPTIMIZER,
        epochs=epochs,
        penalty=penalty,
        strength=strength,
        predict=partial(_answers, x),
        features=x.reshape(-1, 2 * EACH),
        restart=gru,
        tree=TREE,
        schedule=schedule._replace(neighbours=0, restarts=25) if paper else schedule,
        seed=seed,
    )
    other, truth = parts["test"]
    auc = roc_auc_score(truth.ravel(), np.asarray(_said(made.params, other)).ravel())
    path, node = lengths(x, np.asarray(_answers(x, made.params)), other)
    row = {"penalty": penalty, "strength": strength, "seed": seed}
    return row | {"auc": auc, "path": path, "node": node}


def lengths(x: Any, answers: Any, other: Any) -> tuple[float, float]:
    """Return the questions that other examples are asked, and the number of the leaf they reach."""
    if len(np.unique(answers)) < 2:
        return 0.0, 0.0
    tree = trees.fit(x.reshape(-1, 2 * EACH), answers, **TREE)
    features = other.reshape(-1, 2 * EACH)
    return trees.average_path_length(tree, features), float(tree.node_of(features).mean())


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return mean area and path lengths of each penalty and strength."""
    kinds = list(dict.fromkeys((row["penalty"], row["strength"]) for row in rows))
    found = []
    for penalty, strength in kinds:
        of = [r for r in rows if (r["penalty"], r["strength"]) == (penalty, strength)]
        row: dict[str, Any] = {"penalty": penalty, "strength": strength}
        for name in ("auc", "path", "node"):
            values = np.array([r[name] for r in of])
            row |= {name: float(values.mean()), f"{name}_sd": float(values.std())}
        found.append(row)
    return found


def binned(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the mean area of each penalty's networks by the number of their trees' leaves."""
    found = []
    for low, high in pairwise(NODES):
        row: dict[str, Any] = {"from": low, "to": high}
        for penalty in STRENGTHS:
            of = [r["auc"] for r in rows if r["penalty"] == penalty and low <= r["node"] < high]
            row[penalty] = float(np.mean(of)) if of else None
            row[f"{penalty}_count"] = len(of)
        found.append(row)
    return found


def show(result: dict[str, Any]) -> None:
    console = rich.console.Console(highlight=False, width=100)
    table = rich.table.Table(
        "penalty", "strength", "AUC", "questions", "node", box=rich.box.SIMPLE_HEAD
    )
    for row in result["by_strength"]:
        auc = f"{row['auc']:.3f} ± {row['auc_sd']:.3f}"
        path, node = (f"{row[n]:.1f} ± {row[f'{n}_sd']:.1f}" for n in ("path", "node"))
        table.add_row(row["penalty"], f"{row['strength']:g}", auc, path, node)
    console.print(table)
    head = ("node", *STRENGTHS)
    bins = rich.table.Table(
        *head, title="AUC by the number of a leaf (networks)", box=rich.box.SIMPLE_HEAD
    )
    for row in result["by_node"]:
        cells = (
            f"{row[name]:.3f} ({row[f'{name}_count']})" if row[name] is not None else ""
            for name in STRENGTHS
        )
        bins.add_row(f"{row['from']} to {row['to']}", *cells)
    console.print(bins)
    console.print(f"{result['seconds']:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="one strength, one seed, few epochs")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--paper", action="store_true", help="no networks around the present one")
    chosen = parser.parse_args()
    divide_cpu(1)
    began = time.perf_counter()
    seeds, epochs = (1, 50) if chosen.quick else (chosen.seeds, chosen.epochs)
    strengths = QUICK if chosen.quick else STRENGTHS
    rows = []
    for penalty, values in strengths.items():
        for strength in values:
            for seed in range(seeds):
                rows.append(one(penalty, strength, seed, epochs, chosen.paper))
                print(json.dumps(rows[-1]), flush=True)
    result = {
        "by_strength": summary(rows),
        "by_node": binned(rows),
        "seconds": time.perf_counter() - began,
    }
    show(result)
    if chosen.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
