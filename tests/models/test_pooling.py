"""Tests of max pooling against loops and XLA's own windows."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from jax.test_util import check_grads

from atlasjax.models.pooling import max_pool

pools = st.tuples(
    st.integers(3, 12), st.integers(3, 12), st.integers(1, 5), st.integers(1, 4)
)  # height, width, window, stride


def distinct(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Return values no two of which are equal, so that a maximum has one place only."""
    values = np.random.default_rng(seed).permutation(int(np.prod(shape)))
    return values.reshape(shape).astype(np.float32) - values.size / 2


def window_starts(size: int, window: int, stride: int, padding: str) -> list[int]:
    """Return where windows begin, as the manuals of Caffe and TensorFlow have it."""
    if padding == "ceil":
        out = int(np.ceil((max(size, window) - window) / stride)) + 1
        return [i * stride for i in range(out)]
    out = int(np.ceil(size / stride))
    missing = max((out - 1) * stride + window - size, 0)
    return [i * stride - missing // 2 for i in range(out)]


def pool_by_loop(x: np.ndarray, window: int, stride: int, padding: str) -> np.ndarray:
    rows = window_starts(x.shape[1], window, stride, padding)
    columns = window_starts(x.shape[2], window, stride, padding)
    y = np.empty((x.shape[0], len(rows), len(columns), x.shape[3]), x.dtype)
    for i, top in enumerate(rows):
        for j, left in enumerate(columns):
            part = x[:, max(top, 0) : top + window, max(left, 0) : left + window]
            # Caffe lets a window lie wholly outside where the stride exceeds it.
            y[:, i, j] = part.max((1, 2)) if part.size else -np.inf
    return y


def pool_by_reduce_window(x: jax.Array, window: int, stride: int, padding: str) -> jax.Array:
    edges = []
    for size in x.shape[1:3]:
        starts = window_starts(size, window, stride, padding)
        edges.append((-starts[0], max(starts[-1] + window - size, 0)))
    return lax.reduce_window(
        x,
        -jnp.inf,
        lax.max,
        (1, window, window, 1),
        (1, stride, stride, 1),
        [(0, 0), *edges, (0, 0)],
    )


@pytest.mark.parametrize("padding", ["ceil", "same"])
@settings(max_examples=10, deadline=None)
@given(pool=pools)
def test_max_pool_is_the_maximum_of_each_window(padding, pool):
    h, w, window, stride = pool
    x = distinct((2, h, w, 3))
    y = max_pool(jnp.asarray(x), window, stride, padding)
    np.testing.assert_array_equal(y, pool_by_loop(x, window, stride, padding))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("padding", ["ceil", "same"])
@pytest.mark.parametrize(
    ("size", "window", "stride"), [(8, 3, 2), (9, 3, 1), (2, 3, 2), (7, 4, 3), (5, 2, 3)]
)
def test_max_pool_and_its_gradient_are_those_of_reduce_window(ties, padding, size, window, stride):
    x = jnp.asarray(distinct((2, size, size + 1, 3)))
    x = jnp.mod(x, 3) if ties else x

    @partial(jax.jit, static_argnums=0)
    def value_and_gradient(pool):
        y, back = jax.vjp(lambda x: pool(x, window, stride, padding), x)
        return y, back(jnp.sin(jnp.arange(y.size, dtype=jnp.float32)).reshape(y.shape))[0]

    y, gradient = value_and_gradient(max_pool)
    expected, expected_gradient = value_and_gradient(pool_by_reduce_window)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-6, atol=1e-6)


def test_gradient_of_max_pool_against_finite_differences():
    x = jnp.asarray(distinct((1, 5, 6, 2))) / 10
    check_grads(lambda x: max_pool(jnp.asarray(x), 3, 2), (x,), order=1, eps=1e-2, rtol=1e-2)


def test_a_window_larger_than_the_input_gives_one_value():
    x = jnp.asarray(distinct((1, 2, 2, 1)))
    assert max_pool(x, 3, 2, "ceil").shape == (1, 1, 1, 1)
    assert max_pool(x, 3, 2, "ceil").item() == x.max()


def test_ties_give_the_gradient_to_the_first():
    gradient = jax.grad(lambda x: max_pool(x, 2, 2).sum())(jnp.zeros((1, 2, 2, 1)))
    assert gradient.ravel().tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("gradient", ["max", "relaxed"])
@pytest.mark.parametrize(("window", "stride"), [(3, 2), (3, 1), (2, 3)])
def test_forward_and_backward_derivatives_are_transposes(gradient, window, stride):
    rng = np.random.default_rng(0)
    x, dx = (jnp.asarray(rng.normal(size=(2, 7, 8, 3)), jnp.float32) for _ in range(2))

    def pool(x):
        return max_pool(x, window, stride, "same", gradient)

    y, dy = jax.jvp(pool, (x,), (dx,))
    ct = jnp.asarray(rng.normal(size=y.shape), jnp.float32)
    pulled = jax.vjp(pool, x)[1](ct)[0]
    # Both are the same sum of some hundred float32 products.
    np.testing.assert_allclose(jnp.vdot(ct, dy), jnp.vdot(pulled, dx), rtol=1e-4)


def test_derivatives_go_through_vmap():
    x = jnp.asarray(distinct((2, 5, 5, 1))) / 10
    _, push = jax.linearize(lambda x: max_pool(x, 3, 2), x)
    one = jnp.ones_like(x)
    both = jax.vmap(push)(jnp.stack([one, 2 * one]))
    np.testing.assert_array_equal(both, [push(one), 2 * push(one)])
    alone = jax.vmap(jax.grad(lambda x: jnp.square(max_pool(x[None], 3, 2)).sum()))(x)
    whole = jax.grad(lambda x: jnp.square(max_pool(x, 3, 2)).sum())(x)
    np.testing.assert_array_equal(alone, whole)


def test_a_relaxed_gradient_is_shared_by_squares():
    x = jnp.array([3.0, -5.0, 1.0, 0.0]).reshape(1, 1, 4, 1)
    value, back = jax.vjp(lambda x: max_pool(x, 3, 1, "same", "relaxed"), x)
    assert value.ravel().tolist() == [3, 3, 1, 1]
    # Windows (3, -5), (3, -5, 1), (-5, 1, 0) and (1, 0); shares 9 and 1, of 9, 10, 1 and 1.
    expected = [1 + 9 / 10, 0, 1 / 10 + 1 + 1, 0]
    # Every entry has a least weight of 1e-12.
    found = back(jnp.ones_like(value))[0].ravel()
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-11)


def test_a_relaxed_gradient_of_a_silent_window_is_finite():
    found = jax.grad(lambda x: max_pool(x, 2, 2, "ceil", "relaxed").sum())(-jnp.ones((1, 2, 2, 1)))
    np.testing.assert_allclose(found.ravel(), 0.25)


def test_a_gradient_of_another_name_is_refused():
    with pytest.raises(ValueError, match="'mean'"):
        max_pool(jnp.zeros((1, 4, 4, 1)), 3, 2, gradient="mean")


def test_padding_of_another_name_is_refused():
    with pytest.raises(ValueError, match="'valid'"):
        max_pool(jnp.zeros((1, 4, 4, 1)), 3, 2, "valid")
