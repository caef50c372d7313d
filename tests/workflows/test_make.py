"""ax.run: whole runs of networks of one's own, with all that comes after."""

import json
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import atlasjax as ax
from atlasjax import cli
from atlasjax.errors import UserError
from atlasjax.storage import lock


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, write_own) -> Path:
    return write_own(tmp_path_factory.mktemp("own"), "own_for_make")


@pytest.fixture(scope="module")
def atlas(own: Path, pictures: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run of the file, on images that are handed over."""
    out = tmp_path_factory.mktemp("runs") / "mine"
    return ax.run(own, images=pictures, out=out)


def test_a_run_of_ones_own_has_everything(atlas: Any, own: Path):
    for name in ("index.html", "report.html", "run.log", "pictures/two-2.png"):
        assert (atlas.folder / name).is_file(), name
    assert atlas.class_names == ("ant", "bee", "cow", "dog", "elk")
    level = atlas.level("two", 2)
    assert level.icon.shape[1:] == (32, 32, 3)
    assert level.attribution.shape == (len(level.x), 5)
    assert ax.open_examples(atlas.folder, "two", 2).patch.any()
    assert atlas.record["model_file"]["path"] == str(own.resolve())
    assert atlas.record["experiment"]["image_size"] == 32
    assert "command" not in atlas.record
    assert atlas.display is not None


def test_settings_and_names_can_be_changed(own: Path, pictures: np.ndarray, tmp_path: Path):
    made = ax.run(own, images=pictures, out=tmp_path, grids=[1], class_names=list("vwxyz"))
    assert made.grids("two") == (1,)
    assert made.class_names == tuple("vwxyz")
    with pytest.raises(UserError, match="no setting of an experiment 'gridz'; did you mean grids"):
        ax.run(own, images=pictures, gridz=[1])


def test_classes_are_compared_by_the_record_alone(atlas: Any):
    compared = ax.compare(atlas.folder, "bee", "elk", grids=[2])
    assert (compared.folder / "index.html").is_file()
    assert compared.record["name"] == "mine: bee or elk"
    one = ax.class_atlas(atlas.folder, "cow", grids=[1])
    assert one.class_names == atlas.class_names


def test_the_report_wants_images_that_were_handed_over(atlas: Any, pictures: np.ndarray):
    with pytest.raises(UserError, match="made of images handed over from Python: give images="):
        ax.report(atlas.folder)
    (atlas.folder / "report.html").unlink()
    assert ax.report(atlas.folder, images=pictures).is_file()


def test_a_network_from_python_is_asked_for_again(
    own: Path, pictures: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.syspath_prepend(own.parent)
    config = ax.Experiment("given", layers=("one",), layout="own_for_make:principal", grids=(1,))
    quick = replace(config, steps=2, icon_size=16, attempts=1, stability=False, samples_per_image=2)

    def model(images: Any, tap: Any) -> Any:
        return tap("one", images[:, ::4, ::4]).mean((1, 2))

    entry = ax.ModelEntry("given", lambda: model, image_size=32)
    made = ax.run(quick, entry, pictures, out=tmp_path)
    assert made.record["model_given"] is True
    with pytest.raises(UserError, match=r"give --model my_experiment\.py, or model= from Python"):
        ax.compare(tmp_path, 0, 1)
    assert ax.compare(tmp_path, 0, 1, model=entry, grids=[1]).layers == ("one",)
    with pytest.raises(UserError, match=r"not the network that .* was made with"):
        ax.compare(tmp_path, 0, 1, model=own)


def test_the_command_line_takes_the_file_wherever_a_name_stands(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = str(tmp_path / "run")
    cli.main(["run", str(own), "--images", "scenes:24", "--out", out, "--grids", "1"])
    assert json.loads((tmp_path / "run" / "run.json").read_text())["command"].startswith(
        f"atlasjax run {own} --images scenes:24"
    )
    cli.main(["class", out, "dog", "--grids", "1"])
    cli.main(["layers", str(own)])
    assert "two     4 x 4 x 24" in capsys.readouterr().out
    sheet = str(tmp_path / "sheet.png")
    cli.main(["vis", str(own), "two", "--channels", "0:2", "--steps", "2", "--out", sheet])
    assert (tmp_path / "sheet.png").is_file()


def test_an_experiment_without_a_network_is_refused(tmp_path: Path):
    path = tmp_path / "own_alone.py"
    path.write_text("import atlasjax as ax\nCONFIG = ax.Experiment('a', layers=('b',))")
    with pytest.raises(UserError, match=r"own_alone\.py: no network: give MODEL = ModelEntry"):
        ax.run(path, images="scenes:4")
    with pytest.raises(UserError, match=r"own_alone\.py: no MODEL = ModelEntry"):
        ax.run("debug", model=path, images="scenes:4")


def test_what_there_is_to_say_of_the_images_is_said(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """A microscope's folder: 12 bits in 16, odd entries, other files, an EXIF block too short."""
    from atlasjax.cli import summary

    rng = np.random.default_rng(0)
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(12):
        blocks = rng.integers(0, 4096, (8, 8), dtype=np.uint16)
        image = Image.fromarray(np.kron(blocks, np.ones((4, 4), np.uint16)))
        image.save(folder / f"{i:02}.png")
    exif = b"Exif\0\0II*\0\x08\0\0\0" + b"\x05\0" + b"\xff" * 20
    Image.new("RGB", (32, 32)).save(folder / "damaged.jpg", exif=exif)
    (folder / "notes.txt").write_text("taken on Monday")
    (folder / "gone").symlink_to("nowhere")
    with pytest.warns(UserWarning, match=r"values of 0 to 4\d+ where 0 to 65535 is black to white"):
        made = ax.run(own, images=folder, out=tmp_path / "run", grids=(1,))
    assert made.record["skipped"] == ["gone: a link to nowhere"]
    assert made.record["passed_over"] == {".txt": 1}
    log = (made.folder / "run.log").read_text()
    assert "damaged.jpg: Corrupt EXIF data" in log
    summary.show(made, 1.0)
    said = capsys.readouterr().out
    for line in ("gone: a link to nowhere", "1 .txt", "give --range LOW HIGH, or --range auto"):
        assert line in said
    with pytest.warns(UserWarning, match="65535"):  # also where nothing is collected anew
        ax.run(own, images=folder, out=tmp_path / "run", grids=(1,))
    before = made.level("two", 1).direction
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wide = ax.run(own, images=folder, out=tmp_path / "run", grids=(1,), range=(0, 4095))
    assert wide.record["remarks"] == []
    assert wide.record["experiment"]["range"] == [0, 4095]
    assert np.abs(wide.level("two", 1).direction - before).max() > 0.05  # made anew
    assert ax.report(wide.folder).is_file()  # with the same range
    with pytest.raises(UserError, match=r"range 9 3: must be two finite numbers"):
        ax.run(own, images=folder, out=tmp_path / "run", range=(9, 3))


def test_nothing_is_touched_of_a_folder_that_another_run_is_using(
    atlas: Any, own: Path, pictures: np.ndarray
):
    """Of two runs in one folder the second removed parts of the first as damaged."""

    def content() -> dict[Path, tuple[int, int]]:
        found = [path for path in atlas.folder.rglob("*") if path.is_file()]
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in found}

    with lock.alone(atlas.folder):
        before = content()
        for again in (
            lambda: ax.run(own, images=pictures, out=atlas.folder, steps=5),
            lambda: ax.report(atlas.folder, images=pictures),
        ):
            with pytest.raises(UserError, match=r"another run \(process \d+, since .* is using"):
                again()
        assert content() == before


