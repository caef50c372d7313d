"""Layout: normalization by hand, and that UMAP keeps like beside like, to the bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from atlasjax.atlas import layout as module
from atlasjax.atlas import methods, neighbors
from atlasjax.errors import UserError

NO_TENSORFLOW = pytest.mark.filterwarnings("ignore::ImportWarning")  # which UMAP regrets

finite = st.floats(-1e3, 1e3, width=32)


@given(arrays(np.float32, st.tuples(st.integers(1, 40), st.just(2)), elements=finite))
def test_normalized_places_lie_in_the_unit_square_in_the_same_order(xy: np.ndarray):
    unit = module.normalize(xy)
    assert unit.min() >= 0
    assert unit.max() <= 1
    for axis in (0, 1):
        order = np.argsort(xy[:, axis], kind="stable")
        assert (np.diff(unit[order, axis]) >= 0).all()


def test_outliers_are_moved_to_the_edge():
    # 101 points 0, 1, ..., 100: the percentiles are 1 and 99, the margin 9.8 on either side.
    line = np.arange(101.0)
    xy = np.stack([line, line * 2], -1)
    xy[0], xy[-1] = -1000, 1000
    unit = module.normalize(xy)
    np.testing.assert_allclose(unit[50], 0.5)
    np.testing.assert_allclose(unit[1], 9.8 / 117.6)
    np.testing.assert_array_equal(unit[[0, -1]], [[0, 0], [1, 1]])


def test_too_few_activations_are_refused():
    with pytest.raises(UserError, match="2 activations cannot be laid out"):
        module.layout(np.ones((2, 3), np.float32))


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
def test_twins_are_at_no_distance_at_all(metric: str):
    points = np.random.default_rng(0).normal(1000, 1, (20, 64)).astype(np.float32)
    row, distance = neighbors.neighbors(np.concatenate([points, points]), 3, metric)
    np.testing.assert_array_equal(distance[:, :2], 0)
    assert (distance[:, 2] > 0).all()
    np.testing.assert_array_equal(row[:, :2], [(i, (i + 20) % 40) for i in range(40)])


@pytest.mark.slow
@NO_TENSORFLOW
@pytest.mark.parametrize("metric", neighbors.METRICS)
def test_distances_are_those_of_umap(metric: str):
    import umap.distances

    points = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    points[1], points[2], points[3] = 0, 0, 0.5
    theirs = umap.distances.named_distances[metric]
    row, distance = neighbors.neighbors(points, 6, metric)
    expected = [[theirs(points[i], points[j]) for j in own] for i, own in enumerate(row)]
    np.testing.assert_allclose(distance, expected, atol=1e-6)  # float32


@pytest.mark.slow
@NO_TENSORFLOW
@pytest.mark.parametrize("metric", neighbors.METRICS)
def test_umap_takes_the_exact_neighbours(metric: str, monkeypatch: pytest.MonkeyPatch):
    import umap.umap_

    def never(*args, **kwargs):
        raise AssertionError("searched or compared all by itself")

    for name in ("NNDescent", "nearest_neighbors", "pairwise_distances"):
        monkeypatch.setattr(umap.umap_, name, type(name, (), {"__init__": never}))
    points = np.abs(np.random.default_rng(0).normal(size=(60, 8))).astype(np.float32)
    points[:3] = 0
    xy = module.layout(points, n_neighbors=10, metric=metric)
    assert np.isfinite(xy).all()
    np.testing.assert_array_equal(xy, module.layout(points, n_neighbors=10, metric=metric))


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 4, 12])
def test_few_activations_are_all_neighbours(n: int):
    points = np.random.default_rng(0).normal(size=(n, 8)).astype(np.float32)
    xy = module.layout(points)
    assert xy.shape == (n, 2)
    assert np.isfinite(xy).all()


@pytest.mark.slow
def test_clusters_stay_together_and_the_seed_decides(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    middles = np.eye(3, 16, dtype=np.float32) * 5
    label = np.repeat(np.arange(3), 40)
    points = middles[label] + rng.normal(0, 0.3, (120, 16)).astype(np.float32)
    xy = module.layout(points, n_neighbors=10, seed=1)
    np.testing.assert_array_equal(xy, module.layout(points, n_neighbors=10, seed=1))
    assert not np.array_equal(xy, module.layout(points, n_neighbors=10, seed=2))
    distance = np.linalg.norm(xy[:, None] - xy[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    assert (label[distance.argmin(1)] == label).all()

    monkeypatch.setattr(methods, "FIT_AT_MOST", 90)  # the rest is placed by transform
    placed = module.layout(points, n_neighbors=10, seed=1)
    distance = np.linalg.norm(placed[:, None] - placed[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    assert (label[distance.argmin(1)] == label).all()
