"""Render: what is optimized improves, for each image by itself, the same way every time."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from atlasjax import models
from atlasjax.errors import UserError
from atlasjax.optvis.objectives import centre, cosine, direction
from atlasjax.optvis.param import Parameterization, fourier
from atlasjax.optvis.render import Rendered, renderer
from atlasjax.optvis.transform import similarity
from atlasjax.parallel import batch_mesh
from atlasjax.taps import as_pytree, capture

ONE = batch_mesh(jax.local_devices()[:1])
TWO = batch_mesh(jax.local_devices()[:2])
LAYER, CHANNELS = "maxpool1", 24


def keys(n: int, seed: int = 0) -> jax.Array:
    return jax.random.split(jax.random.key(seed), n)


def still(key: jax.Array, image: jax.Array) -> jax.Array:
    del key
    return image


# Pixels themselves, from zero: what the loop does to them can be told by hand.
PIXELS = Parameterization(lambda key: jnp.zeros((2, 2, 3)), lambda params: params)


def total(model, images, target):
    """A score whose gradient with respect to an image is its target, everywhere."""
    del model
    return images.sum((1, 2, 3)) * target


def mean_colour(images, tap):
    return tap("logits", images.mean((1, 2)))


NO_MODEL = as_pytree(mean_colour)  # for scores that look at the images alone


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_the_number_of_steps_is_exactly_that(steps: int):
    make = renderer(total, total, PIXELS, still, optax.sgd(1.0), steps, ONE)
    target = jnp.asarray([1.0, -2.0])
    made = make(NO_MODEL, keys(2), target)
    # Gradient ascent by the target in every step; small whole numbers are exact.
    np.testing.assert_array_equal(made.image[0], np.full((2, 2, 3), steps))
    np.testing.assert_array_equal(made.image[1], np.full((2, 2, 3), -2 * steps))
    np.testing.assert_array_equal(made.reached, np.array([12 * steps, 48 * steps]))


@pytest.mark.parametrize("steps", [0, -2])
def test_fewer_steps_than_one_are_refused(steps: int):
    with pytest.raises(UserError, match=f"steps {steps}: must be at least 1"):
        renderer(total, total, PIXELS, still, optax.sgd(1.0), steps, ONE)


def test_every_step_and_image_has_its_own_transform_and_the_measure_none():
    def scaled(key: jax.Array, image: jax.Array) -> jax.Array:
        return image * jax.random.uniform(key)

    def after(steps: int) -> np.ndarray:
        make = renderer(total, total, PIXELS, scaled, optax.sgd(1.0), steps, ONE)
        made = make(NO_MODEL, keys(3), jnp.ones(3))
        np.testing.assert_allclose(made.reached, made.image.sum((1, 2, 3)), rtol=1e-6)  # float32
        return np.asarray(made.image)[:, 0, 0, 0]

    # The gradient of a step is the factor drawn in it, so increments are the draws.
    draws = np.diff([np.zeros(3), *(after(steps) for steps in (1, 2, 3))], axis=0)
    assert (draws > 0).all()
    assert (draws < 1).all()
    assert len(np.unique(np.round(draws, 5))) == 9


def test_the_start_is_drawn_from_each_images_own_key():
    drawn = Parameterization(lambda key: jax.random.normal(key, (2, 2, 3)), lambda params: params)
    make = renderer(total, total, drawn, still, optax.sgd(0.0), 1, ONE)
    image = np.asarray(make(NO_MODEL, keys(4), jnp.ones(4)).image)
    assert len(np.unique(image)) == image.size
    again = np.asarray(make(NO_MODEL, keys(4)[::-1], jnp.ones(4)).image)
    np.testing.assert_array_equal(again[::-1], image)


def test_colours_are_found():
    """The best image for -(mean - target)^2 is known: any whose mean is the target."""

    def score(model, images, target):
        mean = capture(model, images, ["logits"])["logits"]
        return -((mean - target) ** 2).sum(-1)

    target = jnp.asarray([[0.8, 0.5, 0.3], [0.2, 0.4, 0.6]])
    make = renderer(score, score, fourier(8), similarity(2.0), optax.adam(0.5), 300, ONE)
    made = make(as_pytree(mean_colour), keys(2), target)
    assert isinstance(made, Rendered)
    np.testing.assert_allclose(made.image.mean((1, 2)), target, atol=0.02)  # Adam's last steps
    assert float(made.reached.min()) > -1e-3


# The network -------------------------------------------------------------------------------------


def at_centre(model, images):
    return centre(capture(model, images, [LAYER])[LAYER])


def score(model, images, target):
    return direction(at_centre(model, images), target)


def measure(model, images, target):
    return cosine(at_centre(model, images), target)


def network_renderer(steps: int, mesh):
    return renderer(score, measure, fourier(32), similarity(), optax.adam(0.1), steps, mesh)


@pytest.fixture(scope="module")
def model():
    return models.load("inception_v1_tiny")


@pytest.fixture(scope="module")
def targets() -> np.ndarray:
    return np.abs(np.random.default_rng(0).normal(size=(4, CHANNELS))).astype(np.float32)


@pytest.fixture(scope="module")
def make():
    return network_renderer(8, ONE)


@pytest.fixture(scope="module")
def made(make, model, targets) -> Rendered:
    return jax.device_get(make(model, keys(4), targets))


def test_optimization_improves_what_is_measured(made, model, targets):
    init, image = fourier(32)
    start = jax.vmap(lambda k: image(init(k)))(keys(4))
    before = jax.jit(measure)(model, start, jnp.asarray(targets))
    assert (made.reached > before + 0.01).all()
    assert made.image.shape == (4, 32, 32, 3)
    assert (made.image > 0).all()
    assert (made.image < 1).all()


def test_what_is_measured_is_the_finished_image(made, model, targets):
    again = jax.jit(measure)(model, jnp.asarray(made.image), jnp.asarray(targets))
    np.testing.assert_allclose(again, made.reached, atol=1e-5)  # float32, fused differently


def test_the_same_call_is_the_same_to_the_bit(make, made, model, targets):
    again = make(model, keys(4), targets)
    np.testing.assert_array_equal(again.image, made.image)
    np.testing.assert_array_equal(again.reached, made.reached)


def test_an_icon_does_not_depend_on_the_others_in_its_batch(make, made, model, targets):
    others = np.abs(np.random.default_rng(1).normal(size=(4, CHANNELS))).astype(np.float32)
    others[1] = targets[1]
    other_keys = jnp.concatenate([keys(4, 9)[:1], keys(4)[1:2], keys(4, 9)[2:]])
    image = np.asarray(make(model, other_keys, others).image)
    np.testing.assert_array_equal(image[1], made.image[1])
    assert np.abs(image[[0, 2, 3]] - made.image[[0, 2, 3]]).max((1, 2, 3)).min() > 0.01


def test_nor_on_its_place_in_the_batch(make, made, model, targets):
    order = np.array([2, 0, 3, 1])
    image = make(model, keys(4)[order], targets[order]).image
    # Another place may be another lane of a vectorized sum: float32, eight steps of Adam.
    np.testing.assert_allclose(image, made.image[order], atol=1e-4)


def test_nor_on_the_size_of_its_batch(make, made, model, targets):
    image = make(model, keys(4)[:2], targets[:2]).image
    # As above.
    np.testing.assert_allclose(image, made.image[:2], atol=1e-4)


def test_nor_on_the_number_of_devices(made, model, targets):
    two = network_renderer(8, TWO)(model, keys(4), targets)
    assert len(two.image.sharding.device_set) == 2
    # Two batches of two in place of one of four: as above.
    np.testing.assert_allclose(two.image, made.image, atol=1e-4)
    np.testing.assert_allclose(two.reached, made.reached, atol=1e-4)
