"""Depthwise convolutions: the sum that is written out against XLA's own convolution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax.adapters.aten.depthwise import depthwise, is_depthwise

FLOAT32 = 1e-5  # sums of up to 49 products in another order


def by_xla(x, weight, stride, borders, dilation):
    return jax.lax.conv_general_dilated(
        x,
        weight,
        stride,
        borders,
        rhs_dilation=dilation,
        dimension_numbers=("NCHW", "OIHW", "NCHW"),
        feature_group_count=x.shape[1],
    )


two = st.tuples(st.integers(1, 3), st.integers(1, 3))
border = st.tuples(st.integers(0, 2), st.integers(0, 2))


@settings(max_examples=15, deadline=None)
@given(two, two, two, st.tuples(border, border), st.integers(0, 9))
def test_it_is_the_convolution(kernel, stride, dilation, borders, seed):
    rng = np.random.default_rng(seed)
    x = jnp.asarray(rng.normal(size=(2, 3, 7, 8)), jnp.float32)
    weight = jnp.asarray(rng.normal(size=(3, 1, *kernel)), jnp.float32)
    expected = by_xla(x, weight, stride, borders, dilation)
    found = depthwise(x, weight, stride, borders, dilation)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=FLOAT32, atol=FLOAT32)


def test_its_gradient_is_the_convolutions():
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(1, 4, 9, 9)), jnp.float32)
    weight = jnp.asarray(rng.normal(size=(4, 1, 3, 3)), jnp.float32)
    own, xla = (
        jax.grad(lambda x, w, f=f: (f(x, w, (2, 2), [(1, 1)] * 2, (1, 1)) ** 2).sum(), (0, 1))
        for f in (depthwise, by_xla)
    )
    for found, expected in zip(own(x, weight), xla(x, weight), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)  # sums of products


@pytest.mark.parametrize(
    ("x", "weight", "groups", "expected"),
    [
        ((1, 8, 5, 5), (8, 1, 3, 3), 8, True),
        ((1, 8, 5, 5), (16, 1, 3, 3), 8, False),  # two kernels for each channel
        ((1, 8, 5, 5), (8, 2, 3, 3), 4, False),
        ((1, 1, 5, 5), (1, 1, 3, 3), 1, False),
        ((1, 8, 20, 20), (8, 1, 9, 9), 8, False),  # of too many places to write out
        ((1, 8, 5), (8, 1, 3), 8, False),
    ],
)
def test_what_is_depthwise(x, weight, groups: int, expected: bool):
    assert is_depthwise(jnp.zeros(x), jnp.zeros(weight), groups) is expected
