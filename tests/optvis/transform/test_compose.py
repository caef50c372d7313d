"""Composition: one resampling, the same as one after another, each member from its own key."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.errors import UserError
from atlasjax.optvis import transform as t

KEY = jax.random.key(5)


def corners(transform, shape: tuple = (16, 16, 3)) -> int:
    """Return how many times a whole image is read pixel by pixel: four for each resampling."""
    jaxpr = jax.make_jaxpr(transform)(KEY, jnp.zeros(shape))

    def count(inner) -> int:
        found = 0
        for equation in inner.eqns:
            if equation.primitive.name == "gather":
                # An index of two numbers, the row and the column, for each pixel.
                found += equation.invars[1].aval.shape[-1] == 2
            for value in equation.params.values():
                if hasattr(value, "jaxpr"):
                    found += count(value.jaxpr)
        return found

    return count(jaxpr.jaxpr)


def smooth(size: int) -> np.ndarray:
    """A periodic image of one wave each way."""
    wave = np.sin(2 * np.pi * np.arange(size) / size)
    planes = [wave[:, None] * np.roll(wave, i)[None] for i in (0, 5, 9)]
    return (0.5 + 0.5 * np.stack(planes, -1)).astype(np.float32)


def one_by_one(transforms: list, key, image):
    for each, transform in zip(jax.random.split(key, len(transforms)), transforms, strict=True):
        image = transform(each, image)
    return image


def test_whole_moves_are_exactly_those_one_after_another():
    image = jnp.asarray(np.random.default_rng(0).random((6, 5, 3)), jnp.float32)
    moves = [t.jitter(3), t.flip(0.5, 0.5), t.jitter(2), t.flip(0.5), t.crop((4, 5)), t.crop(3)]
    for key in jax.random.split(KEY, 6):
        seen = t.compose(*moves)(key, image)
        np.testing.assert_array_equal(seen, one_by_one(moves, key, image))
    assert corners(t.compose(*moves)) == 0


def test_a_wave_is_seen_where_the_members_one_by_one_show_it():
    image = jnp.asarray(smooth(64))
    moves = [
        t.pad(6, "periodic"),
        t.jitter(4, subpixel=True),
        t.scale(0.9, 1.1),
        t.rotate(20),
        t.shear(5),
        t.crop_by(8),
    ]
    for key in jax.random.split(KEY, 2):
        joined = t.compose(*moves)(key, image)
        apart = one_by_one(moves, key, image)
        assert joined.shape == apart.shape == (68, 68, 3)
        # Each of five interpolations errs by up to (2 pi / 64)^2 / 8 * 0.5 along each axis. At the
        # edges those one by one wrap; joined the wave goes on.
        middle = slice(20, -20)
        np.testing.assert_allclose(joined[middle, middle], apart[middle, middle], atol=6e-3)
        assert np.abs(joined - apart).max() > 0.1  # so the edges do differ


def test_the_first_is_applied_first():
    image = jnp.zeros((9, 9, 1)).at[4, 5].set(1.0)
    left, double = t.flip(1.0), t.scale(2.0)
    right_by_one = t.Affine((t.Move(_right_by_one),))
    # From column 5: mirrored to 3, then to 4; or to 6, then to 2.
    seen = t.compose(left, right_by_one)(KEY, image)
    assert np.argwhere(seen[..., 0] > 0.9).tolist() == [[4, 4]]
    seen = t.compose(right_by_one, left)(KEY, image)
    assert np.argwhere(seen[..., 0] > 0.9).tolist() == [[4, 2]]
    # One pixel right of the middle: two after doubling, then three; or two, then four.
    seen = t.compose(double, right_by_one)(KEY, image)
    assert np.argwhere(seen[..., 0] > 0.9).tolist() == [[4, 7]]
    seen = t.compose(right_by_one, double)(KEY, image)
    assert np.argwhere(seen[..., 0] > 0.9).tolist() == [[4, 8]]


def _right_by_one(key, size: tuple[int, int]) -> t.Placed:
    del key
    return t.Placed(((1, 0, 0), (0, 1, -1)), size)


def test_affine_members_are_one_resampling_and_others_part_them():
    moving = [
        t.jitter(4),
        t.scale(0.9, 1.1),
        t.rotate([5, 10]),
        t.flip(),
        t.crop_by(2),
        t.window(9),
    ]
    assert corners(t.compose(*moving)) == 4
    assert corners(t.compose(t.pad(3, "grey"), *moving)) == 4
    assert (
        corners(t.compose(t.compose(t.pad(3), t.rotate(5)), t.compose(t.scale(2), t.jitter(1))))
        == 4
    )
    assert corners(t.compose(t.similarity(), t.rotate(5))) == 4
    assert corners(t.compose(t.rotate(5), t.noise(0.1), t.jitter(3))) == 4
    assert corners(t.compose(t.rotate(5), t.noise(0.1), t.scale(0.9, 1.1))) == 8
    # A padding continues the edges of what is there by then.
    assert corners(t.compose(t.rotate(5), t.pad(2, "grey"), t.rotate(5))) == 8
    assert corners(t.compose(t.jitter(5), t.pad(2, "grey"), t.rotate(5))) == 4


def test_a_padding_goes_on_beyond_what_it_added():
    image = jnp.zeros((4, 4, 1))
    seen = t.compose(t.pad(1, "grey"), t.scale(0.1))(KEY, image)
    assert seen.shape == (6, 6, 1)
    np.testing.assert_allclose(seen[0], 0.5)
    # A boundary without a border: what a rotation brings in is a colour, not the other side.
    seen = t.compose(t.pad(0, "constant", 1.0), t.rotate([45]))(KEY, image)
    assert seen[0, 0, 0] > 0.5
    assert abs(float(seen[1:3, 1:3].max())) < 1e-6


def test_grouping_changes_nothing():
    image = jnp.asarray(smooth(16))
    a, b, c, d = t.jitter(2), t.rotate(30), t.noise(0.1), t.scale(0.5, 2)
    flat = t.compose(a, b, c, d)
    for grouped in (
        t.compose(t.compose(a, b), t.compose(c, d)),
        t.compose(a, t.compose(b, t.compose(c, d))),
        t.compose(t.compose(), a, t.compose(b), c, d),
    ):
        assert grouped == flat
        np.testing.assert_array_equal(grouped(KEY, image), flat(KEY, image))
    # Of a chain that cannot be joined, the members one by one are exactly the same.
    np.testing.assert_array_equal(t.compose(b, c, d)(KEY, image), one_by_one([b, c, d], KEY, image))


def test_composing_nothing_or_one_is_that():
    image = jnp.asarray(smooth(8))
    np.testing.assert_array_equal(t.compose()(KEY, image), image)
    assert t.compose(t.similarity()) == t.similarity()
    assert t.compose(t.noise(0.1)) == t.noise(0.1)


def test_a_function_of_your_own_is_a_member():
    image = jnp.asarray(smooth(8))
    negative = t.compose(t.flip(1.0), lambda key, image: 1 - image, t.flip(1.0))
    np.testing.assert_allclose(negative(KEY, image), 1 - image, atol=1e-6)
    with pytest.raises(UserError, match="compose 'jitter': must be a function"):
        inspect.unwrap(t.compose)("jitter")  # past the tests' own check of types


@pytest.mark.parametrize(
    "transform",
    [
        t.compose(t.pad(2, "random"), t.jitter(2), t.rotate(20), t.noise(0.1), t.color(0.1, 0.2)),
        t.compose(t.jitter(2), t.flip(0.5, 0.5), t.crop(7)),
    ],
)
def test_a_batch_is_what_its_members_are_alone(transform):
    image = jnp.asarray(smooth(12))
    keys = jax.random.split(KEY, 4)
    batch = jax.jit(jax.vmap(transform, (0, None)))(keys, image)
    alone = [transform(key, image) for key in keys]
    np.testing.assert_allclose(batch, np.stack(alone), atol=1e-4)  # of coordinates in float32
    assert np.abs(batch[0] - batch[1]).max() > 0.05
    np.testing.assert_array_equal(transform(keys[0], image), alone[0])


def test_members_of_the_same_kind_are_drawn_independently():
    seen = t.compose(t.noise(1.0), t.noise(1.0))(KEY, jnp.zeros((60, 60, 1)))
    assert float(seen.std()) == pytest.approx(np.sqrt(2), rel=0.05)  # twice the same would be 2


def test_lucids_is_one_resampling_with_its_draws():
    transform = t.lucid_standard()
    assert isinstance(transform, t.Affine)
    assert corners(transform) == 4
    assert transform(KEY, jnp.zeros((30, 22, 3))).shape == (42, 34, 3)
    grey, down, scaled, turned, again = (move.settings for move in transform.moves)
    assert transform.boundary == t.Boundary("constant", (0.5,))
    assert (grey, down, again) == ((12,), (8,), (4,))
    assert scaled == (False, tuple(1 + (i - 5) / 50 for i in range(11)))
    assert turned == (False, (*range(-10, 11), 0, 0, 0, 0, 0))
    kept = t.compose(transform, t.window(30))
    assert corners(kept) == 4
    assert kept(KEY, jnp.zeros((30, 30, 3))).shape == (30, 30, 3)


def test_lucids_shows_an_image_about_where_it_is_surrounded_by_grey():
    seen = np.asarray(t.lucid_standard()(KEY, jnp.ones((40, 40, 3))))
    assert seen[0, 0, 0] == 0.5
    weight = seen[..., 0] - 0.5
    assert (weight / 0.5).sum() == pytest.approx(1600, rel=0.25)  # 0.9 or 1.1, squared
    centre = (weight * np.arange(52)[:, None]).sum() / weight.sum()
    assert abs(centre - 25.5) <= 6 * 1.1 + 0.5
