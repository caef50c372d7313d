"""Local response normalization against its definition, values and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from atlasjax.models.layers import local_response_norm


def norm_by_loop(x: np.ndarray, size: int, alpha: float, beta: float, k: float) -> np.ndarray:
    y = np.empty_like(x)
    for c in range(x.shape[-1]):
        near = x[..., max(c - size // 2, 0) : c + size // 2 + 1]
        y[..., c] = x[..., c] / (k + alpha / size * np.square(near).sum(-1)) ** beta
    return y


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"size": 3, "alpha": 0.5},
        {"size": 9, "alpha": 0.1, "beta": 0.5, "k": 2.0},
        {"size": 1, "alpha": 1.0, "beta": 1.3},
    ],
)
@pytest.mark.parametrize("channels", [1, 12])
def test_local_response_norm_is_its_formula(options, channels):
    x = 30 * np.random.default_rng(0).standard_normal((2, 3, 4, channels))
    full = {"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 1.0} | options
    y = local_response_norm(jnp.asarray(x, jnp.float32), **options)
    np.testing.assert_allclose(y, norm_by_loop(x, **full), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("beta", [0.75, 0.6])
def test_gradient_of_local_response_norm(beta):
    x = jax.random.normal(jax.random.key(0), (1, 2, 2, 7))

    def norm(x):
        return local_response_norm(jnp.asarray(x), alpha=0.7, beta=beta)

    check_grads(norm, (x,), order=1, rtol=1e-2, atol=1e-2)


def test_local_response_norm_keeps_the_dtype():
    x = jnp.ones((1, 1, 1, 6), jnp.bfloat16)
    assert local_response_norm(x).dtype == jnp.bfloat16
