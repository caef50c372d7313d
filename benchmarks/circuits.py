"""What the weights between units cost, and how far they can be believed.

    python benchmarks/circuits.py [--quick] [--json] [--model NAME --weights FILE --images FOLDER]
        [--source LAYER --target LAYER]

Of two layers: seconds and memory of all weights between them; how far linear weights agree with
the gradient at real activations, averaged over images (cosine, sign and rank of edges), and the
strong edges that mislead most; whether edges that are strong do something, as the rank correlation
of the strength of an edge with what ablating its source does to the target; the branches of the
target; and bands in the last layer's weights, with what they would be by chance. Without weights
and images, of the bundled network on generated scenes.
"""

import argparse
import json
import resource
import sys
import time
from typing import Any

import numpy as np
from scipy.stats import spearmanr

import atlasjax as ax
from atlasjax import circuits, data, models

UNITS, EDGES, IMAGES = 16, 8, 16  # targets looked at, edges of each that are ablated, images
QUICK = (4, 6, 8)
LAST = ("mixed5a", "mixed5b")


def memory() -> float:
    """Return the most memory that the process had so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cost(model: Any, source: str, target: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Return all weights between two layers, and what they cost the first and the second time."""
    before, began = memory(), time.perf_counter()
    weights = circuits.weights_between(model, source, target)
    first = time.perf_counter() - began
    circuits.weights_between(model, source, target)
    again = time.perf_counter() - began - first
    path = circuits.linear_path(model, source, target)
    return weights, {
        "shape": list(weights.shape),
        "seconds": first,
        "again": again,
        "mebibytes": memory() - before,
        "image": list(path.image_shape),
    }


def truth(
    model: Any, source: str, target: str, weights: np.ndarray, images: np.ndarray, quick: bool
) -> dict[str, Any]:
    """Compare edges by linear weights, by use and by gradients with what ablating them does."""
    count, each, _ = QUICK if quick else (UNITS, EDGES, IMAGES)
    units = np.linspace(0, len(weights) - 1, count).astype(int).tolist()
    began = time.perf_counter()
    slopes = circuits.gradient_by_use(model, source, target, images, units=units)
    seconds = time.perf_counter() - began
    linear = weights[units]
    if linear.shape != slopes.slope.shape:
        shape = images.shape[1:]
        linear = circuits.weights_between(model, source, target, units=units, image_shape=shape)
    fires = circuits.firing(model, source, images)
    used = circuits.weighted_by_use(linear, fires)
    told = circuits.agreement(linear, slopes.slope)
    strong = np.stack([circuits.strongest_in(linear, u, 10).units for u in range(count)])
    rows = np.arange(count)[:, None]
    edges, which = [], []
    for u in range(count):  # some strong, some weak, so that there is an order to be found
        order = circuits.strongest_in(used, u, used.shape[1]).units
        chosen = order[np.linspace(0, len(order) - 1, each).astype(int)]
        edges += [(int(i), units[u]) for i in chosen]
        which += [(u, int(i)) for i in chosen]
    print(f"gradients: {seconds:.1f} s", file=sys.stderr, flush=True)
    began = time.perf_counter()
    done = circuits.ablate_edges(model, source, target, edges, images)
    at = tuple(np.array(which).T)
    measures = {
        "weights": linear.sum((2, 3))[at],
        "weights by use": used.sum((2, 3))[at],
        "gradient": slopes.slope.sum((2, 3))[at],
        "gradient by use": slopes.contribution.sum((2, 3))[at],
    }
    effect = -done.target.mean(1)
    return {
        "places": slopes.places,
        "gradient seconds": seconds,
        "cosine": float(np.median(told.cosine[rows, strong])),
        "cosine of each unit": dict(
            zip(units, np.median(told.cosine[rows, strong], 1).tolist(), strict=True)
        ),
        "same sign": float(told.same_sign[rows, strong].mean()),
        "rank": float(np.median(told.rank)),
        "misleading": worst(told, linear, units),
        "ablations": len(edges),
        "ablation seconds": time.perf_counter() - began,
        "idle": int(done.idle.sum()),
        "effects told by": {name: rank(value, effect) for name, value in measures.items()},
    }


