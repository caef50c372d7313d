"""Whitening: its defining property, with and without a ridge."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasjax.atlas import whitening as module
from atlasjax.atlas.whitening import moment_of, second_moment, whitening
from atlasjax.errors import UserError


def test_whitened_activations_have_a_round_second_moment():
    rng = np.random.default_rng(0)
    activations = (rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6)) + 3).astype(np.float32)
    matrix = whitening(second_moment(activations), ridge=0.0)
    moment = second_moment((activations @ matrix.astype(np.float32)).astype(np.float32))
    # float32 products; the condition number of the moment is of the order of a thousand.
    np.testing.assert_allclose(moment / moment[0, 0], np.eye(6), atol=2e-3)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)


def test_the_ridge_is_a_share_of_the_mean_eigenvalue():
    # Eigenvalues 6, 0, 0: mean 2. With ridge .5 they become 7, 1, 1.
    matrix = whitening(np.diag([6.0, 0.0, 0.0]), ridge=0.5)
    roots = np.array([7**-0.5, 1.0, 1.0])
    np.testing.assert_allclose(matrix, np.diag(roots / roots.mean()))


def test_a_large_ridge_whitens_nothing():
    matrix = whitening(np.diag([3.0, 1.0]), ridge=1e9)
    np.testing.assert_allclose(matrix, np.eye(2), atol=1e-8)


def test_silent_neurons_need_a_ridge():
    with pytest.raises(UserError, match=r"ridge 0\.0: the second moment has an eigenvalue of 0"):
        whitening(np.diag([1.0, 0.0]), ridge=0.0)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.integers(1, 4), st.integers(0, 99))
def test_a_moment_does_not_depend_on_the_batches(sizes: list[int], at_a_time: int, seed: int):
    rng = np.random.default_rng(seed)
    batches = [rng.normal(3, 1, (n, 4)).astype(np.float32) for n in sizes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "AT_A_TIME", at_a_time)
        if not sum(sizes):
            with pytest.raises(UserError, match="needs at least one"):
                moment_of(batches)
            return
        found = moment_of(iter(batches))
    whole = np.concatenate(batches).astype(np.float64)
    assert found.count == len(whole)
    np.testing.assert_allclose(found.value, whole.T @ whole / len(whole), rtol=1e-12, atol=1e-12)
