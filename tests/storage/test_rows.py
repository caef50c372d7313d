"""Rows: what is written in pieces is read as one, and damage is noticed."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from atlasjax.storage import artifacts, rows


class Table(NamedTuple):
    value: np.ndarray


def written(path: Path, n: int = 7) -> np.ndarray:
    whole = np.random.default_rng(0).normal(size=(n, 3)).astype(np.float16)
    rows.write(path, "value", iter([whole[:2], whole[2:5], whole[5:]]), (n, 3), np.float16, "x")
    return whole


def test_pieces_become_an_artifact_like_any_other(tmp_path: Path):
    path = tmp_path / "table.npz"
    whole = written(path)
    found = artifacts.load(path, Table, "x")
    assert found is not None
    np.testing.assert_array_equal(found.value, whole)
    assert found.value.dtype == np.float16
    assert artifacts.holds(path, "x")
    assert not artifacts.holds(path, "y")


def test_it_is_read_where_it_lies(tmp_path: Path):
    path = tmp_path / "table.npz"
    whole = written(path)
    found = rows.mapped(path, "value", "x")
    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, whole)
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = 1
    assert rows.mapped(path, "value", "y") is None
    assert rows.mapped(tmp_path / "none.npz", "value") is None
    # Any artifact can be read so, as numpy writes it.
    artifacts.save(path, Table(whole * 2), "z")
    np.testing.assert_array_equal(rows.mapped(path, "value", "z"), whole * 2)


def test_damage_is_noticed(tmp_path: Path):
    path = tmp_path / "table.npz"
    written(path, 500)
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(bytes(content))
    assert rows.mapped(path, "value", "x") is None
    path.write_bytes(bytes(content[:900]))
    assert rows.mapped(path, "value", "x") is None


@pytest.mark.parametrize("pieces", [[np.ones((2, 3))], [np.ones((3, 2))]])
def test_pieces_that_do_not_make_up_the_whole_leave_nothing(tmp_path: Path, pieces: list):
    path = tmp_path / "table.npz"
    with pytest.raises(ValueError, match="for an array of"):
        rows.write(path, "value", pieces, (3, 3), np.float32, "x")
    assert list(tmp_path.iterdir()) == []
