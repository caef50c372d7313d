"""Artifacts: whole ones come back, damaged ones heal themselves."""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax.storage.artifacts import cached, holds, load, save


class Pair(NamedTuple):
    a: np.ndarray
    b: np.ndarray


PAIR = Pair(np.arange(6, dtype=np.float32).reshape(2, 3), np.array(["x", "yz"]))


def assert_same(found: Pair | None, expected: Pair = PAIR) -> None:
    assert found is not None
    for x, y in zip(found, expected, strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)


def test_what_is_saved_is_loaded(tmp_path: Path):
    path = tmp_path / "deep" / "pair.npz"
    save(path, PAIR, "made from this")
    assert_same(load(path, Pair, "made from this"))
    assert_same(load(path, Pair))
    assert list(path.parent.iterdir()) == [path]


def test_what_was_made_from_something_else_is_not_loaded(tmp_path: Path):
    path = tmp_path / "pair.npz"
    save(path, PAIR, "old")
    assert load(path, Pair, "new") is None
    assert load(path, Pair, "") is None


def test_what_is_there_is_told_by_its_fingerprint_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "pair.npz"
    assert not holds(path, "x")
    save(path, PAIR, "x")
    read, real = [], np.lib.npyio.NpzFile.__getitem__
    monkeypatch.setattr(
        np.lib.npyio.NpzFile, "__getitem__", lambda s, key: read.append(key) or real(s, key)
    )
    assert holds(path, "x")
    assert not holds(path, "y")
    assert read == ["fingerprint", "fingerprint"]


class Other(NamedTuple):
    a: np.ndarray
    c: np.ndarray


def test_an_artifact_of_another_kind_is_not_loaded(tmp_path: Path):
    save(tmp_path / "pair.npz", PAIR, "x")
    assert load(tmp_path / "pair.npz", Other, "x") is None


def test_there_is_nothing_to_load(tmp_path: Path):
    assert load(tmp_path / "absent.npz", Pair) is None
    (tmp_path / "folder.npz").mkdir()
    assert load(tmp_path / "folder.npz", Pair) is None


def saved_bytes(artifact: Pair = PAIR) -> bytes:
    file = io.BytesIO()
    np.savez(file, **artifact._asdict(), fingerprint=np.array("x"))
    return file.getvalue()


def one_array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.arange(3))
    return file.getvalue()


def a_pickle() -> bytes:
    return saved_bytes(Pair(np.array([{1}], object), PAIR.b))


WHOLE = saved_bytes()
DAMAGED = {
    "empty": b"",
    "truncated": WHOLE[: len(WHOLE) // 2],
    "garbage": b"no archive " * 50,
    "zeros": bytes(len(WHOLE)),
    "one array": one_array(),
    "pickled": a_pickle(),
}


@pytest.mark.parametrize("damaged", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_file_is_nothing_and_is_healed(tmp_path: Path, damaged: bytes):
    path = tmp_path / "pair.npz"
    path.write_bytes(damaged)
    assert load(path, Pair) is None
    assert load(path, Pair, "x") is None
    assert holds(path, "x") == (damaged == DAMAGED["pickled"])  # whose fingerprint is whole
    assert_same(cached(path, Pair, "x", lambda: PAIR))
    assert_same(load(path, Pair, "x"))
    assert list(tmp_path.iterdir()) == [path]


@settings(deadline=None)
@given(st.integers(0, len(WHOLE) - 1))
def test_a_file_cut_anywhere_is_nothing(tmp_path_factory, length: int):
    path = tmp_path_factory.getbasetemp() / "cut.npz"
    path.write_bytes(WHOLE[:length])
    assert load(path, Pair, "x") is None
    assert not holds(path, "x")


@settings(deadline=None, max_examples=200)
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_byte_changed_anywhere_is_never_an_error(tmp_path_factory, place: int, change: int):
    path = tmp_path_factory.getbasetemp() / "changed.npz"
    changed = bytearray(WHOLE)
    changed[place] ^= change
    path.write_bytes(changed)
    found = load(path, Pair, "x")
    assert found is None or isinstance(found, Pair)
    assert found is None or holds(path, "x")


def test_the_bytes_of_these_tests_are_those_of_an_artifact(tmp_path: Path):
    path = tmp_path / "pair.npz"
    path.write_bytes(WHOLE)
    assert_same(load(path, Pair, "x"))


def test_what_is_cached_is_computed_once_for_each_fingerprint(tmp_path: Path):
    path, calls = tmp_path / "pair.npz", []

    def compute() -> Pair:
        calls.append(1)
        return Pair(PAIR.a + len(calls), PAIR.b)

    first = cached(path, Pair, "x", compute)
    assert_same(cached(path, Pair, "x", compute), first)
    assert len(calls) == 1
    second = cached(path, Pair, "y", compute)
    assert len(calls) == 2
    assert_same(cached(path, Pair, "y", compute), second)
    assert second.a[0, 0] != first.a[0, 0]


def test_a_computation_that_fails_keeps_nothing(tmp_path: Path):
    def compute() -> Pair:
        raise KeyError("in the middle")

    with pytest.raises(KeyError, match="in the middle"):
        cached(tmp_path / "pair.npz", Pair, "x", compute)
    assert list(tmp_path.iterdir()) == []
