"""The similarity of atlases: against np.roll and SciPy's resampling, for draws that are known."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from atlasjax.errors import UserError
from atlasjax.optvis.transform import similarity

KEY = jax.random.key(0)


def noise(size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((size, size, 3)).astype(np.float32)


@pytest.fixture
def extreme(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every draw the largest, except the second of two, which is the smallest."""

    def uniform(key, shape=(), dtype=jnp.float32, minval=0.0, maxval=1.0):
        del key
        ends = np.full(shape, maxval, np.float32)
        if shape:
            ends[1] = minval
        return jnp.asarray(ends, dtype)

    monkeypatch.setattr(jax.random, "uniform", uniform)


def scipy_similarity(image: np.ndarray, magnification: float, degrees: float) -> np.ndarray:
    """Magnify about the centre, then turn clockwise as displayed; periodic and bilinear."""
    centre = (np.array(image.shape[:2]) - 1) / 2
    turn = np.deg2rad(degrees)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = matrix / magnification
    planes = [
        ndimage.affine_transform(
            image[..., c].astype(np.float64),
            matrix,
            tuple(centre - matrix @ centre),  # pyright: ignore[reportArgumentType]
            order=1,
            mode="grid-wrap",
        )
        for c in range(3)
    ]
    return np.stack(planes, -1)


# Coordinates of up to 32 have a float32 rounding of 4e-6; neighbouring pixels differ by up to 1.
FLOAT32 = 1e-4


def test_no_change_is_no_change():
    image = noise(17)
    still = similarity(0.0, (1.0, 1.0), 0.0)
    np.testing.assert_allclose(still(KEY, jnp.asarray(image)), image, atol=FLOAT32)


@pytest.mark.usefixtures("extreme")
@pytest.mark.parametrize("jitter", [1, 3, 20])
def test_a_shift_by_whole_pixels_is_a_roll(jitter: int):
    image = noise(16)
    moved = similarity(float(jitter), (1.0, 1.0), 0.0)(KEY, jnp.asarray(image))
    rolled = np.roll(image, (-jitter, jitter), (0, 1))
    np.testing.assert_allclose(moved, rolled, atol=FLOAT32)


@pytest.mark.usefixtures("extreme")
def test_a_shift_by_half_a_pixel_is_the_mean_of_neighbours():
    image = noise(12)
    moved = similarity(0.5, (1.0, 1.0), 0.0)(KEY, jnp.asarray(image))
    below, left = np.roll(image, -1, 0), np.roll(image, 1, 1)
    mean = (image + below + left + np.roll(below, 1, 1)) / 4
    np.testing.assert_allclose(moved, mean, atol=FLOAT32)


@pytest.mark.usefixtures("extreme")
@pytest.mark.parametrize("degrees", [0.5, 5.0, 30.0])
@pytest.mark.parametrize("size", [16, 33])
def test_a_rotation_is_scipys(degrees: float, size: int):
    image = noise(size)
    turned = similarity(0.0, (1.0, 1.0), degrees)(KEY, jnp.asarray(image))
    np.testing.assert_allclose(turned, scipy_similarity(image, 1.0, degrees), atol=FLOAT32)
    # And by SciPy's own idea of an angle.
    own = ndimage.rotate(
        image.astype(np.float64), -degrees, reshape=False, order=1, mode="grid-wrap"
    )
    np.testing.assert_allclose(turned, own, atol=FLOAT32)


@pytest.mark.usefixtures("extreme")
@pytest.mark.parametrize("magnification", [0.9, 1.1])
def test_all_at_once_is_scipys(magnification: float):
    image = noise(24)
    seen = similarity(2.0, (magnification, magnification), 10.0)(KEY, jnp.asarray(image))
    # Shifting what is sampled by whole pixels is sampling a rolled image.
    rolled = np.roll(image, (-2, 2), (0, 1))
    expected = scipy_similarity(rolled, magnification, 10.0)
    np.testing.assert_allclose(seen, expected, atol=FLOAT32)


@pytest.mark.parametrize("magnification", [0.95, 1.1, 2.0])
def test_magnification_shows_things_larger(magnification: float):
    at = np.arange(64) - 31.5
    square = at[:, None] ** 2 + at[None] ** 2
    blob = np.exp(-square / (2 * 4.0**2)).astype(np.float32)

    def size_of(image: np.ndarray) -> float:
        return float(np.sqrt((image * square).sum() / image.sum()))

    image = jnp.asarray(np.repeat(blob[..., None], 3, -1))
    seen = np.asarray(similarity(0.0, (magnification, magnification), 0.0)(KEY, image))[..., 0]
    # Interpolation widens a blob of variance 16 by at most a quarter of a pixel squared.
    assert size_of(seen) / size_of(blob) == pytest.approx(magnification, rel=0.01)


