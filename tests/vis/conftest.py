"""A network of two layers that compiles in no time, and settings that draw in less."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.vis import Settings


@pytest.fixture(scope="session")
def quick() -> Settings:
    return Settings(size=(32, 32), steps=40, jitter=1, scale=(1, 1), rotate=0)


@pytest.fixture(scope="session")
def toy() -> Any:
    return _toy


def _toy(images: Any, tap: Any) -> Any:
    """Brightness of colours and of their opposites on a grid of 8 px, and a class for each."""
    x = jnp.concatenate([images, 1 - images], -1)
    rows, columns = x.shape[1] // 8, x.shape[2] // 8
    x = x[:, : 8 * rows, : 8 * columns].reshape(len(x), rows, 8, columns, 8, 6).mean((2, 4))
    return tap("grid", jax.nn.relu(tap("grid/pre_relu", x - 0.25))).mean((1, 2)) * 9.0


@pytest.fixture(scope="session")
def picture() -> np.ndarray:
    """A red disc on blue, 40 x 50 px."""
    y, x = np.mgrid[:40, :50]
    disc = (y - 20) ** 2 + (x - 25) ** 2 < 120
    return np.where(disc[..., None], [230, 40, 30], [20, 60, 210]).astype(np.uint8)
