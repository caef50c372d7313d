"""Accuracy against path length: the tree penalty beside L1 and L2, on a task made for it.

    python benchmarks/trees.py [--quick] [--json] [--seeds 5] [--epochs 200]

The signal-and-noise task of Wu et al. 2018: seven of fourteen binary features follow a hidden
Markov model of five states, the other seven another one. At each time the label is 1 where the
first state is active and the first feature is on. A GRU of few units says the label at each time;
the tree that explains it sees the features of that time alone. For each penalty and strength: the
area under the ROC curve on sequences that were not seen, and the average path length of the tree
that mimics the network. The paper tells the process in words; the probabilities here are ours.
"""

import argparse
import json
import time
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import rich.box
import rich.console
import rich.table

from atlasjax import trees
from atlasjax.parallel import divide_cpu

STATES, EACH, STEPS, UNITS = 5, 7, 50, 5
SEQUENCES = {"train": 100, "test": 200}
STAY = {"signal": 0.85, "noise": 0.85}
STRENGTHS = {
    "none": (0.0,),
    "tree": (0.003, 0.01, 0.03, 0.1),
    "l1": (0.0003, 0.001, 0.003),
    "l2": (0.0003, 0.001, 0.003),
}
QUICK = {"none": (0.0,), "tree": (0.03,), "l1": (0.001,), "l2": (0.001,)}
# What a network owes to earlier times a tree can only learn by heart: pruned, it does not try.
TREE = {"prune": False, "least": 5}
BINS = ((0, 4), (4, 6), (6, 8), (8, 10), (10, 20))
RATE = 0.02


def emissions(seed: int) -> np.ndarray:
    """Return how often each state turns each feature on: three are shared, two are its own.

    The shared ones tell nothing of the state, and its own not for certain: one time alone is worth
    less than all the times before it.
    """
    on = np.full((STATES, EACH), 0.2)
    on[:, :3] = 0.5
    own = np.random.default_rng(seed).permuted(np.tile(np.arange(3, EACH), (STATES, 1)), axis=1)
    np.put_along_axis(on, own[:, :2], 0.8, axis=1)
    return on


def chain(rng: np.random.Generator, count: int, stay: float, on: np.ndarray) -> Any:
    """Return the features of a hidden Markov model, and its states."""
    states = np.empty((count, STEPS), int)
    states[:, 0] = rng.integers(0, STATES, count)
    for t in range(1, STEPS):
        jump = rng.integers(1, STATES, count)
        moved = rng.random(count) >= stay
        states[:, t] = np.where(moved, (states[:, t - 1] + jump) % STATES, states[:, t - 1])
    return (rng.random((count, STEPS, EACH)) < on[states]).astype(np.float32), states


def drawn(seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(seed)
    on = {name: emissions(100 * seed + i) for i, name in enumerate(STAY)}
    found = {}
    for part, count in SEQUENCES.items():
        signal, states = chain(rng, count, STAY["signal"], on["signal"])
        noise, _ = chain(rng, count, STAY["noise"], on["noise"])
        label = (states == 0) & (signal[..., 0] > 0)
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


def one(penalty: str, strength: float, seed: int, epochs: int) -> dict[str, Any]:
    from sklearn.metrics import roc_auc_score

    parts = drawn(seed)
    x, y = parts["train"]
    predict = partial(_answers, x)
    made = trees.train(
        gru(jax.random.key(seed)),
        loss,
        (x.reshape(4, -1, *x.shape[1:]), y.reshape(4, -1, STEPS)),
        optimizer=OPTIMIZER,
        epochs=epochs,
        penalty=penalty,
        strength=strength,
        predict=predict,
        features=x.reshape(-1, 2 * EACH),
        restart=gru,
        tree=TREE,
        schedule=trees.Schedule(every=10, measure=3, window=60, restarts=10, warm_up=epochs // 5),
        seed=seed,
    )
    other, truth = parts["test"]
    given = np.asarray(_said(made.params, other))
    auc = roc_auc_score(truth.ravel(), given.ravel())
    features = other.reshape(-1, 2 * EACH)
    length = trees.path_length(features, (given.ravel() > 0).astype(int), **TREE)
    return {"penalty": penalty, "strength": strength, "seed": seed, "auc": auc, "path": length}


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return mean area and path length of each penalty and strength."""
    kinds = list(dict.fromkeys((row["penalty"], row["strength"]) for row in rows))
    found = []
    for penalty, strength in kinds:
        of = [r for r in rows if (r["penalty"], r["strength"]) == (penalty, strength)]
        auc, path = (np.array([r[name] for r in of]) for name in ("auc", "path"))
        numbers = {
            "auc": auc.mean(),
            "auc_sd": auc.std(),
            "path": path.mean(),
            "path_sd": path.std(),
        }
        found.append({"penalty": penalty, "strength": strength, **map_float(numbers)})
    return found


def map_float(numbers: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in numbers.items()}


def binned(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the mean area of each penalty's networks by their path length."""
    found = []
    for low, high in BINS:
        row: dict[str, Any] = {"from": low, "to": high}
        for penalty in STRENGTHS:
            of = [r["auc"] for r in rows if r["penalty"] == penalty and low <= r["path"] < high]
            row[penalty] = float(np.mean(of)) if of else None
            row[f"{penalty}_count"] = len(of)
        found.append(row)
    return found


def show(result: dict[str, Any]) -> None:
    console = rich.console.Console(highlight=False, width=100)
    table = rich.table.Table("penalty", "strength", "AUC", "path length", box=rich.box.SIMPLE_HEAD)
    for row in result["by_strength"]:
        auc, path = (f"{row[n]:.3f} ± {row[f'{n}_sd']:.3f}" for n in ("auc", "path"))
        table.add_row(row["penalty"], f"{row['strength']:g}", auc, path)
    console.print(table)
    head = ("path length", *STRENGTHS)
    bins = rich.table.Table(*head, title="AUC by path length", box=rich.box.SIMPLE_HEAD)
    for row in result["by_path"]:
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
    parser.add_argument("--epochs", type=int, default=200)
    chosen = parser.parse_args()
    divide_cpu(1)
    began = time.perf_counter()
    seeds, epochs = (1, 30) if chosen.quick else (chosen.seeds, chosen.epochs)
    strengths = QUICK if chosen.quick else STRENGTHS
    rows = []
    for penalty, values in strengths.items():
        for strength in values:
            for seed in range(seeds):
                rows.append(one(penalty, strength, seed, epochs))
                print(json.dumps(rows[-1]), flush=True)
    result = {
        "by_strength": summary(rows),
        "by_path": binned(rows),
        "seconds": time.perf_counter() - began,
    }
    show(result)
    if chosen.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
