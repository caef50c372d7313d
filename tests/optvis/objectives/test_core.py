"""Composition: against the same arithmetic in numpy, and what it is compiled to."""

import operator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax.errors import UserError
from atlasjax.optvis.objectives import (
    LOGITS,
    Objective,
    Seen,
    channel,
    check,
    class_logit,
    constant,
    evaluate,
    neuron,
    shapes_for,
    spread,
    take,
    total_variation,
    units,
)
from atlasjax.optvis.objectives.core import network

UNITS, FRAMES = 3, 2
LAYER = np.random.default_rng(0).normal(size=(UNITS, FRAMES, 2, 2, 4)).astype(np.float32)
MEANS = LAYER.astype(np.float64).mean((2, 3))  # [units, frames, channels]

NUMBERS = st.one_of(st.integers(-3, 3), st.floats(-3, 3, width=32))
DIVISORS = NUMBERS.filter(lambda x: abs(x) > 0.25)


def leaf(which: list[int]) -> tuple[Objective, np.ndarray]:
    """Channels, the same for all units or one for each, and their scores by numpy."""
    value = np.stack([MEANS[unit, :, c] for unit, c in enumerate(np.broadcast_to(which, UNITS))])
    return channel("conv", which), value


# An expression is channels, one or one for each unit, a number, or an operator and what it is for.
CHANNELS = st.integers(0, 3)
LEAVES = st.one_of(
    st.lists(CHANNELS, min_size=1, max_size=1), st.lists(CHANNELS, min_size=UNITS, max_size=UNITS)
)


