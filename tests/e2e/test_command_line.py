"""The command line, as a person uses it: whole runs of the debug experiment.

Runs share one process, because JAX and UMAP compile everything anew in each.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import atlasjax as ax
from atlasjax import cli, models, progress
from atlasjax.atlas import drawer as drawer_module
from atlasjax.runs import pipeline
from atlasjax.runs.stages import activations, effects, layout, stored, whitening
from atlasjax.storage import artifacts

SMALL = ["--layers", "mixed3a", "--image-size", "48", "--resize", "48", "--grids", "2", "3"]


@pytest.fixture(scope="module")
def run_dir(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the debug experiment, as its config has it."""
    out = tmp_path_factory.mktemp("runs") / "debug"
    cli.main(["run", "debug", "--images", str(photographs), "--out", str(out)])
    return out


def arrays(run_dir: Path) -> dict[str, dict[str, np.ndarray]]:
    """Read every level of a run."""
    found = {}
    for path in sorted((run_dir / "levels").glob("*.npz")):
        with np.load(path) as level:
            found[path.name] = {name: level[name] for name in level.files}
    return found


def assert_same_atlas(a: Path, b: Path) -> None:
    first, second = arrays(a), arrays(b)
    assert first.keys() == second.keys()
    assert first
    for name, level in first.items():
        for key, value in level.items():
            np.testing.assert_array_equal(value, second[name][key], err_msg=f"{name} {key}")


@pytest.mark.slow
def test_a_run_gives_an_atlas_that_opens(run_dir: Path):
    assert (run_dir / "index.html").is_file()
    atlas = ax.open_atlas(run_dir)
    assert atlas.layers == ("mixed3b", "mixed4c")
    assert atlas.grids("mixed4c") == (2, 4)
    for layer, channels in (("mixed3b", 60), ("mixed4c", 64)):
        assert ax.layers(models.abstract("inception_v1_tiny"))[layer][-1] == channels
        level = atlas.level(layer, 2)
        cells = len(level.count)
        assert level.direction.shape == (cells, channels)
        assert level.attribution.shape == (cells, 10)
        assert level.icon.shape == (cells, 32, 32, 3)
        assert level.icon.std() > 10  # not grey
        assert (level.count > 2).all()
        assert level.count.sum() <= 24 * 4
        assert (np.abs(level.cosine) <= 1).all()
        assert level.cosine.mean() > 0.3  # of random weights, after eight steps
        with Image.open(run_dir / "pictures" / f"{layer}-4.png") as picture:
            assert picture.size == (4 * 32, 4 * 32)


@pytest.mark.slow
def test_the_run_is_on_record(run_dir: Path):
    record = json.loads((run_dir / "run.json").read_text())
    assert record["experiment"]["layers"] == ["mixed3b", "mixed4c"]
    assert record["seed"] == 0
    assert record["weights_sha256"] == "random-0"
    assert record["versions"]["jax"]
    assert record["device"]["count"] == 2
    assert record["command"].startswith("atlasjax run debug --images ")
    assert record["seconds"]["collect"] > 0
    assert record["skipped"][0].startswith("dog/broken.jpg: ")
    assert [(row["layer"], row["grid"]) for row in record["levels"]] == [
        (layer, grid) for layer in ("mixed3b", "mixed4c") for grid in (2, 4)
    ]


