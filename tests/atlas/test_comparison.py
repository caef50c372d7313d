"""Comparison: what stands on which side, and what its edges mean."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from atlasjax.atlas.comparison import comparison, edges, push
from atlasjax.errors import UserError


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
    # A line leaves UMAP no way round: now and then, and not on every processor, a point is caught
    # on the other side of a group.
    middle = (np.median(first) + np.median(second)) / 2
    apart = np.concatenate([first > middle, second < middle]).mean()
    assert max(apart, 1 - apart) >= 0.95
    np.testing.assert_array_equal(xy, comparison(values, effect, 1, 3, n_neighbors=8))


@pytest.mark.parametrize("scale", ["arsinh", "linear"])
def test_the_edges_say_what_a_place_stands_for(scale):
    values, effect = parts()
    difference = effect[:, 3].astype(np.float32) - effect[:, 1].astype(np.float32)
    unit = np.median(np.abs(difference))
    x = comparison(values, effect, 1, 3, vertical="principal", scale=scale)[:, 0]
    left, right = edges(effect, 1, 3, scale=scale)
    if scale == "arsinh":
        left, right = np.arcsinh(left / unit), np.arcsinh(right / unit)
    place = left + x * (right - left)
    found = unit * np.sinh(place) if scale == "arsinh" else place
    inside = (x > 0) & (x < 1)
    assert inside.any()
    np.testing.assert_allclose(found[inside], difference[inside], atol=1e-4)  # float32


def test_classes_that_nothing_tells_apart_are_all_in_the_middle():
    values, _ = parts()
    xy = comparison(values, np.ones((60, 2), np.float16), 0, 1, vertical="principal")
    assert len(set(xy[:, 0].tolist())) == 1


@pytest.mark.parametrize("found", [partial(comparison, np.ones((60, 8))), edges, push])
def test_without_classes_there_is_nothing_to_compare(found: Callable[..., object]):
    with pytest.raises(UserError, match="no classes to compare: the network has no classes"):
        found(np.ones((60, 0), np.float16), 0, 1)
