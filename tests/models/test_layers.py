"""Pooling and local response normalization against their definitions, values and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from atlasjax.models.layers import conv_general_dilated, local_response_norm


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


@pytest.mark.parametrize(("width", "stride"), [(5, 1), (5, 2), (6, 2), (6, 3)])
def test_convolution_is_laxes_with_all_its_derivatives(width: int, stride: int):
    rng = np.random.default_rng(0)
    x, dx = (jnp.asarray(rng.normal(size=(2, 6, width, 3)), jnp.float32) for _ in range(2))
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


@pytest.mark.parametrize("window", [2, 3, 7])
@pytest.mark.parametrize("padding", ["SAME", "VALID", [(3, 3), (3, 3)], [(0, 1), (2, 0)]])
@pytest.mark.parametrize("stride", [2, 4])
def test_the_gradient_with_strides_is_that_of_lax(window, padding, stride):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(1, 8, 12, 2)), jnp.float32)
    w = jnp.asarray(rng.normal(size=(window, window, 2, 3)), jnp.float32)
    dims = jax.lax.conv_dimension_numbers(x.shape, w.shape, DIMENSIONS)
    more = {"dimension_numbers": dims, "feature_group_count": 1}

    def gradient(function):
        def score(x):
            return jnp.sin(function(x, w, (stride, stride), padding, **more)).sum()

        return jax.grad(score)(x)

    expected = gradient(jax.lax.conv_general_dilated)
    # Sums of up to 98 float32 products near 1, in another order.
    np.testing.assert_allclose(gradient(conv_general_dilated), expected, rtol=1e-4, atol=1e-4)


def test_the_gradient_with_strides_becomes_a_convolution_without():
    x, w = jnp.ones((1, 8, 8, 3)), jnp.ones((7, 7, 3, 4))

    def program(function):
        def score(x):
            dims = jax.lax.conv_dimension_numbers(x.shape, w.shape, DIMENSIONS)
            more = {"dimension_numbers": dims, "feature_group_count": 1}
            return function(x, w, (2, 2), "SAME", **more).sum()

        return jax.jit(jax.grad(score)).lower(x).as_text()

    dilated = "lhs_dilate = [2, 2]"
    assert dilated in program(jax.lax.conv_general_dilated)
    assert dilated not in program(conv_general_dilated)
