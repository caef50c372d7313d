"""Fidelity: against loops, exact averages over all permutations, and what must not matter."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax.atlas.grid import Cells, grid
from atlasjax.fidelity.measures import agreement, explained, map_quality, spread


def some_level(seed: int, n: int = 40, more_than: int = 1):
    rng = np.random.default_rng(seed)
    value = rng.normal([2, 0, 1], size=(n, 3)).astype(np.float32)
    return grid(rng.random((n, 2)), value, 4, more_than=more_than), value


def replaced(cells: Cells, value: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """Every activation replaced by its cell's mean, and by something else in dropped cells."""
    stands = np.tile(otherwise, (len(value), 1)).astype(float)
    for i, (start, count) in enumerate(zip(cells.start, cells.count, strict=True)):
        stands[cells.member[start : start + count]] = cells.direction[i]
    return stands


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 999), more_than=st.integers(0, 2))
def test_what_is_explained_is_one_minus_within_over_total(seed: int, more_than: int):
    cells, value = some_level(seed, more_than=more_than)
    found, mean = explained(cells, value), value.mean(0)
    lost = np.square(value - replaced(cells, value, mean)).sum()
    total = np.square(value - mean).sum()
    # In float32, as cell means are.
    assert found.centred == pytest.approx(1 - lost / total, abs=1e-5)
    lost = np.square(value - replaced(cells, value, np.zeros(3))).sum()
    assert found.uncentred == pytest.approx(1 - lost / np.square(value).sum(), abs=1e-5)
    for share in found[:2]:
        assert share is not None
        assert 0 <= share <= 1


def test_cells_of_equal_members_explain_everything_and_one_cell_nothing():
    value = np.repeat(np.eye(3, dtype=np.float32), 4, 0)
    xy = np.repeat([[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]], 4, 0)
    assert explained(grid(xy, value, 2, more_than=1), value)[:2] == pytest.approx((1.0, 1.0))
    one = explained(grid(xy, value, 1, more_than=1), value)
    assert one.centred == pytest.approx(0.0, abs=1e-6)
    assert one.uncentred == pytest.approx(1 / 3)  # the mean's square, 3/9, of a mean square of 1
    assert one.chance == 0.0


def test_chance_is_the_average_over_all_ways_to_fill_the_cells():
    value = np.array([[0.0, 1.0], [2.0, 0.0], [5.0, 1.0], [1.0, 1.0], [0.0, 4.0]])
    xy = np.array([[0.1, 0.1]] * 2 + [[0.9, 0.1]] * 2 + [[0.9, 0.9]])  # the last cell is dropped
    shares = []
    for order in itertools.permutations(range(5)):
        filled = value[list(order)]
        found = explained(grid(xy, filled, 2, more_than=1), filled)
        shares.append(found.centred)
        assert found.chance == pytest.approx((3 + 3) / (5 * 4))
    assert np.mean(shares) == pytest.approx(0.3)


def test_activations_that_are_all_equal_have_no_variance_to_explain():
    value = np.full((7, 2), 0.1, np.float32)  # not a number that float32 holds exactly
    cells = grid(np.zeros((7, 2)), value, 1)
    found = explained(cells, value)
    assert found.centred is None
    assert found.uncentred == pytest.approx(1.0)
    assert np.isnan(spread(cells, value).width).all()
    silent = explained(cells, 0 * value)
    assert silent[:2] == (None, None)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 999))
def test_spread_is_what_a_loop_finds(seed: int):
    cells, value = some_level(seed)
    found = spread(cells, value)
    radius = np.sqrt(np.square(value - value.mean(0)).sum(1).mean())
    for i, (start, count) in enumerate(zip(cells.start, cells.count, strict=True)):
        members, d = value[cells.member[start : start + count]], cells.direction[i]
        cosines = [a @ d / np.linalg.norm(a) / np.linalg.norm(d) for a in members]
        width = np.sqrt(np.mean([np.sum((a - d) ** 2) for a in members])) / radius
        assert found.cosine[i] == pytest.approx(np.mean(cosines), abs=1e-5)  # float32
        assert found.width[i] == pytest.approx(width, abs=1e-5)


