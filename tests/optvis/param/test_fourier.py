"""Parameterization: against NumPy's inverse transform, its scaling law, its periodicity."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample

from atlasjax.errors import UserError
from atlasjax.optvis.color import no_correlation, to_rgb
from atlasjax.optvis.param import fourier, fourier_params, resize_fourier
from atlasjax.optvis.param.core import steps

COLOUR = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
COLOUR = COLOUR / np.sqrt((COLOUR**2).sum(0).max())


def by_hand(z: np.ndarray, size: int, decay: float) -> np.ndarray:
    """The image in double precision, as the docstring's formula has it."""
    f = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    spectrum = (z[0] + 1j * z[1]) * size / np.maximum(f, 1 / size) ** decay
    planes = np.fft.irfft2(spectrum, (size, size), axes=(1, 2)) / 4
    return 1 / (1 + np.exp(-np.einsum("ij,jhw->hwi", COLOUR, planes)))


def random_params(size: int, seed: int = 0, sd: float = 0.1) -> np.ndarray:
    shape = (2, 3, size, size // 2 + 1)
    return np.random.default_rng(seed).normal(0, sd, shape).astype(np.float32)


def planes_of(image: jax.Array) -> np.ndarray:
    """Undo the colours: [h, w, 3] to [3, h, w]."""
    rgb = np.asarray(image, np.float64)
    logit = np.log(rgb) - np.log1p(-rgb)
    return np.moveaxis(logit @ np.linalg.inv(COLOUR).T, -1, 0)


@settings(deadline=None, max_examples=20)
@given(st.sampled_from([2, 3, 8, 15, 32]), st.sampled_from([0.0, 1.0, 1.5]), st.integers(0, 99))
def test_the_image_is_numpys(size: int, decay: float, seed: int):
    z = random_params(size, seed)
    image = fourier(size, decay=decay).image(jnp.asarray(z))
    assert image.shape == (size, size, 3)
    assert image.dtype == jnp.float32
    # float32 transforms of values of order one.
    np.testing.assert_allclose(image, by_hand(z, size, decay), atol=2e-5)


def test_the_start_has_the_deviation_asked_for_and_no_bias():
    z = np.asarray(fourier(64, sd=0.3).init(jax.random.key(0)))
    assert z.shape == (2, 3, 64, 33)
    # Five standard errors of the estimates from n draws: sd / sqrt(2 n) and sd / sqrt(n).
    assert abs(z.std() / 0.3 - 1) < 5 / np.sqrt(2 * z.size)
    assert abs(z.mean()) < 5 * 0.3 / np.sqrt(z.size)
    assert abs(np.corrcoef(z[0].ravel(), z[1].ravel())[0, 1]) < 5 / np.sqrt(z[0].size)


def test_the_default_start_is_nearly_grey():
    init, image = fourier(96)
    start = np.asarray(image(init(jax.random.key(1))))
    assert 0 < start.std() < 0.1
    assert abs(start.mean() - 0.5) < 0.1


@pytest.mark.parametrize("decay", [0.0, 1.0, 2.0])
def test_a_coefficient_makes_a_wave_whose_height_falls_with_its_frequency(decay: float):
    size = 32
    image = fourier(size, decay=decay).image
    heights = {}
    for row, column in ((1, 0), (2, 0), (0, 4), (8, 0), (3, 4)):
        z = np.zeros((2, 3, size, size // 2 + 1), np.float32)
        z[0, 1, row, column] = 0.01
        plane = planes_of(image(jnp.asarray(z)))[1]
        power = np.abs(np.fft.rfft2(plane))
        assert np.unravel_index(power.argmax(), power.shape) == (row, column)
        # In column 0 the spectrum of a real image holds half of a coefficient on either side.
        heights[row, column] = power[row, column] * (2 if column == 0 else 1)
    # Values of 1e-3 read off a float32 near 0.5 have three digits or four.
    for (row, column), height in heights.items():
        expected = heights[1, 0] / np.hypot(row, column) ** decay
        assert height == pytest.approx(expected, rel=0.02), (row, column)


def test_white_noise_becomes_a_spectrum_of_one_over_f():
    size = 64
    init, image = fourier(size, sd=0.02)
    power = np.abs(np.fft.rfft2(planes_of(image(init(jax.random.key(2))))))[:, :, 1:-1] ** 2
    f = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])[:, 1:-1]
    bands = [(0.03, 0.06), (0.06, 0.12), (0.12, 0.25), (0.25, 0.5)]
    levels = [(power * f**2)[:, (f >= low) & (f < high)].mean() for low, high in bands]
    # The smallest band has some 60 exponential variables: standard error 13%.
    np.testing.assert_allclose(levels, np.mean(levels), rtol=0.4)


@pytest.mark.parametrize("size", [15, 16])
def test_the_image_is_periodic(size: int):
    """Turning the phases moves the image, and what leaves on one side comes in on the other."""
    z = random_params(size, 3)
    down, right = 3, 5
    rows = np.fft.fftfreq(size)[:, None] * down
    columns = np.fft.rfftfreq(size)[None] * right
    turned = (z[0] + 1j * z[1]) * np.exp(-2j * np.pi * (rows + columns))
    params = np.stack([turned.real, turned.imag]).astype(np.float32)
    image = fourier(size).image
    moved = np.roll(image(jnp.asarray(z)), (down, right), (0, 1))
    np.testing.assert_allclose(image(jnp.asarray(params)), moved, atol=1e-5)  # float32


@pytest.mark.parametrize("start", ["drawn", "zero"])
def test_the_gradient_is_finite_and_reaches_every_frequency_at_the_start(start: str):
    init, image = fourier(16)
    params = init(jax.random.key(4)) if start == "drawn" else jnp.zeros((2, 3, 16, 9))
    weights = np.random.default_rng(5).normal(size=(16, 16, 3)).astype(np.float32)
    gradient = np.asarray(jax.grad(lambda p: (image(p) * weights).sum())(params))
    assert np.isfinite(gradient).all()
    assert (np.abs(gradient[0]) > 0).all()


def test_the_same_key_gives_the_same_start():
    init, _ = fourier(8)
    same = [np.asarray(init(jax.random.key(6))) for _ in range(2)]
    np.testing.assert_array_equal(same[0], same[1])
    assert (same[0] != np.asarray(init(jax.random.key(7)))).all()


def test_batches_are_made_by_vmap():
    init, image = fourier(8)
    keys = jax.random.split(jax.random.key(8), 3)
    together = jax.vmap(lambda k: image(init(k)))(keys)
    apart = np.stack([image(init(k)) for k in keys])
    np.testing.assert_allclose(together, apart, atol=1e-6)  # float32


@pytest.mark.parametrize("size", [1, 0, -3])
def test_an_image_of_one_pixel_has_no_frequencies(size: int):
    with pytest.raises(UserError, match=f"image size {size}: must be at least 2 px"):
        fourier(size)


def test_the_default_start_is_to_the_bit_what_it_was():
    """Finished icons depend on it: the formula as it stood when images were square and RGB."""
    size, z = 15, jnp.asarray(random_params(15, sd=1.0))
    f = np.sqrt(np.fft.fftfreq(size)[:, None] ** 2 + np.fft.rfftfreq(size)[None] ** 2)
    scale = (size / np.maximum(f, 1.0 / size) ** 1.0 / 4.0).astype(np.float32)[None]
    planes = jnp.fft.irfft2(jax.lax.complex(z[0] * scale, z[1] * scale), s=(size, size))
    init, image = fourier(size)
    np.testing.assert_array_equal(image(z), to_rgb(jnp.moveaxis(planes, 0, -1)))
    drawn = 0.01 * jax.random.normal(jax.random.key(3), (2, 3, 15, 8))
    np.testing.assert_array_equal(init(jax.random.key(3)), drawn)


@pytest.mark.parametrize(("height", "width"), [(6, 9), (9, 6), (7, 5), (2, 8)])
def test_rectangles_are_numpys(height: int, width: int):
    z = np.random.default_rng(0).normal(0, 0.1, (2, 4, height, width // 2 + 1)).astype(np.float32)
    f = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    scale = np.sqrt(height * width) / np.maximum(f, 1 / max(height, width)) / 4
    planes = np.fft.irfft2((z[0] + 1j * z[1]) * scale, (height, width), axes=(1, 2))
    image = fourier((height, width), correlation=no_correlation(4)).image(jnp.asarray(z))
    expected = 1 / (1 + np.exp(-planes.transpose(1, 2, 0)))
    np.testing.assert_allclose(image, expected, atol=2e-5)  # float32 transforms


@settings(deadline=None, max_examples=12)
@given(st.sampled_from([(2, 2), (7, 8), (8, 5)]), st.sampled_from([0.0, 1, 1.5]))
def test_the_parameters_of_a_picture_make_it_again(size: tuple[int, int], decay: float):
    picture = np.random.default_rng(1).uniform(0.05, 0.95, (*size, 3)).astype(np.float32)
    params = fourier_params(jnp.asarray(picture), decay=decay)
    assert params.shape == (2, 3, size[0], size[1] // 2 + 1)
    again = fourier(size, decay=decay).image(params)
    np.testing.assert_allclose(again, picture, atol=2e-5)  # float32 transforms there and back


def test_black_and_white_come_back_to_half_a_step_of_eight_bits():
    picture = np.random.default_rng(2).integers(0, 2, (6, 6, 3)).astype(np.float32)
    again = np.asarray(fourier(6).image(fourier_params(jnp.asarray(picture))))
    np.testing.assert_array_equal(np.round(again * 255), picture * 255)
    with pytest.raises(UserError, match="clip 0"):
        fourier_params(jnp.asarray(picture), clip=0.0)


SIZES = [(4, 8), (5, 10), (8, 4), (9, 3), (6, 7), (7, 6), (5, 5), ((4, 7), (9, 6))]


@pytest.mark.parametrize(("old", "new"), SIZES)
def test_a_resized_spectrum_is_the_picture_resampled(old, new):
    """Against SciPy's trigonometric resampling, one axis after the other."""
    (h, w), (height, width) = ((n, n) if isinstance(n, int) else n for n in (old, new))
    z = np.random.default_rng(3).normal(0, 0.1, (2, 3, h, w // 2 + 1)).astype(np.float32)
    before = np.asarray(steps(fourier(old, decay=1.5)).field(jnp.asarray(z)), np.float64)
    expected = np.asarray(resample(np.asarray(resample(before, height, axis=0)), width, axis=1))
    resized = resize_fourier(jnp.asarray(z), old, new, decay=1.5)
    after = steps(fourier(new, decay=1.5)).field(resized)
    np.testing.assert_allclose(after, expected, atol=2e-5)  # float32 transforms there and back


@settings(deadline=None, max_examples=8)
@given(st.sampled_from([2, 5, 8]), st.sampled_from([2, 3]), st.integers(0, 99))
def test_enlarged_by_a_whole_factor_the_old_pixels_stay(size: int, factor: int, seed: int):
    z = jnp.asarray(random_params(size, seed))
    picture = fourier(factor * size).image(resize_fourier(z, size, factor * size))
    np.testing.assert_allclose(picture[::factor, ::factor], fourier(size).image(z), atol=2e-5)


def test_parameters_of_another_size_are_not_resized():
    with pytest.raises(UserError, match=r"\(8, 5\) coefficients: an image of 8 x 10 px"):
        resize_fourier(jnp.zeros((2, 3, 8, 5)), (8, 10), 16)
