"""The trained network on photographs: the accuracy known for these weights and this crop."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from atlasjax import models

BATCH = 32
SIZE = 224
TOP1, TOP5 = 75.1, 93.1  # percent, of an independent implementation on the same photographs


def centre_crop(path: Path) -> np.ndarray:
    with Image.open(path) as photograph:
        pixels = np.asarray(photograph.convert("RGB"))
    top, left = (pixels.shape[0] - SIZE) // 2, (pixels.shape[1] - SIZE) // 2
    return pixels[top : top + SIZE, left : left + SIZE]


@pytest.mark.data
@pytest.mark.slow
def test_top1_and_top5_on_the_photographs(data: Path):
    weights = data / "bvlc_googlenet" / "weights.safetensors"
    photographs = sorted((data / "imagenet_sample").glob("*/*.jpg"))
    if len(photographs) != 800:
        pytest.skip(f"{len(photographs)} photographs in {data / 'imagenet_sample'}, not 800")
    index = {name.wnid: i for i, name in enumerate(models.class_names("googlenet", weights))}
    labels = np.array([index[path.parent.name] for path in photographs])

    model = models.load("googlenet", weights)
    # Compiled as users have it, not as fast as the suite has it: it runs 25 times.
    program = jax.jit(lambda model, x: model(x.astype(jnp.float32) / 255))
    one = jnp.zeros((BATCH, SIZE, SIZE, 3), jnp.uint8)
    forward = program.lower(model, one).compile({"xla_backend_optimization_level": "3"})
    ranked = []
    for start in range(0, len(photographs), BATCH):
        images = np.stack([centre_crop(p) for p in photographs[start : start + BATCH]])
        ranked.append(np.argsort(-np.asarray(forward(model, images)), axis=1)[:, :5])
    right = np.concatenate(ranked) == labels[:, None]

    assert 100 * right[:, 0].mean() == pytest.approx(TOP1, abs=0.4)
    assert 100 * right.any(1).mean() == pytest.approx(TOP5, abs=0.4)
