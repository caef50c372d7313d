"""Zoom: which icon a finer level's icons start from."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from atlasjax.atlas.zoom import Drawn, parents, starts


@given(st.integers(0, 2**32 - 1))
def test_a_parent_is_the_direction_at_the_least_angle(seed: int):
    rng = np.random.default_rng(seed)
    fine, coarse = rng.normal(size=(5, 3)), rng.normal(size=(4, 3))
    for row, found in zip(fine, parents(fine, coarse), strict=True):
        angle = [
            np.arccos(np.clip(row @ c / np.linalg.norm(row) / np.linalg.norm(c), -1, 1))
            for c in coarse
        ]
        # Two may be as near as rounding can tell.
        assert angle[found] <= min(angle) + 1e-6


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_lengths_do_not_matter(a: float, b: float):
    fine, coarse = np.array([[1.0, 0.5]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    assert parents(a * fine, coarse * np.array([[b], [1.0]])).tolist() == [1]


def test_silent_cells_neither_fail_nor_attract():
    silent = np.zeros((1, 2))
    assert parents(silent, np.eye(2)).tolist() == [0]
    assert parents(np.array([[1.0, 1.0]]), np.concatenate([silent, np.eye(2)])).tolist() == [1]


def test_the_coarsest_level_starts_from_noise():
    assert starts(None, np.eye(2)) is None


def test_each_starts_from_its_parents_icon():
    icon = np.arange(3, dtype=np.uint8)[:, None, None, None] + np.zeros((1, 2, 2, 3), np.uint8)
    found = starts(Drawn(np.eye(3), icon, "x"), np.array([[0, 1, 9], [8, 1, 0], [1, 2, 3.0]]))
    assert found is not None
    np.testing.assert_array_equal(found, icon[[2, 0, 2]])
