"""Comparison: what stands on which side, and what its edges mean."""

import numpy as np
import pytest

from atlasjax.atlas.comparison import comparison, edges


def parts() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(60, 8)).astype(np.float32)
    return values, rng.normal(size=(60, 4)).astype(np.float16)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ImportWarning")  # which UMAP regrets
def test_across_is_the_difference_and_down_is_a_line_of_likeness():
    values, effect = parts()
    values[:30] += 6  # two groups, which the vertical axis tells apart
    xy = comparison(values, effect, 1, 3, n_neighbors=8)
    difference = effect[:, 3].astype(np.float32) - effect[:, 1].astype(np.float32)
    order = np.argsort(difference, kind="stable")
    assert (np.diff(xy[order, 0]) >= 0).all()
    first, second = xy[:30, 1], xy[30:, 1]
    assert first.max() < second.min() or second.max() < first.min()
    np.testing.assert_array_equal(xy, comparison(values, effect, 1, 3, n_neighbors=8))


def test_the_edges_say_what_a_place_stands_for():
    values, effect = parts()
    x = comparison(values, effect, 1, 3, vertical="principal")[:, 0]
    left, right = edges(effect, 1, 3)
    difference = effect[:, 3].astype(np.float32) - effect[:, 1].astype(np.float32)
    inside = (x > 0) & (x < 1)
    assert inside.any()
    np.testing.assert_allclose((left + x * (right - left))[inside], difference[inside], atol=1e-5)
