"""Runs that go on: what is damaged, missing or of other settings is made again, and said to be."""

import errno
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import atlasjax as ax
from atlasjax import cli
from atlasjax.errors import UserError
from atlasjax.runs import estimate
from atlasjax.runs.stages import activations
from atlasjax.storage import artifacts, lock, mending, sums
from atlasjax.workflows import begin

FREE = "62.0 GiB are free"


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory, write_own) -> Callable[..., list[str]]:
    """The command that makes a small run in a folder."""
    own = write_own(tmp_path_factory.mktemp("own"), "own_for_resume")

    def of(out: Path, *more: str) -> list[str]:
        return ["run", str(own), "--images", "scenes:24", "--out", str(out), *more]

    return of


@pytest.fixture(scope="module")
def made(command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "run"
    cli.main(command(out))
    return out


@pytest.fixture
def run(made: Path, command, tmp_path: Path) -> Path:
    """A copy of the run, whose record says so."""
    out = tmp_path / "run"
    shutil.copytree(made, out)
    return out


def arrays(folder: Path) -> dict[str, bytes]:
    found = [*folder.glob("layers/**/*.npz"), *folder.glob("*.npz"), *folder.glob("levels/*.npz")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines before the table."""
    captured = capsys.readouterr()
    assert captured.err == ""
    lines = captured.out.splitlines()
    return [line for line in lines if line.startswith(("again: ", "to be made: "))]


def flip(path: Path) -> None:
    held = bytearray(path.read_bytes())
    held[len(held) // 2] ^= 4
    path.write_bytes(bytes(held))


UNNEEDED = (
    "layers/two/activations.npz",
    "layers/two/attribution.npz",
    "layers/two/whitening.npz",
    "skipped.npz",
)


def test_nothing_is_said_where_nothing_is_made(run: Path, command, capsys):
    before = arrays(run)
    cli.main(command(run))
    assert said(capsys) == []
    assert arrays(run) == before


@pytest.mark.parametrize("name", [*UNNEEDED, "layers/two/grid-2/examples.npz"])
def test_what_is_damaged_is_made_again_whether_or_not_the_run_has_a_need_of_it(
    name: str, run: Path, command, capsys
):
    """Such files were left as they are, or ended the run with the advice to run it again."""
    before = arrays(run)
    flip(run / name)
    assert arrays(run) != before
    cli.main(command(run))
    first, *rest = said(capsys)
    assert first == f"again: {name}, since it is damaged"
    assert [line.split(":")[0] for line in rest] == ["to be made"]
    assert arrays(run) == before
    assert mending.sweep(run) == {}


@pytest.mark.parametrize("name", UNNEEDED)
def test_what_is_deleted_is_made_again(name: str, run: Path, command, capsys):
    before = arrays(run)
    (run / name).unlink()
    cli.main(command(run))
    assert said(capsys)[0] == f"again: {name}, since it is missing"
    assert arrays(run) == before


@pytest.mark.parametrize("name", ["report.html", "report.json", "index.html", "data/two-2.js"])
def test_a_page_that_is_damaged_is_written_anew(name: str, run: Path, command, capsys):
    flip(run / name)
    cli.main(command(run))
    assert said(capsys)[0] == f"again: {name}, since it is damaged"
    assert sums.changed(run) == []


def test_other_commands_say_which_command_mends_what_is_damaged(
    run: Path, command, capsys: pytest.CaptureFixture[str]
):
    cli.main(command(run))
    view = ["class", str(run), "dog", "--grids", "1"]
    for name in ("attribution.npz", "activations.npz", "whitening.npz"):
        flip(run / "layers" / "two" / name)
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main(view)
        error = capsys.readouterr().err
        assert stop.value.code == 2
        assert (
            f"{name} is missing or damaged: run `atlasjax {' '.join(command(run))}` again" in error
        )
        cli.main(command(run))
        cli.main(view)
        shutil.rmtree(run / "classes")


def test_images_that_could_not_be_read_are_known_after_a_kill(run: Path, command):
    """Killed between activations and this, a run had no unreadable images ever after."""
    before = (run / "skipped.npz").read_bytes()
    (run / "skipped.npz").unlink()
    cli.main(command(run))
    assert (run / "skipped.npz").read_bytes() == before
    assert artifacts.load(run / "skipped.npz", activations.Skipped) is not None


def test_what_changes_with_a_setting_is_said_with_the_reason(run: Path, command, capsys):
    cli.main(command(run, "--more-than", "2", "--name", "other"))
    lines = said(capsys)
    assert "again: cells of two (2), since more_than is 2, was 1" in lines
    assert "again: icons of two (2), since the cells are" in lines
    assert any(line.startswith("again: report, since name is other, was mine") for line in lines)
    assert not [line for line in lines if "layout" in line or "activations" in line]
    log = (run / "run.log").read_text()
    assert all(line in log for line in lines)
    cli.main(command(run, "--more-than", "2", "--name", "other"))
    assert said(capsys) == []


def test_parts_that_a_killed_run_left_go_with_the_whole(run: Path, command):
    folder = run / "layers" / "two"
    shutil.copyfile(folder / "attribution.npz", folder / "attribution-00000.npz")
    (folder / f"{artifacts.BEGUN}layout-abc.npz").write_bytes(b"half")
    cli.main(command(run))
    assert not [*folder.glob("attribution-*"), *folder.glob(".*")]


def test_a_damaged_file_of_other_settings_is_removed_and_said_to_be(run: Path, command, capsys):
    other = run / "layers" / "two" / "grid-9" / "icons.npz"
    other.parent.mkdir()
    other.write_bytes(b"")
    cli.main(command(run))
    name = "layers/two/grid-9/icons.npz"
    assert f"removed: {name}, a damaged file of other settings" in capsys.readouterr().out
    assert not other.exists()


def test_a_report_alone_makes_damaged_examples_anew(run: Path):
    path = run / "layers" / "two" / "grid-2" / "examples.npz"
    before = path.read_bytes()
    flip(path)
    ax.report(run)
    assert path.read_bytes() == before


def test_starting_over_removes_what_a_run_made_and_nothing_else(run: Path, command):
    before = arrays(run)
    (run / "notes.txt").write_text("mine")
    (run / "layers" / "mine").mkdir()
    (run / "layers" / "mine" / "notes.txt").write_text("mine")
    (run / "layers" / "old.npz").write_bytes(b"of an earlier experiment")
    cli.main(command(run, "--fresh"))
    assert arrays(run) == before
    assert (run / "notes.txt").is_file()
    assert (run / "layers" / "mine" / "notes.txt").is_file()
    record = json.loads((run / "run.json").read_text())
    assert "--fresh" not in record["command"]
    assert (run / "run.log").read_text().count("collect: ") == 1


def test_starting_over_in_a_folder_that_is_no_runs_is_refused(
    command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "run.json").write_text('{"name": "of another program"}')
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(SystemExit) as stop:
        cli.main(command(tmp_path, "--fresh"))
    assert stop.value.code == 2
    assert "is no run folder: it has no run.json of one; nothing was removed" in (
        capsys.readouterr().err
    )
    assert (tmp_path / "index.html").read_text() == "mine"


def test_a_dry_run_tells_what_is_needed_and_makes_nothing(
    run: Path, command, tmp_path: Path, capsys
):
    new = tmp_path / "new"
    cli.main(command(new, "--dry-run"))
    (line,) = said(capsys)
    assert line.startswith("to be made: ")
    assert "minute" not in line  # of which nothing is known there
    assert not new.exists()
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    cli.main(command(run, "--dry-run"))
    assert said(capsys) == [f"to be made: 0 KiB at most; {FREE}"]
    cli.main(["run", "--dry-run", *command(run, "--steps", "9")[1:]])
    (line,) = said(capsys)
    assert "about 1 minute" in line  # as long as the icons took that are there
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


@pytest.fixture(autouse=True)
def disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Say how much of the disk is free."""
    space = [62 << 30]
    monkeypatch.setattr(estimate, "free", lambda folder: space[0])
    return lambda size: space.__setitem__(0, size)


def test_a_disk_with_too_little_room_is_refused_before_anything_is_made(
    disk, command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    disk(5000)
    with pytest.raises(SystemExit) as stop:
        cli.main(command(tmp_path / "run"))
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "needs" in error
    assert "activations, attribution, whitening, layout, and 5 KiB are free" in error
    assert not arrays(tmp_path / "run")


@pytest.mark.parametrize("place", ["layout.npz", "icons-0000.npz", "report.json", "two-2.png"])
def test_a_disk_that_becomes_full_stops_the_run_which_goes_on(
    place: str, disk, made: Path, command, tmp_path: Path, capsys, monkeypatch
):
    out, real = tmp_path / "run", artifacts.atomic

    @contextmanager
    def atomic(path: Path, **options: Any) -> Iterator[Path]:
        with real(path, **options) as temporary:
            yield temporary
            if path.name == place:
                disk(12 << 10)
                raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(artifacts, "atomic", atomic)
        with pytest.raises(SystemExit) as stop:
            cli.main(command(out))
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "is full: " in error
    assert "12 KiB are free; make room, and the same command goes on from here" in error
    assert " more are needed at most" in error or place == "two-2.png"
    disk(62 << 30)
    cli.main(command(out))
    assert arrays(out) == arrays(made)


def test_other_errors_of_the_system_are_not_taken_for_a_full_disk(tmp_path: Path):
    with pytest.raises(OSError, match="too many links"), begin.with_room(tmp_path):
        raise OSError(errno.EMLINK, "too many links")


def test_its_status_tells_what_is_done_and_what_is_left(run: Path, capsys):
    found = ax.status(run)
    assert found.finished
    assert found.process is None
    assert all(row.done == row.of for row in found.rows)
    assert found.lines == (f"finished: open {run / 'index.html'}",)
    (run / "layers" / "two" / "layout.npz").unlink()
    (run / "layers" / "two" / "grid-2" / "icons.npz").rename(
        run / "layers" / "two" / "grid-2" / "icons-0000.npz"
    )
    with lock.alone(run):
        found = ax.status(run)
        assert found.process is not None
        assert found.process.startswith("process ")
        assert found.lines[-1].startswith("at work: process ")
        assert "to go" in found.lines[-1]
    rows = {(row.stage, row.layer): row for row in found.rows}
    assert rows["layout", "two"][2:5] == (0, 1, 0)
    assert rows["icons", "two"][2:5] == (0, 1, 1)
    assert rows["cells", "two"][2:5] == (1, 1, 0)
    assert rows["activations", "two"].seconds is not None
    cli.main(["status", str(run)])
    shown = capsys.readouterr().out
    assert "0 of 1 and 1 parts" in shown
    assert "nobody is at work; `atlasjax run " in shown
    assert not ax.status(run).finished


def test_a_folder_without_a_run_has_no_status(tmp_path: Path):
    with pytest.raises(UserError, match=r"^no run in '.*': it has no run\.json$"):
        ax.status(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    assert ax.status(tmp_path).lines[0] == (
        "what is to be made is not known: no plan.json, or a damaged one"
    )


def test_times_of_stages_that_a_killed_run_finished_are_kept(run: Path, command):
    record = json.loads((run / "run.json").read_text())
    took = record["seconds"]["collect"]
    artifacts.write_json(run / "run.json", record | {"seconds": {}})
    cli.main(command(run))
    assert json.loads((run / "run.json").read_text())["seconds"]["collect"] == took


def test_a_page_in_one_file_is_not_made_of_damaged_ones(run: Path, tmp_path: Path):
    flip(run / "sprites" / "two-2" / "all.webp")
    with pytest.raises(UserError, match=r"all\.webp is missing or damaged: run `atlasjax run "):
        ax.single_file(run, tmp_path / "one.html")
    atlas = json.loads((run / "atlas.json").read_text())
    names = [*reversed(atlas["class_names"])]
    artifacts.write_json(run / "atlas.json", atlas | {"class_names": names})
    with pytest.raises(UserError, match=r"atlas\.json is damaged: run `atlasjax run "):
        ax.open_atlas(run)


def test_the_estimate_is_no_less_than_what_is_written(made: Path):
    units = [unit for unit in estimate_units(made) if unit.path.endswith(".npz") and unit.size]
    for unit in units:
        written = (made / unit.path).stat().st_size
        assert written <= unit.size, unit
        with np.load(made / unit.path) as found:
            held = sum(array.nbytes for array in found.values())
        assert unit.size < 4 * held + 3000, unit


def estimate_units(folder: Path) -> tuple[Any, ...]:
    from atlasjax.runs.unit import kept

    return kept(folder)
