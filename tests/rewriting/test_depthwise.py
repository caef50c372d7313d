"""Depthwise convolutions as sums of shifts, against XLA's own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax.rewriting.depthwise import Shifts, depthwise

pair = lambda low, high: st.tuples(st.integers(low, high), st.integers(low, high))  # noqa: E731


def of_xla(x, kernel, shifts: Shifts):
    return jax.lax.conv_general_dilated(
        x,
        kernel[:, :, None],
        shifts.stride,
        shifts.padding,
        rhs_dilation=shifts.dilation,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=x.shape[-1],
        precision="highest",
    )


@settings(max_examples=12, deadline=None)
@given(pair(5, 9), pair(1, 4), pair(1, 3), pair(0, 2), pair(0, 2), pair(1, 2))
def test_it_is_xlas_with_all_its_derivatives(size, window, stride, before, after, dilation):
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, window, strict=True)]
    total = [n + a + b for n, a, b in zip(size, before, after, strict=True)]
    if any(r > t for r, t in zip(reach, total, strict=True)):
        return
    padding = ((before[0], after[0]), (before[1], after[1]))
    shifts = Shifts(stride, padding, dilation, size)
    rng = np.random.default_rng(0)
    x, dx = (jnp.asarray(rng.normal(size=(2, *size, 3)), jnp.float32) for _ in range(2))
    kernel, dkernel = (jnp.asarray(rng.normal(size=(*window, 3)), jnp.float32) for _ in range(2))

    def of(function):
        f = lambda x, kernel: jnp.sin(function(x, kernel, shifts)).sum()  # noqa: E731

        @jax.jit
        def run(x, kernel):
            return {
                "value": f(x, kernel),
                "gradients": jax.grad(f, (0, 1))(x, kernel),
                "along both": jax.jvp(f, (x, kernel), (dx, dkernel))[1],
                "mapped": jax.vmap(lambda x: jax.grad(f)(x[None], kernel))(x),
                "curvature": jax.jvp(lambda x: jax.grad(f)(x, kernel), (x,), (dx,))[1],
            }

        return run(x, kernel)

    ours, theirs = of(depthwise), of(of_xla)
    for name, expected in theirs.items():
        for one, other in zip(jax.tree.leaves(ours[name]), jax.tree.leaves(expected), strict=True):
            # Sums of some tens of products of normal numbers in float32.
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4, err_msg=name)


def test_kernels_of_their_own_can_be_mapped_over():
    rng = np.random.default_rng(1)
    x = jnp.asarray(rng.normal(size=(2, 5, 5, 3)), jnp.float32)
    kernels = jnp.asarray(rng.normal(size=(4, 3, 3, 3)), jnp.float32)
    shifts = Shifts((1, 1), ((1, 1), (1, 1)), (1, 1), (5, 5))

    def slope(kernel):
        return jax.grad(lambda x: jnp.square(depthwise(x, kernel, shifts)).sum())(x)

    expected = jnp.stack([slope(kernel) for kernel in kernels])
    np.testing.assert_allclose(jax.vmap(slope)(kernels), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_it_keeps_the_type(dtype):
    x, kernel = jnp.ones((1, 4, 4, 2), dtype), jnp.ones((3, 3, 2), dtype)
    shifts = Shifts((1, 1), ((0, 0), (0, 0)), (1, 1), (4, 4))
    assert depthwise(x, kernel, shifts).dtype == dtype


def test_shifted_images_are_not_written_out_for_a_normalization():
    x, kernel = jnp.ones((8, 24, 24, 96)), jnp.ones((7, 7, 96))
    shifts = Shifts((1, 1), ((3, 3), (3, 3)), (1, 1), (24, 24))

    def normalized(x, kernel):
        y = depthwise(x, kernel, shifts) + 1
        y = y - y.mean(-1, keepdims=True)
        return y * jax.lax.rsqrt(jnp.square(y).mean(-1, keepdims=True) + 1e-6)

    text = str(jax.jit(normalized).lower(x, kernel).compile().as_text())
    whole = text[text.index("ENTRY") :]
    assert whole.count("= f32[8,24,24,96]") < 10  # 20 and more with the shifts
