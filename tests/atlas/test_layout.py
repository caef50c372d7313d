"""Layout: normalization by hand, and that UMAP keeps like beside like, to the bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from atlasjax.atlas import layout as module
from atlasjax.errors import UserError

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

    monkeypatch.setattr(module, "FIT_AT_MOST", 90)  # the rest is placed by transform
    placed = module.layout(points, n_neighbors=10, seed=1)
    distance = np.linalg.norm(placed[:, None] - placed[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    assert (label[distance.argmin(1)] == label).all()
