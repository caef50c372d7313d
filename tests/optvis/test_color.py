"""Colour: the published matrix, and the way from its coordinates to RGB."""

import jax
import jax.numpy as jnp
import numpy as np

from atlasjax.optvis.color import imagenet_correlation, to_rgb

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
