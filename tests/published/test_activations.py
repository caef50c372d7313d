"""Activations that were published with the articles."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from atlasjax import taps

pytestmark = pytest.mark.published


def test_the_dog_and_the_cat_of_the_building_blocks(network, published):
    """Olah et al., "The Building Blocks of Interpretability", Distill 2018 (CC-BY 4.0).

    The picture is fed as [0, 1], which the network takes to -117..138 as Lucid does. What was
    published went through another JPEG decoder, whose pixels differ by 1 or 2 of 255 at edges:
    hence 1% of the largest value, where float32 alone would leave 1e-5.
    """
    expected = np.load(published / "dog_cat_mixed4d_activations.npy")
    assert (expected.shape, round(float(expected.max()), 2)) == ((1, 14, 14, 528), 886.98)
    assert round(float(expected.mean()), 4) == 13.3256
    with Image.open(published / "dog_cat.jpeg") as picture:
        pixels = np.asarray(picture.convert("RGB"), np.float32)[None] / 255
    assert pixels.shape == (1, 224, 224, 3)
    capture = jax.jit(lambda m, x: taps.capture(m, x, ["mixed4d"])["mixed4d"])
    found = np.asarray(capture(network, jnp.asarray(pixels)))
    assert np.abs(found - expected).max() <= 0.01 * expected.max()
    assert found.mean() == pytest.approx(13.3256, rel=1e-3)
