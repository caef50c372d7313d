"""Colour: the published matrix, and the way from its coordinates to RGB."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax.errors import UserError
from atlasjax.optvis.color import (
    from_rgb,
    image_batches,
    imagenet_correlation,
    measure_correlation,
    no_correlation,
    to_rgb,
)

# Lucid's color_correlation_normalized as Xplique prints it, to eight digits and transposed.
PUBLISHED = np.array(
    [
        [0.56282854, 0.58447580, 0.58447580],
        [0.19482528, 0.00000000, -0.19482528],
        [0.04329450, -0.10823626, 0.06494176],
    ]
).T


def test_the_matrix_is_the_published_one():
    # Both are float32.
    np.testing.assert_allclose(imagenet_correlation(), PUBLISHED, atol=1e-7)
    assert imagenet_correlation().dtype == np.float32


def test_the_columns_are_brightness_and_two_opponents():
    lengths = np.linalg.norm(imagenet_correlation(), axis=0)
    assert abs(lengths[0] - 1) < 1e-6
    assert lengths[0] > lengths[1] > lengths[2]
    assert (imagenet_correlation()[:, 0] > 0).all()


def test_a_colour_is_the_sigmoid_of_the_matrix_times_its_coordinates():
    x = np.random.default_rng(0).normal(scale=2, size=(2, 3, 4, 3))
    by_hand = 1 / (1 + np.exp(-np.einsum("ij,...j->...i", PUBLISHED, x)))
    rgb = to_rgb(jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(rgb, by_hand, atol=1e-6)  # float32
    assert np.asarray(rgb).min() > 0
    assert np.asarray(rgb).max() < 1


def test_axes_have_their_colours():
    axes = jax.jit(to_rgb)(jnp.eye(3)[None])[0]
    bright, blue_red, green_purple = np.asarray(axes)
    assert (bright > 0.6).all()
    assert blue_red[0] > 0.5 > blue_red[2]
    assert green_purple[1] < 0.5 < min(green_purple[0], green_purple[2])


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_without_correlation_each_channel_is_its_own_sigmoid(channels: int):
    x = np.random.default_rng(1).normal(size=(2, 3, channels))
    rgb = to_rgb(jnp.asarray(x, jnp.float32), no_correlation(channels))
    np.testing.assert_allclose(rgb, 1 / (1 + np.exp(-x)), atol=1e-6)  # float32


@settings(deadline=None, max_examples=12)
@given(st.sampled_from([1, 3, 5]), st.integers(0, 99))
def test_colours_there_and_back(channels: int, seed: int):
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(channels, channels)) + 3 * np.eye(channels)
    matrix = mixing.astype(np.float32)
    rgb = rng.uniform(0.01, 0.99, (4, channels, channels)).astype(np.float32)
    again = to_rgb(from_rgb(jnp.asarray(rgb), matrix), matrix)
    np.testing.assert_allclose(again, rgb, atol=1e-4)  # a condition of up to 30, in float32


def test_the_ends_of_the_range_are_clipped():
    ends = jnp.asarray([[[0.0, 1.0, 0.5]]])
    again = np.asarray(to_rgb(from_rgb(ends, clip=0.25)))
    np.testing.assert_allclose(again, [[[0.25, 0.75, 0.5]]], atol=1e-5)
    for clip in (0.0, 0.5, -1.0):
        with pytest.raises(UserError, match=f"clip {clip}"):
            from_rgb(ends, clip=clip)


def coloured(matrix: np.ndarray, n: int = 20_000, seed: int = 0) -> np.ndarray:
    """Pixels around grey whose covariance has the given square root, [1, n, 1, c]."""
    noise = np.random.default_rng(seed).uniform(-1, 1, (n, matrix.shape[1])) * np.sqrt(3)
    return (0.5 + 0.05 * noise @ matrix.T).reshape(1, n, 1, -1)


def test_measured_colours_are_those_that_the_images_were_made_with():
    axes, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(4, 4)))
    axes = axes * np.where(axes[0] < 0, -1, 1)
    matrix = axes * np.array([1.0, 0.6, 0.4, 0.2])
    measured = measure_correlation([coloured(matrix)])
    assert measured.dtype == np.float32
    # Axes and lengths from 20000 pixels: errors of a percent or so.
    np.testing.assert_allclose(measured, matrix, atol=0.04)


def test_the_measured_matrix_is_the_root_of_the_covariance_however_batched():
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (6, 5, 4, 3)).astype(np.uint8)
    covariance = np.cov(images.reshape(-1, 3).T / 255, bias=True)
    whole = measure_correlation([images]).astype(np.float64)
    parts = measure_correlation(iter([images[:1], images[1:]]))
    np.testing.assert_allclose(whole, parts, atol=1e-6)
    root = whole @ whole.T
    np.testing.assert_allclose(root / np.trace(root), covariance / np.trace(covariance), atol=1e-6)
    lengths = np.linalg.norm(whole, axis=0)
    assert lengths[0] == pytest.approx(1)
    assert (np.diff(lengths) < 0).all()
    assert (whole[0] >= 0).all()


def test_images_without_colour_have_one_axis_and_no_way_back():
    grey = np.linspace(0, 1, 60).reshape(1, 6, 10, 1) * np.ones(3)
    matrix = measure_correlation([grey])
    np.testing.assert_allclose(matrix[:, 0], 3**-0.5, atol=1e-6)
    assert (matrix[:, 1:] == 0).all()
    with pytest.raises(UserError, match="no inverse"):
        from_rgb(jnp.full((1, 1, 3), 0.5), matrix)


@pytest.mark.parametrize(
    ("images", "complaint"),
    [
        ([], "no images"),
        ([np.full((1, 2, 2, 3), 0.5)], "one colour"),
        ([np.zeros((2, 2, 3))], r"shape \(2, 2, 3\)"),
        ([np.full((1, 1, 1, 3), 1.5)], "float64: must be uint8"),
        ([np.zeros((1, 1, 1, 3), np.int32)], "int32: must be uint8"),
        ([np.zeros((1, 1, 1, 3)), np.zeros((1, 1, 1, 1))], "of 3 and of 1 channels"),
    ],
)
def test_what_cannot_be_measured_is_refused(images, complaint: str):
    with pytest.raises(UserError, match=complaint):
        measure_correlation(images)


def test_bytes_become_fractions():
    (batch,) = image_batches([np.array([0, 51, 255], np.uint8).reshape(1, 1, 1, 3)], 1)
    np.testing.assert_array_equal(batch.ravel(), np.array([0, 51, 255], np.float32) / 255)


def test_colours_of_another_number_of_channels_are_refused():
    with pytest.raises(UserError, match="4 channels, but colours of 3"):
        to_rgb(jnp.zeros((1, 1, 4)))
    with pytest.raises(UserError, match="0 channels"):
        no_correlation(0)
