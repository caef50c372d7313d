"""What units are against: drawn before the rectifier, or a word where nothing can be reached."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import vis

KEY = jax.random.key(0)


def unnamed(images: Any, tap: Any) -> Any:
    """Two colours behind a rectifier that taps nothing before it, and what is never below 0."""
    x = jnp.maximum(images[:, ::4, ::4, :2] - 0.25, 0)
    x = tap("colours", x)
    return tap("squared", x * x).mean((1, 2))


@pytest.mark.parametrize("draw", [vis.channels, vis.neurons])
@pytest.mark.parametrize("named", [True, False])
def test_the_opposite_of_a_unit_is_drawn_before_its_rectifier(draw, named, toy, quick):
    model, layer = (toy, "grid") if named else (unnamed, "colours")
    made = draw(model, layer, [0], KEY, replace(quick, steps=60), negative=True)
    assert made.title.startswith(f"{layer}/pre_relu, negative")
    assert made.notes == ("",)
    assert -0.25 <= made.reached[0] < -0.05  # dark in red: red less .25, below zero
    red = made.images[0, ..., 0]
    middle = red[16:24, 16:24] if draw is vis.neurons else red
    assert middle.mean() < 0.2


def test_directions_have_opposites_and_what_cannot_be_reached_is_said(toy, quick):
    vectors = np.array([[-1, 0, 0, 0, 0, 0]], np.float32)
    plain = vis.directions(toy, "grid", vectors, KEY, quick)
    assert plain.reached[0] <= 0
    assert plain.notes[0] in (vis.SILENT, "not above 0")
    twice = vis.directions(toy, "grid", -vectors, KEY, quick, negative=True)
    assert twice.notes == ("",)
    assert twice.reached[0] > 0  # no more than .3: what is not red is red's opposite
    assert twice.images[0, ..., 0].mean() < 0.3
    assert twice.title == "grid/pre_relu, opposites of directions"


def test_a_layer_that_is_never_below_zero_is_said_to_be(quick):
    made = vis.channels(unnamed, "squared", [0, 1], KEY, quick, negative=True)
    assert (made.reached >= 0).all()
    assert set(made.notes) <= {vis.SILENT, "not below 0"}
