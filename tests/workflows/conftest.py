"""A file of a user's own: a small network, an experiment, and a layout that takes no time."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

NETWORK = '''
"""A network of my own.

It has two layers, and five classes.
"""

import jax
import jax.numpy as jnp
import numpy as np

import atlasjax as ax

CHANNELS = 3


def load():
    rng = np.random.default_rng(0)
    first, second = (
        jnp.asarray(rng.normal(size=shape) / shape[0] ** 0.5, jnp.float32)
        for shape in ((CHANNELS, 16), (16, 24))
    )

    def model(images, tap):
        x = tap("one", jax.nn.relu((images - 0.5)[:, ::4, ::4] @ first))
        x = tap("two", jax.nn.relu(x[:, ::2, ::2] @ second))
        return tap("logits", x.mean((1, 2))[:, :5])

    return model


def principal(activations, *, seed):
    centred = activations - activations.mean(0)
    return centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T


MODEL = ax.ModelEntry("mine", load, image_size=32, class_names=["ant", "bee", "cow", "dog", "elk"])
'''

CONFIG = """
CONFIG = ax.Experiment(
    "mine",
    layers=("two",),
    grids=(2,),
    samples_per_image=4,
    steps=4,
    attempts=1,
    icon_size=32,
    icon_batch=8,
    more_than=1,
    layout=__name__.startswith("atlasjax_file") and "{stem}:principal" or "umap",
    stability=False,
)
"""


@pytest.fixture(scope="session")
def write_own() -> Callable[..., Path]:
    """Write a file of one's own into a folder; its name must be one that no other test takes."""

    def write(folder: Path, stem: str, *, config: bool = True, change: str = "") -> Path:
        path = folder / f"{stem}.py"
        text = NETWORK + (CONFIG.replace("{stem}", stem) if config else "") + change
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def pictures() -> np.ndarray:
    """Forty images of coloured blocks."""
    rng = np.random.default_rng(1)
    return np.kron(
        rng.integers(0, 256, (40, 4, 4, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8)
    )
