"""What must hold of every adapted network, whatever its library."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.taps import capture, head, layers

FLOAT32 = 2e-5  # relative to the largest value: float32 sums in another order


def close(found: Any, expected: Any, tolerance: float = FLOAT32) -> None:
    """Compare two arrays relative to the largest value."""
    scale = max(1e-3, float(np.abs(np.asarray(expected)).max()))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * scale)


def flops(function: Callable[..., Any], *arguments: Any) -> float:
    cost = jax.jit(function).lower(*arguments).compile().cost_analysis()
    assert cost is not None
    return cost["flops"]


def check(model: Any, shape: tuple[int, int, int], layer: str, alone: Callable[..., Any]) -> None:
    """Check transformations and cost of a model all of which passes through one layer.

    Args:
        model: the adapted network, not linear up to the layer.
        shape: of its images.
        layer: the layer.
        alone: images to the layer's value, computed without the adapter.
    """
    images = jax.random.uniform(jax.random.key(1), (2, *shape))
    tangent = jax.random.normal(jax.random.key(2), images.shape)

    def value(x: Any) -> Any:
        return capture(model, x, [layer])[layer]

    def energy(x: Any) -> Any:
        return (value(x) ** 2).mean()

    expected = jax.jit(alone)(images)
    close(value(images), expected)
    close(jax.jit(value)(images), expected)
    assert expected.shape[1:] == layers(model, shape)[layer]
    close(jax.jit(jax.vmap(value))(images[:, None])[:, 0], expected)
    gradient = jax.jit(jax.grad(energy))(images)
    by_hand = jax.jit(jax.grad(lambda x: (alone(x) ** 2).mean()))(images)
    close(gradient, by_hand, 1e-4)  # sums of products
    change = jax.jit(lambda x, t: jax.jvp(energy, (x,), (t,))[1])(images, tangent)
    close(change, jnp.vdot(gradient, tangent), 1e-4)
    logits = jax.jit(lambda x: model(x, lambda _, v: v))(images)
    close(jax.jit(head(model, layer, shape))(expected), logits)
    # XLA deletes what follows the layer; whatever images are turned to is little beside it.
    assert flops(value, images) == pytest.approx(flops(alone, images), rel=0.02)
    assert flops(value, images) < 0.8 * flops(lambda x: model(x, lambda _, v: v), images)
    # The weights are the leaves, so a compiled function takes them as arguments.
    jitted = jax.jit(lambda m, x: capture(m, x, [layer])[layer])
    close(jitted(model, images), expected)
    doubled = jax.tree.map(lambda leaf: 2 * leaf, model)
    assert np.abs(jitted(doubled, images) - expected).max() > 1e-3


@pytest.fixture(scope="session")
def contract() -> Callable[..., None]:
    return check


@pytest.fixture(scope="session")
def same() -> Callable[..., None]:
    return close
