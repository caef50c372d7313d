"""The run folder: whole files or none, and places that cannot be written to."""

import json
import os
import sys
import threading
from pathlib import Path

import pytest

from atlasjax.errors import UserError
from atlasjax.storage.artifacts import atomic, folder_name, make_run_folder, write_json, write_text


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


def test_a_folder_is_one_folder():
    assert folder_name("mixed4a/3x3/pre_relu") == "mixed4a-3x3-pre_relu"
