"""Grid: against a plain loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax.atlas.grid import average, fitting, grid
from atlasjax.errors import UserError


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 60), st.integers(0, 3), st.integers(0, 99))
def test_cells_are_what_a_loop_finds(size: int, n: int, more_than: int, seed: int):
    rng = np.random.default_rng(seed)
    xy, values = rng.random((n, 2)), rng.normal(size=(n, 3)).astype(np.float32)
    xy[0] = [1, 1]  # the far corner belongs to the last cell
    expected = {}
    for i, (x, y) in enumerate(xy):
        place = (min(int(y * size), size - 1), min(int(x * size), size - 1))
        expected.setdefault(place, []).append(i)
    expected = {k: v for k, v in sorted(expected.items()) if len(v) > more_than}
    if not expected:
        with pytest.raises(UserError, match=f"grid {size} is too fine"):
            grid(xy, values, size, more_than=more_than)
        return
    cells = grid(xy, values, size, more_than=more_than)
    assert list(zip(cells.y.tolist(), cells.x.tolist(), strict=True)) == list(expected)
    assert cells.count.tolist() == [len(v) for v in expected.values()]
    means = np.array([values[v].mean(0) for v in expected.values()])
    # Sums of a few float32 values in another order.
    np.testing.assert_allclose(cells.direction, means, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(average(cells, values), means, rtol=1e-5, atol=1e-6)
    for start, count, members in zip(cells.start, cells.count, expected.values(), strict=True):
        assert cells.member[start : start + count].tolist() == members


def test_averages_of_half_precision_are_summed_in_single():
    # 4096 ones in half precision would stop growing at 2048.
    cells = grid(np.zeros((4096, 2)), np.zeros((4096, 1)), 1)
    ones = np.ones((4096, 1), np.float16)
    assert average(cells, ones).tolist() == [[1.0]]


def test_a_cell_needs_more_than_the_bound():
    xy = np.zeros((5, 2))
    assert grid(xy, np.zeros((5, 1)), 1, more_than=4).count.tolist() == [5]
    with pytest.raises(UserError) as error:
        grid(xy, np.zeros((5, 1)), 1, more_than=5)
    assert "holds 5 of the 5 activations" in str(error.value)
    with pytest.raises(UserError, match="grid 0: must be at least 1"):
        grid(xy, np.zeros((5, 1)), 0)


def drawn(xy: np.ndarray, size: int, more_than: int) -> float:
    """Return the share of the activations whose cell is drawn."""
    places = [(int(x * size), int(y * size)) for x, y in xy]
    return sum(places.count(p) > more_than for p in places) / len(places)


@settings(deadline=None)
@given(st.integers(1, 80), st.integers(0, 4), st.floats(0.02, 0.3), st.integers(0, 99))
def test_the_fitting_grid_is_the_finest_that_draws_enough(
    n: int, more_than: int, spread: float, seed: int
):
    rng = np.random.default_rng(seed)
    heaps = rng.random((3, 2))[rng.integers(0, 3, n)]
    xy = np.clip(heaps + rng.normal(0, spread, (n, 2)), 0, 0.999)
    size = fitting(xy, more_than=more_than, most=8)
    could_be_filled = [s for s in range(2, 9) if (s - 1) ** 2 * (more_than + 1) < n]
    assert size in {1, *could_be_filled}
    assert size == 1 or drawn(xy, size, more_than) >= 0.9
    assert all(drawn(xy, s, more_than) < 0.9 for s in could_be_filled if s > size)