def worst(told: Any, linear: np.ndarray, units: list[int]) -> list[dict[str, Any]]:
    """Return the strongest edges whose gradients point the other way."""
    norm = np.sqrt(np.square(linear).sum((2, 3)))
    share = norm / norm.max(1, keepdims=True)
    against = np.where(told.cosine < 0, share, 0)
    order = np.argsort(-against, axis=None, kind="stable")[:5].tolist()
    pairs = [divmod(i, against.shape[1]) for i in order]
    return [
        {
            "from": i,
            "to": units[o],
            "strength": float(share[o, i]),
            "cosine": float(told.cosine[o, i]),
        }
        for o, i in pairs
        if against[o, i] > 0
    ]


def rank(one: np.ndarray, other: np.ndarray) -> float:
    found: Any = spearmanr(one, other)
    return float(found[0])


def banded(model: Any) -> dict[str, Any]:
    weights = circuits.weights_between(model, *LAST)
    found = circuits.banding(weights)
    return {
        "rows": float(found.rows.mean()),
        "columns": float(found.columns.mean()),
        "chance": found.chance[0],
    }


def branched(model: Any, target: str, cosines: dict[int, float]) -> dict[str, Any]:
    """Return the units and the kernel of each branch, and how right its linear weights are."""
    try:
        found = circuits.branches(model, target)
    except ax.UserError:
        return {}
    table = {}
    for number, (name, kernel) in enumerate(zip(found.names, found.kernels, strict=True)):
        own = [value for unit, value in cosines.items() if found.of[unit] == number]
        table[name] = {
            "units": int((found.of == number).sum()),
            "kernel": list(kernel),
            "cosine": float(np.median(own)) if own else None,
        }
    return table


def read(chosen: argparse.Namespace, count: int) -> np.ndarray:
    size, resize = (96, 96) if chosen.model == models.SCENES else (224, 256)
    source = data.open_images(chosen.images, limit=count)
    found = data.batches(source, 8, image_size=size, resize=resize)
    images = np.concatenate([batch.images for batch in found])
    return images[:count].astype(np.float32) / 255


def show(found: dict[str, Any], source: str, target: str) -> None:
    cost = found["cost"]
    print(f"weights {source} -> {target} {cost['shape']}, images of {cost['image'][0]} px:")
    print(
        f"  {cost['seconds']:.1f} s, again {cost['again']:.1f} s, {cost['mebibytes']:.0f} MiB more"
    )
    told = found["truth"]
    print(f"ten strongest edges of each unit, beside gradients at {told['places']} places:")
    print(f"  median cosine {told['cosine']:.2f}, same sign {told['same sign']:.0%}", end=", ")
    print(f"median rank correlation of norms {told['rank']:.2f} ({told['gradient seconds']:.0f} s)")
    for edge in told["misleading"]:
        print(
            f"  misleads: {source}:{edge['from']} -> {target}:{edge['to']}, "
            f"{edge['strength']:.0%} of the strongest, cosine {edge['cosine']:.2f}"
        )
    print(f"{told['ablations']} edges ablated, {told['idle']} of them idle; effects are told by")
    for name, value in told["effects told by"].items():
        print(f"  {name:<16} {value:.2f} (rank correlation)")
    for name, branch in found["branches"].items():
        cosine = "none asked" if branch["cosine"] is None else f"{branch['cosine']:.2f}"
        print(f"{name}: {branch['units']} units, kernel {branch['kernel']}, median cosine {cosine}")
    bands = found["bands"]
    print(
        f"variance between rows of {LAST[0]} -> {LAST[1]}: {bands['rows']:.2f}, between columns "
        f"{bands['columns']:.2f}, by chance {bands['chance']:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default=models.SCENES)
    parser.add_argument("--weights", help="its weights file, where it needs one")
    parser.add_argument("--images", default="scenes:64@2")
    parser.add_argument("--source", default="mixed3a")
    parser.add_argument("--target", default="mixed3b")
    parser.add_argument("--quick", action="store_true", help="a quarter of the units, 8 images")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    try:
        model = models.load(chosen.model, chosen.weights)
        images = read(chosen, (QUICK if chosen.quick else (UNITS, EDGES, IMAGES))[2])
    except ax.UserError as error:
        sys.exit(f"circuits.py: {error}")
    weights, spent = cost(model, chosen.source, chosen.target)
    print(f"all weights: {spent['seconds']:.1f} s", file=sys.stderr, flush=True)
    told = truth(model, chosen.source, chosen.target, weights, images, chosen.quick)
    print(f"ablations: {told['ablation seconds']:.1f} s", file=sys.stderr, flush=True)
    found = {
        "cost": spent,
        "truth": told,
        "branches": branched(model, chosen.target, told["cosine of each unit"]),
        "bands": banded(model),
    }
    show(found, chosen.source, chosen.target)
    if chosen.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
