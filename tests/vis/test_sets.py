"""Pictures made together: sets that differ, and ways from one thing to another."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from atlasjax import vis
from atlasjax.errors import UserError
from atlasjax.optvis.objectives import channel

KEY = jax.random.key(0)


def likeness(images: np.ndarray) -> float:
    """The mean cosine between the Gram matrices of two colour layouts."""
    rows = images.reshape(len(images), -1, 3)
    grams = np.einsum("npc,npd->ncd", rows, rows).reshape(len(images), -1)
    grams /= np.linalg.norm(grams, axis=1, keepdims=True)
    return float(grams[0] @ grams[1])


def test_diversity_makes_pictures_differ(toy, quick):
    own = replace(quick, total_variation=0)
    differing, alike = (
        vis.diversity(toy, "grid", [0, 4], KEY, own, count=2, weight=weight)
        for weight in (1.0, 0.0)
    )
    assert differing.captions == ("0 #1", "0 #2", "4 #1", "4 #2")
    assert differing.images.shape == (4, 32, 32, 3)
    assert differing.columns == 2
    for first in (0, 2):
        pair = slice(first, first + 2)
        assert likeness(differing.images[pair]) < likeness(alike.images[pair])
    # In both, the channel that was asked for is what is reached.
    means = differing.images.mean((1, 2))
    red, not_green = means[:2, 0], 1 - means[2:, 1]
    assert red.mean() > 0.55  # grey has .5
    assert not_green.mean() > 0.55


def test_an_interpolation_leads_from_one_to_the_other(toy, quick):
    made = vis.interpolation(
        toy, channel("grid", 0), channel("grid", 3), KEY, quick, frames=3, title="red to not"
    )
    assert made.captions == ("0%", "50%", "100%")
    assert made.title == "red to not"
    red = made.images[..., 0].mean((1, 2))
    assert red[0] > red[1] > red[2]
    assert red[0] - red[2] > 0.2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: vis.diversity(m, "grid", [0], KEY, count=1), "count 1: diversity needs"),
        (lambda m: vis.diversity(m, "grid", [0], KEY, weight=2), "weight 2: must be from 0 to 1"),
        (lambda m: vis.diversity(m, "grid", [], KEY), "no channels"),
        (
            lambda m: vis.interpolation(m, channel("grid", 0), channel("grid", 1), KEY, frames=1),
            "frames 1",
        ),
    ],
)
def test_mistakes_are_explained(call, message, toy):
    with pytest.raises(UserError, match=message):
        call(toy)