def test_the_gradient_is_that_of_finite_differences():
    transform = similarity()
    image, weights, way = (noise(8, seed) for seed in range(3))

    def answer(x):
        return (jnp.sin(3 * transform(KEY, x)) * weights).sum()

    gradient = jax.grad(answer)(jnp.asarray(image))
    step = 1e-2  # its cube over six is 2e-7 of the derivative's scale; float32 rounding is 1e-4
    ahead, behind = (float(answer(jnp.asarray(image + s * way))) for s in (step, -step))
    assert float((gradient * way).sum()) == pytest.approx((ahead - behind) / (2 * step), rel=5e-3)


def test_nothing_is_lost_by_periodicity():
    """A constant stays one: nothing from outside the image is ever seen."""
    image = jnp.full((9, 9, 3), 0.7)
    for key in jax.random.split(KEY, 5):
        seen = similarity(30.0, (0.5, 2.0), 90.0)(key, image)
        np.testing.assert_allclose(seen, image, atol=1e-6)  # float32


def test_the_same_key_gives_the_same_and_another_another():
    transform = jax.jit(similarity())
    image = jnp.asarray(noise(16))
    np.testing.assert_array_equal(transform(KEY, image), transform(KEY, image))
    assert np.abs(transform(KEY, image) - transform(jax.random.key(1), image)).max() > 0.05


def test_draws_fill_their_range_evenly():
    # A ramp of a thousandth for each pixel shows by how much its middle has been moved.
    size, jitter = 64, 6.0
    ramp = np.zeros((size, size, 3), np.float32)
    ramp[..., 0] = np.arange(size)[:, None] / 1000
    ramp[..., 1] = np.arange(size)[None] / 1000
    shift: Callable = similarity(jitter, (1.0, 1.0), 0.0)
    keys = jax.random.split(KEY, 400)
    seen = jax.vmap(lambda k: shift(k, jnp.asarray(ramp))[32, 32])(keys)
    moved = np.asarray(seen)[:, :2] * 1000 - 32
    assert np.abs(moved).max() <= jitter + 1e-3
    # Five standard errors of the mean and the deviation of 400 uniform draws.
    np.testing.assert_allclose(moved.mean(0), 0, atol=5 * jitter / np.sqrt(3 * 400))
    np.testing.assert_allclose(moved.std(0), jitter / np.sqrt(3), rtol=0.12)
    assert abs(np.corrcoef(moved.T)[0, 1]) < 5 / np.sqrt(400)


def test_images_need_not_be_square():
    image = jnp.asarray(noise(12)[:, :7])
    assert similarity()(KEY, image).shape == (12, 7, 3)
    still = similarity(0.0, (1.0, 1.0), 0.0)
    np.testing.assert_allclose(still(KEY, image), image, atol=FLOAT32)


@pytest.mark.parametrize("drawn", [(0.0, (0.95, 1.1), 5.0), (0.0, (0.8, 1.3), 40.0)])
def test_what_is_drawn_is_what_scipy_makes_of_it(drawn: tuple):
    _, (low, high), degrees = drawn
    for seed in range(3):
        key = jax.random.key(seed)
        _, for_scale, for_angle = jax.random.split(key, 3)
        magnification = float(jax.random.uniform(for_scale, minval=low, maxval=high))
        angle = float(jax.random.uniform(for_angle, minval=-degrees, maxval=degrees))
        seen = similarity(*drawn)(key, jnp.asarray(noise(24, seed)))
        expected = scipy_similarity(noise(24, seed), magnification, angle)
        np.testing.assert_allclose(seen, expected, atol=FLOAT32)


def test_its_gradient_is_its_transpose():
    """A resampling is linear: what goes back through it makes the same product as what goes on."""
    there = similarity(6.0, (0.8, 1.3), 40.0)
    x, y = (jnp.asarray(noise(24, seed)) for seed in (0, 1))
    product, back = jax.value_and_grad(lambda x: (there(KEY, x) * y).sum())(x)
    np.testing.assert_allclose((back * x).sum(), product, rtol=1e-5)  # sums of float32
    assert np.abs(back - y).max() > 0


def test_whole_numbers_are_taken_as_they_are_written():
    image = jnp.asarray(noise(12))
    seen = similarity(jitter=3, scale=(1, 2), rotate=5)(KEY, image)
    np.testing.assert_array_equal(seen, similarity(3.0, (1.0, 2.0), 5.0)(KEY, image))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"jitter": -1.0}, "similarity jitter -1.0 px"),
        ({"rotate": float("nan")}, "similarity rotate nan degrees"),
        ({"scale": (1.2, 0.9)}, r"similarity scale \(1.2, 0.9\)"),
        ({"scale": (0.0, 1.0)}, r"similarity scale \(0.0, 1.0\)"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict, named: str):
    with pytest.raises(UserError, match=named):
        similarity(**settings)
