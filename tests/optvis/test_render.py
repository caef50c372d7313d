"""Render: what is optimized improves, for each image by itself, the same way every time."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from atlasjax.errors import UserError
from atlasjax.optvis import objectives
from atlasjax.optvis.loop import Loop
from atlasjax.optvis.objectives import Objective
from atlasjax.optvis.param import Parameterization, fourier
from atlasjax.optvis.render import Rendered, renderer
from atlasjax.optvis.transform import similarity
from atlasjax.parallel import batch_mesh
from atlasjax.taps import as_pytree

ONE = batch_mesh(jax.local_devices()[:1])


def keys(n: int, seed: int = 0) -> jax.Array:
    return jax.random.split(jax.random.key(seed), n)


def still(key: jax.Array, image: jax.Array) -> jax.Array:
    del key
    return image


# Pixels themselves, from zero: what the loop does to them can be told by hand.
PIXELS = Parameterization(lambda key: jnp.zeros((2, 2, 3)), lambda params: params)


def total(target) -> Objective:
    """A score whose gradient with respect to an image is its target, everywhere."""
    return Objective(_total, data=np.asarray(target, np.float32))


def _total(seen, data, settings):
    del settings
    return seen.images.sum((1, 2, 3)) * data


def make(param, transform, optimizer, steps: int, target, keys, mesh=ONE, **loop) -> Rendered:
    """Make what has the largest total."""
    render = renderer(param, transform, optimizer, Loop(steps, **loop), mesh)
    return jax.device_get(render(NO_MODEL, total(target), total(target), keys))


def mean_colour(images, tap):
    return tap("mean", images.mean((1, 2)))


NO_MODEL = as_pytree(mean_colour)  # for scores that look at the images alone


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_the_number_of_steps_is_exactly_that(steps: int):
    made = make(PIXELS, still, optax.sgd(1.0), steps, [1.0, -2.0], keys(2))
    # Gradient ascent by the target in every step; small whole numbers are exact.
    np.testing.assert_array_equal(made.image[0], np.full((2, 2, 3), steps))
    np.testing.assert_array_equal(made.image[1], np.full((2, 2, 3), -2 * steps))
    np.testing.assert_array_equal(made.reached, np.array([12 * steps, 48 * steps]))


@pytest.mark.parametrize("steps", [0, -2])
def test_fewer_steps_than_one_are_refused(steps: int):
    with pytest.raises(UserError, match=f"steps {steps}: must be at least 1"):
        renderer(PIXELS, still, optax.sgd(1.0), Loop(steps), ONE)


def test_every_step_and_image_has_its_own_transform_and_the_measure_none():
    def scaled(key: jax.Array, image: jax.Array) -> jax.Array:
        return image * jax.random.uniform(key)

    def after(steps: int) -> np.ndarray:
        made = make(PIXELS, scaled, optax.sgd(1.0), steps, [1.0], keys(3))
        np.testing.assert_allclose(made.reached, made.image.sum((1, 2, 3)), rtol=1e-6)  # float32
        return np.asarray(made.image)[:, 0, 0, 0]

    # The gradient of a step is the factor drawn in it, so increments are the draws.
    draws = np.diff([np.zeros(3), *(after(steps) for steps in (1, 2, 3))], axis=0)
    assert (draws > 0).all()
    assert (draws < 1).all()
    assert len(np.unique(np.round(draws, 5))) == 9


def test_the_start_is_drawn_from_each_images_own_key():
    drawn = Parameterization(lambda key: jax.random.normal(key, (2, 2, 3)), lambda params: params)
    image = make(drawn, still, optax.sgd(0.0), 1, [1.0], keys(4)).image
    assert len(np.unique(image)) == image.size
    again = make(drawn, still, optax.sgd(0.0), 1, [1.0], keys(4)[::-1]).image
    np.testing.assert_array_equal(again[::-1], image)


def test_units_start_from_given_parameters_and_return_theirs():
    start = np.arange(2, dtype=np.float32)[:, None, None, None] * np.ones((1, 2, 2, 3), np.float32)
    render = renderer(PIXELS, still, optax.sgd(1.0), Loop(3), ONE)
    made = render(NO_MODEL, total([1.0, -2.0]), total([1.0, -2.0]), keys(2), start)
    np.testing.assert_array_equal(made.params, start + np.array([3, -6])[:, None, None, None])
    np.testing.assert_array_equal(made.image, made.params)
    once_more = render(NO_MODEL, total([1.0, -2.0]), total([1.0, -2.0]), keys(2), made.params)
    np.testing.assert_array_equal(once_more.params[:, 0, 0, 0], [6, -11])


def test_colours_are_found():
    """The best image for -(mean - target)^2 is known: any whose mean is the target."""
    target = np.array([[0.8, 0.5, 0.3], [0.2, 0.4, 0.6]], np.float32)
    objective = objectives.match("mean", target)
    render = renderer(fourier(8), similarity(2.0), optax.adam(0.5), Loop(300), ONE)
    made = render(NO_MODEL, objective, objective, keys(2))
    assert isinstance(made, Rendered)
    np.testing.assert_allclose(made.image.mean((1, 2)), target, atol=0.02)  # Adam's last steps
    assert float(made.reached.min()) > -1e-3


def test_snapshots_are_the_images_after_those_steps():
    made = make(PIXELS, still, optax.sgd(1.0), 6, [1.0, 3.0], keys(2), snapshots=(1, 4, 6))
    assert made.snapshot.shape == (2, 3, 2, 2, 3)
    np.testing.assert_array_equal(made.snapshot[:, :, 0, 0, 0], [[1, 4, 6], [3, 12, 18]])
    np.testing.assert_array_equal(made.snapshot[:, 2], made.image)


@pytest.mark.parametrize("frozen", [0, 2, 5])
def test_the_last_steps_see_images_as_they_are(frozen: int):
    render = renderer(
        PIXELS,
        lambda key, image: 2 * image,
        optax.sgd(1.0),
        Loop(5, untransformed_steps=frozen),
        ONE,
    )
    made = render(NO_MODEL, total([1.0]), total([1.0]), keys(1))
    # The transform doubles the gradient; small whole numbers are exact.
    np.testing.assert_array_equal(made.image, np.full((1, 2, 2, 3), 2 * (5 - frozen) + frozen))


def test_what_changes_the_size_cannot_be_left_out_at_the_end():
    render = renderer(
        PIXELS, lambda key, image: image[1:], optax.sgd(1.0), Loop(5, untransformed_steps=2), ONE
    )
    with pytest.raises(
        UserError, match=r"untransformed_steps 2: the transform makes \(1, 2, 3\) of"
    ):
        render(NO_MODEL, total([1.0]), total([1.0]), keys(1))


def test_the_history_is_what_was_seen_before_each_step():
    made = make(PIXELS, still, optax.sgd(1.0), 3, [1.0, 2.0], keys(2))
    np.testing.assert_array_equal(made.score, [[0, 12, 24], [0, 48, 96]])
    np.testing.assert_array_equal(made.measured, made.score)


def test_a_unit_stops_when_it_has_reached_enough_and_the_others_go_on():
    made = make(PIXELS, still, optax.sgd(1.0), 20, [1.0, 0.1], keys(2), stop_at=20.0)
    # The mean of the first unit is 0.9 of itself and 0.1 of 12 n after n steps: 20 at the eighth.
    level, expected = 0.0, 0
    while level < 20:
        level, expected = 0.9 * level + 0.1 * 12 * expected, expected + 1
    assert made.steps.tolist() == [expected, 20]
    np.testing.assert_array_equal(made.image[0], np.full((2, 2, 3), expected))
    np.testing.assert_allclose(made.image[1], 2.0, rtol=1e-6)  # twenty times a tenth
    alone = make(PIXELS, still, optax.sgd(1.0), 20, [1.0], keys(2)[:1], stop_at=20.0)
    np.testing.assert_array_equal(alone.image[0], made.image[0])
    # Nothing was computed any more; with others in the batch it was, and is not told.
    assert np.isnan(alone.score[0, expected:]).all()
    for told in ("score", "measured"):
        np.testing.assert_array_equal(getattr(alone, told)[0], getattr(made, told)[0])


def test_frames_are_made_together_and_units_apart():
    frames = Parameterization(lambda key: jnp.zeros((3, 2, 2, 3)), lambda params: params)
    made = make(frames, still, optax.sgd(1.0), 2, [1.0, 2.0], keys(2))
    assert made.image.shape == (2, 3, 2, 2, 3)
    assert made.reached.shape == (2, 3)
    np.testing.assert_array_equal(made.image[1], np.full((3, 2, 2, 3), 4))
    # The objective's history is of all frames together.
    np.testing.assert_array_equal(made.score, [[0, 36], [0, 144]])


def test_units_frames_and_steps_are_each_moved_in_their_own_way():
    frames = Parameterization(lambda key: jnp.zeros((3, 2, 2, 3)), lambda params: params)
    flat = Parameterization(lambda key: jnp.zeros((2, 2, 3)), lambda params: params)

    def brightened(key, image):
        return image + jax.random.uniform(key)

    # With steps of no length, what is scored is what was drawn.
    made = make(flat, brightened, optax.sgd(0.0), 4, [1.0] * 3, keys(3))
    drawn = made.score / 12
    assert len(np.unique(drawn.round(6))) == 12
    made = make(frames, brightened, optax.sgd(0.0), 4, [1.0] * 3, keys(3))
    # Three frames are brightened by three numbers: not by one, three times.
    alike = 3 * drawn
    assert np.abs(made.score / 12 - alike).min() > 1e-3
    first = jax.vmap(lambda k: jax.random.fold_in(k, 1))(keys(3))
    own = [[float(jax.random.uniform(k)) for k in jax.random.split(key, 3)] for key in first]
    np.testing.assert_allclose(made.score[:, 0] / 12, np.sum(own, 1), rtol=1e-5)


def test_the_optimizer_works_on_each_unit_by_itself():
    clipped = optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(1.0))
    both = make(PIXELS, still, clipped, 3, [1.0, 100.0], keys(2))
    alone = make(PIXELS, still, clipped, 3, [1.0], keys(2)[:1])
    np.testing.assert_array_equal(both.image[0], alone.image[0])


@pytest.mark.parametrize(
    ("loop", "message"),
    [
        (Loop(4, snapshots=(0,)), "snapshot after step 0: must be from 1 to 4"),
        (Loop(4, snapshots=(5,)), "snapshot after step 5"),
        (Loop(4, leaky_steps=-1), "leaky_steps -1"),
        (Loop(4, untransformed_steps=5), "untransformed_steps 5: must be from 0 to 4"),
        (Loop(4, dtype="int8"), "dtype 'int8'"),
    ],
)
def test_settings_that_nothing_can_be_made_with_are_refused(loop: Loop, message: str):
    with pytest.raises(UserError, match=message):
        renderer(PIXELS, still, optax.sgd(1.0), loop, ONE)
