"""Two networks on one map, aligned layers, and what is drawn from a finished run, by command.

One run of the debug experiment, as small as it can be, serves all.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import atlasjax as ax
from atlasjax import cli, models
from atlasjax.runs import pipeline
from atlasjax.runs.stages import stored
from atlasjax.runs.stages.layout import Layout
from atlasjax.runs.stages.whitening import Whitened, Whitening
from atlasjax.storage import artifacts

NAMES = ("mixed3a", "mixed3a (other)", "mixed4a", "mixed4a (other)")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run_dir(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two random networks, over two layers of different fineness."""
    out = tmp_path_factory.mktemp("runs") / "two"
    less = ["--layers", "mixed3a", "mixed4a", "--grids", "2", "--steps", "2"]
    other = ["--other-model", "inception_v1_tiny"]
    cli.main(["run", "debug", "--images", str(photographs), *less, *other, "--out", str(out)])
    return out


def layer(run_dir: Path, name: str) -> Path:
    return run_dir / "layers" / artifacts.folder_name(name)


def test_two_networks_share_their_maps(run_dir: Path):
    atlas = ax.open_atlas(run_dir)
    assert atlas.layers == NAMES
    assert atlas.record["aligned"] is True
    assert atlas.record["weights_sha256"] != atlas.record["other_weights_sha256"]
    for name in ("mixed3a", "mixed4a"):
        ours, theirs = atlas.level(name, 2), atlas.level(f"{name} (other)", 2)
        for field in ("x", "y", "count"):
            np.testing.assert_array_equal(getattr(ours, field), getattr(theirs, field))
        assert not np.allclose(ours.direction, theirs.direction)
        assert not np.array_equal(ours.icon, theirs.icon)
        # A joint place is near those of its neighbours in both networks, not only in one.
        xy = artifacts.read(layer(run_dir, name) / "layout.npz", Layout).xy
        both = artifacts.read(layer(run_dir, f"{name} (other)") / "layout.npz", Layout).xy
        np.testing.assert_array_equal(xy, both)


def test_layers_and_networks_are_looked_at_at_the_same_places(run_dir: Path):
    found = {n: stored.read(layer(run_dir, n) / stored.FILE) for n in NAMES}
    for name in ("mixed3a", "mixed4a"):
        ours, theirs = found[name], found[f"{name} (other)"]
        np.testing.assert_array_equal(ours.position, theirs.position)
    # Their centres are at 6 + 8 i and 14 + 16 i px; nearest within half a stride of each, where
    # the border does not stand in the way.
    fine, coarse = found["mixed3a"].position, found["mixed4a"].position
    assert found["mixed3a"].shape[0] == 2 * found["mixed4a"].shape[0]
    assert np.abs(6 + 8 * fine - 14 - 16 * coarse).max() <= 12


def test_the_second_moment_is_on_record(run_dir: Path):
    for name in ("mixed3a", "mixed4a"):
        folder = layer(run_dir, name)
        values = stored.read(folder / stored.FILE).value.astype(np.float64)
        white = artifacts.read(folder / "whitening.npz", Whitening)
        assert white.count == len(values)
        np.testing.assert_allclose(white.moment, values.T @ values / len(values))
        level = ax.open_atlas(run_dir).level(name, 2)
        whitened = artifacts.read(folder / "grid-2" / "whitened.npz", Whitened).direction
        np.testing.assert_allclose(whitened, level.direction @ white.matrix, rtol=1e-4, atol=1e-6)
        # Early layers are not whitened, so their whitened directions are the means.
        assert np.allclose(whitened, level.direction, rtol=1e-6) == (name == "mixed3a")


def test_two_classes_are_compared(
    run_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    command = ["compare", str(run_dir), "class 3", "7", "--layers", "mixed4a", "--more-than", "1"]
    command += ["--grids", "2"]
    cli.main(command)
    folder = run_dir.resolve() / "comparisons" / "class-3--class-7"
    assert f"open {folder / 'index.html'}" in capsys.readouterr().out
    atlas = ax.open_atlas(folder)
    assert atlas.layers == ("mixed4a",)
    assert atlas.record["kind"] == "comparison"
    assert atlas.record["classes"] == [3, 7]
    assert atlas.record["command"].startswith("atlasjax compare ")
    assert (folder / atlas.record["run"]).resolve() == run_dir.resolve()
    level = atlas.level("mixed4a", 2)
    difference = level.attribution[:, 7] - level.attribution[:, 3]
    assert difference[level.x == 1].min() > difference[level.x == 0].max()
    left, right = atlas.record["edges"]["mixed4a"]
    assert left < right

    # It is as resumable as a run: what is there is not made again.
    def never(*args, **kwargs):
        raise AssertionError("drawn again")

    monkeypatch.setattr(pipeline, "icon_drawer", never)
    again = ax.compare(run_dir, 3, 7, layers=["mixed4a"], more_than=1, grids=[2])
    assert again == atlas


def test_a_class_has_an_atlas_of_its_own(run_dir: Path):
    atlas = ax.class_atlas(run_dir, "class 5", layers=["mixed4a"], more_than=1)
    assert atlas.folder == run_dir.resolve() / "classes" / "class-5"
    assert atlas.record["kind"] == "class"
    grid = atlas.record["experiment"]["grids"]
    assert grid == list(atlas.grids("mixed4a"))
    selected = atlas.record["activations"]["mixed4a"]
    assert 3 <= selected < 96
    assert atlas.level("mixed4a", grid[0]).count.sum() >= 0.9 * selected
    assert "report" not in atlas.record  # which is the run's
    before = (atlas.folder / "run.json").read_text()
    json.loads(before)
    with pytest.raises(ax.UserError, match=r"evidence 2\.0: must be above 0"):
        ax.class_atlas(run_dir, "class 5", evidence=2.0)
    assert (atlas.folder / "run.json").read_text() == before


def test_other_weights_than_the_runs_are_refused(run_dir: Path, tmp_path: Path):
    path = tmp_path / "others.safetensors"
    models.save(models.load("inception_v1_tiny", seed=9), path)
    with pytest.raises(ax.UserError, match=r"others\.safetensors: not the weights that "):
        ax.class_atlas(run_dir, 3, weights=path)


MISTAKES = {
    "no run": (["compare", "{run}/none", "1", "2"], "no run folder"),
    "no such class": (["class", "{run}", "wok"], "no class 'wok'"),
    "several classes": (["class", "{run}", "class"], "may be 0 (class 0), 1 (class 1)"),
    "no such number": (["class", "{run}", "10"], "no class 10; there are 0 to 9"),
    "one class twice": (["compare", "{run}", "3", "class 3"], "are one class; compare two"),
    "no such layer": (
        ["class", "{run}", "3", "--layers", "mixed4b"],
        "no layer 'mixed4b'; did you mean mixed4a",
    ),
    "too fine": (["class", "{run}", "3", "--grids", "300"], "grid 300 is too fine"),
    "other weights": (["class", "{run}", "3", "--weights", "{run}/w.safetensors"], "w.safetensors"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_get_one_line(mistake: str, run_dir: Path, refused: Callable[[list[str]], str]):
    arguments, expected = MISTAKES[mistake]
    assert expected in refused([a.format(run=run_dir) for a in arguments])
