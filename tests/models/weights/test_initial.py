"""Random weights: every block has something to show."""

import jax
import numpy as np
import pytest

from atlasjax import models, taps
from atlasjax.errors import UserError
from atlasjax.models.weights import caffe


def test_no_block_dies_or_explodes():
    model = models.load("inception_v1_tiny")
    names = ["conv2d0", "conv2d2", *(name for name, _ in model.spec.blocks), "logits"]
    images = jax.random.uniform(jax.random.key(0), (8, 64, 64, 3))
    found = jax.jit(lambda model, x: taps.capture(model, x, names))(model, images)
    for name, value in found.items():
        channels = np.asarray(value).reshape(-1, value.shape[-1])
        assert 0.3 < channels.std() < 3, name
        if name != "logits":
            assert np.mean(channels.max(0) <= 0) < 0.05, name
    assert np.asarray(found["logits"]).std(0).min() > 0.1  # images are told apart


def test_equal_seeds_give_equal_weights():
    one, same, other = (
        caffe.to_caffe(models.load("inception_v1_tiny", seed=seed)) for seed in (3, 3, 4)
    )
    name = "inception_4c/3x3/weight"
    np.testing.assert_array_equal(one[name], same[name])
    assert np.abs(one[name] - other[name]).max() > 0.1


def test_negative_seeds_are_refused():
    with pytest.raises(UserError, match="seed -1"):
        models.load("inception_v1_tiny", seed=-1)
