"""Removal: outputs without sets of units, against a network of which they are cut out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.circuits import without_units
from atlasjax.errors import UserError

RNG = np.random.default_rng(0)
FIRST, SECOND = (RNG.normal(size=shape).astype(np.float32) for shape in ((3, 5), (5, 4)))
IMAGES = RNG.random((11, 4, 4, 3), np.float32)  # more than a batch, and not a multiple of one


def network(images, tap):
    hidden = tap("hidden", jax.nn.relu(images @ FIRST))
    return tap("logits", hidden.mean((1, 2)) @ SECOND)


def test_units_are_cut_out_of_the_network():
    found = without_units(network, "hidden", [[], [1], [0, 4]], IMAGES)
    hidden = np.maximum(IMAGES @ FIRST, 0).mean((1, 2))
    for outputs, units in zip(found, ([], [1], [0, 4]), strict=True):
        left = hidden.copy()
        left[:, units] = 0
        np.testing.assert_allclose(outputs, left @ SECOND, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "sets", "said"),
    [
        ("hiden", [[0]], "no layer 'hiden'; did you mean hidden"),
        ("hidden", [[5]], "unit 5 of 'hidden': must be from 0 to 4"),
        ("hidden", [], "no sets"),
    ],
)
def test_mistakes_are_told(layer: str, sets: list, said: str):
    with pytest.raises(UserError, match=said):
        without_units(network, layer, sets, jnp.asarray(IMAGES))
