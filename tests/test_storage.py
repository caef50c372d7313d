"""The run folder: fingerprints, whole files or none, and artifacts that heal themselves."""

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax.errors import UserError
from atlasjax.storage import (
    atomic,
    cached,
    fingerprint,
    folder_name,
    holds,
    load,
    make_run_folder,
    save,
    write_json,
    write_text,
)


class Pair(NamedTuple):
    a: np.ndarray
    b: np.ndarray


PAIR = Pair(np.arange(6, dtype=np.float32).reshape(2, 3), np.array(["x", "yz"]))


def assert_same(found: Pair | None, expected: Pair = PAIR) -> None:
    assert found is not None
    for x, y in zip(found, expected, strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)


# Fingerprints ------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
PARTS = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), VALUES, min_size=1, max_size=5)


@given(PARTS, st.randoms(use_true_random=False))
def test_a_fingerprint_does_not_depend_on_the_order(parts: dict[str, Any], random):
    items = list(parts.items())
    random.shuffle(items)
    found = fingerprint(**dict(items))
    assert found == fingerprint(**parts)
    assert len(found) == 32
    assert set(found) <= set("0123456789abcdef")


@given(PARTS, VALUES, st.data())
def test_a_fingerprint_changes_with_any_value(parts: dict[str, Any], other: Any, data):
    name = data.draw(st.sampled_from(sorted(parts)))
    same = json.dumps(other) == json.dumps(parts[name])
    assert (fingerprint(**{**parts, name: other}) == fingerprint(**parts)) == same


@given(PARTS, st.text("abcdef", min_size=4, max_size=4))
def test_a_fingerprint_changes_with_any_name(parts: dict[str, Any], new: str):
    old = sorted(parts)[0]
    renamed = {new if name == old else name: value for name, value in parts.items()}
    added = {**parts, new: None}
    assert len({fingerprint(**parts), fingerprint(**renamed), fingerprint(**added)}) == 3


def test_a_fingerprint_is_the_same_in_another_process():
    code = "from atlasjax.storage import fingerprint as f; print(f(b=[1, 2.5], a={'y': 1, 'x': 2}))"
    environment = {**os.environ, "PYTHONHASHSEED": "123"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == fingerprint(a={"x": 2, "y": 1}, b=(1, 2.5))


@pytest.mark.parametrize("value", [float("nan"), np.zeros(2), Path("a")])
def test_what_json_cannot_hold_has_no_fingerprint(value: object):
    with pytest.raises((TypeError, ValueError)):
        fingerprint(a=value)


def test_a_folder_is_one_folder():
    assert folder_name("mixed4a/3x3/pre_relu") == "mixed4a-3x3-pre_relu"


# Atomic writes -----------------------------------------------------------------------------------


def test_a_file_appears_when_it_is_whole(tmp_path: Path):
    path = tmp_path / "new" / "folder" / "a.txt"
    with atomic(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        assert temporary.parent == path.parent  # one file system, so that renaming is atomic
        assert temporary.suffix == ".txt"
    assert path.read_text() == "half"
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("before", [None, "old"])
def test_an_error_leaves_nothing_behind(tmp_path: Path, error, before: str | None):
    path = tmp_path / "a.txt"
    if before is not None:
        write_text(path, before)

    def fail() -> None:
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    if before is None:
        assert list(tmp_path.iterdir()) == []
    else:
        assert list(tmp_path.iterdir()) == [path]
        assert path.read_text() == before


def test_two_writers_do_not_mix(tmp_path: Path):
    path = tmp_path / "a.txt"
    both_inside = threading.Barrier(2, timeout=10)

    def write(letter: str) -> None:
        for _ in range(20):
            with atomic(path) as temporary, temporary.open("w") as file:
                file.write(letter * 1000)
                both_inside.wait()  # the other one has its file open as well
                file.write(letter * 1000)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "ab"]
    for thread in threads:
        thread.start()
    seen = set()
    while any(thread.is_alive() for thread in threads):
        if path.exists():
            seen.add(path.read_text())
    for thread in threads:
        thread.join()
    seen.add(path.read_text())
    assert seen <= {"a" * 2000, "b" * 2000}
    assert list(tmp_path.iterdir()) == [path]


def test_text_and_json_are_utf_8(tmp_path: Path):
    write_text(tmp_path / "a.txt", "größer\n")
    assert (tmp_path / "a.txt").read_bytes() == "größer\n".encode()
    value = {"ö": [1, None, "x"], "b": {"c": 0.5}}
    write_json(tmp_path / "a.json", value)
    assert json.loads((tmp_path / "a.json").read_bytes()) == value


# Artifacts ---------------------------------------------------------------------------------------


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


# The folder --------------------------------------------------------------------------------------


def test_a_run_folder_is_made_and_left_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    made = make_run_folder(Path("runs") / "a")
    assert made == (tmp_path / "runs" / "a").resolve()
    assert make_run_folder(made) == made
    assert list(made.iterdir()) == []


@pytest.mark.parametrize("inside", [".", "below"])
def test_a_file_is_no_run_folder(tmp_path: Path, inside: str):
    file = tmp_path / "file"
    file.write_text("keep me")
    with pytest.raises(UserError, match=r"the run folder '.*file.*' cannot be written to: \w+"):
        make_run_folder(file / inside)
    assert file.read_text() == "keep me"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_without_permission_is_no_run_folder(tmp_path: Path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(UserError, match="cannot be written to: Permission denied"):
            make_run_folder(tmp_path)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
def test_a_folder_that_nobody_can_write_to_is_no_run_folder():
    with pytest.raises(UserError, match="the run folder '/proc' cannot be written to: "):
        make_run_folder(Path("/proc"))
    with pytest.raises(UserError, match="the run folder '/proc/a' cannot be written to: "):
        make_run_folder(Path("/proc/a"))
