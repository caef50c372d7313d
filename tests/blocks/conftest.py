"""Networks of a few numbers, of which every effect can be worked out by hand or in float64."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

WEIGHTS = np.random.default_rng(3)
FIRST = WEIGHTS.normal(size=(3, 5)).astype(np.float32)
SECOND = WEIGHTS.normal(size=(5, 4)).astype(np.float32)
LAST = WEIGHTS.normal(size=(4 * 9, 6)).astype(np.float32)


def _linear(images: Any, tap: Any) -> Any:
    """Colours, mixed at every place and then over all places; linear from the first layer on."""
    x = tap("first", images @ FIRST)
    x = tap("second", x @ SECOND)
    return x.reshape(len(x), -1) @ LAST


def _curved(images: Any, tap: Any) -> Any:
    """The same with a rectifier and a square on the way."""
    x = tap("first", jnp.maximum(images @ FIRST, 0.0))
    x = tap("second", jnp.tanh(x @ SECOND) + 0.1 * jnp.square(x @ SECOND))
    return x.reshape(len(x), -1) @ LAST


@pytest.fixture(scope="session")
def linear() -> Any:
    return _linear


@pytest.fixture(scope="session")
def curved() -> Any:
    return _curved


@pytest.fixture(scope="session")
def images() -> Any:
    return jnp.asarray(np.random.default_rng(0).uniform(size=(2, 3, 3, 3)).astype(np.float32))


def curved_in_64_bits(first: np.ndarray) -> np.ndarray:
    """What follows the first layer of `curved`, in float64."""
    x = first.astype(np.float64) @ SECOND.astype(np.float64)
    x = np.tanh(x) + 0.1 * np.square(x)
    return x.reshape(len(x), -1) @ LAST.astype(np.float64)


@pytest.fixture(scope="session")
def rest_of_curved() -> Any:
    return curved_in_64_bits
