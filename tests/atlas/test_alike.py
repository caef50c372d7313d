"""Which rows are equal, against NumPy's own answer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasjax.atlas import alike


@given(st.integers(0, 999), st.sampled_from([np.float16, np.float32, np.float64]))
def test_equal_rows_are_found(seed: int, dtype: type):
    rng = np.random.default_rng(seed)
    rows = rng.integers(-1, 2, (40, rng.integers(1, 5))).astype(dtype) * rng.choice([-1, 1])
    found = alike.distinct(rows)
    np.testing.assert_array_equal(rows[found.first][found.kind], rows)
    assert len(found.first) == len(np.unique(rows + 0.0, axis=0))
    assert (np.diff(found.first) > 0).all()
    same = (rows[:, None] == rows[None]).all(-1).sum(1)
    assert found.twins == (same > 1).sum()


def test_rows_of_one_code_are_told_apart(monkeypatch: pytest.MonkeyPatch):
    def codes(rows: np.ndarray) -> np.ndarray:
        return np.stack([np.zeros(len(rows)), rows[:, 0]], -1).astype(np.uint64)

    monkeypatch.setattr(alike, "_codes", codes)
    found = alike.distinct(np.array([[2.0], [1.0], [2.0]]))
    assert (found.first.tolist(), found.kind.tolist()) == ([0, 1], [0, 1, 0])


def test_many_different_rows_have_different_codes():
    whole = np.stack(np.meshgrid(*[np.arange(16)] * 4), -1).reshape(-1, 4)  # few bits are set
    for rows in (whole.astype(np.float32), whole.astype(np.float16), whole * 1e-300):
        for code in alike._codes(rows).T:
            assert len(np.unique(code)) == 16**4