@pytest.mark.slow
def test_a_finished_run_is_not_done_again(
    run_dir: Path,
    photographs: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    # What is on disk is not prepared for either.
    for module, name in (
        (activations, "recorded"),
        (activations, "lattice_of"),
        (effects, "attributions"),
        (layout, "layout"),
        (pipeline, "icon_drawer"),
        (whitening, "whitening"),
    ):
        monkeypatch.setattr(module, name, None)
    read = count_reads(monkeypatch)
    before = {p: p.stat().st_mtime_ns for p in (run_dir / "layers").rglob("*.npz")}
    cli.main(["run", "debug", "--images", str(photographs), "--out", str(run_dir)])
    assert {p: p.stat().st_mtime_ns for p in (run_dir / "layers").rglob("*.npz")} == before
    seconds = json.loads((run_dir / "run.json").read_text())["seconds"]
    assert seconds["collect"] > 0  # of the time when it was done
    captured = capsys.readouterr()
    assert captured.err == ""  # no progress where there is no terminal
    assert f"open {run_dir.resolve() / 'index.html'}" in captured.out
    assert "1 image could not be read" in captured.out
    assert "dog/broken.jpg" in captured.out
    assert stored.Index not in read


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[type]:
    """Return the kinds of all artifacts that are read from now on."""
    real, read = artifacts.load, []

    def load(path, kind, *args):
        read.append(kind)
        return real(path, kind, *args)

    monkeypatch.setattr(artifacts, "load", load)
    return read


@pytest.mark.slow
def test_damaged_activations_are_collected_again(
    run_dir: Path, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    again = tmp_path / "again"
    shutil.copytree(run_dir, again)
    for path in (again / "layers").rglob("*.npz"):
        if path.name != "activations.npz":
            path.unlink()
    damaged = again / "layers" / "mixed4c" / "activations.npz"
    damaged.write_bytes(damaged.read_bytes()[:2000] + b"x" * 8 + damaged.read_bytes()[2008:])
    real, shown = progress.spinner, []
    monkeypatch.setattr(progress, "spinner", lambda title: shown.append(title) or real(title))
    cli.main(["run", "debug", "--images", str(photographs), "--out", str(again)])
    assert shown[:2] == ["receptive field mixed3b", "receptive field mixed4c"]
    assert shown[2:] == ["layout mixed3b: 96 activations", "layout mixed4c: 96 activations"]
    assert_same_atlas(run_dir, again)


@pytest.mark.slow
def test_an_interrupted_run_goes_on_and_ends_with_the_same_atlas(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def command(out: str) -> list[str]:
        where = ["--images", str(photographs), "--out", str(tmp_path / out)]
        return ["run", "debug", *where, *SMALL, "--icon-batch", "2"]

    cli.main(command("whole"))

    real, drawn = pipeline.icon_drawer, []

    def dying(*args, **kwargs):
        draw = real(*args, **kwargs)

        def draw_or_die(directions, keys, *start):
            if len(drawn) == 3:  # one batch into the second level
                raise KeyboardInterrupt
            drawn.append(len(directions))
            return draw(directions, keys, *start)

        return draw_or_die

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "icon_drawer", dying)
        with pytest.raises(SystemExit) as stop:
            cli.main(command("stopped"))
    assert stop.value.code == 130
    stopped = tmp_path / "stopped"
    assert not (stopped / "index.html").exists()
    parts = list((stopped / "layers" / "mixed3a").rglob("icons-*.npz"))
    assert parts

    # A file cut short by a crash of the machine counts as absent.
    torn = stopped / "layers" / "mixed3a" / "layout.npz"
    torn.write_bytes(torn.read_bytes()[:100])
    redrawn = []

    def counting(*args, **kwargs):
        draw = real(*args, **kwargs)

        def draw_and_count(directions, keys, *start):
            redrawn.append(len(directions))
            return draw(directions, keys, *start)

        return draw_and_count

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "icon_drawer", counting)
        cli.main(command("stopped"))
    assert_same_atlas(tmp_path / "whole", stopped)
    cells = sum(len(level["count"]) for level in arrays(stopped).values())
    assert sum(drawn) + sum(redrawn) == cells  # nothing twice
    assert not list(stopped.rglob("icons-*.npz"))


@pytest.mark.slow
def test_finer_levels_start_from_coarser_ones(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def run(out: str, *more: str) -> dict[str, dict[str, np.ndarray]]:
        where = ["--images", str(photographs), "--out", str(tmp_path / out)]
        few = ["--steps", "2", "--refine-steps", "2"]
        cli.main(["run", "debug", *where, *SMALL, *few, *more])
        return arrays(tmp_path / out)

    apart, zoomed = run("a", "--no-coarse-to-fine"), run("a")
    coarse, fine = "mixed3a-2.npz", "mixed3a-3.npz"
    np.testing.assert_array_equal(zoomed[coarse]["icon"], apart[coarse]["icon"])
    assert (zoomed[fine]["icon"] != apart[fine]["icon"]).any((1, 2, 3)).all()

    # The order in which grids are named changes nothing, so nothing is drawn again.
    monkeypatch.setattr(pipeline, "icon_drawer", None)
    again = run("a", "--grids", "3", "2")
    np.testing.assert_array_equal(again[fine]["icon"], zoomed[fine]["icon"])
    record = json.loads((tmp_path / "a" / "run.json").read_text())
    assert [row["grid"] for row in record["levels"]] == [3, 2]


@pytest.mark.slow
def test_the_seed_decides(photographs: Path, tmp_path: Path):
    for out, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        where = ["--images", str(photographs), "--out", str(tmp_path / out)]
        cli.main(["run", "debug", *where, *SMALL, "--steps", "2", "--seed", seed])
    assert_same_atlas(tmp_path / "a", tmp_path / "b")
    with pytest.raises(AssertionError):
        assert_same_atlas(tmp_path / "a", tmp_path / "c")


@pytest.mark.slow
def test_a_grid_too_fine_is_refused_before_anything_is_drawn(
    run_dir: Path,
    photographs: Path,
    tmp_path: Path,
    refused: Callable[[list[str]], str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(drawer_module, "renderer", None)
    out = tmp_path / "fine"
    shutil.copytree(run_dir, out)
    line = refused(
        ["run", "debug", "--images", str(photographs), "--out", str(out), "--grids", "2", "500"]
    )
    assert "grid 500 is too fine: the fullest of its cells holds " in line
    assert "of the 96 activations" in line


@pytest.mark.slow
def test_a_mistake_leaves_a_finished_run_as_it_was(
    run_dir: Path, photographs: Path, refused: Callable[[list[str]], str]
):
    before = (run_dir / "run.json").read_text()
    again = ["run", "debug", "--images", str(photographs), "--out", str(run_dir)]
    assert "no layer 'mixed4k'" in refused([*again, "--layers", "mixed4k"])
    assert (run_dir / "run.json").read_text() == before


def test_list_and_layers(capsys: pytest.CaptureFixture[str]):
    cli.main(["list"])
    listed = capsys.readouterr().out
    for name in ("debug", "googlenet", "inception_v1_tiny"):
        assert f"  {name}" in listed
    cli.main(["layers", "googlenet", "--image-size", "96"])
    rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert rows["mixed4c"] == "6 x 6 x 512"
    assert "mixed4c/3x3" not in rows
    cli.main(["layers", "googlenet", "--all"])
    assert "mixed4c/3x3/pre_relu" in capsys.readouterr().out
