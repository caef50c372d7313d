"""The embedded default, end to end: every stage on the network and the images of the package.

Two of its three layers, small icons of a few steps, and otherwise the experiment as its config has
it: what is planted is found by all its images and positions, not by half of them.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import atlasjax as ax
from atlasjax import cli, experiments, models
from atlasjax.data.scenes import CLASSES, SHORTCUTS

LAYERS = ("mixed3a", "mixed4d")
LESS = ["--layers", *LAYERS, "--steps", "16", "--attempts", "1"]
LESS += ["--icon-size", "48", "--no-stability"]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "quickstart"
    # In a process of its own, as people run it: this one compiles fast what runs slowly.
    flags = " ".join(f for f in os.environ["XLA_FLAGS"].split() if "optimization_level" not in f)
    command = [sys.executable, "-c", "from atlasjax.cli import main; main()"]
    subprocess.run(
        [*command, "run", "quickstart", *LESS, "--out", str(out)],
        env=os.environ | {"XLA_FLAGS": flags},
        check=True,
    )
    return out


@pytest.mark.slow
def test_it_makes_every_level_of_every_layer(run_dir: Path):
    config, _ = experiments.load("quickstart")
    assert len(config.layers) >= 3
    assert len(config.grids) >= 2
    atlas = ax.open_atlas(run_dir)
    assert set(LAYERS) < set(config.layers)
    assert atlas.layers == LAYERS
    assert atlas.class_names == CLASSES
    for layer in LAYERS:
        channels = ax.layers(models.abstract("inception_v1_scenes"), (96, 96, 3))[layer][-1]
        for grid in config.grids:
            level = atlas.level(layer, grid)
            assert level.direction.shape == (len(level.count), channels)
            assert level.attribution.shape == (len(level.count), len(CLASSES))
            assert np.isfinite(level.attribution).all()
            # The rest lies in cells too small to be drawn.
            assert level.count.sum() > 0.8 * 1120 * 8
            assert level.icon.std((1, 2, 3)).min() > 4  # none is grey
            # Of a trained network, and after a few steps.
            assert level.cosine.mean() > 0.5
            with Image.open(run_dir / "pictures" / f"{layer}-{grid}.png") as picture:
                assert picture.size == (grid * level.icon.shape[1],) * 2


@pytest.mark.slow
def test_it_needs_nothing_but_the_package(run_dir: Path):
    record = json.loads((run_dir / "run.json").read_text())
    weights = models.default_weights("inception_v1_scenes")
    assert weights is not None
    assert record["weights_sha256"] == models.weights_hash(weights)
    assert record["experiment"]["weights"] is None
    assert record["images"] == 1120
    assert record["skipped"] == []
    stages = {"collect", *(f"layout {layer}" for layer in record["experiment"]["layers"])}
    assert stages <= set(record["seconds"])


@pytest.mark.slow
def test_a_second_call_makes_nothing_again(run_dir: Path, capsys: pytest.CaptureFixture[str]):
    before = {p: p.stat().st_mtime_ns for p in (run_dir / "layers").rglob("*.npz")}
    cli.main(["run", "quickstart", *LESS, "--out", str(run_dir)])
    assert {p: p.stat().st_mtime_ns for p in (run_dir / "layers").rglob("*.npz")} == before
    assert f"open {run_dir.resolve() / 'index.html'}" in capsys.readouterr().out


@pytest.mark.slow
def test_its_report_says_which_planted_shortcuts_are_found(run_dir: Path):
    rows = json.loads((run_dir / "report.json").read_text())["shortcuts"]
    assert {(row["shortcut"], row["layer"]) for row in rows} == {
        (name, layer) for name in SHORTCUTS for layer in LAYERS
    }
    for row in rows:
        if row["layer"] == "mixed3a":
            assert row["precision"] >= 4 * row["chance"] > 0, row
            if row["shortcut"] == "noodles":
                assert row["precision"] >= 0.8, row
                assert row["found"], row
    # A map is another one on another processor, and the precision with it, by a tenth.
    for name in SHORTCUTS:
        best = max((row for row in rows if row["shortcut"] == name), key=lambda r: r["precision"])
        assert best["precision"] >= 0.4, best
        assert best["precision"] >= 8 * best["chance"] > 0, best
        assert best["precision"] > best["chance_95"], best
    found = {row["shortcut"] for row in rows if row["found"]}
    text = (run_dir / "report.html").read_text()
    assert ("Every planted shortcut is found" in text) == (found == set(SHORTCUTS))


@pytest.mark.slow
def test_every_cell_has_examples_and_the_nearest_is_like_it(run_dir: Path):
    atlas = ax.open_atlas(run_dir)
    for layer in LAYERS:
        for grid in atlas.grids(layer):
            found, level = ax.open_examples(run_dir, layer, grid), atlas.level(layer, grid)
            assert found.patch.shape == (len(level.count), 4, 64, 64, 3)
            assert (found.image >= 0).all()  # cells have more than five members
            assert (np.diff(found.cosine) <= 0).all()
            assert found.cosine[:, 0].mean() > 0.9
            assert found.patch.max((2, 3, 4)).min() > 0  # none is missing


@pytest.mark.slow
@pytest.mark.parametrize("features", ["cells", "groups", "units"])
def test_a_small_tree_tells_woks_from_pans_as_the_network_does(
    run_dir: Path, features: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = ["--images", "scenes:1400@7", "--out", str(tmp_path / features)]
    cli.main(["tree", str(run_dir), "wok", "frying pan", "--features", features, *out])
    said = capsys.readouterr().out
    share = float(said.split("network says of ")[1].split("%")[0]) / 100
    leaves = int(said.split(" leaves")[0].split()[-1])
    assert share >= 0.95, said
    assert leaves <= 5, said
    page = (tmp_path / features / "index.html").read_text()
    assert page.count("<img") >= 2  # the icon of a question, and patches
