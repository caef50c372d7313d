"""Neighbours that are sought: nearly all of the nearest, always the same, itself first."""

from typing import Any

import numpy as np
import pytest

from atlasjax.atlas import approximate
from atlasjax.atlas.neighbors import METRICS, Neighbors, as_points, neighbors, space_of

K = 15


def sheet(n: int, c: int = 40) -> np.ndarray:
    """Points of a curved sheet in many dimensions, with noise."""
    rng = np.random.default_rng(0)
    place = rng.normal(size=(n, 4))
    noise = rng.normal(0, 0.2, (n, c))
    return (np.sin(place @ rng.normal(size=(4, c))) + noise).astype(np.float32)


def sought(values: np.ndarray, metric: str, how: str, k: int = K) -> Neighbors:
    if how == "bytes":
        return approximate.neighbors_in_bytes(values, space_of(values, metric), k)
    return approximate.neighbors_among(approximate.index_of(as_points(values, metric)), k, metric)


HOW = pytest.mark.parametrize("how", ["components", "bytes"])


@HOW
@pytest.mark.parametrize("metric", METRICS)
def test_nearly_all_are_found(how: str, metric: str):
    values = sheet(3000)
    row, distance = sought(values, metric, how)
    truth, expected = neighbors(values, K, metric)
    shared = (row[:, :, None] == truth[:, None]).any(1).mean()
    assert shared > (0.995 if how == "components" else 0.97)  # bytes exchange the last
    np.testing.assert_array_equal(row[:, 0], np.arange(3000))
    np.testing.assert_array_equal(distance[:, 0], 0)
    assert (np.diff(distance, axis=1) >= 0).all()
    assert all(len(set(one)) == K for one in row.tolist())
    # Where the same is found the distance is the same: of float32, or of bytes.
    same = (row == truth) & (expected > 0)
    tolerance = 1e-5 if how == "components" else 0.05
    np.testing.assert_allclose(distance[same], expected[same], rtol=tolerance)


@HOW
def test_they_are_the_same_with_any_number_of_threads(how: str):
    import faiss

    values, threads, found = sheet(2000), faiss.omp_get_max_threads(), []
    try:
        for count in (1, 2, 4):
            faiss.omp_set_num_threads(count)
            found.append(sought(values, "cosine", how))
            assert faiss.omp_get_max_threads() == count  # which is left as it was
    finally:
        faiss.omp_set_num_threads(threads)
    for row, distance in found[1:]:
        np.testing.assert_array_equal(row, found[0][0])
        np.testing.assert_array_equal(distance, found[0][1])


@HOW
def test_a_point_is_its_own_neighbour_among_many_twins(how: str):
    values = np.repeat(sheet(8), 50, 0) * np.arange(1, 401, dtype=np.float32)[:, None]
    row, distance = sought(values, "cosine", how, 5)  # by angles 50 are alike
    np.testing.assert_array_equal(row[:, 0], np.arange(400))
    np.testing.assert_allclose(distance, 0, atol=2e-3)  # of bytes
    assert (row // 50 == np.arange(400)[:, None] // 50).all()


@HOW
@pytest.mark.parametrize("n", [3, 20])
def test_of_few_all_are_found(how: str, n: int):
    row, _ = sought(sheet(n), "euclidean", how, n)
    np.testing.assert_array_equal(np.sort(row, 1), np.tile(np.arange(n), (n, 1)))


def test_others_have_neighbours_among_them():
    values = as_points(sheet(2000), "cosine")
    index = approximate.index_of(values[:1500])
    row, distance = approximate.nearest_of(index, values[1500:], K, "cosine")
    apart = np.square(values[1500:, None] - values[None, :1500]).sum(-1)
    truth = np.argsort(apart, 1)[:, :K]
    assert (row[:, :, None] == truth[:, None]).any(1).mean() > 0.995
    np.testing.assert_allclose(distance, np.take_along_axis(apart, row, 1) / 2, rtol=1e-4)


def test_what_the_graph_does_not_lead_to_is_found_by_comparing_all(
    monkeypatch: pytest.MonkeyPatch,
):
    index = approximate.index_of(as_points(sheet(500), "cosine"))
    expected = approximate.neighbors_among(index, 5, "cosine")
    search: Any = index.graph.search

    def blind(queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        squared, row = search(queries, k)
        row[::3, -2:] = -1
        return squared, row

    monkeypatch.setattr(index.graph, "search", blind)
    found = approximate.neighbors_among(index, 5, "cosine")
    np.testing.assert_array_equal(found[0], expected[0])
