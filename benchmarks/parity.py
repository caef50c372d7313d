"""How close GoogLeNet comes to an independent implementation, and how often it is right.

    python benchmarks/parity.py DATA [--quick] [--json]

DATA is a folder with bvlc_googlenet/weights.safetensors, bvlc_googlenet/reference.npz and
imagenet_sample/. For every layer of the reference: the largest difference at the centre and of the
spatial mean, relative to the reference's largest value. Then top-1 and top-5 on the photographs.
"""

import argparse
import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import atlasjax as ax
from atlasjax import data, models
from atlasjax.models.inception_v1 import InceptionV1
from atlasjax.taps import capture


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def differences(model: InceptionV1, reference: Path) -> dict[str, float]:
    with np.load(reference) as file:
        expected = dict(file)
    names = [key.removesuffix(".centre") for key in expected if key.endswith(".centre")]
    images = jnp.asarray(expected["images"], jnp.float32) / 255.0
    run = jax.jit(lambda m, x: (capture(m, x, names), m(x)))
    values, logits = jax.device_get(run(model, images))
    rows = {}
    for name in names:
        value = values[name]
        middle = value[:, value.shape[1] // 2, value.shape[2] // 2]
        rows[name] = max(
            relative(middle, expected[f"{name}.centre"]),
            relative(value.mean((1, 2)), expected[f"{name}.mean"]),
        )
    rows["logits"] = relative(logits, expected["logits"])
    return rows


def accuracy(model: InceptionV1, folder: Path, limit: int | None) -> tuple[float, float]:
    weights = folder / "bvlc_googlenet" / "weights.safetensors"
    index = {name.wnid: i for i, name in enumerate(models.class_names("googlenet", weights))}
    source = data.open_images(folder / "imagenet_sample", limit=limit)
    truth_of = np.array([index[wnid] for wnid in source.classes])
    run = jax.jit(lambda m, x: jax.lax.top_k(m(x.astype(jnp.float32) / 255.0), 5)[1])
    hits = []
    for batch in data.batches(source, 32):
        best = np.asarray(run(model, batch.images))
        hits.append(best == truth_of[batch.label][:, None])
    found = np.concatenate(hits)
    return float(found[:, 0].mean()), float(found.any(1).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--quick", action="store_true", help="100 photographs instead of all")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    folder = chosen.data / "bvlc_googlenet"
    try:
        model = models.load("googlenet", folder / "weights.safetensors")
    except ax.UserError as error:
        sys.exit(f"parity.py: {error}")
    rows = differences(model, folder / "reference.npz")
    for name, value in rows.items():
        print(f"{name:<10} {value:.1e}")
    top1, top5 = accuracy(model, chosen.data, 100 if chosen.quick else None)
    print(f"top-1 {top1:.2%}, top-5 {top5:.2%}")
    if chosen.json:
        print(json.dumps({"relative": rows, "top1": top1, "top5": top5}))


if __name__ == "__main__":
    main()
