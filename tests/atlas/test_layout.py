"""Layout: normalization by hand, and that UMAP keeps like beside like, to the bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from atlasjax.atlas import layout as module
from atlasjax.atlas import many, neighbors
from atlasjax.atlas.comparison import comparison
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


@settings(deadline=None)  # a busy machine is no failure
@given(st.integers(0, 999), st.floats(0, 6), st.floats(0.1, 9), st.booleans())
def test_a_map_is_turned_back(seed: int, angle: float, scale: float, mirror: bool):
    rng = np.random.default_rng(seed)
    xy = rng.normal(size=(9, 2))
    c, s = np.cos(angle), np.sin(angle)
    moved = scale * xy @ np.array([[c, s], [-s, c]]) @ np.diag([1, -1 if mirror else 1]) + 3
    np.testing.assert_allclose(module.turned(moved, xy), xy, atol=1e-9)  # float64
    # Of another map's points it comes as near as any turn does.
    other = rng.normal(size=(9, 2))
    best = np.square(module.turned(xy, other) - other).sum()
    for turn in np.linspace(0, 2 * np.pi, 7):
        rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        assert best <= np.square(xy @ rotation - other).sum() + 1e-9


def test_a_map_of_a_single_place_is_moved():
    there = module.turned(np.ones((3, 2)), np.array([[0.0, 0.0], [0.0, 3.0], [3.0, 0.0]]))
    np.testing.assert_allclose(there, np.ones((3, 2)))


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

    monkeypatch.setattr(many, "EXACT_AT_MOST", 80)
    monkeypatch.setattr(many, "FIT_AT_MOST", 90)  # the rest is placed among them
    placed = module.layout(points, n_neighbors=10, seed=1)
    distance = np.linalg.norm(placed[:, None] - placed[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    assert (label[distance.argmin(1)] == label).all()


@pytest.mark.slow
@NO_TENSORFLOW
def test_a_map_like_another_keeps_its_places():
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(3), 40)
    first = np.eye(3, 16, dtype=np.float32)[label] * 5
    first = first + rng.normal(0, 0.3, (120, 16)).astype(np.float32)
    then = first @ rng.normal(size=(16, 16)).astype(np.float32)  # the next layer
    before = module.layout(first, n_neighbors=10, seed=1)
    alone = module.layout(then, n_neighbors=10, seed=2)
    like = module.layout(then, n_neighbors=10, seed=2, like=before)
    assert like.min() >= 0
    assert like.max() <= 1
    apart = [np.linalg.norm(xy - before, axis=1).mean() for xy in (like, alone)]
    # Clusters fill a few percent of the map; two random points are .5 apart.
    assert apart[0] < 0.15
    assert apart[0] < apart[1]


METRICS = pytest.mark.parametrize("metric", ["cosine", "euclidean"])


@METRICS
def test_one_dimension_is_a_line_in_its_order(metric: str):
    values = np.random.default_rng(0).normal(size=(200, 1)).astype(np.float32)
    xy = module.layout(values, metric=metric)
    np.testing.assert_array_equal(xy[:, 1], 0.5)
    inside = (xy[:, 0] > 0) & (xy[:, 0] < 1)  # but for the outliers, which are clipped
    assert inside.sum() >= 194
    order = np.argsort(values[inside, 0])
    assert (np.diff(xy[inside, 0][order]) > 0).all()
    assert np.isfinite(module.layout(values, like=xy)).all()


@METRICS
@pytest.mark.parametrize("value", [0.0, 3.0])
def test_what_is_all_equal_lies_in_one_place(metric: str, value: float):
    rows = np.full((600, 8), value, np.float32)
    with pytest.warns(UserWarning, match="^600 of 600 activations are equal to another"):
        xy = module.layout(rows, metric=metric)
    np.testing.assert_array_equal(xy, 0.5)


@pytest.mark.slow
@METRICS
def test_equal_activations_lie_together_among_others(metric: str):
    rows = np.random.default_rng(0).normal(size=(160, 8)).astype(np.float32)
    rows[60:] = 0  # silent
    rows[-1] = -0.0
    rows[7] = rows[5]
    notes: list[str] = []
    xy = module.layout(rows, metric=metric, n_neighbors=10, note=notes.append)
    assert notes == ["102 of 160 activations are equal to another, and lie in one place with it"]
    assert len(np.unique(xy[60:], axis=0)) == 1
    np.testing.assert_array_equal(xy[5], xy[7])
    # Nor does it matter how many are equal: the others are where they would be with one of each.
    one_of_each = np.setdiff1d(np.arange(61), [7])
    alone = module.layout(rows[one_of_each], metric=metric, n_neighbors=10, note=notes.append)
    np.testing.assert_array_equal(alone, xy[one_of_each])
    assert len(notes) == 1  # of few nothing is said
    like = module.layout(rows, metric=metric, n_neighbors=10, like=xy, note=notes.append)
    assert len(np.unique(like[60:], axis=0)) == 1


def test_a_few_equal_ones_are_not_told_and_own_methods_see_all():
    rows = np.arange(40.0).reshape(20, 2)
    rows[1] = rows[0]
    seen = []

    def own(points: np.ndarray, seed: int) -> np.ndarray:
        seen.append(len(points))
        return points

    assert module.layout(rows, method=own).shape == (20, 2)
    assert seen == [20]


def test_two_kinds_lie_in_two_places():
    rows = np.repeat(np.eye(2, 5, dtype=np.float32), 30, 0)
    with pytest.warns(UserWarning, match="60 of 60"):
        xy = module.layout(rows)
    assert len(np.unique(xy, axis=0)) == 2


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_counted_and_named(value: float):
    rows = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    rows[17, 3] = rows[30, 0] = value
    expected = "^2 of 200 activations are NaN or infinite; the first is row 17$"
    with pytest.raises(UserError, match=expected):
        module.layout(rows)
    with pytest.raises(UserError, match=expected):
        comparison(rows, np.ones((200, 2), np.float32), 0, 1)
    with pytest.raises(UserError, match=expected):
        module.layout(rows, method=lambda points, seed: points[:, :2])


@pytest.mark.slow
@NO_TENSORFLOW
@pytest.mark.parametrize("scale", [2.0**100, 2.0**-100])  # which changes no digit
@METRICS
def test_the_size_of_numbers_does_not_matter(metric: str, scale: float):
    rows = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    xy = module.layout(rows * np.float32(scale), metric=metric, n_neighbors=10)
    alone = module.layout(rows / np.abs(rows).max(), metric=metric, n_neighbors=10)
    np.testing.assert_array_equal(xy, alone)
