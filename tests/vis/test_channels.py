"""Networks that take images of one or of five channels: every one-liner draws for them."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import vis
from atlasjax.errors import UserError
from atlasjax.optvis import objectives as obj

KEY = jax.random.key(0)
QUICK = vis.Settings(size=(32, 32), steps=2, jitter=1, scale=(1, 1), rotate=0, total_variation=0.0)


def network(channels: int) -> Any:
    def model(images: Any, tap: Any) -> Any:
        x = images @ jnp.eye(channels)  # which takes no others
        return tap("grid", x[:, ::8, ::8]).mean((1, 2))

    return model


def test_whatever_is_drawn_has_the_channels_of_the_network():
    channels = 5
    model, settings = network(channels), replace(QUICK, channels=channels)
    picture = np.random.default_rng(0).uniform(size=(40, 50, channels))
    ends = obj.channel("grid", 0), obj.channel("grid", channels - 1)
    made = [
        vis.channels(model, "grid", [0], KEY, settings),
        vis.diversity(model, "grid", [0], KEY, settings, count=2),
        vis.interpolation(model, *ends, KEY, settings, frames=2),
        vis.inversion(model, "grid", picture, KEY, settings),
        vis.dream(model, "grid", picture, KEY, settings, octaves=1),
        vis.style_transfer(model, picture, picture[::-1], KEY, settings, layer="grid"),
    ]
    for gallery in made:
        assert gallery.images.shape[1:] == (32, 32, channels), gallery.title
    # What starts from a picture is still near it after two steps.
    for gallery, last in ((made[4], 1), (made[5], 2)):
        assert np.abs(gallery.images[last] - gallery.images[0]).mean() < 0.2


def test_a_photograph_is_grey_to_a_network_that_knows_no_colours():
    photograph = np.zeros((32, 32, 3), np.uint8)
    photograph[..., 0] = 255
    made = vis.inversion(network(1), "grid", photograph, KEY, replace(QUICK, channels=1))
    np.testing.assert_allclose(made.images[0], 76 / 255, rtol=1e-6)  # 0.299 * 255, in 8 bits


def test_other_channels_are_refused():
    with pytest.raises(UserError, match="images of 5 channels; the network takes 3"):
        vis.inversion(network(3), "grid", np.zeros((32, 32, 5)), KEY, QUICK)
    with pytest.raises(UserError, match="channels 0: must be at least 1"):
        vis.channels(network(1), "grid", [0], KEY, replace(QUICK, channels=0))
