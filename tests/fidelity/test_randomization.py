"""Randomization: what is shuffled, what is not, and what maps are compared by."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import spearmanr

from atlasjax.errors import UserError
from atlasjax.fidelity.randomization import randomized, similarity


def test_every_array_keeps_its_numbers_in_another_order():
    rng = np.random.default_rng(0)
    shapes = {"kernel": (3, 3, 4, 8), "dense": (40, 5), "bias": (40,)}
    weights = {name: rng.random(shape).astype(np.float32) for name, shape in shapes.items()}
    model = jax.tree_util.Partial(lambda weights, images, tap: images, weights)
    shuffled = randomized(model, jax.random.key(0))
    pairs = list(zip(jax.tree.leaves(model), jax.tree.leaves(shuffled), strict=True))
    assert len(pairs) == 3
    for before, after in pairs:
        assert before.shape == after.shape
        assert np.sort(np.ravel(before)).tolist() == np.sort(np.ravel(after)).tolist()
        assert (before != after).mean() > 0.8


def test_other_keys_give_other_networks():
    model = jax.tree_util.Partial(lambda w, images, tap: images @ w, jnp.arange(12.0).reshape(3, 4))
    first, second, again = (
        jax.tree.leaves(randomized(model, jax.random.key(seed)))[0] for seed in (0, 1, 0)
    )
    assert (first != second).any()
    assert (first == again).all()


def test_whole_numbers_and_single_ones_stay():
    model = jax.tree_util.Partial(
        lambda table, scale, w, images, tap: images,
        jnp.arange(9),
        jnp.float32(2.0),
        jnp.arange(9.0),
    )
    table, scale, _ = jax.tree.leaves(randomized(model, jax.random.key(0)))
    assert table.tolist() == list(range(9))
    assert scale == 2


def test_a_plain_function_has_nothing_to_shuffle():
    with pytest.raises(UserError, match="without weights"):
        randomized(lambda images, tap: images, jax.random.key(0))


def test_similarity_is_spearmans_of_magnitudes():
    rng = np.random.default_rng(0)
    maps, others = rng.normal(size=(2, 3, 8, 9)).round(1)  # with many equal values
    expected = [
        np.asarray(spearmanr(np.abs(a).ravel(), np.abs(b).ravel()))[0]
        for a, b in zip(maps, others, strict=True)
    ]
    assert similarity(maps, others) == pytest.approx(np.array(expected), abs=1e-12)
    assert similarity(maps, -maps) == pytest.approx(1)
