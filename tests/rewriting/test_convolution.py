"""Convolutions with a fast gradient against XLA's own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.rewriting.convolution import Convolution, convolve


def of_xla(x, w, how: Convolution):
    return jax.lax.conv_general_dilated(
        x,
        w,
        how.strides,
        how.padding,
        rhs_dilation=how.dilation,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=how.groups,
    )


def same(size: int, window: int, stride: int) -> tuple[int, int]:
    missing = max((-(-size // stride) - 1) * stride + window - size, 0)
    return missing // 2, missing - missing // 2


ODD = ((0, 1), (2, 0))


@pytest.mark.parametrize("platform", ["cpu", "gpu"])
@pytest.mark.parametrize(
    ("window", "how"),
    [
        (3, Convolution(padding=((1, 1), (1, 1)))),
        (3, Convolution((2, 2), ODD)),
        (3, Convolution((3, 3), ((1, 1), (1, 1)))),
        (3, Convolution((2, 2), ODD, dilation=(2, 2))),
        (3, Convolution((1, 2), ODD)),
        (3, Convolution((1, 1), ODD, groups=2)),
        (3, Convolution((2, 2), ODD, groups=4)),
        (1, Convolution()),
        (1, Convolution((2, 2))),
        (2, Convolution((2, 2))),
        (1, Convolution((2, 2), ODD)),
    ],
)
def test_it_is_xlas_with_all_its_derivatives(window, how, platform):
    rng = np.random.default_rng(0)
    x, dx = (jnp.asarray(rng.normal(size=(2, 6, 7, 4)), jnp.float32) for _ in range(2))
    shape = (window, window, 4 // how.groups, 4)
    w, dw = (jnp.asarray(rng.normal(size=shape), jnp.float32) for _ in range(2))

    def of(function):
        def f(x, w):
            return jnp.sin(function(x, w)).sum()

        @jax.jit
        def run(x, w):
            return {
                "value": f(x, w),
                "gradients": jax.grad(f, (0, 1))(x, w),
                "along both": jax.jvp(f, (x, w), (dx, dw))[1],
                "along the input": jax.jvp(lambda x: f(x, w), (x,), (dx,))[1],
                "along the kernel": jax.jvp(lambda w: f(x, w), (w,), (dw,))[1],
                "mapped": jax.vmap(lambda x: jax.grad(f)(x[None], w))(x),
                "curvature": jax.jvp(lambda x: jax.grad(f)(x, w), (x,), (dx,))[1],
            }

        return run(x, w)

    ours = of(lambda x, w: convolve(x, w, how, platform))
    # The same sums of a few dozen float32 products, in another order.
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4),
        ours,
        of(lambda x, w: of_xla(x, w, how)),
    )


@pytest.mark.parametrize("channels", [3, 5, 7])
@pytest.mark.parametrize("results", [17, 32])
@pytest.mark.parametrize("stride", [1, 2])
def test_added_channels_change_nothing(channels, results, stride):
    rng = np.random.default_rng(0)
    x, dx = (jnp.asarray(rng.normal(size=(2, 9, 8, channels)), jnp.float32) for _ in range(2))
    w = jnp.asarray(rng.normal(size=(3, 3, channels, results)), jnp.float32)
    how = Convolution((stride, stride), ODD)

    def of(function):
        def f(x, w):
            return function(x, w, how)

        slopes = jax.grad(lambda x, w: jnp.sin(f(x, w)).sum(), (0, 1))(x, w)
        return f(x, w), slopes, jax.jvp(lambda x: f(x, w), (x,), (dx,))[1]

    # The same sums of at most 63 float32 products near 1, in another order.
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4),
        of(convolve),
        of(of_xla),
    )
    for platform in ("cpu", "gpu"):
        made = jax.make_jaxpr(lambda x, p=platform: convolve(x, w, how, p))(x)
        assert ("pad[" in str(made)) == (platform == "cpu")


def program(function, x, w) -> str:
    return jax.jit(jax.grad(lambda x: function(x, w).sum())).lower(x).as_text()


def test_the_gradients_kernel_is_in_order_before_xla_sees_it():
    x, w, how = jnp.ones((1, 4, 4, 3)), jnp.ones((3, 3, 3, 5)), Convolution()
    out_of_order = "x[0, 1, o, i]"
    assert out_of_order in program(lambda x, w: of_xla(x, w, how), x, w)
    assert out_of_order not in program(lambda x, w: convolve(x, w, how), x, w)


@pytest.mark.parametrize("window", [2, 3, 7])
@pytest.mark.parametrize("padding", ["same", ((0, 0), (0, 0)), ((3, 3), (3, 3)), ODD])
@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("size", [(8, 12), (9, 11)])
def test_the_gradient_with_strides_is_that_of_xla(window, padding, stride, size):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(1, *size, 2)), jnp.float32)
    w = jnp.asarray(rng.normal(size=(window, window, 2, 3)), jnp.float32)
    if padding == "same":
        padding = (same(size[0], window, stride), same(size[1], window, stride))
    how = Convolution((stride, stride), padding)

    def gradient(function):
        return jax.grad(lambda x: jnp.sin(function(x, w, how)).sum())(x)

    # Sums of up to 98 float32 products near 1, in another order.
    np.testing.assert_allclose(gradient(convolve), gradient(of_xla), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("side", [8, 9])
def test_the_gradient_with_strides_becomes_a_convolution_without(side):
    x, w = jnp.ones((1, side, side, 3)), jnp.ones((7, 7, 3, 4))
    how = Convolution((2, 2), ((3, 3), (3, 3)))
    dilated = "lhs_dilate = [2, 2]"
    assert dilated in program(lambda x, w: of_xla(x, w, how), x, w)
    assert dilated not in program(lambda x, w: convolve(x, w, how), x, w)
