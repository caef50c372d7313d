"""A network of two layers with rectifiers between, and images in as many classes."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest


def perceptron(w: Any, images: Any, tap: Any) -> Any:
    x = images.reshape(len(images), -1)
    hidden = tap("hidden", jax.nn.relu(x @ w["one"]["kernel"] + w["one"]["bias"][None]))
    return hidden @ w["two"]["kernel"] + w["two"]["bias"][None]


def weights(seed: int = 0, hidden: int = 5, scale: float = 1.0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    sizes = {"one": (12, hidden), "two": (hidden, 3)}
    return {
        name: {
            "kernel": jnp.asarray(scale * rng.normal(size=size) / 2, jnp.float32),
            "bias": jnp.asarray(rng.normal(size=size[1]) / 4, jnp.float32),
        }
        for name, size in sizes.items()
    }


@pytest.fixture
def network() -> Callable[..., Any]:
    return lambda w=None: jax.tree_util.Partial(perceptron, weights() if w is None else w)


@pytest.fixture
def fresh() -> Callable[..., dict[str, Any]]:
    return weights


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(1).random((7, 2, 2, 3)).astype(np.float32)


@pytest.fixture
def labels() -> np.ndarray:
    return np.arange(7) % 3
