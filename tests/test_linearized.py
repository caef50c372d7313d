"""A network made linear: against the same network built without what was taken out."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax.errors import UserError
from atlasjax.linearized import NoWeights, Unreached, linearized, run
from atlasjax.models.layers import local_response_norm
from atlasjax.models.pooling import max_pool

X = jnp.asarray(np.random.default_rng(0).normal(size=(1, 6, 6, 4)).astype(np.float32))
IDENTITIES = {
    "jax.nn.relu": jax.nn.relu,
    "maximum": lambda x: jnp.maximum(x, 0.0),
    "turned round": lambda x: -jnp.minimum(-x, 0.0),
    "where": lambda x: jnp.where(x > 0, x, 0),
    "clip": lambda x: jnp.clip(x, 0, 6),
    "relu6": jax.nn.relu6,
    "leaky": jax.nn.leaky_relu,
    "leaky, as a maximum": lambda x: jnp.maximum(x, 0.1 * x),
    "gelu": jax.nn.gelu,
    "gelu, exact": lambda x: jax.nn.gelu(x, approximate=False),
    "silu": jax.nn.silu,
    "swish": lambda x: x * jax.nn.sigmoid(1.5 * x),
    "hard swish": jax.nn.hard_swish,
    "elu": jax.nn.elu,
    "softplus": jax.nn.softplus,
    "mish": lambda x: x * jnp.tanh(jax.nn.softplus(x)),
    "tanh": jnp.tanh,
    "jitted": jax.jit(lambda x: jax.nn.relu(1 * x)),
    "checkpoint": jax.checkpoint(jax.nn.silu),
    "nothing": lambda x: x,
}


def applied(function: Any, x: Any = X) -> np.ndarray:
    return np.asarray(run(linearized(function, x), x))


@pytest.mark.parametrize("name", IDENTITIES)
def test_rectifiers_of_every_kind_are_the_identity(name: str):
    rectify = IDENTITIES[name]
    np.testing.assert_array_equal(applied(rectify), X)
    scale = jnp.asarray([2.0, -1.0, 0.5, -3.0]).reshape(1, 1, 1, 4)  # as of normalization
    found = applied(lambda x: 2 * rectify(x * scale - 7 * scale) + 1)
    np.testing.assert_allclose(found, 2 * X * scale, rtol=1e-6)


def test_slopes_are_those_of_each_channel():
    weight = jnp.asarray([0.25, 0.5, 1.0, 2.0]).reshape(1, 1, 1, 4)
    np.testing.assert_allclose(applied(lambda x: jax.nn.sigmoid(x) * 4), X, rtol=1e-6)
    np.testing.assert_array_equal(applied(lambda x: weight * jax.nn.relu(x)), weight * X)
    np.testing.assert_array_equal(applied(lambda x: jnp.where(x > 0, x, weight * x)), X)
    # A rectifier beside what goes around it: both are open.
    np.testing.assert_array_equal(applied(lambda x: jax.nn.relu(x) + x), 2 * X)


def windows(x: Any, size: int, stride: int, padding: Any) -> np.ndarray:
    """Means of windows one by one, of what lies inside."""
    x = np.asarray(x, np.float64)
    (low, high), side = padding, x.shape[1]
    count = (side + low + high - size) // stride + 1
    made = np.zeros((1, count, count, x.shape[3]))
    for r in range(count):
        for c in range(count):
            a, b = (max(i * stride - low, 0) for i in (r, c))
            e, f = (min(i * stride - low + size, side) for i in (r, c))
            made[:, r, c] = x[:, a:e, b:f].mean((1, 2))
    return made


@pytest.mark.parametrize(
    ("pool", "given"),
    [
        (lambda x: nnx.max_pool(x, (2, 2), (2, 2)), (2, 2, (0, 0))),
        (lambda x: nnx.max_pool(x, (3, 3), (1, 1), "SAME"), (3, 1, (1, 1))),
        (lambda x: max_pool(x, 3, 1, "same"), (3, 1, (1, 1))),
        (lambda x: max_pool(x, 3, 2, "ceil"), (3, 2, (0, 1))),
    ],
)
def test_max_pooling_is_average_pooling(pool: Any, given: Any):
    np.testing.assert_allclose(applied(pool), windows(X, *given), rtol=1e-5, atol=1e-6)


def test_maxima_are_means_of_what_they_are_of():
    np.testing.assert_allclose(applied(lambda x: x.max((1, 2))), X.mean((1, 2)), atol=1e-6)
    shifted = lambda x: jnp.maximum(jnp.maximum(x[:, :-2], x[:, 1:-1]), x[:, 2:])  # noqa: E731
    expected = (X[:, :-2] + X[:, 1:-1] + X[:, 2:]) / 3
    np.testing.assert_allclose(applied(shifted), expected, atol=1e-6)


def test_local_response_normalization_is_its_scale_for_a_silent_input():
    for normalize, scale in (
        (lambda x: local_response_norm(x, alpha=0.5), 1.0),
        (lambda x: local_response_norm(x, alpha=0.5, beta=0.5, k=4.0), 0.5),
        (lambda x: x / (2.0 + 0.1 * jnp.square(x).sum(-1, keepdims=True)) ** 2, 0.25),
        (lambda x: local_response_norm(jax.nn.relu(x - 1)), 1.0),
    ):
        np.testing.assert_allclose(applied(normalize), scale * X, rtol=1e-6)


def test_normalization_by_kept_statistics_is_what_it_is():
    norm: Any = nnx.BatchNorm(4, use_running_average=True, rngs=nnx.Rngs(0))
    random = np.random.default_rng(1)
    for part in (norm.mean, norm.var, norm.scale, norm.bias):
        part[...] = jnp.asarray(random.uniform(0.5, 2, 4).astype(np.float32))
    expected = np.asarray(X, np.float64) * np.asarray(
        norm.scale[...] / jnp.sqrt(norm.var[...] + 1e-5)
    )
    np.testing.assert_allclose(applied(lambda x: jax.nn.relu(norm(x))), expected, rtol=1e-5)


def test_all_that_is_linear_is_multiplied_through():
    """Against the derivative at two places, which are one where a function is linear."""
    random = np.random.default_rng(2)
    kernel, mix = (
        jnp.asarray(random.normal(size=s).astype(np.float32)) for s in ((3, 3, 4, 5), (4, 4))
    )

    def linear(x: Any) -> Any:
        y = jax.lax.conv_general_dilated(
            x, kernel, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        y = jnp.concatenate([y, 3 - y[..., ::-1]], -1)
        y = jnp.pad(y, ((0, 0), (1, 0), (0, 1), (0, 0)), constant_values=2)
        y = y.transpose(0, 3, 1, 2)[:, jnp.asarray([0, 3, 2, 7])]
        y = jnp.einsum("bchw,cd->bdhw", y, mix) / 3
        y = jax.image.resize(y, (1, 4, 8, 8), "bilinear")
        y = y.at[:, 1].set(0.0).at[:, 2].add(1.0)
        return (
            y.cumsum(2).reshape(1, 16, -1).sum(1)
            - jax.lax.dynamic_slice(y, (0, 0, 1, 1), (1, 1, 2, 2)).sum()
        )

    for where in (X, 100 * X):
        _, tangent = jax.jvp(linear, (where,), (X,))
        np.testing.assert_allclose(applied(linear), tangent, rtol=1e-4, atol=1e-4)


REFUSED = {
    "layer norm": nnx.LayerNorm(4, rngs=nnx.Rngs(0)),
    "group norm": nnx.GroupNorm(4, 2, rngs=nnx.Rngs(0)),
    "instance norm": lambda x: (x - x.mean((1, 2))) * jax.lax.rsqrt(x.var((1, 2)) + 1e-3),
    "softmax": jax.nn.softmax,
    "attention": lambda x: jax.nn.softmax(jnp.einsum("bhwc,bhvc->bhwv", x, x)) @ x,
    "gate": lambda x: x * jax.nn.sigmoid(x.mean((1, 2), keepdims=True)),
    "square": lambda x: jnp.square(x).sum(-1),
    "square beside it": lambda x: x[..., :1] + jnp.square(x).sum(-1, keepdims=True),
    "exponential": lambda x: jnp.exp(x).sum(-1),
    "magnitude": lambda x: jnp.abs(x).sum(-1),
    "sign": lambda x: jnp.sign(x).sum(-1),
    "order": lambda x: jnp.sort(x, -1),
    "loop": lambda x: jax.lax.scan(lambda c, row: (c + row, c), x[0, 0], x[0])[1],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_linear_part_is_refused(name: str):
    with (
        jax.numpy_rank_promotion("allow"),
        pytest.raises(NoWeights, match="no weights: on the way"),
    ):
        linearized(REFUSED[name], X)


def test_what_does_not_depend_on_the_input_is_said():
    with pytest.raises(Unreached):
        linearized(lambda x: jnp.ones(3), X)


def test_weights_that_are_traced_are_refused():
    def traced(weight: Any) -> Any:
        return run(linearized(lambda x: x * weight, X), X)

    with pytest.raises(UserError, match=r"outside of jax\.jit"):
        jax.jit(traced)(jnp.float32(2))


def test_what_nobody_asks_for_is_neither_refused_nor_computed():
    def both(x: Any) -> Any:
        inner = jax.jit(lambda y: (2 * y, jnp.exp(y), jax.nn.softmax(y)))
        return inner(x)[0]

    np.testing.assert_array_equal(applied(both), 2 * X)
    names = [one.primitive.name for one in linearized(both, X).jaxpr.eqns]
    assert set(names) == {"mul"}


def mixed(x: Any) -> Any:
    x = jax.nn.gelu(local_response_norm(max_pool(x - 1, 3, 2), alpha=0.1))
    return jnp.concatenate([jax.nn.relu(x + 2), x[..., ::-1]], -1)


@functools.cache
def program() -> Any:
    return linearized(mixed, X)


@settings(max_examples=25, deadline=None)
@given(st.floats(-4, 4), st.floats(-4, 4), st.integers(0, 2**31 - 1))
def test_a_program_made_linear_is_linear(a: float, b: float, seed: int):
    x, y = np.random.default_rng(seed).normal(size=(2, 1, 6, 6, 4)).astype(np.float32)
    together, first, second = (
        np.asarray(run(program(), jnp.asarray(one)))
        for one in (np.float32(a) * x + np.float32(b) * y, x, y)
    )
    # To rounding, of a few dozen numbers of order 1 that are summed.
    np.testing.assert_allclose(together, np.float32(a) * first + np.float32(b) * second, atol=1e-4)
