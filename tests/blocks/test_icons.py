"""Icons of channels and groups: what they are drawn for."""

import jax
import numpy as np

from atlasjax.blocks.icons import icons


def signed(images, tap):
    return tap("layer", images - 0.5).mean((1, 2))


def rectified(images, tap):
    return tap("layer", jax.nn.relu(images - 0.5)).mean((1, 2))


def reds(model) -> tuple[float, float]:
    """Return how much more red than green there is in the middle, and on average."""
    made = icons(model, "layer", np.eye(3)[:1], jax.random.key(0), size=32, steps=64)
    icon = made[0].astype(float) / 255
    more = icon[..., 0] - icon[..., 1]
    return float(more[14:18, 14:18].mean()), float(more.mean())


# By its middle alone about 13 times as much as on average, by the mean of all positions about 5.
MIDDLE = 9


def test_a_layer_that_goes_below_zero_is_drawn_by_its_middle():
    middle, everywhere = reds(signed)
    assert middle > MIDDLE * everywhere > 0


def test_a_rectified_layer_is_drawn_everywhere():
    middle, everywhere = reds(rectified)
    assert 0 < middle < MIDDLE * everywhere
