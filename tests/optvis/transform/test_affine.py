"""Affine transforms: against SciPy's resampling, NumPy's rolls and flips, and by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from atlasjax.errors import UserError
from atlasjax.optvis import transform as t
from atlasjax.optvis.transform.sample import between, whole

KEY = jax.random.key(0)
SCIPY_MODE = {"periodic": "grid-wrap", "reflect": "mirror", "constant": "grid-constant"}
FLOAT32 = 1e-4  # the rounding of coordinates, times differences of up to 1 between pixels


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape).astype(np.float32)


def rows_of(matrix: np.ndarray) -> tuple:
    return tuple(map(tuple, matrix.tolist()))


def by_scipy(image: np.ndarray, matrix: np.ndarray, size: tuple, mode: str) -> np.ndarray:
    p = np.indices(size) - ((np.array(size) - 1) / 2)[:, None, None]
    q = np.einsum("ab,bij->aij", matrix[:, :2], p) + matrix[:, 2, None, None]
    at = q + ((np.array(image.shape[:2]) - 1) / 2)[:, None, None]
    planes = [
        ndimage.map_coordinates(plane, at, order=1, mode=SCIPY_MODE[mode], cval=0.25)
        for plane in np.moveaxis(image.astype(np.float64), -1, 0)
    ]
    return np.stack(planes, -1)


@pytest.mark.parametrize("mode", SCIPY_MODE)
@pytest.mark.parametrize(
    ("shape", "size"), [((9, 12, 3), (9, 12)), ((6, 5, 1), (17, 3)), ((1, 4, 2), (5, 6))]
)
def test_reading_between_pixels_is_scipys(mode: str, shape: tuple, size: tuple):
    rng = np.random.default_rng(3)
    fill = jnp.full(shape[2], 0.25) if mode == "constant" else None
    for seed in range(3):
        image = noise(*shape, seed=seed)
        matrix = np.concatenate([rng.normal(0, 1, (2, 2)), rng.normal(0, 6, (2, 1))], 1)
        matrix = matrix.astype(np.float32)
        seen = between(jnp.asarray(image), rows_of(matrix), size, mode, fill)
        np.testing.assert_allclose(seen, by_scipy(image, matrix, size, mode), atol=FLOAT32)


@pytest.mark.parametrize("mode", SCIPY_MODE)
def test_reading_whole_pixels_is_reading_between_them(mode: str):
    fill = jnp.full(3, 0.25) if mode == "constant" else None
    image = jnp.asarray(noise(5, 7, 3))
    for sides, shift in (((1, 1), (3, -20)), ((-1, 1), (0, 2)), ((-1, -1), (9, 1))):
        matrix = ((sides[0], 0, shift[0]), (0, sides[1], shift[1]))
        args = (image, matrix, (11, 3), mode, fill)
        np.testing.assert_allclose(whole(*args), between(*args), atol=1e-6)  # float32


@pytest.mark.parametrize(
    ("mode", "numpys"),
    [
        ("periodic", {"mode": "wrap"}),
        ("reflect", {"mode": "reflect"}),
        ("grey", {"mode": "constant", "constant_values": 0.5}),
    ],
)
@pytest.mark.parametrize("px", [0, 2, 9])
def test_padding_is_numpys(mode: str, numpys: dict, px: int):
    image = noise(4, 6, 3)
    expected = np.pad(image, ((px, px), (px, px), (0, 0)), **numpys)
    np.testing.assert_array_equal(t.pad(px, mode)(KEY, jnp.asarray(image)), expected)


def test_a_padding_has_the_colour_it_was_given_or_one_drawn_for_each_key():
    image = jnp.ones((2, 2, 3))
    seen = t.pad(1, "constant", (0.1, 0.2, 0.3))(KEY, image)
    np.testing.assert_allclose(seen[0, 0], [0.1, 0.2, 0.3])
    drawn = np.stack([t.pad(1, "random")(key, image) for key in jax.random.split(KEY, 3)])
    np.testing.assert_array_equal(drawn[:, 0, 0], drawn[:, 3, 2])  # the same all around
    assert len(np.unique(drawn[:, 0, 0])) == 9
    assert drawn.min() >= 0
    assert drawn.max() <= 1


def test_a_jitter_is_a_roll_and_draws_every_shift():
    ramp = np.arange(25, dtype=np.float32).reshape(5, 5, 1)
    keys = jax.random.split(KEY, 200)
    seen = np.asarray(jax.vmap(lambda key: t.jitter(1)(key, jnp.asarray(ramp)))(keys))
    rolls = {
        (down, right): np.roll(ramp, (down, right), (0, 1))
        for down in (-1, 0, 1)
        for right in (-1, 0, 1)
    }
    counts = {at: sum(np.array_equal(one, roll) for one in seen) for at, roll in rolls.items()}
    assert sum(counts.values()) == 200
    assert min(counts.values()) > 5  # of 22 expected: 3.6 standard deviations


def test_a_jitter_of_whole_pixels_does_not_interpolate():
    def gathers(transform) -> int:
        text = str(jax.make_jaxpr(transform)(KEY, jnp.zeros((8, 8, 3))))
        return text.count(" gather[")

    assert gathers(t.jitter(3)) == 2  # rows, then columns
    assert gathers(t.jitter(3, subpixel=True)) == 4  # the corners


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_rotations_are_counterclockwise(turns: int):
    image = noise(6, 6, 2)
    seen = t.rotate([90 * turns])(KEY, jnp.asarray(image))
    np.testing.assert_allclose(seen, np.rot90(image, turns), atol=FLOAT32)


def test_a_rotation_is_scipys_and_stays_within_its_range():
    image = noise(9, 9, 1)
    by = ndimage.rotate(
        image.astype(np.float64), 17, (1, 0), reshape=False, order=1, mode="grid-wrap"
    )
    np.testing.assert_allclose(t.rotate([17])(KEY, jnp.asarray(image)), by, atol=FLOAT32)
    move = t.rotate(20).moves[0]
    keys = jax.random.split(KEY, 300)
    sines = jax.vmap(lambda key: move.draw(key, (9, 9), *move.settings).matrix[0][1])(keys)
    degrees = np.rad2deg(np.arcsin(np.asarray(sines)))
    assert np.abs(degrees).max() <= 20 + 1e-3
    # Five standard errors of the mean of 300 uniform draws.
    assert abs(degrees.mean()) < 5 * 20 / np.sqrt(3 * 300)
    assert degrees.std() == pytest.approx(20 / np.sqrt(3), rel=0.12)


def test_lists_are_drawn_from_with_equal_chances():
    for transform, values in ((t.scale([0.5, 1, 2]), [2, 1, 0.5]), (t.scale(0.5, 2), None)):
        move = transform.moves[0]
        keys = jax.random.split(KEY, 300)
        drawn = jax.vmap(lambda key, m=move: m.draw(key, (9, 9), *m.settings).matrix[0][0])(keys)
        found, counts = np.unique(np.asarray(drawn), return_counts=True)
        if values:
            np.testing.assert_array_equal(found, sorted(values))
            assert counts.min() > 60  # of 100 expected: five standard deviations
        else:
            assert len(found) > 250
            assert found.min() >= 0.5 - 1e-6
            assert found.max() <= 2 + 1e-6


def test_a_mirroring_is_numpys():
    image = noise(3, 4, 3)
    for axes, transform in (((1,), t.flip(1)), ((0,), t.flip(0, 1)), ((0, 1), t.flip(1, 1))):
        np.testing.assert_array_equal(transform(KEY, jnp.asarray(image)), np.flip(image, axes))
    keys = jax.random.split(KEY, 400)
    seen = np.asarray(jax.vmap(lambda key: t.flip(0.25)(key, jnp.asarray(image)))(keys))
    mirrored = (seen == image[:, ::-1]).all((1, 2, 3)).mean()
    assert mirrored == pytest.approx(0.25, abs=5 * np.sqrt(0.25 * 0.75 / 400))


def test_a_crop_is_one_of_the_windows_and_every_one_comes():
    image = np.arange(20, dtype=np.float32).reshape(5, 4, 1)
    windows = {image[i : i + 4, j : j + 2].tobytes(): (i, j) for i in range(2) for j in range(3)}
    for transform in (t.crop((4, 2)), t.compose(t.crop((4, 4)), t.crop((4, 2)))):
        seen = jax.vmap(lambda key, f=transform: f(key, jnp.asarray(image)))(
            jax.random.split(KEY, 60)
        )
        assert {windows[np.asarray(one).tobytes()] for one in seen} == set(windows.values())
    assert t.crop_by(2)(KEY, jnp.asarray(image)).shape == (3, 2, 1)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_a_window_is_in_the_middle(size: int):
    line = jnp.arange(4.0).reshape(1, 4, 1)
    start = (4 - size) // 2
    expected = [(start + i) % 4 for i in range(size)]
    assert t.window((1, size))(KEY, line)[0, :, 0].tolist() == expected


def test_a_shear_leans():
    image = noise(4, 9, 1)
    seen = t.shear([45])(KEY, jnp.pad(jnp.asarray(image), ((0, 1), (0, 0), (0, 0))))[:4]
    expected = np.stack([np.roll(row, 2 - i, 0) for i, row in enumerate(image)])
    np.testing.assert_allclose(seen, expected, atol=FLOAT32)


STILL = [
    t.jitter(0),
    t.jitter(0.0, subpixel=True),
    t.scale(1.0),
    t.scale([1]),
    t.rotate(0),
    t.shear(0),
    t.flip(0.0, 0.0),
    t.pad(0, "reflect"),
    t.crop_by(0),
]
MOVING = [
    t.jitter(3),
    t.jitter(2.5, subpixel=True),
    t.scale(0.5, 2),
    t.rotate([-30, 100]),
    t.shear(20),
    t.flip(0.5, 0.5),
    t.compose(t.pad(2, "random"), t.rotate(30), t.crop_by(4)),
    t.compose(t.pad(2, "reflect"), t.jitter(30), t.scale(0.3), t.window(6)),
]


@settings(deadline=None, max_examples=8)
@given(
    st.sampled_from(MOVING),
    st.integers(1, 2**31 - 1),
    st.sampled_from([(6, 6, 3), (6, 9, 1), (7, 6, 4), (2, 3, 3)]),
)
def test_what_is_seen_lies_within_what_there_is(transform, seed: int, shape: tuple):
    image = noise(*shape, seed=seed)
    seen = np.asarray(transform(jax.random.key(seed), jnp.asarray(image)))
    assert seen.shape[2] == shape[2]
    assert seen.min() >= -1e-6
    assert seen.max() <= 1 + 1e-6


@pytest.mark.parametrize("transform", STILL)
@pytest.mark.parametrize("shape", [(5, 8, 3), (1, 1, 4)])
def test_settings_that_change_nothing_change_nothing(transform, shape: tuple):
    image = noise(*shape)
    np.testing.assert_allclose(transform(KEY, jnp.asarray(image)), image, atol=1e-6)


@pytest.mark.parametrize("transform", MOVING)
def test_gradients_are_those_of_a_linear_map(transform):
    """What is seen is linear in the image, but for the colour of paddings."""
    image = jnp.asarray(noise(6, 6, 3))
    zero = transform(KEY, jnp.zeros_like(image))
    gradient = jax.grad(lambda x: (transform(KEY, x) * (1 + zero)).sum())(image)
    along = float((gradient * image).sum())
    change = float(((transform(KEY, image) - zero) * (1 + zero)).sum())
    assert along == pytest.approx(change, rel=1e-4)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: t.jitter(-1), "jitter -1 px: must be 0 or more"),
        (lambda: t.jitter(2.5), "jitter 2.5 px: must be a whole number"),
        (lambda: t.jitter(float("inf")), "jitter inf px"),
        (lambda: t.scale(0.0), "scale 0, 0: must be more than 0"),
        (lambda: t.scale(2.0, 1.0), "scale from 2.0 to 1.0"),
        (lambda: t.scale([]), r"scale \[\]: must be a list of at least one"),
        (lambda: t.scale([1.0], 2.0), r"scale \[1.0\]"),
        (lambda: t.rotate(-5), "rotate -5 degrees"),
        (lambda: t.rotate([]), r"rotate \[\]"),
        (lambda: t.rotate([float("nan")]), "rotate nan degrees: must be finite"),
        (lambda: t.shear(90), "shear -90, 90 degrees: must be less than 90"),
        (lambda: t.flip(1.5), "flip horizontal 1.5: must be a probability"),
        (lambda: t.crop(0), "crop 0 px: must be at least 1"),
        (lambda: t.window((3, -1)), r"window \(3, -1\) px"),
        (lambda: t.pad(-1), "pad -1 px"),
        (lambda: t.pad(1, "mirror"), "pad mode 'mirror': must be one of periodic"),
        (lambda: t.pad(1, "constant"), "pad mode 'constant' with value None"),
        (lambda: t.pad(1, "grey", 0.2), "pad mode 'grey' with value 0.2"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(make, named: str):
    with pytest.raises(UserError, match=named):
        make()


@pytest.mark.parametrize(
    ("transform", "named"),
    [
        (t.crop(5), r"crop \(5, 5\) of an image of \(4, 6\) px"),
        (t.crop_by(4), r"crop_by 4 px of an image of \(4, 6\) px"),
        (t.pad(1, "constant", (0.0, 1.0)), r"boundary of colour \(0.0, 1.0\) .* 3 channels"),
    ],
)
def test_images_that_do_not_fit_are_refused(transform, named: str):
    with pytest.raises(UserError, match=named):
        transform(KEY, jnp.zeros((4, 6, 3)))
