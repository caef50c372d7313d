"""Noise, colours, blur and backgrounds: by their distributions, and against SciPy and by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage, stats

from atlasjax.errors import UserError
from atlasjax.optvis import transform as t

KEY = jax.random.key(0)


def image_of(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape).astype(np.float32)


def test_noise_is_gaussian_of_its_deviation():
    added = np.asarray(t.noise(0.2)(KEY, jnp.full((64, 64, 3), 0.5))).ravel() - 0.5
    assert stats.kstest(added / 0.2, "norm").pvalue > 1e-3


def test_uniform_noise_is_uniform_within_its_amplitude():
    added = np.asarray(t.uniform_noise(0.2)(KEY, jnp.zeros((64, 64, 3)))).ravel()
    assert stats.kstest((added + 0.2) / 0.4, "uniform").pvalue > 1e-3


def test_brightness_adds_one_number():
    image = image_of(4, 5, 1)
    seen = [t.color(brightness=0.3)(key, jnp.asarray(image)) for key in jax.random.split(KEY, 20)]
    added = np.asarray(seen) - image
    np.testing.assert_allclose(added - added[:, :1, :1, :1], 0, atol=1e-6)
    assert 0.2 < np.abs(added).max() <= 0.3 + 1e-6


def test_contrast_stretches_about_the_mean():
    image = image_of(4, 5, 4)
    seen = [t.color(contrast=0.5)(key, jnp.asarray(image)) for key in jax.random.split(KEY, 20)]
    stretch = (np.asarray(seen) - image.mean()) / (image - image.mean())
    np.testing.assert_allclose(stretch - stretch[:, :1, :1, :1], 0, atol=1e-3)
    assert 0.3 < np.abs(stretch[:, 0, 0, 0] - 1).max() <= 0.5 + 1e-3


def test_saturation_keeps_the_luma():
    image = image_of(4, 5, 3)
    seen = np.asarray(t.color(saturation=1.0)(KEY, jnp.asarray(image)))
    weights = np.array([0.2126, 0.7152, 0.0722])
    np.testing.assert_allclose(seen @ weights, image @ weights, atol=1e-6)
    stretch = np.ptp(seen, -1) / np.ptp(image, -1)
    np.testing.assert_allclose(stretch, stretch[0, 0], rtol=1e-4)
    assert abs(stretch[0, 0] - 1) > 0.01
    with pytest.raises(UserError, match=r"saturation 0.5 for 4 channels: .* 3 channels"):
        t.color(saturation=0.5)(KEY, jnp.zeros((2, 2, 4)))


@pytest.mark.parametrize("sd", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("shape", [(12, 9, 3), (2, 5, 1)])
def test_blur_is_scipys(sd: float, shape: tuple):
    image = image_of(*shape)
    blurred = ndimage.gaussian_filter(
        image.astype(np.float64), (sd, sd, 0), mode="wrap", truncate=8.0
    )
    np.testing.assert_allclose(t.blur(sd)(KEY, jnp.asarray(image)), blurred, atol=1e-6)


@pytest.mark.parametrize("transform", [t.noise(0), t.uniform_noise(0), t.color(), t.blur(0)])
@pytest.mark.parametrize("shape", [(3, 4, 3), (2, 2, 1)])
def test_nothing_changes_nothing(transform, shape: tuple):
    image = image_of(*shape)
    np.testing.assert_allclose(transform(KEY, jnp.asarray(image)), image, atol=1e-6)


BACKGROUNDS = ["random", "smooth", "white", "color", "grey", (0.1, 0.2, 0.3)]


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_alpha_mixes_image_and_background(background):
    transform = t.composite(background)
    rgb = image_of(6, 7, 3)

    def seen(alpha: float) -> np.ndarray:
        rgba = np.concatenate([rgb, np.full((6, 7, 1), alpha, np.float32)], -1)
        return np.asarray(transform(KEY, jnp.asarray(rgba)))

    np.testing.assert_allclose(seen(1.0), rgb, atol=1e-6)
    behind = seen(0.0)
    assert behind.shape == (6, 7, 3)
    assert 0 <= behind.min() <= behind.max() <= 1
    np.testing.assert_allclose(seen(0.25), 0.25 * rgb + 0.75 * behind, atol=1e-6)


def behind(background, seed: int = 0, size: int = 64) -> np.ndarray:
    image = jnp.zeros((size, size, 4))
    return np.asarray(t.composite(background)(jax.random.key(seed), image))


def roughness(image: np.ndarray) -> float:
    return float(np.abs(np.diff(image, axis=0)).mean() / image.std())


def test_backgrounds_are_what_they_are_called():
    assert (behind("grey") == 0.5).all()
    np.testing.assert_allclose(behind((0.1, 0.2, 0.3))[3, 4], [0.1, 0.2, 0.3])
    color = behind("color")
    assert (color == color[:1, :1]).all()
    assert len(np.unique(color)) == 3
    assert stats.kstest(behind("white").ravel(), "uniform").pvalue > 1e-3
    assert roughness(behind("smooth")) < 0.3 < 1 < roughness(behind("white"))
    assert 0.1 < behind("smooth").std() < 0.45
    rough = np.array([roughness(behind("random", seed)) for seed in range(30)])
    assert 5 < (rough > 0.7).sum() < 25


@pytest.mark.parametrize(
    "transform",
    [t.noise(0.1), t.uniform_noise(0.1), t.color(0.2, 0.3, 0.4), t.blur(1.5), t.composite()],
)
def test_gradients_are_finite_and_draws_follow_the_key(transform):
    image = jnp.asarray(image_of(5, 6, 4 if transform == t.composite() else 3))
    gradient = jax.grad(lambda x: (transform(KEY, x) ** 2).sum())(image)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0
    keys = jax.random.split(KEY, 3)
    batch = jax.jit(jax.vmap(transform, (0, None)))(keys, image)
    alone = np.stack([transform(key, image) for key in keys])
    np.testing.assert_allclose(batch, alone, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: t.noise(-0.1), "noise sd -0.1: must be 0 or more"),
        (lambda: t.uniform_noise(-1), "uniform_noise amplitude -1"),
        (lambda: t.color(brightness=-1), "color brightness -1"),
        (lambda: t.color(contrast=1.5), "color contrast 1.5: must be from 0 to 1"),
        (lambda: t.color(saturation=-0.5), "color saturation -0.5"),
        (lambda: t.blur(float("nan")), "blur sd nan"),
        (lambda: t.composite("gray"), "composite background 'gray': must be one of random"),
        (lambda: t.composite()(KEY, jnp.zeros((2, 2, 3))), "image of 3 channels: must be 4"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(make, named: str):
    with pytest.raises(UserError, match=named):
        make()
