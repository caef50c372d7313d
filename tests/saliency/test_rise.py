"""RISE: its masks, its estimate by NumPy, and what it finds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toy_saliency import LINEAR, images, linear

from atlasjax.errors import UserError
from atlasjax.saliency import rise
from atlasjax.saliency.rise import mask
from atlasjax.targets import class_logit

KEY = jax.random.key(2)


def test_masks_are_soft_grids_shown_as_often_as_asked():
    keys = jax.random.split(KEY, 3000)
    many = np.asarray(jax.vmap(lambda key: mask(key, 12, 15, 3, 0.3))(keys))
    assert many.min() >= 0
    assert many.max() <= 1
    # Each pixel mixes up to four of 3000 draws of deviation .46: 3 deviations of their mean.
    np.testing.assert_allclose(many.mean(0), 0.3, atol=3 * 0.46 / np.sqrt(3000))
    steps = np.abs(np.diff(many, axis=1)).max()
    assert steps <= 1 / 4 + 1e-6  # from 0 to 1 over a cell of 4 px
    assert np.abs(np.diff(many, axis=2)).max() <= 1 / 5 + 1e-6


@pytest.mark.parametrize("chunk", [2, 12])
def test_the_estimate_by_hand(chunk: int):
    samples, shown = 23, 0.4
    found = rise(
        linear,
        images(),
        class_logit(1),
        key=KEY,
        samples=samples,
        cells=3,
        shown=shown,
        chunk=chunk,
    )
    for i, x in enumerate(np.asarray(images())):
        own = jax.random.fold_in(KEY, i)
        keys = jax.vmap(lambda n, own=own: jax.random.fold_in(own, n))(jnp.arange(samples))
        masks = np.asarray(jax.vmap(lambda key: mask(key, 6, 6, 3, shown))(keys))
        scores = (masks[..., None] * x * LINEAR[..., 1]).sum((1, 2, 3))
        expected = ((scores - scores.mean())[:, None, None] * masks).sum(0) / (samples * shown)
        np.testing.assert_allclose(found[i], expected, atol=1e-4)


def test_it_finds_what_the_target_looks_at_whatever_is_added_to_it():
    def corner(x, tap):
        return 1000 + 10 * x[:, :6, :6].mean((1, 2))

    found = rise(corner, jnp.ones((1, 24, 24, 3)), class_logit(0), key=KEY, samples=1000)[0]
    inside, outside = found[:6, :6], found[10:, 10:]
    assert inside.min() > 3 * np.abs(outside).max()


@pytest.mark.parametrize(
    ("options", "said"),
    [({"samples": 0}, "samples 0"), ({"cells": 0}, "cells 0"), ({"shown": 1.0}, "shown 1")],
)
def test_mistakes_are_told(options: dict, said: str):
    with pytest.raises(UserError, match=said):
        rise(linear, images(), class_logit(0), key=KEY, **options)
