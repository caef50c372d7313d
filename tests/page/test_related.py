"""Tests of the list of other maps that a run's page has."""

import json
from pathlib import Path

import numpy as np

from atlasjax.atlas.level import Level
from atlasjax.page import data as page_data
from atlasjax.page.export import export
from atlasjax.page.related import related_maps, relink


def exported(folder: Path, name: str) -> dict:
    one = np.array([0])
    icon = np.zeros((1, 8, 8, 3), np.uint8)
    level = Level(one, one, one + 9, np.ones((1, 4)), np.ones(1), np.ones((1, 2)), icon)
    export(folder, {("mixed4a", 1): level}, {"name": name}, ["cat", "dog"])
    return page(folder)


def page(folder: Path) -> dict:
    return page_data.of_script((folder / "atlas.js").read_text())


def test_finished_maps_are_listed_classes_first(tmp_path: Path):
    exported(tmp_path / "comparisons" / "cat--dog", "run: cat or <dog>")
    exported(tmp_path / "classes" / "cat", "run: cat")
    (tmp_path / "classes" / "unfinished").mkdir()
    for name, text in (("damaged", "{"), ("other", "[]")):  # which ended every run of the folder
        (tmp_path / "classes" / name).mkdir()
        (tmp_path / "classes" / name / "atlas.json").write_text(text)
    assert related_maps(tmp_path) == [
        ("Class: cat", "classes/cat/index.html"),
        ("Comparison: cat or <dog>", "comparisons/cat--dog/index.html"),
    ]


def test_the_page_lists_them_and_is_otherwise_as_it_was(tmp_path: Path):
    before = exported(tmp_path, "run")
    assert before["related"] == []
    relink(tmp_path, [("Class: <cat>", "classes/cat/index.html")])
    after = page(tmp_path)
    assert after == before | {"related": [["Class: <cat>", "classes/cat/index.html"]]}
    assert "<cat>" not in (tmp_path / "atlas.js").read_text()
    assert json.loads((tmp_path / "atlas.json").read_text())["name"] == "run"
