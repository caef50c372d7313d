"""Seals: no change of an artifact goes unseen, and what is wrong with the machine is not damage."""

import io
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax.errors import UserError
from atlasjax.storage import artifacts, rows, seal


class One(NamedTuple):
    value: np.ndarray


ONE = One(np.arange(60, dtype=np.float32).reshape(20, 3))


def sealed() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in (("value", ONE.value), ("fingerprint", np.array("x"))):
            held = io.BytesIO()
            np.save(held, array)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), held.getvalue())
    return file.getvalue()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "one.npz"
    artifacts.save(path, ONE, "x")
    return path.read_bytes()


def test_an_artifact_is_an_archive_like_any_other(tmp_path: Path, whole: bytes):
    path = tmp_path / "one.npz"
    path.write_bytes(whole)
    with np.load(path) as found:
        np.testing.assert_array_equal(found["value"], ONE.value)
    assert zipfile.ZipFile(path).testzip() is None
    with path.open("rb") as file:
        assert seal.whole(file)
        assert file.tell() == 0


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_one_bit_flipped_anywhere_is_seen(whole: bytes, data: st.DataObject):
    """The archive's own checksums do not see it in the names, dates and flags of its records."""
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    changed = bytearray(whole)
    changed[bit // 8] ^= 1 << bit % 8
    assert not seal.whole(io.BytesIO(bytes(changed)))


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_a_file_cut_anywhere_is_seen(whole: bytes, data: st.DataObject):
    length = data.draw(st.integers(0, len(whole) - 1))
    assert not seal.whole(io.BytesIO(whole[:length]))


def test_what_follows_an_artifact_is_seen(whole: bytes):
    assert not seal.whole(io.BytesIO(whole + b"\0"))
    assert not seal.whole(io.BytesIO(whole + whole[-seal.SIZE :]))


def test_artifacts_of_earlier_versions_are_known_by_their_own_checksums():
    older = sealed()
    assert seal.whole(io.BytesIO(older))
    place = older.index(ONE.value.tobytes())
    changed = older[: place + 5] + bytes([older[place + 5] ^ 1]) + older[place + 6 :]
    assert not seal.whole(io.BytesIO(changed))


def test_what_is_no_archive_is_not_sealed(tmp_path: Path):
    (tmp_path / "a.npz").write_bytes(b"no archive" * 9)
    with pytest.raises(ValueError, match="no archive without a comment"):
        seal.seal(tmp_path / "a.npz")


def test_damage_is_seen_by_all_who_read(tmp_path: Path, whole: bytes):
    """A date in the archive's records says nothing of the arrays, and is not as it was written."""
    path = tmp_path / "one.npz"
    changed = bytearray(whole)
    changed[10] ^= 1  # of the first member's time
    path.write_bytes(bytes(changed))
    assert artifacts.load(path, One) is None
    assert rows.mapped(path, "value") is None
    with pytest.raises(UserError, match=r"one\.npz is missing or damaged: run the experiment"):
        artifacts.read(path, One)


@pytest.mark.parametrize("read", [artifacts.load, lambda path, kind: rows.mapped(path, "value")])
def test_too_little_memory_is_not_taken_for_damage(
    read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It was taken for absence: the artifact was computed again and overwritten."""
    path = tmp_path / "one.npz"
    artifacts.save(path, ONE, "x")

    def full(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr(np, "load", full)
    monkeypatch.setattr(np, "memmap", full)
    with pytest.raises(MemoryError):
        read(path, One)
    with pytest.raises(MemoryError):
        artifacts.cached(path, One, "x", lambda: pytest.fail("it is there"))


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "I/O")])
@pytest.mark.parametrize(
    "read",
    [
        lambda path: artifacts.load(path, One),
        lambda path: artifacts.read(path, One),
        lambda path: artifacts.holds(path, "x"),
        lambda path: artifacts.cached(path, One, "x", lambda: pytest.fail("it is there")),
        lambda path: rows.mapped(path, "value"),
        lambda path: rows.mapped(path, "value", "x"),
    ],
    ids=["load", "read", "holds", "cached", "mapped", "mapped of"],
)
def test_what_may_not_be_read_is_said_to_be_so(
    read, error: OSError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It was told as damage."""
    path = tmp_path / "one.npz"
    artifacts.save(path, ONE, "x")
    before, real = path.read_bytes(), Path.open

    def refused(self, *args, **kwargs):
        if self == path:
            raise error
        return real(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refused)
        with pytest.raises(UserError, match=rf"one\.npz cannot be read: {error.strerror}$"):
            read(path)
    assert path.read_bytes() == before
