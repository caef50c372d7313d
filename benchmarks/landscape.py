"""Loss surfaces: how fast, and whether they are what they should be.

    python benchmarks/landscape.py [--quick] [--json] [--points 51] [--images 512]

The surface of the network of the scenes along two random directions, filter by filter: points and
images a second. Then, of a small network: how much the surface changes when one layer is multiplied
by 10 and the next divided, with filter normalization and without; and the extreme eigenvalues of
the Hessian by Lanczos against those of the exact matrix.
"""

import argparse
import json
import time
from typing import Any

import chip
import jax
import jax.numpy as jnp
import numpy as np
import rich.box
import rich.console
import rich.table
from jax.flatten_util import ravel_pytree

import atlasjax as ax
from atlasjax.data.scenes import CLASSES, draw_scene
from atlasjax.parallel import divide_cpu
from atlasjax.taps import identity

HIDDEN, CLASSES_OF_TOY = 6, 3


def toy(w: Any, images: Any, tap: Any) -> Any:
    x = images.reshape(len(images), -1)
    hidden = tap("hidden", jax.nn.relu(x @ w["one"] + w["bias"][None]))
    return hidden @ w["two"]


def network(factor: float = 1.0) -> Any:
    rng = np.random.default_rng(0)
    w = {
        "one": factor * rng.normal(size=(12, HIDDEN)),
        "bias": factor * rng.normal(size=HIDDEN),
        "two": rng.normal(size=(HIDDEN, CLASSES_OF_TOY)) / factor,
    }
    return jax.tree_util.Partial(toy, {k: jnp.asarray(v, jnp.float32) for k, v in w.items()})


def images_of_toy() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(1).random((20, 2, 2, 3)).astype(np.float32)
    return x, np.arange(20) % CLASSES_OF_TOY


def invariance(normalization: str) -> float:
    """Return by how much of itself a surface changes at most when layers are scaled."""
    found = []
    for factor in (1.0, 10.0):
        model = network(factor)
        along = [
            ax.landscape.random(model, jax.random.key(i), normalization=normalization)
            for i in range(2)
        ]
        at = [np.linspace(-1, 1, 7)] * 2
        found.append(ax.landscape.surface(model, along, *images_of_toy(), at=at).loss)
    return float(np.abs(found[1] / found[0] - 1).max())


def curvature() -> dict[str, float]:
    """Return how far Lanczos' eigenvalues are from the exact ones, as a share of them."""
    model, (x, y) = network(), map(jnp.asarray, images_of_toy())
    weights = ax.landscape.weights_of(model)
    flat, back = ravel_pytree(weights.values)

    def total(vector: Any) -> Any:
        return ax.landscape.cross_entropy(weights.rebuild(back(vector))(x, identity), y).mean()

    exact = np.linalg.eigvalsh(np.asarray(jax.hessian(total)(flat), np.float64))
    found = ax.landscape.extremes(model, x, y)
    return {
        "smallest": float(abs(found[0] / exact[0] - 1)),
        "largest": float(abs(found[1] / exact[-1] - 1)),
    }


def speed(points: int, images: int) -> dict[str, float]:
    model = ax.models.load("inception_v1_scenes")
    drawn = [draw_scene(CLASSES[i % len(CLASSES)], 5, i) for i in range(images)]
    x = np.stack([one.image for one in drawn])
    y = np.arange(images) % len(CLASSES)
    along = [ax.landscape.random(model, jax.random.key(i)) for i in range(2)]
    at = [np.linspace(-1, 1, points)] * 2
    began = time.perf_counter()
    ax.landscape.surface(model, along, x, y, at=at)
    seconds = time.perf_counter() - began
    rate = points**2 * images / seconds
    lowered = jax.jit(lambda x: model(x, identity)).lower(jnp.zeros((1, *x.shape[1:])))
    gflop = float((lowered.cost_analysis() or {})["flops"]) / 1e9
    # Of one device while the others stand still, so this is the most that all could reach.
    matrices = 1e3 * chip.product_rate(2048, chip.FLOAT32) * jax.local_device_count()
    return {
        "points": points**2,
        "images": images,
        "seconds": seconds,
        "images_per_second": rate,
        "gflop_per_image": gflop,
        "gflop_per_second": gflop * rate,
        "gflop_per_second_of_matrices": matrices,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="few points and images")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--points", type=int, default=51, help="along each of two directions")
    parser.add_argument("--images", type=int, default=512)
    chosen = parser.parse_args()
    divide_cpu()
    points, images = (3, 56) if chosen.quick else (chosen.points, chosen.images)
    result: dict[str, Any] = {
        "scaled": {kind: invariance(kind) for kind in ("filter", "none")},
        "eigenvalues": curvature(),
        "speed": speed(points, images),
    }
    table = rich.table.Table("what", "figure", box=rich.box.SIMPLE_HEAD)
    table.add_row("change by scaled layers, normalized", f"{result['scaled']['filter']:.1e}")
    table.add_row("the same without normalization", f"{result['scaled']['none']:.1e}")
    for name, value in result["eigenvalues"].items():
        table.add_row(f"{name} eigenvalue, off by", f"{value:.1e}")
    fast = result["speed"]
    table.add_row(
        f"{fast['points']} points of {fast['images']} images",
        f"{fast['seconds']:.0f} s, {fast['images_per_second']:.0f} images/s",
    )
    table.add_row("an image", f"{fast['gflop_per_image']:.3f} GFLOP")
    table.add_row("so much a second", f"{fast['gflop_per_second']:.0f} GFLOP")
    most = fast["gflop_per_second_of_matrices"]
    table.add_row("products of large matrices reach", f"{most:.0f} GFLOP a second")
    rich.console.Console(highlight=False).print(table)
    if chosen.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
