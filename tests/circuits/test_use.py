"""Weights by use: against sums over every position, one at a time."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from three_layers import BIASES, MIX, SECOND, conv, plain

import atlasjax as ax
from atlasjax.circuits import agreement, firing, gradient_by_use, weighted_by_use, weights_between
from atlasjax.circuits.use import Firing
from atlasjax.errors import UserError

IMAGES = np.random.default_rng(0).uniform(size=(10, 12, 12, 3)).astype(np.float32)


def test_how_often_and_how_strongly_units_fire():
    found = firing(plain, "first", IMAGES)
    value = np.asarray(ax.capture(plain, jnp.asarray(IMAGES), ["first"])["first"], np.float64)
    np.testing.assert_allclose(found.often, (value > 0).mean((0, 1, 2)), rtol=1e-6)
    sums, counts = value.sum((0, 1, 2)), (value > 0).sum((0, 1, 2))
    np.testing.assert_allclose(found.strength, sums / np.maximum(counts, 1), rtol=1e-5)
    below = firing(plain, "second", -100 * IMAGES)  # as many as never fire are not divided by 0
    assert np.isfinite(below.strength).all()


def test_weights_by_use_are_what_a_source_adds_on_average():
    weights = weights_between(plain, "first", "mix")
    fires = firing(plain, "first", IMAGES)
    value = np.asarray(ax.capture(plain, jnp.asarray(IMAGES), ["first"])["first"], np.float64)
    expected = MIX[..., 0, 0] * value.mean((0, 1, 2))
    np.testing.assert_allclose(weighted_by_use(weights, fires)[..., 0, 0], expected, rtol=1e-5)


def by_hand(images: np.ndarray, rows: Any, columns: Any) -> tuple[np.ndarray, np.ndarray]:
    """Slopes of second by first, before its rectifier, at every position asked for."""

    def rest(value: Any) -> Any:
        x = jax.nn.relu(conv(value, MIX, BIASES[1]))
        return conv(x, SECOND, BIASES[2])

    value = ax.capture(plain, jnp.asarray(images), ["first"])["first"]
    slopes, shares = [], []
    for one in value:
        jacobian = np.asarray(jax.jacrev(lambda v: rest(v[None])[0])(one))  # [h, w, o, h, w, i]
        for r in rows:
            for c in columns:
                part = jacobian[r, c, :, r - 1 : r + 2, c - 1 : c + 2]
                slopes.append(part)
                shares.append(part * np.asarray(one)[r - 1 : r + 2, c - 1 : c + 2])
    return tuple(np.mean(all_, 0).transpose(0, 3, 1, 2) for all_ in (slopes, shares))


def test_gradients_are_the_mean_over_positions_and_images():
    """In images of 3 px a window of 3 has room once."""
    images = IMAGES[:, :3, :3]
    found = gradient_by_use(plain, "first", "second", images)
    slope, share = by_hand(images, [1], [1])
    assert found.places == len(images)
    np.testing.assert_allclose(found.slope, slope, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.contribution, share, rtol=1e-4, atol=1e-5)


def test_many_positions_are_looked_at_in_one_pass():
    """Of 8 x 8 positions two by two windows lie side by side: rows 1 to 6 have room for two."""
    images = IMAGES[:1, :8, :8]
    found = gradient_by_use(plain, "first", "second", images, units=[2, 0])
    assert found.places == 4
    slope, share = by_hand(images, [1, 4], [1, 4])
    every = [
        by_hand(images, [r, r + 3], [c, c + 3])[0][[2, 0]] for r in range(1, 4) for c in range(1, 4)
    ]
    assert min(np.abs(found.slope - one).max() for one in every) < 1e-5
    assert slope.shape[1:] == found.slope.shape[1:] == share.shape[1:]


def test_where_every_rectifier_is_open_gradients_are_the_weights():
    def always(images: Any, tap: Any) -> Any:
        x = tap("first", images)
        x = jax.nn.relu(conv(x, np.abs(MIX[:, :3]), BIASES[1]) + 100)
        return tap("second", jax.nn.relu(conv(x, SECOND, BIASES[2]))).mean((1, 2))

    weights = weights_between(always, "first", "second")
    found = gradient_by_use(always, "first", "second", IMAGES)
    np.testing.assert_allclose(found.slope, weights, rtol=1e-4, atol=1e-5)
    told = agreement(weights, found.slope)
    np.testing.assert_allclose(told.cosine, 1, atol=1e-5)
    assert told.same_sign.all()
    np.testing.assert_allclose(told.rank, 1, atol=1e-5)


def cancelling(images: Any, tap: Any) -> Any:
    """Two ways from a to b of which one alone is ever open, and whose weights cancel."""
    a = tap("a", images[..., :1])
    ways = [jnp.ones((1, 1)), jnp.ones((1, 1))]
    first, second = (jax.nn.relu(a @ w - least) for w, least in zip(ways, (0.5, 2.0), strict=True))
    return tap("b", first - second).mean((1, 2))


def test_weights_that_cancel_are_found_to_mislead():
    """The published example: expanded weights of nothing, between units with a strong edge."""
    weights = weights_between(cancelling, "a", "b")
    slope = gradient_by_use(cancelling, "a", "b", np.full((2, 3, 3, 3), 0.75, np.float32)).slope
    assert (weights.item(), slope.item()) == (0.0, 1.0)
    told = agreement(weights, slope)
    assert (told.cosine.item(), told.same_sign.item()) == (0.0, False)


def test_what_has_no_weights_has_gradients():
    def attending(images: Any, tap: Any) -> Any:
        x = tap("before", images.reshape(len(images), -1, 3))
        weight = jax.nn.softmax(jnp.einsum("bnc,bmc->bnm", x, x))
        return tap("after", weight @ x).mean(1)

    images = IMAGES[:3, :2, :2]
    found = gradient_by_use(attending, "before", "after", images)
    assert found.slope.shape == (3, 3, 2, 2)
    x = jnp.asarray(images.reshape(3, 4, 3))

    def centre(x: Any) -> Any:
        return (jax.nn.softmax(x @ x.T) @ x)[3]

    expected = np.mean([np.asarray(jax.jacrev(centre)(one)) for one in x], 0)
    expected = expected.reshape(3, 2, 2, 3).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(found.slope, expected, rtol=1e-4, atol=1e-6)


def test_agreement_by_hand():
    weights = np.array([[[[1.0, 2.0]], [[0.0, 0.0]], [[3.0, 0.0]]]])
    slopes = np.array([[[[2.0, 4.0]], [[1.0, 0.0]], [[0.0, -1.0]]]])
    told = agreement(weights, slopes)
    np.testing.assert_allclose(told.cosine, [[1, 0, 0]], atol=1e-6)
    assert told.same_sign.tolist() == [[True, False, False]]
    assert told.rank.shape == (1,)


def test_mistakes_are_told():
    with pytest.raises(UserError, match="no images"):
        firing(plain, "first", IMAGES[:0])
    with pytest.raises(UserError, match="no layer 'frist'"):
        firing(plain, "frist", IMAGES)
    with pytest.raises(UserError, match="unit 9"):
        gradient_by_use(plain, "first", "second", IMAGES, units=[9])
    with pytest.raises(UserError, match="must have one shape"):
        agreement(np.ones((1, 1, 3, 3)), np.ones((1, 1, 5, 5)))


def test_the_last_batch_counts_no_more_than_it_has():
    """Ten images are a batch of 8 and one of 2."""
    whole = gradient_by_use(plain, "first", "second", IMAGES[:, :3, :3])
    parts = [gradient_by_use(plain, "first", "second", IMAGES[i : i + 5, :3, :3]) for i in (0, 5)]
    mean = (parts[0].contribution + parts[1].contribution) / 2
    np.testing.assert_allclose(whole.contribution, mean, rtol=1e-4, atol=1e-6)
    assert isinstance(firing(plain, "first", IMAGES), Firing)