def compose(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Apply an operator to two parts, or to a part and a number on either side."""
    either = st.sampled_from([operator.add, operator.sub, operator.mul])
    return st.one_of(
        st.tuples(either, parts, parts),
        st.tuples(either, parts, NUMBERS),
        st.tuples(either, NUMBERS, parts),
        st.tuples(st.just(operator.truediv), parts, DIVISORS),
        st.tuples(st.just(operator.neg), parts),
    )


def build(expression: Any) -> tuple[Any, Any]:
    """Return the objective of an expression, and its scores by numpy."""
    if isinstance(expression, list):
        return leaf(expression)
    if not isinstance(expression, tuple):
        return expression, expression
    f, *parts = expression
    objectives, values = zip(*map(build, parts), strict=True)
    return f(*objectives), f(*values)


@settings(deadline=None, max_examples=40)
@given(expression=st.recursive(LEAVES, compose, max_leaves=5))
def test_arithmetic_is_that_of_the_scores(scores, expression: Any):
    objective, expected = build(expression)
    found = scores(objective, {"conv": LAYER})
    # float32, relative to the largest terms that may cancel: five leaves, numbers up to 3.
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_the_example_of_the_operators(scores):
    a, b = channel("conv", 0), channel("conv", [1, 2, 3])
    x, y = leaf([0])[1], leaf([1, 2, 3])[1]
    found = scores(a + b - 2 * a / 4 + 1 - (3 - b) * a, {"conv": LAYER})
    np.testing.assert_allclose(found, x + y - x / 2 + 1 - (3 - y) * x, atol=1e-5)


def test_sums_start_at_zero(scores):
    total = sum([channel("conv", 0), channel("conv", 1)], start=constant(0))
    assert isinstance(total, Objective)
    np.testing.assert_allclose(
        scores(total, {"conv": LAYER}), MEANS[..., 0] + MEANS[..., 1], atol=1e-5
    )


def test_a_constant_is_the_same_for_every_frame(scores):
    np.testing.assert_array_equal(scores(constant(2.5), {"conv": LAYER}), np.full((3, 2), 2.5))


def test_objectives_know_how_many_units_they_are_for():
    assert units(constant(1)) == units(total_variation()) == units(channel("conv", 1)) == 1
    assert units(channel("conv", [1, 2]) + constant(1)) == 2
    with pytest.raises(UserError, match="for 2 and 3 images at once: the numbers must agree"):
        units(channel("conv", [1, 2]) * channel("conv", [1, 2, 3]))


def test_parts_for_other_numbers_of_units_are_refused():
    both = channel("conv", [1, 2]) + neuron("conv", [1, 2, 3])
    with pytest.raises(UserError, match="2 and 3 images at once"):
        check(both, {"conv": (2, 2, 4)})
    with pytest.raises(UserError, match="for 2 images at once, but 4 are to be made"):
        spread(channel("conv", [1, 2]), 4)


def test_spreading_gives_every_unit_its_own_data_without_copying():
    objective = spread(channel("conv", [3, 1]) + 2, 2)
    assert [len(x) for x in jax.tree.leaves(objective)] == [2, 2]
    weight = objective.data[1].data
    assert weight.strides == (0,)
    second = take(objective, 1)
    assert (int(second.data[0].data), float(second.data[1].data)) == (1, 2.0)
    some = take(objective, np.array([1, 1, 0]))
    np.testing.assert_array_equal(some.data[0].data, [1, 1, 3])
    inside = jax.jit(lambda o: spread(o, 3).data)(constant(1))
    np.testing.assert_array_equal(inside, [1, 1, 1])


def toy(images: jax.Array, tap: Any) -> jax.Array:
    x = tap("conv1", jnp.concatenate([images, -images], -1))
    x = tap("conv2", 2 * x[:, ::2, ::2])
    return x.mean((1, 2))


def test_the_output_is_a_layer_by_the_name_of_logits():
    assert shapes_for(toy, (4, 4, 3)) == {"conv1": (4, 4, 6), "conv2": (2, 2, 6), "logits": (6,)}
    images = jnp.ones((2, 4, 4, 3))
    found = network(toy, images, (LOGITS, "conv1"))
    assert list(found) == [LOGITS, "conv1"]
    np.testing.assert_array_equal(found[LOGITS][:, 0], [2, 2])

    def add_one(name: str, value: jax.Array) -> jax.Array:
        return value + 1 if name == "conv2" else value

    edited = network(toy, images, ("conv2", LOGITS), add_one)
    np.testing.assert_array_equal(edited["conv2"][:, 0, 0, 0], [3, 3])
    np.testing.assert_array_equal(edited[LOGITS][:, 0], [3, 3])


def of_tokens(images: jax.Array, tap: Any) -> jax.Array:
    """A class token and 2 x 2 patches, at one size only, as [b, 5, 3]; their mean, as [b, 3]."""
    patches = images.reshape(-1, 2, 2, 2, 2, 3).mean((2, 4)).reshape(-1, 4, 3)
    x = tap("tokens", jnp.concatenate([patches.mean(1, keepdims=True), patches], 1))
    return tap("mean", x.mean(1))


def test_tokens_are_seen_as_planes_and_vectors_as_they_are():
    shapes = shapes_for(of_tokens, (4, 4, 3))
    assert shapes == {"tokens": (2, 2, 3), "tokens/class": (1, 1, 3), "mean": (3,), "logits": (3,)}
    images = jax.random.uniform(jax.random.key(0), (1, 4, 4, 3))
    found = network(of_tokens, images, ("tokens", "tokens/class", "mean"))
    expected = images.reshape(1, 2, 2, 2, 2, 3).mean((2, 4))
    np.testing.assert_allclose(found["tokens"], expected, rtol=1e-6)
    np.testing.assert_allclose(found["tokens/class"][0, 0, 0], images.mean((0, 1, 2)), rtol=1e-6)
    # The centre is a patch's, [1, 1], and not a token in the middle of the list.
    centre = evaluate(take(neuron("tokens", 2), 0), Seen(images, found))
    np.testing.assert_allclose(centre, images[:, 2:, 2:, 2].mean((1, 2)), rtol=1e-6)


def test_a_network_that_does_not_take_a_size_says_so_in_one_line():
    with pytest.raises(UserError) as error:
        shapes_for(of_tokens, (6, 6, 3))
    told = str(error.value)
    assert told.startswith("the network does not take images of 6 x 6 px (cannot reshape array")
    assert told.endswith("; where it takes one size only, give that size: size=")
    assert "\n" not in told

    def silent(images: jax.Array, tap: Any) -> jax.Array:
        raise RuntimeError

    with pytest.raises(UserError, match=r"6 px \(RuntimeError\); where"):
        shapes_for(silent, (6, 6, 3))


def test_layers_are_listed_once_in_order():
    objective = channel("conv2", 0) + channel("conv1", 0) - 2 * channel("conv2", 1)
    assert objective.layers == ("conv2", "conv1")


def test_unknown_layers_are_named_with_the_nearest():
    shapes = shapes_for(toy, (4, 4, 3))
    check(channel("conv2", 5) + class_logit(5) - total_variation() * 0.1, shapes)
    for objective in (channel("conv3", 0), 1 - 2 * channel("conv3", 0) * class_logit(0)):
        with pytest.raises(UserError, match=r"no layer 'conv3'; did you mean conv\d, conv\d\?"):
            check(objective, shapes)


def test_parts_are_checked_wherever_they_stand():
    shapes = shapes_for(toy, (4, 4, 3))
    with pytest.raises(UserError, match="no channel 6; there are 0 to 5"):
        check(1 + class_logit(0) * (2 - channel("conv1", 6)), shapes)


def test_numbers_are_data_so_that_others_do_not_compile_again():
    traced = []

    @jax.jit
    def run(objective: Objective, images: jax.Array) -> jax.Array:
        traced.append(0)
        layers = network(toy, images, objective.layers)
        return evaluate(take(spread(objective, 1), 0), Seen(images, layers))

    images = jnp.ones((1, 4, 4, 3))
    found = [
        float(run(channel("conv1", c) - w * class_logit(k) + 1, images)[0])
        for c, w, k in ((0, 0.5, 0), (4, 2, 1), (1, -1.0, 5))
    ]
    np.testing.assert_allclose(found, [1, -4, 0])
    assert len(traced) == 1
    run(channel("conv2", 0) - 0.5 * class_logit(0) + 1, images)
    assert len(traced) == 2  # another layer is another computation
