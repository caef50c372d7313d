"""Max pooling is found however it is written; its values stay, its gradient is that of a mean."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from atlasjax.adapters.aten import pooling
from atlasjax.models.pooling import max_pool
from atlasjax.optvis.relaxed import LEAST, relaxed_pooling

X = jnp.asarray(np.random.default_rng(0).normal(size=(2, 7, 8, 3)).astype(np.float32))
# Each with its window, stride, and padding before and after, of rows and of columns.
POOLS = {
    "flax": (lambda x: linen.max_pool(x, (3, 3), (2, 2)), 3, 2, ((0, 0), (0, 0))),
    "flax, same": (lambda x: linen.max_pool(x, (2, 2), (2, 2), "SAME"), 2, 2, ((0, 1), (0, 0))),
    "ours, ceil": (lambda x: max_pool(x, 3, 2), 3, 2, ((0, 0), (0, 1))),
    "ours, same": (lambda x: max_pool(x, 3, 1, "same"), 3, 1, ((1, 1), (1, 1))),
    "ours, jitted": (jax.jit(lambda x: max_pool(x, 3, 2, "same")), 3, 2, ((1, 1), (0, 1))),
}


def _as_pytorch(x, *settings):
    return jnp.moveaxis(pooling.max_pool(jnp.moveaxis(x, -1, 1), *settings), 1, -1)


def _ceil(x):
    return _as_pytorch(x, [2, 2], [2, 2], [0, 0], [1, 1], True)


POOLS |= {
    "PyTorch": (lambda x: _as_pytorch(x, [3, 3], [2, 2], [1, 1]), 3, 2, ((1, 1), (1, 0))),
    "PyTorch, ceil": (_ceil, 2, 2, ((0, 1), (0, 0))),
}


def mean_by_hand(x: np.ndarray, window: int, stride: int, padding) -> np.ndarray:
    """Return `avg(x^2) / (LEAST + avg(|x|))` of every window, entry by entry in float64."""
    (top, bottom), (left, right) = padding
    rows = (x.shape[1] + top + bottom - window) // stride + 1
    columns = (x.shape[2] + left + right - window) // stride + 1
    made = np.zeros((len(x), rows, columns, x.shape[3]))
    for i, j in np.ndindex(rows, columns):
        r, c = i * stride - top, j * stride - left
        part = x[:, max(r, 0) : r + window, max(c, 0) : c + window].astype(np.float64)
        made[:, i, j] = np.square(part).mean((1, 2)) / (LEAST + np.abs(part).mean((1, 2)))
    return made


@pytest.mark.parametrize("name", POOLS)
def test_the_gradient_is_that_of_the_mean(name: str):
    pool, *windows = POOLS[name]
    soft = relaxed_pooling(pool)
    np.testing.assert_array_equal(soft(X), pool(X))
    weight = np.random.default_rng(1).normal(size=pool(X).shape).astype(np.float32)
    found = np.asarray(jax.grad(lambda x: (soft(x) * weight).sum())(X))
    x = np.asarray(X, np.float64)
    for place in [(0, 0, 0, 0), (0, 3, 4, 1), (1, 6, 7, 2), (1, 2, 0, 0)]:
        moved = np.zeros_like(x)
        moved[place] = 1e-6
        up, down = (mean_by_hand(x + sign * moved, *windows) for sign in (1, -1))
        expected = ((up - down) * weight).sum() / 2e-6
        assert found[place] == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_what_is_no_pooling_keeps_its_gradient():
    @jax.custom_jvp
    def other(x):
        return jnp.maximum(x[:, 1:], x[:, :-1]) * 2

    other.defjvp(lambda primals, tangents: (other(*primals), tangents[0][:, 1:] * 5))
    for function in (jnp.tanh, lambda x: jnp.maximum(x, 0.0), other, lambda x: x.max(1)):
        own, found = (
            jax.grad(lambda x, f=f: f(x).sum())(X) for f in (function, relaxed_pooling(function))
        )
        np.testing.assert_array_equal(found, own)


def test_poolings_of_one_axis_in_a_row_are_two():
    """Twice along the columns is no square window, so each is relaxed by itself."""

    def line(x):
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 1), (1, 1, 1, 1), "valid")

    soft = relaxed_pooling(lambda x: line(line(x)))
    np.testing.assert_array_equal(soft(X), line(line(X)))
    first, second = relaxed_pooling(line), relaxed_pooling(line)
    found, expected = (
        jax.grad(lambda x, f=f: f(x).sum())(X) for f in (soft, lambda x: second(first(x)))
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_it_is_batched_and_compiled():
    soft = relaxed_pooling(lambda x: max_pool(x, 3, 2).sum((1, 2, 3)))
    one = jax.grad(lambda x: soft(x).sum())(X)
    pull = jax.jit(lambda x, c: jax.vmap(jax.vjp(soft, x)[1])(c)[0])
    both = pull(X, jnp.stack([jnp.ones(2), 2 * jnp.ones(2)]))
    np.testing.assert_allclose(both[1], 2 * one, rtol=1e-5, atol=1e-6)
