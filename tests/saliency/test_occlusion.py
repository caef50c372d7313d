"""Occlusion: by loops in NumPy, over every window, at the edges as well."""

import jax.numpy as jnp
import numpy as np
import pytest
from toy_saliency import LINEAR, images, linear

from atlasjax.errors import UserError
from atlasjax.saliency import occlusion
from atlasjax.targets import class_logit


def by_loops(x: np.ndarray, weight: np.ndarray, window: int, stride: int, start) -> np.ndarray:
    total, count = np.zeros(x.shape[:3]), np.zeros(x.shape[1:3])
    first = range(0, x.shape[1] - window + stride, stride)  # the last may reach over the edge
    for row in first:
        for column in first:
            here = (slice(row, row + window), slice(column, column + window))
            lost = ((x - start) * weight)[:, *here].sum((1, 2, 3))
            total[:, *here] += lost[:, None, None]
            count[here] += 1
    return total / count


@pytest.mark.parametrize(
    ("window", "stride", "baseline"),
    [(2, 2, 0.0), (3, 1, 0.5), (4, 3, 0.0), (6, 6, 0.0), (1, 1, 0.0)],
)
@pytest.mark.parametrize("chunk", [1, 12])
def test_it_is_what_covering_takes(window: int, stride: int, baseline: float, chunk: int):
    x = np.asarray(images())
    found = occlusion(
        linear,
        images(),
        class_logit(2),
        window=window,
        stride=stride,
        baseline=np.array([baseline], np.float32),
        chunk=chunk,
    )
    expected = by_loops(x, LINEAR[..., 2], window, stride, baseline)
    # Differences of float32 logits of size 10.
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_by_default_a_window_is_a_seventh_of_the_shorter_side():
    wide = np.zeros((1, 14, 28, 3), np.float32)
    wide[0, 6, 13] = 1
    found = occlusion(lambda x, tap: x.sum((1, 2)), jnp.asarray(wide), class_logit(0))
    rows, columns = (np.unique(places) for places in np.nonzero(np.asarray(found[0])))
    assert rows.tolist() == [5, 6, 7]  # windows of 2, one px apart
    assert columns.tolist() == [12, 13, 14]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"window": 0}, "window 0"),
        ({"window": 2, "stride": 0}, "stride 0"),
        ({"window": 7}, "6 x 6 px"),
        ({"window": 2, "stride": 3}, "window 2: must be at least 3"),
    ],
)
def test_mistakes_are_told(options: dict, said: str):
    with pytest.raises(UserError, match=said):
        occlusion(linear, images(), class_logit(0), **options)
