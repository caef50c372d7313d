"""Visualize: any number of units in batches, each by itself, the best of several attempts."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from atlasjax.errors import UserError
from atlasjax.optvis.loop import Loop
from atlasjax.optvis.objectives import (
    Objective,
    channel,
    class_logit,
    direction_neuron,
    total_variation,
)
from atlasjax.optvis.param import Parameterization, fourier
from atlasjax.optvis.transform import similarity
from atlasjax.optvis.visualize import visualize

SMALL = {"param": fourier(8), "loop": Loop(6)}
KEY = jax.random.key(0)


def toy(images, tap):
    """Three channels, each the brightness of one colour."""
    return tap("colours", images).mean((1, 2))


def test_every_unit_of_the_objective_becomes_an_image():
    seen = []
    made = visualize(
        toy,
        channel("colours", [0, 1, 2, 0, 1]),
        KEY,
        batch=2,
        progress=lambda done, total: seen.append((done, total)),
        **SMALL,
    )
    assert made.image.shape == (5, 8, 8, 3)
    brightness = made.image.mean((1, 2))
    assert brightness.argmax(1).tolist() == [0, 1, 2, 0, 1]
    np.testing.assert_allclose(made.reached, brightness.max(1), rtol=1e-5)  # float32
    assert seen == [(0, 5), (2, 5), (4, 5), (5, 5)]
    assert made.score.shape == (5, 6)


def test_a_unit_does_not_depend_on_how_many_there_are():
    many = visualize(toy, channel("colours", [2, 1, 0]), KEY, batch=4, **SMALL)
    one = visualize(toy, channel("colours", [2]), KEY, **SMALL)
    np.testing.assert_array_equal(one.image[0], many.image[0])  # one program for both
    numbered = visualize(toy, channel("colours", [0, 2]), KEY, numbers=[7, 0], **SMALL)
    np.testing.assert_array_equal(one.image[0], numbered.image[1])
    with pytest.raises(UserError, match="1 numbers for 2 units"):
        visualize(toy, channel("colours", [0, 2]), KEY, numbers=[7], **SMALL)


def test_equal_settings_share_what_was_compiled():
    traced = []

    def counted(seen, data, settings):
        traced.append(seen.images.shape)
        return _brightness(seen, data, settings)

    score, times = Objective(counted), []

    def one(sd: float = 0.01) -> None:
        own = {"param": fourier(8, sd), "transform": similarity(jitter=1), "loop": Loop(6)}
        visualize(toy, score, KEY, count=1, **own)

    for _ in range(3):
        one()
        times.append(len(traced))
    assert times[1] == times[2] == times[0]
    one(sd=0.02)
    assert len(traced) > times[2]


def test_one_objective_can_have_several_images():
    made = visualize(toy, channel("colours", 0), KEY, count=3, **SMALL)
    assert made.image.shape == (3, 8, 8, 3)
    assert (np.abs(np.diff(made.image, axis=0)).max((1, 2, 3)) > 1e-3).all()  # other starts


def test_what_fails_is_made_again_and_the_best_is_kept():
    # The start is all there is: a step of length zero, and a level drawn from the key.
    drawn = Parameterization(
        lambda key: jnp.full((2, 2, 3), jax.random.uniform(key)), lambda params: params
    )
    bright = Objective(_brightness)
    settings = {"param": drawn, "optimizer": optax.sgd(0.0), "loop": Loop(1), "count": 6}
    once = visualize(toy, bright, KEY, **settings)
    again = visualize(toy, bright, KEY, attempts=8, retry_below=0.7, **settings)
    assert (once.reached < 0.7).any()
    good = once.reached >= 0.7
    np.testing.assert_array_equal(again.reached[good], once.reached[good])
    assert (again.reached[~good] > once.reached[~good]).all()
    np.testing.assert_allclose(again.image[:, 0, 0, 0], again.reached, rtol=1e-6)


def test_units_start_where_others_ended_and_from_the_key_when_made_again():
    drawn = Parameterization(
        lambda key: jnp.full((2, 2, 3), jax.random.uniform(key)), lambda params: params
    )
    settings = {"param": drawn, "optimizer": optax.sgd(0.0), "loop": Loop(1), "batch": 2}
    level = np.array([0.9, 0.05, 0.6], np.float32)
    start = np.broadcast_to(level[:, None, None, None], (3, 2, 2, 3))
    bright = Objective(_brightness)
    made = visualize(toy, bright, KEY, count=3, start=start, **settings)
    np.testing.assert_array_equal(made.params, start)
    np.testing.assert_allclose(made.reached, level, rtol=1e-6)
    twice = visualize(
        toy, bright, KEY, count=3, start=start, attempts=4, retry_below=0.5, **settings
    )
    np.testing.assert_array_equal(twice.reached[[0, 2]], made.reached[[0, 2]])
    assert twice.reached[1] > level[1]
    further = visualize(toy, bright, KEY, count=3, start=twice.params, **settings)
    np.testing.assert_array_equal(further.image, twice.image)


def _brightness(seen, data, settings):
    del data, settings
    return seen.images.mean((1, 2, 3))


def test_the_second_call_compiles_nothing():
    calls = []

    def counted(images, tap):
        calls.append(images.shape)
        return toy(images, tap)

    settings = {"param": fourier(8), "loop": Loop(2)}
    visualize(counted, channel("colours", 0), KEY, **settings)
    first = len(calls)
    visualize(counted, channel("colours", 1), KEY, **settings)
    assert 0 < first == len(calls)  # its shapes are known as well


def test_a_network_of_one_size_is_drawn_at_that_size_alone():
    def strict(images, tap):
        return toy(images + jnp.zeros((1, 8, 8, 3)), tap)

    objective, loop = channel("colours", 0), Loop(2)
    assert visualize(strict, objective, KEY, param=fourier(8), loop=loop).image.shape[1] == 8
    with pytest.raises(UserError, match=r"does not take images of 12 x 12 px \(add got incompat"):
        visualize(strict, objective, KEY, param=fourier(12), loop=loop)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"objective": channel("colour", 0)}, "no layer 'colour'; did you mean colours"),
        ({"objective": channel("colours", 3)}, "3"),
        ({"objective": direction_neuron("colours", np.ones(5, np.float32))}, "5"),
        ({"objective": channel("colours", [0, 1]), "count": 3}, "count 3"),
        ({"batch": 0}, "batch 0: must be at least 1"),
        ({"attempts": 0}, "attempts 0: must be at least 1"),
        ({"loop": Loop(0)}, "steps 0: must be at least 1"),
        ({"start": np.zeros((2, 2, 3, 8, 5))}, "2 starts for 1 units"),
        ({"start": np.zeros((1, 2, 3, 4, 3))}, "do not belong here"),
    ],
)
def test_mistakes_are_explained(arguments, message):
    given = {"objective": channel("colours", 0), **SMALL, **arguments}
    with pytest.raises(UserError, match=message):
        visualize(toy, key=KEY, **given)


@pytest.mark.parametrize("channels", [1, 5])
def test_networks_that_take_other_channels(channels: int):
    def own(images, tap):
        return tap("colours", images @ jnp.eye(channels)).mean((1, 2))  # which takes no others

    which = sorted({0, channels - 1})
    made = visualize(own, channel("colours", which), KEY, channels=channels, loop=Loop(4))
    assert made.image.shape == (len(which), 128, 128, channels)
    changed = made.image.mean((1, 2)) - 0.5
    assert changed.argmax(1).tolist() == which
    # Each channel is by itself: the others stay as grey as they begin.
    assert np.abs(np.delete(changed, which, axis=1)).max(initial=0) < 0.005
    assert (changed[range(len(which)), which] > 0.01).all()


def dark(images, tap):
    """Two channels behind a rectifier that is not named: silent in grey, and silent for good."""
    x = images.mean((1, 2, 3), keepdims=True) - jnp.array([0.51, 2.0]).reshape(1, 1, 1, 2)
    return tap("units", jax.nn.relu(x)).mean((1, 2))


def test_silent_units_wake_by_default_and_what_stays_silent_is_said():
    made = visualize(dark, channel("units", [0, 1]), KEY, param=fourier(8), loop=Loop(48))
    assert made.reached[0] > 0.05
    assert made.silent.tolist() == [False, True]
    assert made.lost.tolist() == [0, 0]
    penalized = channel("units", [0, 1]) * 2 - 0.1 * total_variation() + 1
    again = visualize(dark, penalized, KEY, param=fourier(8), loop=Loop(48))
    assert again.silent.tolist() == [False, True]
    asleep = visualize(
        dark, channel("units", [0, 1]), KEY, param=fourier(8), loop=Loop(48, leaky_steps=0)
    )
    assert asleep.silent.tolist() == [True, True]


def test_logits_are_led_astray_by_no_leak():
    def made(loop: Loop):
        return visualize(two, class_logit(0), KEY, param=fourier(8), loop=loop).image

    def two(images, tap):
        return tap("units", jax.nn.relu(images - 0.5)).mean((1, 2))

    np.testing.assert_array_equal(made(Loop(12)), made(Loop(12, leaky_steps=0)))
    assert np.abs(made(Loop(12)) - made(Loop(12, leaky_steps=4))).max() > 1e-3


def logarithm(images, tap):
    """The first channel has a logarithm of less than nothing where any pixel is dark."""
    x = jnp.stack([jnp.log(images - 0.5), images], -1).mean((1, 2, 3))
    return tap("units", x[:, None, None]).mean((1, 2))


def test_a_step_without_a_finite_gradient_is_not_taken_and_is_counted():
    start = visualize(toy, channel("colours", 0), KEY, param=fourier(8), optimizer=optax.sgd(0.0))
    made = visualize(logarithm, channel("units", [0, 1]), KEY, param=fourier(8), loop=Loop(16))
    assert made.lost.tolist() == [16, 0]
    assert np.isfinite(made.image).all()
    np.testing.assert_allclose(made.image[0], start.image[0], atol=1e-6)  # grey, and not black
    assert made.reached[1] > 0.52  # its neighbour takes no harm


def test_what_was_not_finite_is_made_again():
    drawn = Parameterization(
        lambda key: jnp.full((2, 2, 3), jax.random.uniform(key)), lambda params: params
    )
    settings = {"param": drawn, "optimizer": optax.sgd(0.0), "loop": Loop(1), "count": 6}
    once = visualize(logarithm, channel("units", 0), KEY, **settings)
    again = visualize(logarithm, channel("units", 0), KEY, attempts=8, **settings)
    assert np.isnan(once.reached).any()
    assert np.isfinite(again.reached).all()
