"""Pixels: their colours, their start."""

import jax
import numpy as np

from atlasjax.optvis.color import no_correlation, to_rgb
from atlasjax.optvis.param import pixels


def test_the_image_is_the_colours_of_the_parameters(fill):
    params = fill(pixels((3, 5)))
    np.testing.assert_array_equal(pixels((3, 5)).image(params), to_rgb(params))
    plain = pixels((3, 5), correlation=no_correlation(3)).image(params)
    by_hand = 1 / (1 + np.exp(-np.asarray(params, np.float64)))
    np.testing.assert_allclose(plain, by_hand, atol=1e-6)  # float32


def test_the_start_has_the_deviation_asked_for():
    z = np.asarray(pixels(64, sd=0.3).init(jax.random.key(0)))
    assert abs(z.std() / 0.3 - 1) < 5 / np.sqrt(2 * z.size)  # five standard errors
