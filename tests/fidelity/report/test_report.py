"""The report: of small runs written by hand, whose network and layouts are stand-ins."""

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from atlasjax.atlas.collect import Activations
from atlasjax.atlas.drawer import Icons
from atlasjax.atlas.examples import Examples
from atlasjax.atlas.grid import grid
from atlasjax.atlas.level import Level
from atlasjax.data.scenes import SHORTCUTS
from atlasjax.fidelity import stability as stability_module
from atlasjax.fidelity.report import measure as measure_module
from atlasjax.fidelity.report import words
from atlasjax.fidelity.report import write as write_module
from atlasjax.fidelity.report.measure import measure
from atlasjax.fidelity.report.write import report
from atlasjax.fidelity.truth import Score
from atlasjax.fidelity.truth_report import Row
from atlasjax.runs.experiment import Experiment
from atlasjax.runs.job import Run
from atlasjax.runs.stages.layout import Layout
from atlasjax.storage import artifacts

NAME = "<b>mine</b> & yours"
CLASSES = ("wok", "pan")


class Scenes:
    """A source that has truth about its images; nothing is read from it here."""

    classes = CLASSES

    def __len__(self) -> int:
        return 60

    def __getitem__(self, index: int) -> Any:
        raise AssertionError("no image is needed")

    scene = __getitem__

    def fingerprint(self) -> str:
        return "none"


class Photographs(Scenes):
    scene = None


def lay(activations, **settings):
    del settings
    return activations[:, :2].clip(0, 1)


@pytest.fixture(autouse=True)
def layouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stability_module, "layout", lay)


class Made(NamedTuple):
    """A run with its levels."""

    run: Run
    levels: dict[tuple[str, int], Level]

    @property
    def folder(self) -> Path:
        return self.run.folder

    def of(self, source: Any) -> "Made":
        """The same with other images."""
        return self._replace(run=dataclasses.replace(self.run, source=source))


def reported(made: Made, again: bool = False) -> Path:
    return report(made.run, made.levels, CLASSES, again=again)


def write_run(folder: Path, *, n: int = 120, more_than: int = 2, **fields: Any) -> Made:
    """A finished run of two layers, one with a slash in its name."""
    layers, grids = ("mixed4a/3x3", "mixed4d"), (2, 4)
    config = Experiment(NAME, "m", layers=layers, grids=grids, more_than=more_than, **fields)
    run = Run(config, lambda images, tap: images, "w", Photographs(), folder)
    levels = {}
    for number, layer in enumerate(layers):
        rng = np.random.default_rng(number)
        value = rng.random((n, 6)).astype(np.float32)
        image = np.arange(n) // 2
        position = np.ones((n, 2), int)
        here = Activations(value, position, image, image % 2, np.array([4, 4, 6]))
        artifacts.save(run.layer(layer) / "activations.npz", here, layer)
        artifacts.save(run.layer(layer) / "layout.npz", Layout(lay(value)), layer)
        for size in grids:
            cells = grid(lay(value), value, size, more_than=more_than)
            count = len(cells.count)
            icon = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
            cosine = np.linspace(0.4, 0.9, count).astype(np.float32)
            artifacts.save(run.level(layer, size) / "cells.npz", cells, f"{layer} {size}")
            artifacts.save(run.level(layer, size) / "icons.npz", Icons(icon, cosine), "icons")
            patch = np.zeros((count, 1, 16, 16, 3), np.uint8)  # of another size than icons
            near = Examples(patch, cosine[:, None], patch[:, :, 0, 0, 0], patch[:, :, 0, 0, :2])
            artifacts.save(run.level(layer, size) / "examples.npz", near, "examples")
            effect = np.zeros((count, 2), np.float32)
            levels[layer, size] = Level(
                cells.x, cells.y, cells.count, cells.direction, cosine, effect, icon
            )
    return Made(run, levels)


def measured(made: Made) -> dict[str, Any]:
    """The numbers as JSON has them, which knows no NaN."""
    return json.loads(json.dumps(measure(made.run, made.levels, CLASSES), allow_nan=False))


