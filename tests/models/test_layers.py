"""Pooling and local response normalization against their definitions, values and gradients."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from jax.test_util import check_grads

from atlasjax.models.layers import conv_general_dilated, local_response_norm, max_pool

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


@pytest.mark.parametrize("padding", ["ceil", "same"])
@pytest.mark.parametrize(("size", "window", "stride"), [(8, 3, 2), (9, 3, 1), (2, 3, 2)])
def test_max_pool_and_its_gradient_are_those_of_reduce_window(padding, size, window, stride):
    x = jnp.asarray(distinct((2, size, size + 1, 3)))

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


def test_ties_share_the_gradient():
    gradient = jax.grad(lambda x: max_pool(x, 2, 2).sum())(jnp.zeros((1, 2, 2, 1)))
    np.testing.assert_allclose(gradient, jnp.full((1, 2, 2, 1), 0.25))


def test_padding_of_another_name_is_refused():
    with pytest.raises(ValueError, match="'valid'"):
        max_pool(jnp.zeros((1, 4, 4, 1)), 3, 2, "valid")


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


DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def convolve(function, x, w, stride):
    dims = jax.lax.conv_dimension_numbers(x.shape, w.shape, DIMENSIONS)
    return function(x, w, (stride, stride), "SAME", dimension_numbers=dims)


@pytest.mark.parametrize("stride", [1, 2])
def test_convolution_is_laxes_with_all_its_derivatives(stride: int):
    rng = np.random.default_rng(0)
    x, dx = (jnp.asarray(rng.normal(size=(2, 6, 5, 3)), jnp.float32) for _ in range(2))
    w, dw = (jnp.asarray(rng.normal(size=(3, 3, 3, 4)), jnp.float32) for _ in range(2))

    def of(function):
        def f(x, w):
            return jnp.sin(convolve(function, x, w, stride)).sum()

        return {
            "value": f(x, w),
            "gradients": jax.grad(f, (0, 1))(x, w),
            "along both": jax.jvp(f, (x, w), (dx, dw))[1],
            "along the input": jax.jvp(lambda x: f(x, w), (x,), (dx,))[1],
            "along the kernel": jax.jvp(lambda w: f(x, w), (w,), (dw,))[1],
            "mapped": jax.vmap(lambda x: jax.grad(f)(x[None], w))(x),
            "curvature": jax.jvp(lambda x: jax.grad(f)(x, w), (x,), (dx,))[1],
        }

    ours, theirs = of(conv_general_dilated), of(jax.lax.conv_general_dilated)
    # The same sums of a few dozen float32 products, in another order.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), ours, theirs)


def test_the_gradients_kernel_is_in_order_before_xla_sees_it():
    x, w = jnp.ones((1, 4, 4, 3)), jnp.ones((3, 3, 3, 5))

    def program(function):
        return jax.jit(jax.grad(lambda x: convolve(function, x, w, 1).sum())).lower(x).as_text()

    out_of_order = "x[0, 1, o, i]"
    assert out_of_order in program(jax.lax.conv_general_dilated)
    assert out_of_order not in program(conv_general_dilated)
