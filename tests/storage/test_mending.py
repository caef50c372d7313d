"""Mending: damage anywhere is found and taken away, and nothing else is."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from atlasjax.errors import UserError
from atlasjax.storage import artifacts, mending, sums
from atlasjax.storage.remedy import command_of, remedy


class One(NamedTuple):
    value: np.ndarray


ONE = One(np.arange(5))


def test_what_is_damaged_is_taken_away_and_said(tmp_path: Path):
    for name in ("skipped", "layers/a/layout", "layers/a/grid-2/cells", "levels/a-2", "layers/b"):
        artifacts.save(tmp_path / f"{name}.npz", ONE, "x")
    other = tmp_path / "classes" / "cat" / "layers" / "layout.npz"  # which its own command mends
    artifacts.save(other, ONE, "x")
    for path in (tmp_path / "layers/a/layout.npz", other):
        path.write_bytes(path.read_bytes()[:50])
    (tmp_path / "skipped.npz").write_bytes(b"")
    (tmp_path / "layers" / "notes.txt").write_text("mine")
    there = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert mending.sweep(tmp_path) == {"layers/a/layout.npz": "damaged", "skipped.npz": "empty"}
    left = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert there - left == {tmp_path / "layers/a/layout.npz", tmp_path / "skipped.npz"}
    assert mending.sweep(tmp_path) == {}


def test_what_a_killed_process_had_begun_to_write_is_taken_away(tmp_path: Path):
    places = [tmp_path / "run.json", tmp_path / "layers" / "a" / "icons.npz"]
    for path in places:
        writing = artifacts.atomic(path)
        writing.__enter__().write_text("half")
        del writing  # never ended
    assert len(list(tmp_path.rglob(f"{artifacts.BEGUN}*"))) in (0, 2)  # as the collector has it
    mending.sweep(tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_may_not_be_taken_away_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "a.npz").write_bytes(b"")

    def refused(self, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refused)
    with pytest.raises(UserError, match=r"a\.npz: Permission denied"):
        mending.sweep(tmp_path)


def test_the_remedy_is_the_command_that_made_the_run(tmp_path: Path):
    artifacts.write_json(tmp_path / "run.json", {"command": "atlasjax run a --out b"})
    deep = tmp_path / "layers" / "a"
    assert command_of(deep) == "atlasjax run a --out b"
    with pytest.raises(UserError, match=r"missing or damaged: run `atlasjax run a --out b` again"):
        artifacts.read(deep / "layout.npz", One)
    (tmp_path / "run.json").write_text("{}")
    assert remedy(deep) == "run the experiment again, which only writes it anew"
    artifacts.write_json(tmp_path / "classes" / "cat" / "run.json", {"command": "atlasjax class"})
    assert command_of(tmp_path / "classes" / "cat" / "layers") == "atlasjax class"


def page(folder: Path) -> list[Path]:
    paths = [folder / "index.html", folder / "data" / "a b.js"]
    for path in paths:
        artifacts.write_text(path, path.name)
    sums.keep(folder, paths)
    return paths


def test_a_page_is_as_it_was_noted_or_not(tmp_path: Path):
    index, script = page(tmp_path)
    assert sums.changed(tmp_path) == []
    script.write_text("a c.js")
    assert sums.changed(tmp_path) == ["data/a b.js"]
    assert sums.is_changed(script, tmp_path)
    assert not sums.is_changed(index, tmp_path)
    index.unlink()
    assert sums.changed(tmp_path) == ["data/a b.js", "index.html"]
    assert sums.changed(tmp_path, ["index.html", "unknown.js"]) == ["index.html"]
    sums.forget(tmp_path, ["index.html"])
    assert sums.changed(tmp_path) == ["data/a b.js"]
    sums.keep(tmp_path, [script])
    assert sums.changed(tmp_path) == []
    sums.forget(tmp_path)
    assert sums.kept(tmp_path) == {}


def test_lines_that_are_damaged_tell_nothing(tmp_path: Path):
    page(tmp_path)
    path = tmp_path / sums.FILE
    assert path.read_text() == (  # as sha256sum has it
        "9a7124587ecd9e3ba3f878d5c27094fcc6d0169f7ebc926778de34d3dc5aeee8  data/a b.js\n"
        "0eb547304658805aad788d320f10bf1f292797b5e6d745a3bf617584da017051  index.html\n"
    )
    path.write_text(path.read_text().replace("  index", " index"))
    assert set(sums.kept(tmp_path)) == {"data/a b.js"}
    path.write_bytes(b"\xff" * 9)
    assert sums.kept(tmp_path) == {}
