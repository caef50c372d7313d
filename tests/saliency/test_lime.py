"""LIME: the regression is scikit-learn's, the superpixels cover the image, mistakes are told."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import Ridge
from toy_saliency import LINEAR, images, linear

from atlasjax.errors import UserError
from atlasjax.saliency import lime, superpixels
from atlasjax.targets import class_logit

KEY = jax.random.key(5)
# Six superpixels of unequal size, of which number 4 is missing.
SEGMENTS = np.array([0, 0, 1, 2, 3, 5], np.int32)[np.arange(36).reshape(6, 6) // 7 % 6]


@pytest.mark.parametrize("baseline", ["mean", "grey"])
def test_the_weights_are_those_of_scikit_learn(baseline: str):
    segments, samples, ridge = np.stack([SEGMENTS, SEGMENTS.T]), 60, 0.7
    found = lime(
        linear,
        images(),
        class_logit(0),
        key=KEY,
        segments=segments,
        most=8,
        samples=samples,
        baseline=baseline,
        ridge=ridge,
    )
    there = np.isin(np.arange(8), SEGMENTS)
    for i, x in enumerate(np.asarray(images())):
        own = jax.random.fold_in(KEY, i)
        keys = jax.vmap(lambda n, own=own: jax.random.fold_in(own, n))(jnp.arange(samples))
        bits = np.array(jax.vmap(lambda key: jax.random.bernoulli(key, 0.5, (8,)))(keys))
        bits[0] = True
        bits &= there
        nothing = np.full_like(x, 0.5)
        for number in np.unique(SEGMENTS):
            if baseline == "mean":
                nothing[segments[i] == number] = x[segments[i] == number].mean(0)
        copies = np.where(bits[:, segments[i]][..., None], x, nothing)
        scores = (copies * LINEAR[..., 0]).sum((1, 2, 3))
        distance = 1 - bits.sum(1) / np.sqrt(np.maximum(bits.sum(1), 1) * there.sum())
        weight = np.exp(-(distance**2) / (2 * 0.25**2))
        fitted = Ridge(alpha=ridge).fit(bits, scores, weight).coef_
        np.testing.assert_allclose(found[i], fitted[segments[i]], rtol=1e-3, atol=1e-3)


def test_superpixels_follow_the_edges_of_colours():
    left = np.zeros((1, 32, 32, 3), np.float32)
    left[0, :, 13:] = (1.0, 0.0, 0.0)
    found = superpixels(left, 20)[0]
    assert 4 < len(np.unique(found)) <= 20
    assert not set(found[:, :13].ravel()) & set(found[:, 13:].ravel())
    grey = superpixels(np.random.default_rng(0).random((2, 16, 16, 1), np.float32), 9)
    assert grey.shape == (2, 16, 16)
    assert grey.max() < 9


def test_superpixels_are_found_by_itself_but_not_under_jit():
    found = lime(linear, images(), class_logit(1), key=KEY, samples=40, most=6)
    assert found.shape == (2, 6, 6)
    with pytest.raises(UserError, match="needs segments="):
        jax.jit(lambda x: lime(linear, x, class_logit(1), key=KEY))(images())


def test_hidden_pixels_that_do_not_matter_have_no_weight():
    halves = jnp.repeat(jnp.arange(2), 18).reshape(1, 6, 6)

    def top(x, tap):
        return 5 * x[:, :3].mean((1, 2))

    found = lime(
        top,
        jnp.ones((1, 6, 6, 3)),
        class_logit(0),
        key=KEY,
        segments=halves,
        most=2,
        samples=2000,
        baseline="black",
    )
    # The ridge of 1 against 2000 samples of variance 1/4 takes 1/500.
    np.testing.assert_allclose(found[0, :3], 5, rtol=0.02)
    np.testing.assert_allclose(found[0, 3:], 0, atol=0.02)


def test_too_few_samples_are_refused():
    with pytest.raises(UserError, match="samples 1: must be at least 2"):
        lime(linear, images(), class_logit(0), key=KEY, samples=1)
