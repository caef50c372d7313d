"""Effects agree with finite differences, add up where they must, and say how far they do not."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import UserError, blocks
from atlasjax.taps import capture
from atlasjax.targets import class_logit, difference, unit

KEY = jax.random.key(0)


def slopes_by_differences(rest, value: np.ndarray, target) -> np.ndarray:
    """Return the slope of a target by every neuron, by central differences in float64."""
    value, step = value.astype(np.float64), 1e-5
    made = np.zeros_like(value)
    for place in np.ndindex(*value.shape[1:]):
        moved = np.zeros_like(value)
        moved[(slice(None), *place)] = step
        up, down = target(rest(value + moved)), target(rest(value - moved))
        made[(slice(None), *place)] = (up - down) / (2 * step)
    return made


def test_slopes_are_those_of_finite_differences(curved, images, rest_of_curved):
    ask = [class_logit(2), difference(0, 5)]
    found = blocks.effects(curved, "first", images, ask, method="gradient")
    value = np.asarray(capture(curved, images, ["first"])["first"])
    np.testing.assert_allclose(found.activation, value, rtol=1e-6)
    wanted = [lambda logits: logits[:, 2], lambda logits: logits[:, 0] - logits[:, 5]]
    for number, target in enumerate(wanted):
        expected = slopes_by_differences(rest_of_curved, value, target)
        # float32 sums of 36 products of numbers near 1
        np.testing.assert_allclose(found.gradient[:, number], expected, rtol=2e-4, atol=2e-5)
        change = target(rest_of_curved(value)) - target(rest_of_curved(np.zeros_like(value)))
        np.testing.assert_allclose(found.change[:, number], change, rtol=1e-4)


def test_slopes_along_a_path_are_those_of_an_integral(curved, images, rest_of_curved):
    """Gauss-Legendre in float64 on the one side, midpoints on the other: both near the integral."""
    value = np.asarray(capture(curved, images, ["first"])["first"])
    nodes, weights = np.polynomial.legendre.leggauss(20)
    expected = sum(
        w / 2 * slopes_by_differences(rest_of_curved, (n + 1) / 2 * value, lambda y: y[:, 1])
        for n, w in zip(nodes, weights, strict=True)
    )
    found = blocks.effects(curved, "first", images, [class_logit(1)], method="path")
    # midpoints miss f'' / (24 * 100^2) of a smooth function
    np.testing.assert_allclose(found.gradient[:, 0], expected, rtol=1e-3, atol=1e-4)
    assert float(blocks.completeness(found).max()) < 1e-3


def test_few_steps_are_less_complete_than_many(curved, images):
    few, many = (
        blocks.effects(curved, "first", images, [class_logit(1)], method="path", steps=n)
        for n in (2, 50)
    )
    assert float(blocks.completeness(few).max()) > 10 * float(blocks.completeness(many).max())


@pytest.mark.parametrize("method", ["gradient", "path"])
def test_everything_adds_up_in_a_linear_network(linear, images, method: str):
    found = blocks.effects(
        linear, "second", images, [class_logit(0), class_logit(3)], method=method
    )
    assert float(blocks.completeness(found).max()) < 1e-4  # of sums of 36 numbers in float32
    for cut in (blocks.neurons, blocks.positions, blocks.channels):
        effect = cut(found).effect
        total = effect.sum(tuple(range(2, effect.ndim)))
        np.testing.assert_allclose(total, found.change, rtol=1e-4, atol=1e-5)
    logits = linear(images, lambda name, value: value)
    np.testing.assert_allclose(found.change[:, 1], logits[:, 3], rtol=1e-5)


def test_slices_are_magnitudes_and_sums_of_effects():
    value = jnp.asarray([[[[3.0, 4.0], [0.0, 12.0]]]])
    slope = jnp.asarray([[[[[1.0, -1.0], [5.0, 0.5]]]]])
    found = blocks.Effects(value, slope, jnp.ones((1, 1)))
    assert blocks.neurons(found).effect.tolist() == [[[[[3.0, -4.0], [0.0, 6.0]]]]]
    assert blocks.positions(found).magnitude.tolist() == [[[5.0, 12.0]]]
    assert blocks.positions(found).effect.tolist() == [[[[-1.0, 6.0]]]]
    assert blocks.channels(found).effect.tolist() == [[[3.0, 2.0]]]
    np.testing.assert_allclose(blocks.channels(found).magnitude, [[3.0, 160**0.5]], rtol=1e-6)


def test_outputs_are_the_effects_on_all_classes_at_once(curved, images):
    """Forward mode against reverse mode, class by class."""
    targets = [class_logit(i) for i in range(6)]
    found = blocks.effects(curved, "first", images, targets, method="gradient")
    parts = jnp.eye(5)[None, :, None, None, :] * found.activation[:, None]
    pushed = blocks.outputs(curved, "first", images, parts)
    expected = blocks.channels(found).effect
    np.testing.assert_allclose(pushed, jnp.swapaxes(expected, 1, 2), rtol=1e-4, atol=1e-5)


def test_the_stochastic_path_is_a_mean_of_slopes_around_the_path(linear, curved, images):
    drawn = partial(blocks.effects, method="stochastic", steps=40)
    exact = blocks.effects(linear, "first", images, [class_logit(0)], method="gradient")
    found = drawn(linear, "first", images, [class_logit(0)], KEY)
    np.testing.assert_allclose(found.gradient, exact.gradient, rtol=1e-4, atol=1e-5)
    one, same, other = (
        drawn(curved, "first", images, [class_logit(0)], key).gradient
        for key in (KEY, KEY, jax.random.key(1))
    )
    assert bool((one == same).all())
    assert not bool((one == other).all())
    path = blocks.effects(curved, "first", images, [class_logit(0)], method="path").gradient
    assert float(jnp.corrcoef(one.ravel(), path.ravel())[0, 1]) > 0.9


def test_a_unit_is_a_target_where_there_are_no_classes(linear, images):
    def without_classes(x, tap):
        linear(x, tap)
        return x

    found = blocks.effects(without_classes, "first", images, [unit("second", 3, (1, 1))])
    effect = blocks.positions(found).effect[:, 0]
    assert bool((effect[:, 1, 1] != 0).all())
    assert float(jnp.abs(effect).sum()) == pytest.approx(float(jnp.abs(effect[:, 1, 1]).sum()))
    value = capture(linear, images, ["second"])["second"][:, 1, 1, 3]
    np.testing.assert_allclose(effect[:, 1, 1], value, rtol=1e-5)
    with pytest.raises(UserError, match=r"no logits: the network's output is \[3, 3, 3\]"):
        blocks.outputs(without_classes, "first", images, jnp.ones((2, 1, 3, 3, 5)))


def test_tokens_are_planes(images):
    def tokens(x, tap):
        x = tap("tokens", jnp.concatenate([jnp.ones((len(x), 1, 3)), x.reshape(len(x), 9, 3)], 1))
        return x.sum(1)

    found = blocks.effects(tokens, "tokens", images, [class_logit(1)])
    np.testing.assert_allclose(blocks.positions(found).effect[:, 0], images[..., 1], rtol=1e-6)
    whole = blocks.effects(tokens, "tokens/class", images, [class_logit(1)])
    np.testing.assert_allclose(whole.change, 1, rtol=1e-5)  # the class token alone


def test_what_cannot_be_asked_for_is_refused(linear, images):
    ask = [class_logit(0)]
    with pytest.raises(UserError, match=r"no layer 'frist'.*first"):
        blocks.effects(linear, "frist", images, ask)
    with pytest.raises(UserError, match="no targets: give at least one"):
        blocks.effects(linear, "first", images, [])
    with pytest.raises(UserError, match="no method 'paths'"):
        blocks.effects(linear, "first", images, ask, method="paths")
    with pytest.raises(UserError, match="steps 0: must be at least 1"):
        blocks.effects(linear, "first", images, ask, method="path", steps=0)
    with pytest.raises(UserError, match="method 'stochastic': needs a key"):
        blocks.effects(linear, "first", images, ask, method="stochastic")
    with pytest.raises(UserError, match="class 6: must be from 0 to 5"):
        blocks.effects(linear, "first", images, [class_logit(6)])