def written(made: Made) -> dict[str, Any]:
    return json.loads((made.folder / "report.json").read_text())


class Page(HTMLParser):
    """What a page has: its tags in order, ids, what it refers to, and its text."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.refers: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.refers += [given[n] or "" for n in ("src", "href", "xlink:href") if n in given]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.remove(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_and_needs_nothing_else(tmp_path: Path):
    path = reported(write_run(tmp_path))
    assert path == tmp_path / "report.html"
    text = path.read_text()
    page = Page(text)
    assert page.open == []
    assert len(set(page.ids)) == len(page.ids)
    inside = {f"#{name}" for name in page.ids}
    assert {r for r in page.refers if not r.startswith("data:image/jpeg;base64,")} <= inside
    assert set(re.findall(r"url\((#[^)]*)\)", text)) <= inside
    assert not re.search(r"#0[1-5]0[1-5]0[1-5]", text)  # every colour is the page's own
    assert NAME in page.text
    assert NAME not in text  # escaped
    for said in ("mixed4a/3x3", "2 x 2", "Trustworthiness", "another seed"):
        assert said in page.text
    assert "shortcut" not in page.text


def test_the_numbers_are_those_of_the_levels(tmp_path: Path):
    made = write_run(tmp_path)
    found = measured(made)
    assert [layer["layer"] for layer in found["layers"]] == list(made.run.config.layers)
    layer = found["layers"][0]
    assert (layer["activations"], layer["images"], layer["channels"]) == (120, 60, 6)
    assert layer["map"]["points"] == 120
    assert 0.5 < layer["map"]["trustworthiness"] < 1  # two of six channels are on the plane
    coarse, fine = layer["levels"]
    assert (coarse["grid"], fine["grid"]) == (2, 4)
    for level in layer["levels"]:
        values = level["icon_cosine"]["values"]
        assert level["icon_cosine"]["min"] == pytest.approx(0.4)
        assert level["icon_cosine"]["mean"] == pytest.approx(np.mean(values), abs=1e-4)
        assert len(values) == len(level["width"]["values"]) == level["cells"]
        assert [w["cosine"] for w in level["worst"]] == values[:6]
        assert level["explained"]["chance"] < level["explained"]["centred"] < 1
    assert fine["explained"]["centred"] > coarse["explained"]["centred"]
    assert fine["cells"] + fine["cells_dropped"] <= 16
    assert coarse["activations_dropped"] == 0
    assert layer["stability"]["seeds"]["overlap"] == pytest.approx(1)
    assert layer["stability"]["halves"]["disparity"] == pytest.approx(0, abs=1e-6)
    assert found["shortcuts"] is None


def test_too_little_to_measure_is_none_and_said(tmp_path: Path):
    made = write_run(tmp_path, n=4, more_than=0)
    reported(made)
    found = written(made)
    assert found["layers"] == measured(made)["layers"]
    for layer in found["layers"]:
        assert layer["map"]["trustworthiness"] is None
        assert layer["map"]["continuity"] is None
        assert layer["stability"] is None
        assert layer["levels"][0]["icon_cosine"]["mean"] is not None
    page = Page((tmp_path / "report.html").read_text())
    assert "There are too few activations to tell" in page.text
    assert "\u2013" in page.text


def test_equal_activations_have_no_width_and_nothing_explained(tmp_path: Path):
    made = write_run(tmp_path)
    for layer in made.run.config.layers:
        path = made.run.layer(layer) / "activations.npz"
        equal = artifacts.read(path, Activations)
        artifacts.save(path, equal._replace(value=np.full_like(equal.value, 0.1)), layer)
    for layer in measured(made)["layers"]:
        for level in layer["levels"]:
            assert level["explained"]["centred"] is None
            assert set(level["width"]["values"]) == {None}
            assert level["width"]["mean"] is None
        assert layer["stability"]["seeds"]["disparity"] is None


def test_it_is_made_again_only_where_something_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(write_module, "page", lambda found, pictures: words.no_stability(False))
    made = write_run(tmp_path)
    path = reported(made)
    before = path.stat().st_mtime_ns
    reported(made)
    assert path.stat().st_mtime_ns == before
    reported(made, again=True)
    assert path.stat().st_mtime_ns > before
    without = write_run(tmp_path, stability=False)
    reported(without)
    assert written(without)["layers"][0]["stability"] is None
    before = path.stat().st_mtime_ns
    icons = made.run.level("mixed4d", 2) / "icons.npz"
    artifacts.save(icons, artifacts.read(icons, Icons), "drawn anew")
    reported(without)
    assert path.stat().st_mtime_ns > before
    before = path.stat().st_mtime_ns
    report(without.run, without.levels, ("frying pan", "saucepan"))
    assert path.stat().st_mtime_ns > before


def some_row(shortcut: str, layer: str, precision: float, high: float) -> Row:
    none = np.array([0])
    score = Score(precision, 0.1, 0.2, none, none.astype(float))
    return Row(shortcut, layer, score, score._replace(chance=0.05, chance_high=high))


def test_planted_shortcuts_are_scored_where_images_and_network_share_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked = []

    def score_run(folder, model, source, shortcuts, *, seed, progress):
        progress(1, 1)
        asked.append((folder, source, shortcuts, seed))
        return [
            some_row("noodles", "mixed4d", 0.5, 0.3),
            some_row("tag", "mixed4d", 0.9, 0.95),  # no more than by luck
            some_row("seam", "mixed4d", 0.49, 0.1),  # more than by luck, but the lesser part
        ]

    monkeypatch.setattr(measure_module, "score_run", score_run)
    photographs = write_run(tmp_path)
    assert measured(photographs)["shortcuts"] is None
    made = photographs.of(Scenes())
    reported(made)
    assert asked == [(tmp_path, made.run.source, SHORTCUTS, 0)]
    rows = {row["shortcut"]: row for row in written(made)["shortcuts"]}
    assert [rows[name]["found"] for name in ("noodles", "tag", "seam")] == [True, False, False]
    assert rows["tag"]["target"] == "horse"
    assert rows["tag"]["chance"] == 0.05
    page = Page((tmp_path / "report.html").read_text())
    assert "Not found: tag and seam; found: noodles in mixed4d." in page.text
    other = type("Other", (Scenes,), {"classes": ("cat", "dog")})()
    assert measured(made.of(other))["shortcuts"] is None
    assert len(asked) == 1


def test_a_network_without_classes_is_judged_by_all_that_needs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def score_run(*args, **options):
        raise AssertionError("shortcuts need classes")

    monkeypatch.setattr(measure_module, "score_run", score_run)
    nameless = type("Nameless", (Scenes,), {"classes": ()})()
    made = write_run(tmp_path)
    levels = {
        at: level._replace(attribution=level.attribution[:, :0])
        for at, level in made.levels.items()
    }
    for source in (Photographs(), Scenes(), nameless):
        run = made.of(source).run
        path = report(run, levels, (), again=True)
        found = written(made)
        assert (found["classes"], found["shortcuts"]) == (0, None)
        assert found["layers"] == measured(made)["layers"]  # which look at no class
        page = Page(path.read_text())
        assert page.open == []
        assert page.text.count("The network has no classes: nothing here is about effects") == 1
    reported(made, again=True)
    assert written(made)["classes"] == len(CLASSES)
    assert "no classes" not in Page(path.read_text()).text


@pytest.mark.parametrize("channels", [1, 5])
def test_icons_of_other_channels_are_shown(tmp_path: Path, channels: int):
    made = write_run(tmp_path)
    levels = {
        name: level._replace(icon=np.full((len(level.x), 8, 8, channels), 90, np.uint8))
        for name, level in made.levels.items()
    }
    text = reported(made._replace(levels=levels)).read_text(encoding="utf-8")
    assert text.count('<img alt="icon" src="data:image/jpeg;base64,') > 0
