"""Masks: the measures against counting by hand, and what chance gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from atlasjax.errors import UserError
from atlasjax.fidelity.masks import best_overlap, pointing_game, relevance_mass, relevance_rank

PLANES = arrays.arrays(np.float64, (2, 4, 5), elements=st.integers(-3, 3).map(float))
MASKS = arrays.arrays(bool, (2, 4, 5)).filter(lambda m: m.any((1, 2)).all())


def test_the_largest_value_is_looked_for_on_the_mask_and_around_it():
    maps = np.zeros((2, 6, 6))
    maps[0, 1, 1] = maps[1, 4, 4] = 1
    masks = np.zeros((2, 6, 6), bool)
    masks[:, 1, 1:3] = True
    assert pointing_game(maps, masks).tolist() == [True, False]
    # From (4, 4) the nearest of the mask is (1, 2), at the root of 13.
    assert pointing_game(maps, masks, 3.6).tolist() == [True, False]
    assert pointing_game(maps, masks, 3.61).tolist() == [True, True]


@given(PLANES, MASKS)
def test_mass_is_that_of_positive_values(maps: np.ndarray, masks: np.ndarray):
    for found, one, mask in zip(relevance_mass(maps, masks), maps, masks, strict=True):
        total = sum(v for v in one.ravel() if v > 0)
        inside = sum(v for v, m in zip(one.ravel(), mask.ravel(), strict=True) if m and v > 0)
        assert found == (pytest.approx(inside / total) if total else 0)


@given(PLANES, MASKS)
def test_rank_is_the_mean_over_all_orders_of_equal_pixels(maps: np.ndarray, masks: np.ndarray):
    rng = np.random.default_rng(0)
    for found, one, mask in zip(relevance_rank(maps, masks), maps, masks, strict=True):
        size, hits = int(mask.sum()), []
        for _ in range(400):
            order = np.lexsort((rng.random(one.size), -one.ravel()))[:size]
            hits.append(mask.ravel()[order].mean())
        # The mean of 400 draws of a share of at most 1 is off by 0.025 at one standard deviation.
        assert found == pytest.approx(np.mean(hits), abs=0.12)


@given(PLANES, MASKS)
def test_overlap_is_the_best_over_all_thresholds(maps: np.ndarray, masks: np.ndarray):
    best = 0.0
    for one in maps:
        for threshold in np.unique(one):
            above = one > threshold
            best = max(best, (above & masks[0]).sum() / (above | masks[0]).sum())
    found = best_overlap(maps, masks[0])
    # 200 quantiles hit each of the 20 values of a map.
    assert found.iou == pytest.approx(best)
    above = maps[found.best] > found.threshold
    assert found.iou == pytest.approx((above & masks[0]).sum() / (above | masks[0]).sum())


def test_an_even_map_has_what_chance_gives():
    mask = np.zeros((1, 10, 10), bool)
    mask[0, :3] = True
    even = np.ones((1, 10, 10))
    assert relevance_mass(even, mask) == pytest.approx(0.3)
    assert relevance_rank(even, mask) == pytest.approx(0.3)


@pytest.mark.parametrize("measure", [pointing_game, relevance_mass, relevance_rank])
def test_nothing_to_be_found_is_refused(measure):
    with pytest.raises(UserError, match="mask 1 is empty"):
        measure(np.ones((2, 2, 2)), np.array([np.ones((2, 2), bool), np.zeros((2, 2), bool)]))
    with pytest.raises(UserError, match=r"maps \[1, 2, 2\] for masks \[1, 3, 2\]"):
        measure(np.ones((1, 2, 2)), np.ones((1, 3, 2), bool))