def loop_trustworthiness(value: np.ndarray, xy: np.ndarray, k: int) -> float:
    """Venna and Kaski's formula, point by point."""
    n, penalty = len(value), 0
    for i in range(n):
        others = [j for j in range(n) if j != i]
        ranked = sorted(others, key=lambda j: np.linalg.norm(value[i] - value[j]))
        near = sorted(others, key=lambda j: np.linalg.norm(xy[i] - xy[j]))[:k]
        penalty += sum(max(0, ranked.index(j) + 1 - k) for j in near)
    return 1 - 2 * penalty / (n * k * (2 * n - 3 * k - 1))


def test_trustworthiness_and_continuity_are_each_other_with_layer_and_plane_exchanged():
    rng = np.random.default_rng(3)
    value, xy = rng.normal(size=(25, 4)), rng.normal(size=(25, 2))
    found = map_quality(value, xy, metric="euclidean", k=5)
    assert (found.points, found.neighbors) == (25, 5)
    assert found.trustworthiness == pytest.approx(loop_trustworthiness(value, xy, 5))
    assert found.continuity == pytest.approx(loop_trustworthiness(xy, value, 5))
    back = map_quality(xy, value, metric="euclidean", k=5)
    # Places are in float32 on one side alone, which exchanges no two neighbours here.
    assert back.trustworthiness == pytest.approx(found.continuity)
    assert back.continuity == pytest.approx(found.trustworthiness)


def test_by_cosine_the_length_of_activations_does_not_matter():
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2, 40)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    scaled = circle * rng.uniform(0.1, 9, (40, 1))
    plane = circle.astype(np.float32)
    assert map_quality(scaled, plane, k=5)[:2] == pytest.approx((1.0, 1.0))
    by_length = map_quality(scaled, plane, k=5, metric="euclidean")
    assert by_length.trustworthiness == pytest.approx(loop_trustworthiness(scaled, plane, 5))
    assert by_length[:2] < (0.95, 0.95)


def test_a_random_map_has_about_half_and_is_compared_on_no_more_points_than_asked_for():
    rng = np.random.default_rng(0)
    value, xy = rng.normal(size=(500, 5)), rng.normal(size=(500, 2))
    found = map_quality(value, xy, metric="euclidean", points=300)
    assert found.points == 300
    # Of 300 points with 15 neighbours each; the spread between seeds is about .01.
    assert found.trustworthiness == pytest.approx(0.5, abs=0.05)
    assert found == map_quality(value, xy, metric="euclidean", points=300)
    assert found != map_quality(value, xy, metric="euclidean", points=300, seed=1)


def test_few_points_make_small_neighbourhoods_or_none():
    value = np.random.default_rng(0).normal(size=(7, 2))
    assert map_quality(value, value, metric="euclidean").neighbors == 3
    assert map_quality(value[:4], value[:4])[:2] == (None, None)


@settings(deadline=None, max_examples=30)
@given(angle=st.floats(0, 6), scale=st.floats(0.1, 9), shift=st.floats(-3, 3))
def test_moving_turning_and_scaling_a_map_changes_nothing(angle, scale, shift):
    xy = np.random.default_rng(0).normal(size=(30, 2))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    found = agreement(xy, scale * xy @ turn + shift, k=5)
    assert found.disparity == pytest.approx(0, abs=1e-9)
    assert found.overlap == pytest.approx(1, abs=0.01)  # float32 may exchange two equally far


def test_overlap_counts_common_neighbours_and_disparity_is_that_of_the_formula():
    one = np.array([[0.0, 0], [1, 0], [2.1, 0], [3.3, 0], [9, 0]])
    two = np.array([[0.0, 0], [1, 0], [2.1, 0], [9, 0], [3.3, 1]])
    found = agreement(one, two, k=1)
    # The nearest are 1, 0, 1, 2, 3 and 1, 0, 1, 4, 2.
    assert found.overlap == pytest.approx(3 / 5)
    assert found.chance == 1 / 4
    a, b = (x - x.mean(0) for x in (one, two))
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    assert found.disparity == pytest.approx(1 - np.linalg.svd(a.T @ b)[1].sum() ** 2)


def test_maps_without_extent_or_with_two_points_cannot_be_compared():
    xy = np.random.default_rng(0).normal(size=(5, 2))
    assert agreement(xy, 0 * xy)[:3] == (None, None, None)
    assert agreement(xy[:2], xy[:2])[:3] == (None, None, None)