def test_what_a_network_gives_that_is_no_number_is_left_out_and_told_of(
    own: Path, pictures: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """What `log(images - .45)` gives, which was an atlas of black pictures."""

    def model(images: Any, tap: Any) -> Any:
        x = tap("fine", images[:, ::8, ::8])
        return tap("logarithm", jnp.log(x - 0.45)).mean((1, 2))

    code = "def two_channels(points, seed):\n    return points[:, :2]\n"
    (tmp_path / "flat_map_of_logarithms.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    pictures = pictures // 2 + 128
    pictures[7] = 9
    entry = ax.ModelEntry("given", lambda: model, image_size=32)
    settings = {"samples_per_image": 4, "grids": (2,), "more_than": 1, "steps": 2, "attempts": 1}
    settings |= {"icon_size": 16, "layout": "flat_map_of_logarithms:two_channels"}
    config = ax.Experiment("given", layers=("fine", "logarithm"), stability=False, **settings)
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        atlas = ax.run(config, entry, pictures, out=tmp_path / "run")
    said = [str(one.message) for one in record]
    expected = (
        r"^layer logarithm: 4 of 160 activations are NaN or infinite and are left out; the first "
        r"is of image 'image 7', row \d, column \d$"
    )
    assert [line for line in said if re.match(expected, line)]
    assert not [line for line in said if line.startswith("attribution")]  # of what is left
    assert set(said) <= set(atlas.record["remarks"])
    assert atlas.record["activations"] == {"fine": 160, "logarithm": 156}
    for layer in atlas.layers:
        assert np.isfinite(atlas.level(layer, 2).direction).all()
        assert np.isfinite(atlas.level(layer, 2).attribution).all()
    # The map of the one starts from that of the other, of which it has not all activations.
    assert not atlas.record["aligned"]
