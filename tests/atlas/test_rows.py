"""Rows: read in pieces from whatever can be sliced, and never more of them than a piece at once."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasjax.atlas import alike, layout, neighbors, rows
from atlasjax.errors import UserError

VALUES = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)


class Sliced:
    """Rows of which only slices can be had, and which note the longest that was."""

    def __init__(self, values: np.ndarray):
        self.values, self.shape, self.dtype, self.longest = values, values.shape, values.dtype, 0

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, part: slice) -> np.ndarray:
        found = self.values[part]
        self.longest = max(self.longest, len(found))
        return found


def mapped(folder: Path, values: np.ndarray, mode: str = "r") -> np.ndarray:
    np.save(folder / "values.npy", values)
    return np.load(folder / "values.npy", mmap_mode=mode)  # pyright: ignore[reportArgumentType]


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "AT_A_TIME", 7)


@given(st.sets(st.integers(0, 49)))
def test_some_rows_are_those_rows(chosen: set[int]):
    index = np.array(sorted(chosen), np.int64)
    for source in (VALUES, Sliced(VALUES)):
        np.testing.assert_array_equal(rows.take(source, index), VALUES[index])
        one = rows.Chosen(source, index)
        assert len(one) == len(index)
        assert one.shape == (len(index), 4)
        np.testing.assert_array_equal(one[3:9], VALUES[index][3:9])


@pytest.mark.usefixtures("small_pieces")
def test_only_pieces_are_read():
    source = Sliced(VALUES)
    np.testing.assert_array_equal(rows.whole(source), VALUES)
    alike.check_finite(source)
    alike.distinct(source)
    np.testing.assert_array_equal(
        neighbors.as_points(source, "cosine"), neighbors.as_points(VALUES, "cosine")
    )
    assert source.longest == 7


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_named_in_whichever_piece(value: float):
    bad = VALUES.copy()
    bad[[23, 44], 1] = value
    with pytest.raises(UserError, match=r"^2 of 50 activations are NaN or infinite; .* row 23$"):
        layout.layout(Sliced(bad))


@pytest.mark.usefixtures("small_pieces")
def test_equal_rows_are_found_across_pieces(monkeypatch: pytest.MonkeyPatch):
    twins = np.concatenate([VALUES, VALUES[::-1]])
    found = alike.distinct(Sliced(twins))
    np.testing.assert_array_equal(found.first, np.arange(50))
    np.testing.assert_array_equal(found.kind, [*range(50), *range(49, -1, -1)])
    for held in (0, 1 << 20):  # to be read later, or in memory
        monkeypatch.setattr(rows, "HELD", held)
        kinds = found.kinds_of(Sliced(twins))
        assert isinstance(kinds, rows.Chosen) == (held == 0)
        np.testing.assert_array_equal(kinds[:], VALUES)


@pytest.mark.usefixtures("small_pieces")
def test_large_numbers_are_scaled_as_they_are_read():
    scaled = alike.in_reach(Sliced(VALUES * np.float32(1e30)))
    np.testing.assert_array_equal(scaled[:], alike.in_reach(VALUES * np.float32(1e30))[:])
    assert np.abs(scaled[:]).max() == 1


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_a_mapped_file_is_read_and_what_was_written_to_it_stays(tmp_path: Path, mode: str):
    values = mapped(tmp_path, VALUES, mode)
    expected = VALUES.copy()
    if mode != "r":
        values[3], expected[3] = 5, 5
    for source in (values, values[2:]):
        found = np.concatenate([piece for _, piece in rows.pieces(source, 7)])
        np.testing.assert_array_equal(found, expected[len(expected) - len(source) :])
    np.testing.assert_array_equal(values, expected)  # also after the memory was given back


def test_a_layout_of_a_file_is_that_of_the_array(tmp_path: Path):
    expected = layout.layout(VALUES, method="jax", n_neighbors=8)
    for source in (mapped(tmp_path, VALUES), Sliced(VALUES)):
        found = layout.layout(source, method="jax", n_neighbors=8)
        np.testing.assert_array_equal(found, expected)

    def own(points: np.ndarray, *, seed: int) -> np.ndarray:
        return points[:, :2]

    np.testing.assert_array_equal(
        layout.layout(Sliced(VALUES), method=own), layout.layout(VALUES, method=own)
    )
