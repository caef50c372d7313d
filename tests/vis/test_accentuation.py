"""Channels and classes heightened in a picture, which elsewhere stays what it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import vis
from atlasjax.errors import UserError
from atlasjax.vis.accentuation import _halfway
from atlasjax.vis.settings import Settings, fitted, settled

KEY = jax.random.key(0)


def test_channels_rise_in_the_picture(toy, quick, picture):
    seen = []
    made = vis.accentuation(
        toy,
        "grid",
        [0, 2],
        picture,
        KEY,
        quick,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert (made.captions, made.measure) == (("image", "0", "2"), "above the image's")
    np.testing.assert_array_equal(made.images[0], fitted(picture, 32))
    assert np.isnan(made.reached[0])
    assert (made.reached[1:] > 0).all()
    before, red, blue = made.images.mean((1, 2))
    assert red[0] > before[0]
    assert blue[2] > before[2]
    assert seen == [(0, 2), (1, 2), (2, 2)]


def test_classes_are_logits_and_what_nothing_wakes_is_told(quick, picture):
    def network(images, tap):
        x = tap("colours", images).mean((1, 2))
        return jnp.concatenate([x, jnp.maximum(x - 2.0, 0.0)], 1)  # three that nothing wakes

    names = ["dead", "blue"]
    made = vis.accentuation(
        network, None, [3, 2], picture, KEY, quick, captions=names, keep="colours"
    )
    assert made.captions == ("image", "dead", "blue")
    assert made.notes == ("", vis.SILENT, "")
    assert made.reached[1] == 0
    assert made.reached[2] > 0
    np.testing.assert_allclose(made.images[1], made.images[0], atol=1e-6)
    assert made.images[2][..., 2].mean() > made.images[0][..., 2].mean()


def test_what_is_kept_stands_halfway(toy):
    def deep(images, tap):
        for name in "abcd":
            images = tap(name, 1 * images)
            tap(f"{name}/part", images)
        return tap("pooled", images.mean((1, 2)))

    own = settled(deep, Settings(32))
    assert _halfway(deep, "d", own) == "b"
    assert _halfway(deep, "a", own) == "a"  # nothing stands before it
    assert _halfway(deep, None, own) == "c"
    with pytest.raises(UserError, match="the network has no layer with positions to keep"):
        _halfway(lambda images, tap: tap("pooled", images.mean((1, 2))), None, own)


def test_what_cannot_be_accentuated_is_refused(toy, quick, picture):
    with pytest.raises(UserError, match="nothing to accentuate"):
        vis.accentuation(toy, "grid", [], picture, KEY, quick)
    with pytest.raises(UserError, match="no layer 'grit'"):
        vis.accentuation(toy, "grit", [0], picture, KEY, quick)
