"""Every mistake at the command line: one line that says what is wrong, and what would be right."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from atlasjax import cli, models
from atlasjax.cli import process

GOOGLENETS = "did you mean googlenet, torchvision_googlenet?"

MISTAKES = {
    "no command of that name": (["rum", "debug"], "no command 'rum'; did you mean run?"),
    "no experiment of that name": (
        ["run", "gogglenet"],
        GOOGLENETS,
    ),
    "no images given": (["run", "debug"], "no images: give --images FOLDER"),
    "no such folder": (["run", "debug", "--images", "/nowhere/at/all"], "no folder"),
    "an empty folder": (["run", "debug", "--images", "{tmp}"], "no images"),
    "no layer of that name": (
        ["run", "debug", "--images", "{images}", "--layers", "mixed4k", "--out", "{tmp}/r"],
        "no layer 'mixed4k'; did you mean mixed4",
    ),
    "no weights given": (["run", "googlenet", "--images", "{images}"], "--weights PATH"),
    "no such weights": (
        ["run", "googlenet", "--images", "{images}", "--weights", "{tmp}/w.safetensors"],
        "w.safetensors",
    ),
    "a model of no such name": (
        ["run", "debug", "--images", "{images}", "--model", "inception_v1_tyni"],
        "did you mean inception_v1_tiny",
    ),
    "a setting out of range": (
        ["run", "debug", "--images", "{images}", "--steps", "0"],
        "steps 0: must be at least 1",
    ),
    "a run folder that is a file": (
        ["run", "debug", "--images", "{images}", "--out", "{images}/dog/broken.jpg"],
        "cannot be written to",
    ),
    "a range in no order": (
        ["run", "debug", "--images", "{images}", "--range", "9", "3"],
        "range 9 3: must be two finite numbers, the lower first, or auto",
    ),
    "a range of a picture in no order": (
        ["vis", "inception_v1_tiny", "mixed3a", "--invert", "{images}/dog/02.png", "--range", "2"],
        "range 2: must be two finite numbers",
    ),
    "layers of no such model": (
        ["layers", "gogglenet"],
        GOOGLENETS,
    ),
    "no such file of one's own": (["run", "{tmp}/mine.py"], "mine.py'"),
    "a file without an experiment": (
        ["run", "{own}"],
        "neither CONFIG = Experiment(...) nor MODEL = ModelEntry(...) in it",
    ),
    "layers of no size": (["layers", "googlenet", "--image-size", "0"], "must be at least 1 px"),
    "nothing to view": (["view", "{tmp}"], "atlas.json"),
    "no command": ([], "required: COMMAND"),
    "no experiment": (["run"], "required: experiment (see"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_get_one_line(
    mistake: str, photographs: Path, tmp_path: Path, refused: Callable[[list[str]], str]
):
    arguments, expected = MISTAKES[mistake]
    own = tmp_path / "own.py"
    own.write_text("x = 1")
    filled = [a.format(tmp=tmp_path, images=photographs, own=own) for a in arguments]
    assert expected in refused(filled)


@pytest.mark.parametrize("damage", ["truncated", "of another network"])
def test_weights_that_do_not_fit_are_refused(
    damage: str, photographs: Path, tmp_path: Path, refused: Callable[[list[str]], str]
):
    weights = tmp_path / "weights.safetensors"
    models.save(models.load("inception_v1_tiny"), weights)
    if damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:-1000])
    arguments = ["run", "googlenet", "--images", str(photographs), "--weights", str(weights)]
    assert str(weights) in refused([*arguments, "--out", str(tmp_path / "run")])


def test_an_unknown_field_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stop:
        cli.main(["run", "debug", "--stepz", "3"])
    assert stop.value.code == 2
    assert "--steps" in capsys.readouterr().err


COMPUTES = {
    "run": (["gogglenet"], True),
    "vis": (["gogglenet", "mixed4a"], True),
    "class": (["/nowhere", "wok"], True),
    "compare": (["/nowhere", "wok", "pan"], True),
    "report": (["/nowhere"], True),
    "layers": (["gogglenet"], False),
    "view": (["/nowhere"], False),
    "export": (["/nowhere", "--single-file", "page.html"], False),
}


@pytest.mark.parametrize("command", COMPUTES)
def test_devices_are_set_up_for_what_computes(
    command: str, refused: Callable[[list[str]], str], monkeypatch: pytest.MonkeyPatch
):
    prepared = []
    monkeypatch.setattr(process, "prepare", lambda: prepared.append(command))
    arguments, computes = COMPUTES[command]
    refused([command, *arguments])
    assert prepared == [command] * computes


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_full_disk_gets_one_line(
    number: int, refused: Callable[[list[str]], str], monkeypatch: pytest.MonkeyPatch
):
    def fail(*args, **kwargs):
        raise OSError(number, os.strerror(number), "/somewhere/a.npz")

    monkeypatch.setattr(process, "prepare", fail)
    said = refused(["run", "debug", "--images", "/tmp"])
    assert said == f"atlasjax: /somewhere/a.npz: {os.strerror(number)}\n"


def test_other_errors_of_the_system_are_not_hidden(monkeypatch: pytest.MonkeyPatch):
    def fail(*args, **kwargs):
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(process, "prepare", fail)
    with pytest.raises(OSError, match="Bad file descriptor"):
        cli.main(["run", "debug", "--images", "/tmp"])
