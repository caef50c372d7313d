"""The cache of converted weights: hit, healed, and done without."""

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from atlasjax.models.weights import cache
from atlasjax.storage import places

SHA1 = "405fc5acd08a3bb12de8ee5e23a96bec22f08204"
VALUES = {
    "conv.kernel": np.random.default_rng(0).standard_normal((64, 128), np.float32),
    "conv.bias": np.arange(128, dtype=np.float32),
}
SHAPES = {name: value.shape for name, value in VALUES.items()}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("ATLASJAX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "weights" / "toy-405fc5acd08a3bb1"


def converted(counts: list[int] | None = None) -> None:
    """Ask for the values, appending to `counts` when they had to be converted."""

    def convert():
        if counts is not None:
            counts.append(1)
        return VALUES

    found = cache.cached("toy", SHA1, SHAPES, convert)
    assert found.keys() == VALUES.keys()
    for name, value in VALUES.items():
        np.testing.assert_array_equal(found[name], value)


def test_a_second_time_nothing_is_converted(place, capfd):
    counts: list[int] = []
    converted(counts)
    assert place.is_dir()
    converted(counts)
    assert len(counts) == 1
    assert [p.name for p in place.parent.iterdir()] == [place.name]
    assert capfd.readouterr() == ("", "")
    assert threading.active_count() < 10


def largest_file(place: Path) -> Path:
    return max((p for p in place.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)


def truncate(place: Path) -> None:
    file = largest_file(place)
    file.write_bytes(file.read_bytes()[:1000])


def flip_a_bit(place: Path) -> None:
    file = largest_file(place)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def lose_a_file(place: Path) -> None:
    largest_file(place).unlink()


def lose_the_checksum(place: Path) -> None:
    (place / cache.CHECKSUM).unlink()


def become_a_file(place: Path) -> None:
    place.rename(place.with_name("aside"))
    place.write_text("not a folder")


@pytest.mark.parametrize(
    "damage", [truncate, flip_a_bit, lose_a_file, lose_the_checksum, become_a_file]
)
def test_a_broken_entry_is_converted_and_written_anew(place, damage, capfd):
    counts: list[int] = []
    converted(counts)
    damage(place)
    converted(counts)
    assert len(counts) == 2
    converted(counts)
    assert len(counts) == 2
    assert capfd.readouterr() == ("", "")


def test_an_entry_of_other_shapes_is_not_returned(place):
    converted()
    other = {"conv.kernel": (128, 64), "conv.bias": (128,)}
    assert cache.load(place, other) is None
    assert cache.load(place, {"conv.kernel": (64, 128)}) is None


def test_where_nothing_can_be_written_it_is_kept_for_this_process(tmp_path, monkeypatch, capfd):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ATLASJAX_CACHE", str(tmp_path / "file"))
    assert cache.folder().is_relative_to(places.temporary())
    shutil.rmtree(cache.folder(), ignore_errors=True)  # of an earlier test
    counts: list[int] = []
    converted(counts)
    converted(counts)
    assert len(counts) == 1
    assert capfd.readouterr() == ("", "")


def test_a_folder_that_fails_when_it_is_written_is_done_without(tmp_path, monkeypatch, capfd):
    (tmp_path / "file").touch()
    monkeypatch.setattr(cache, "user_cache", lambda: tmp_path / "file")
    counts: list[int] = []
    converted(counts)
    converted(counts)
    assert len(counts) == 2
    assert capfd.readouterr() == ("", "")


def test_a_failed_write_leaves_nothing_behind(place, monkeypatch):
    def full_disk(*_):
        raise OSError(28, "no space")

    monkeypatch.setattr("pathlib.Path.write_text", full_disk)
    converted()
    assert list(place.parent.iterdir()) == []


WRITER = """
import sys
import numpy as np
from atlasjax.models.weights import cache
from atlasjax.storage import places
from pathlib import Path
for _ in range(3):
    assert cache.store(Path(sys.argv[1]), dict(np.load(sys.argv[2])))
"""


def test_many_processes_write_at_once(place, tmp_path):
    np.savez(tmp_path / "values.npz", **VALUES)
    command = [sys.executable, "-c", WRITER, str(place), str(tmp_path / "values.npz")]
    writers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(3)
    ]
    printed = [writer.communicate()[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0], printed
    assert printed == [b"", b"", b""]
    assert [p.name for p in place.parent.iterdir()] == [place.name]
    assert cache.load(place, SHAPES) is not None


def test_the_folder_is_the_users_cache_unless_told(monkeypatch):
    monkeypatch.delenv("ATLASJAX_CACHE")
    assert cache.folder().is_absolute()
    assert "atlasjax" in cache.folder().parts
    monkeypatch.setenv("ATLASJAX_CACHE", "relative")
    assert cache.folder() == Path.cwd() / "relative" / "weights"
