"""Render through a network: icons improve, and do not depend on what is drawn beside them."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from atlasjax import models
from atlasjax.optvis import objectives
from atlasjax.optvis.loop import Loop
from atlasjax.optvis.param import fourier
from atlasjax.optvis.render import Rendered, renderer
from atlasjax.optvis.transform import compose, similarity
from atlasjax.parallel import batch_mesh
from atlasjax.taps import capture

ONE = batch_mesh(jax.local_devices()[:1])
TWO = batch_mesh(jax.local_devices()[:2])
LAYER, CHANNELS = "maxpool1", 24
KEYS, OTHERS = (jax.random.split(jax.random.key(seed), 4) for seed in (0, 9))


def network_renderer(steps: int, mesh, **loop):
    render = renderer(fourier(32), similarity(), optax.adam(0.1), Loop(steps, **loop), mesh)

    def run(model, keys, targets) -> Rendered:
        objective = objectives.direction_neuron(LAYER, np.asarray(targets))
        return render(model, objective, objectives.cosine(LAYER, np.asarray(targets)), keys)

    return run


@jax.jit
def measure(model, images, target):
    value = capture(model, images, [LAYER])[LAYER]
    found = value[:, value.shape[1] // 2, value.shape[2] // 2]
    lengths = jnp.linalg.norm(found, axis=-1) * jnp.linalg.norm(target, axis=-1)
    return (found * target).sum(-1) / lengths


@pytest.fixture(scope="module")
def model():
    return models.load("inception_v1_tiny")


@pytest.fixture(scope="module")
def targets() -> np.ndarray:
    return np.abs(np.random.default_rng(0).normal(size=(4, CHANNELS))).astype(np.float32)


@pytest.fixture(scope="module")
def draw():
    return network_renderer(8, ONE)


@pytest.fixture(scope="module")
def made(draw, model, targets) -> Rendered:
    return jax.device_get(draw(model, KEYS, targets))


def test_optimization_improves_what_is_measured(made, model, targets):
    init, image = fourier(32)
    start = jax.vmap(lambda k: image(init(k)))(KEYS)
    before = measure(model, start, jnp.asarray(targets))
    assert (made.reached > before + 0.01).all()
    assert made.image.shape == (4, 32, 32, 3)
    assert (made.image > 0).all()
    assert (made.image < 1).all()


def test_what_is_measured_is_the_finished_image(made, model, targets):
    again = measure(model, jnp.asarray(made.image), jnp.asarray(targets))
    np.testing.assert_allclose(again, made.reached, atol=1e-5)  # float32, fused differently


def test_the_same_call_is_the_same_to_the_bit(draw, made, model, targets):
    again = draw(model, KEYS, targets)
    np.testing.assert_array_equal(again.image, made.image)
    np.testing.assert_array_equal(again.reached, made.reached)


def test_an_icon_does_not_depend_on_the_others_in_its_batch(draw, made, model, targets):
    others = np.abs(np.random.default_rng(1).normal(size=(4, CHANNELS))).astype(np.float32)
    others[1] = targets[1]
    other_keys = jnp.concatenate([OTHERS[:1], KEYS[1:2], OTHERS[2:]])
    image = np.asarray(draw(model, other_keys, others).image)
    np.testing.assert_array_equal(image[1], made.image[1])
    assert np.abs(image[[0, 2, 3]] - made.image[[0, 2, 3]]).max((1, 2, 3)).min() > 0.01


def test_nor_on_its_place_in_the_batch(draw, made, model, targets):
    order = np.array([2, 0, 3, 1])
    image = draw(model, KEYS[order], targets[order]).image
    # Another place may be another lane of a vectorized sum: float32, eight steps of Adam.
    np.testing.assert_allclose(image, made.image[order], atol=1e-4)


def test_nor_on_the_size_of_its_batch(draw, made, model, targets):
    image = draw(model, KEYS[:2], targets[:2]).image
    # As above.
    np.testing.assert_allclose(image, made.image[:2], atol=1e-4)


def test_nor_on_the_number_of_devices(made, model, targets):
    two = network_renderer(8, TWO)(model, KEYS, targets)
    assert len(two.image.sharding.device_set) == 2
    # Two batches of two in place of one of four: as above.
    np.testing.assert_allclose(two.image, made.image, atol=1e-4)
    np.testing.assert_allclose(two.reached, made.reached, atol=1e-4)


def test_gradients_that_leak_at_the_start_bring_faint_starts_to_life(model, targets):
    made, plain = (
        network_renderer(8, ONE, leaky_steps=leaky)(model, KEYS, targets) for leaky in (4, 0)
    )
    assert np.isfinite(made.image).all()
    assert (made.reached > 0).all()
    assert (np.abs(made.image - plain.image).max((1, 2, 3)) > 1e-3).all()


def test_bfloat16_is_near_float32(model, targets):
    def reached(dtype: str) -> jax.Array:
        # No step is taken, so that both look at the same images.
        loop = Loop(1, dtype=dtype)
        render = renderer(fourier(32, sd=1.0), compose(), optax.sgd(0.0), loop, ONE)
        cosine = objectives.cosine(LAYER, targets)
        made = render(model, cosine, cosine, KEYS)
        assert made.reached.dtype == jnp.float32
        return made.reached

    rough, exact = reached("bfloat16"), reached("float32")
    # Eight bits of mantissa in each of a few layers: near, and not the same.
    np.testing.assert_allclose(rough, exact, atol=0.05)
    assert (np.abs(rough - exact) > 1e-5).any()
