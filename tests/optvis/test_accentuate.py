"""Accentuation heightens what is there, where it is, and holds what it is told to hold."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import UserError
from atlasjax.optvis.accentuate import accentuate
from atlasjax.optvis.objectives import channel, class_logit
from atlasjax.taps import capture

KEY = jax.random.key(0)


def toy(images, tap):
    """Contrast of each colour to its mean, and the mean brightness of blocks of 4 px."""
    blocks = images.reshape(len(images), 4, 4, 4, 4, 3).mean((2, 4))
    tap("blocks", blocks)
    rough = jnp.square(images - jnp.repeat(jnp.repeat(blocks, 4, 1), 4, 2))
    rough = tap("rough", rough)
    return rough.mean((1, 2))


def still(key, image):
    del key
    return image


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    """Grey, with some noise of all colours in one corner."""
    made = np.full((16, 16, 3), 0.5, np.float32)
    made[:6, :6] += np.random.default_rng(0).uniform(-0.2, 0.2, (6, 6, 3)).astype(np.float32)
    return made


@pytest.fixture(scope="module")
def made(image):
    return accentuate(toy, channel("rough", [0, 2]), image, KEY, keep="blocks", transform=still)


def test_every_unit_is_heightened_in_an_image_of_its_own(made, image):
    assert made.image.shape == (2, 16, 16, 3)
    own = np.asarray(toy(jnp.asarray(image)[None], still_tap))[0]
    np.testing.assert_allclose(made.before, own[[0, 2]], rtol=1e-5)
    assert (made.reached > 2 * made.before).all()
    for i, colour in enumerate((0, 2)):
        values = np.asarray(toy(jnp.asarray(made.image[i])[None], still_tap))[0]
        assert values[colour] == pytest.approx(made.reached[i], rel=1e-4)
        assert values.argmax() == colour


def still_tap(name, value):
    del name
    return value


def test_it_happens_where_the_image_has_it(made):
    """The square's gradient is where the image is rough, and nowhere else at first."""
    assert made.mask.shape == (2, 16, 16)
    assert made.mask.min() >= 0
    assert made.mask.max() == 1
    corner, opposite = made.mask[:, 1:5, 1:5].mean(), made.mask[:, 10:14, 10:14].mean()
    assert corner > 2 * opposite


def test_what_is_held_stays_and_what_is_let_go_moves(image):
    def moved(strength: float) -> float:
        bright = class_logit(0)
        found = accentuate(
            lambda x, tap: (toy(x, tap), x.mean((1, 2)))[1],
            bright,
            image,
            KEY,
            keep="blocks",
            strength=strength,
            transform=still,
            steps=30,
        )
        value = np.asarray(capture(toy, jnp.asarray(found.image), ["blocks"])["blocks"])
        then = np.asarray(capture(toy, jnp.asarray(image)[None], ["blocks"])["blocks"])
        expected = np.sqrt(np.square(value - then).mean() / np.square(then).mean())
        assert float(found.moved[0]) == pytest.approx(expected, rel=1e-3)
        return expected

    free, held, hard = moved(0.0), moved(1.0), moved(4.0)
    assert free > 1.5 * held > 1.5 * hard


def test_the_same_key_gives_the_same_image(image):
    one, same, other = (
        accentuate(toy, channel("rough", 0), image, jax.random.key(k), keep="blocks", steps=3).image
        for k in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_what_cannot_be_is_refused(image):
    rough = channel("rough", 0)
    with pytest.raises(UserError, match=r"no layer 'block'.*blocks"):
        accentuate(toy, rough, image, KEY, keep="block")
    with pytest.raises(UserError, match="no layer 'tough'"):
        accentuate(toy, channel("tough", 0), image, KEY, keep="blocks")
    with pytest.raises(UserError, match="steps 0: must be at least 1"):
        accentuate(toy, rough, image, KEY, keep="blocks", steps=0)
    with pytest.raises(UserError, match="strength -1: must be at least 0"):
        accentuate(toy, rough, image, KEY, keep="blocks", strength=-1)
