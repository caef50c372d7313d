"""Neighbours: the nearest of all, with the distances that UMAP has."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasjax.atlas import neighbors


def distances_by_hand(x: np.ndarray, metric: str) -> np.ndarray:
    """All distances in double precision, as UMAP defines them where a vector is zero."""
    x = x.astype(np.float64)
    if metric == "euclidean":
        return np.linalg.norm(x[:, None] - x[None], axis=-1)
    if metric == "correlation":
        x = x - x.mean(1, keepdims=True)
    length = np.linalg.norm(x, axis=1)
    silent = length == 0
    product = np.outer(length, length)
    distance = 1 - x @ x.T / np.where(product == 0, 1, product)
    distance[np.ix_(silent, silent)] = 0
    return distance


@pytest.mark.parametrize("metric", neighbors.METRICS)
@pytest.mark.parametrize("at_a_time", [1, 7, 500])
@given(st.integers(0, 1000), st.integers(1, 25), st.data())
def test_neighbours_are_the_nearest(metric: str, at_a_time: int, seed: int, n: int, data):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, 3)).astype(np.float32)
    points[rng.random(n) < 0.2] = 0
    points[rng.random(n) < 0.2] = points[0]
    points[rng.random(n) < 0.1] = 0.1  # no variation
    k = data.draw(st.integers(1, n))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbors, "AT_A_TIME", at_a_time)
        row, distance = neighbors.neighbors(points, k, metric)
    truth = distances_by_hand(points, metric)
    np.testing.assert_array_equal(row[:, 0], np.arange(n))
    np.testing.assert_array_equal(distance[:, 0], 0)
    assert all(len(set(r)) == k for r in row.tolist())
    assert (np.diff(distance, axis=1) >= 0).all()
    own = truth[np.arange(n)[:, None], row]
    np.testing.assert_allclose(distance, own, atol=2e-6)  # float32, for norms of a few
    np.testing.assert_allclose(distance, np.sort(truth, 1)[:, :k], atol=2e-6)


@pytest.mark.parametrize("metric", neighbors.METRICS)
@pytest.mark.parametrize("pairs", [100, 41 * 16, 10**6])
def test_accelerators_find_the_same(metric: str, pairs: int, monkeypatch: pytest.MonkeyPatch):
    points = np.random.default_rng(0).normal(size=(41, 16)).astype(np.float32)
    points[7] = 0
    expected = neighbors.neighbors(points, 5, metric)
    monkeypatch.setattr(neighbors, "on_host", neighbors.on_device)
    monkeypatch.setattr(neighbors, "PAIRS", pairs)  # groups of 2, of 16 and of all
    row, distance = neighbors.neighbors(points, 5, metric)
    others = np.arange(41) != 7  # from zero all are as far by an angle
    np.testing.assert_array_equal(row[others], expected[0][others])
    np.testing.assert_allclose(distance, expected[1], rtol=1e-5, atol=1e-6)  # other sums of 16


@pytest.mark.parametrize("where", ["on_host", "on_device"])
@pytest.mark.parametrize("metric", neighbors.METRICS)
def test_twins_are_at_no_distance_at_all(metric: str, where: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(neighbors, "on_host", getattr(neighbors, where))
    points = np.random.default_rng(0).normal(1000, 1, (20, 64)).astype(np.float32)
    row, distance = neighbors.neighbors(np.concatenate([points, points]), 3, metric)
    np.testing.assert_array_equal(distance[:, :2], 0)
    assert (distance[:, 2] > 0).all()
    np.testing.assert_array_equal(row[:, :2], [(i, (i + 20) % 40) for i in range(40)])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ImportWarning")  # which UMAP regrets
@pytest.mark.parametrize("metric", neighbors.METRICS)
def test_distances_are_those_of_umap(metric: str):
    import umap.distances

    points = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    points[1], points[2], points[3] = 0, 0, 0.5
    theirs = umap.distances.named_distances[metric]
    row, distance = neighbors.neighbors(points, 6, metric)
    expected = [[theirs(points[i], points[j]) for j in own] for i, own in enumerate(row)]
    np.testing.assert_allclose(distance, expected, atol=1e-6)  # float32
