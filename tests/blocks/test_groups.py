"""Groups are scikit-learn's factors, whatever the sign of the layer; what they leave is told."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import NMF

from atlasjax import UserError, blocks

KEY = jax.random.key(0)
RANDOM = np.random.default_rng(0)
MAPS = RANDOM.uniform(size=(2, 4, 4, 3)) ** 4
DIRECTIONS = RANDOM.uniform(size=(3, 7)) ** 4
DIRECTIONS /= np.linalg.norm(DIRECTIONS, axis=1, keepdims=True)


def test_what_is_made_of_groups_is_taken_apart_again():
    found = blocks.groups((MAPS @ DIRECTIONS).astype(np.float32), 3, KEY)
    first, second, cosine = blocks.match(found.direction, DIRECTIONS)
    assert float(found.unexplained.max()) < 1e-4
    assert float(cosine.min()) > 0.98  # NMF is unique only up to what zeros leave open
    for a, b in zip(first, second, strict=True):
        assert np.corrcoef(found.map[..., a].ravel(), MAPS[..., b].ravel())[0, 1] > 0.98


def test_groups_are_the_factors_of_scikit_learn():
    value = RANDOM.uniform(size=(1, 5, 6, 8)).astype(np.float32)
    found = blocks.groups(value, 2, KEY)
    own: Any = NMF
    own = own(2, init="nndsvda", max_iter=400, random_state=0)
    made = own.fit_transform(value.reshape(30, 8)) @ own.components_
    np.testing.assert_allclose(
        (found.map @ found.direction).reshape(30, 8), made, rtol=1e-3, atol=1e-3
    )
    rest = np.square(value.reshape(30, 8) - made).sum() / np.square(value).sum()
    assert float(found.unexplained[0]) == pytest.approx(rest, rel=1e-3)


@settings(max_examples=15, deadline=None)
@given(count=st.integers(1, 9), signed=st.booleans(), seed=st.integers(0, 99))
def test_maps_are_positive_directions_of_length_1_and_the_strongest_first(count, signed, seed):
    random = np.random.default_rng(seed)
    value = (random.normal if signed else random.gamma)(1.0, size=(2, 3, 2, 5)).astype(np.float32)
    found = blocks.groups(value, count, KEY)
    assert found.map.shape == (2, 3, 2, count)
    assert float(found.map.min()) >= 0
    length = np.linalg.norm(found.direction, axis=1)
    assert np.all((np.abs(length - 1) < 1e-5) | (length == 0))
    strength = np.square(found.map).sum((0, 1, 2))
    assert np.all(np.diff(strength) <= 1e-5 * strength[0])
    rest = np.square(value - found.map @ found.direction).sum((1, 2, 3))
    whole = np.square(value).sum((1, 2, 3))
    np.testing.assert_allclose(found.unexplained, np.minimum(rest / whole, 1), rtol=1e-3, atol=1e-6)


def test_a_layer_below_zero_is_parted_into_above_and_below():
    """Two things, one of which silences what the other wakes."""
    maps = np.zeros((1, 2, 4, 2))
    maps[0, 0, :, 0], maps[0, 1, :, 1] = [1, 2, 3, 4], [2, 1, 2, 1]
    directions = np.array([[1.0, -2.0, 0.0], [0.0, 3.0, -1.0]])
    found = blocks.groups((maps @ directions).astype(np.float32), 2, KEY)
    assert float(found.unexplained[0]) < 1e-5
    *_, cosine = blocks.match(found.direction, directions)
    np.testing.assert_allclose(cosine, 1, atol=1e-3)


def test_effects_of_groups_and_of_what_they_leave_add_up_to_the_layers():
    value = RANDOM.uniform(size=(2, 3, 3, 6)).astype(np.float32)
    slope = jnp.asarray(RANDOM.normal(size=(2, 4, 3, 3, 6)).astype(np.float32))
    found = blocks.Effects(jnp.asarray(value), slope, jnp.ones((2, 4)))
    made = blocks.groups(value, 3, KEY)
    effect = blocks.group_effects(found, made.map, made.direction)
    rest = jnp.asarray(value - made.map @ made.direction)
    left = jnp.einsum("btrck,brck->bt", slope, rest)
    whole = blocks.channels(found).effect.sum(2)
    np.testing.assert_allclose(effect.sum(2) + left, whole, rtol=1e-4, atol=1e-4)
    parts = blocks.group_parts(made.map, made.direction)
    np.testing.assert_allclose(parts.sum(1), made.map @ made.direction, rtol=1e-5, atol=1e-6)
    each = jnp.einsum("btrck,bnrck->btn", slope, parts)
    np.testing.assert_allclose(effect, each, rtol=1e-4, atol=1e-4)


def test_a_match_is_the_best_of_all():
    first, second = RANDOM.normal(size=(4, 6)), RANDOM.normal(size=(5, 6))
    rows, columns, cosine = blocks.match(first, second)
    every = [
        sum(_cosine(first[i], second[j]) for i, j in enumerate(chosen))
        for chosen in itertools.permutations(range(5), 4)
    ]
    assert rows.tolist() == [0, 1, 2, 3]
    assert len(set(columns.tolist())) == 4
    assert float(cosine.sum()) == pytest.approx(max(every))


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_the_same_key_gives_the_same_groups():
    value = RANDOM.uniform(size=(1, 3, 3, 4)).astype(np.float32)
    one, same = (blocks.groups(value, 12, KEY) for _ in range(2))  # more than there are channels
    np.testing.assert_array_equal(one.map, same.map)


def test_what_has_no_groups_is_refused():
    with pytest.raises(UserError, match="0 groups: must be at least 1"):
        blocks.groups(np.ones((1, 2, 2, 2)), 0, KEY)
    for value in (np.zeros((1, 2, 2, 2)), np.full((1, 2, 2, 2), np.nan)):
        with pytest.raises(UserError, match="no groups of activations that are all 0 or not fin"):
            blocks.groups(value, 1, KEY)
