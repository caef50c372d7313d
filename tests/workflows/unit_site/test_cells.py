"""Cells: a unit is found where an atlas has most of it, by an address that the page reads."""

import json
from pathlib import Path

import numpy as np
import pytest

from atlasjax.atlas.level import Level
from atlasjax.errors import UserError
from atlasjax.storage import artifacts
from atlasjax.workflows.unit_site.cells import cells, opened_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run of a layer with two units, in grids of 2 and 4."""
    folder = tmp_path / "my run"
    layers = []
    for grid, rows in ((4, [[0, 5], [1, 0], [3, 0], [2, 0]]), (2, [[1, 0], [4, 0]])):
        count = len(rows)
        x, y = np.arange(count), np.arange(count) + 1
        direction = np.array(rows, np.float32)
        rest = np.zeros((count, 4, 4, 3), np.uint8)
        level = Level(x, y, x + 5, direction, np.ones(count), np.zeros((count, 0)), rest)
        artifacts.save(folder / f"{grid}.npz", level, "x")
        layers.append({"name": "a/3x3 (b)", "grids": [{"grid": grid, "level": f"{grid}.npz"}]})
    said = {"format": 1, "layers": layers, "class_names": [], "wnids": []}
    record = {"weights_sha256": "abc"}
    (folder / "atlas.json").write_text(json.dumps(said | {"record": record}))
    return folder


def test_the_strongest_cells_of_every_grid_are_found(run: Path, tmp_path: Path):
    (tmp_path / "site").mkdir()
    found = cells(opened_run(run, "abc"), "a/3x3 (b)", [0, 1], 2, tmp_path / "site")
    page = "../my%20run/index.html#layer=a/3x3+%28b%29&cell="
    assert found[0] == (
        (2, 1, f"{page}2,1,2"),
        (2, 0, f"{page}2,0,1"),
        (4, 2, f"{page}4,2,3"),
        (4, 3, f"{page}4,3,4"),
    )
    assert found[1] == ((4, 0, f"{page}4,0,1"),)  # nowhere else is it above 0


def test_a_layer_that_the_atlas_does_not_have_has_no_cells(run: Path, tmp_path: Path):
    assert cells(opened_run(run, "abc"), "b", [0], 2, tmp_path) == {}


def test_a_run_of_another_network_is_refused(run: Path):
    with pytest.raises(UserError, match="made of another network"):
        opened_run(run, "def")
