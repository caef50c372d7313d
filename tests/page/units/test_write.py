"""The folder of a site of units: which files, what they hold, what a unit costs."""

import base64
import json
import re

import numpy as np
import pytest
from PIL import Image
from unit_sites import icons, site

from atlasjax.errors import UserError
from atlasjax.page.data import of_script
from atlasjax.page.units.contents import UnitLayer, UnitSite
from atlasjax.page.units.write import write

MARKUP = "</script><img src=x onerror=alert(1)>"


def values(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


def read(path):
    return of_script(path.read_text(encoding="ascii"))


def files_of(folder):
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {path for path in found if not path.endswith("made.json")}


@pytest.fixture(scope="module")
def made():
    return site()


@pytest.fixture(scope="module")
def folder(made, tmp_path_factory):
    return write(tmp_path_factory.mktemp("units"), made).parent


def test_a_folder_holds_the_page_and_all_that_it_asks_for(folder, made):
    expected = {"index.html", "viewer.css", "units.css", "units.js", "site.js"}
    for layer in made.layers:
        expected |= {f"arrays/{layer.name}.npz", f"sprites/{layer.name}/icons-0.webp"}
        chunks = -(-len(layer.number) // 16)
        expected |= {f"data/{layer.name}-{i}.js" for i in range(chunks)}
        for number in layer.number:
            expected |= {
                f"sprites/{layer.name}/{number}-{kind}-0.webp" for kind in ("shots", "patches")
            }
    assert files_of(folder) == expected


def test_the_page_loads_only_files_beside_it(folder):
    asked = re.findall(r'(?:src|href)="([^"]*)"', (folder / "index.html").read_text())
    assert set(asked) == {"data:,", "viewer.css", "units.css", "units.js"}


def test_the_index_says_what_there_is(folder, made):
    index = read(folder / "site.js")
    layer, given = index["layers"][1], made.layers[1]
    assert index["order"] == ["mixed3a", "mixed3b"]
    assert layer["number"] == given.number.tolist()
    assert layer["names"] == {"1": "curve to the right", "52": "fur"}
    assert layer["families"][0]["units"] == list(given.families[0].units)
    assert layer["tuning"][0]["preferred"][:2] == [0.0, 20.0]
    assert layer["tuning"][0]["preferred"][-1] is None
    assert layer["shots"] == ["positive", "negative", *["diverse"] * 4]
    assert layer["inputs"] == [{"layer": "mixed3a", "height": 5, "width": 5}]
    assert layer["known"][0] == np.argsort(-given.classes[0])[:3].tolist()


def test_numbers_of_a_unit_come_back(folder, made):
    layer = made.layers[1]
    unit = read(folder / "data" / "mixed3b-1.js")[1]  # the 18th: two in the second file
    np.testing.assert_allclose(
        values(unit["tuning"][0], "<f4"), layer.tuning[0].answer[17], rtol=1e-6
    )
    np.testing.assert_array_equal(values(unit["histogram"]["counts"], "<f4"), layer.histogram[17])
    edges = layer.inputs[0]
    assert unit["inputs"][0]["unit"] == edges.unit[17].tolist()
    np.testing.assert_allclose(unit["inputs"][0]["weight"], edges.weight[17], rtol=1e-3)
    kernel = unit["inputs"][0]["kernel"]
    scale = values(kernel["scale"], "<f4")[:, None]
    found = values(kernel["values"], "i1").reshape(6, 25) * scale
    # Half a step of a 127th of the largest, and what float32 rounds.
    assert (np.abs(found - edges.kernel[17].reshape(6, 25)) <= 0.5001 * scale).all()
    assert unit["inputs"][0]["idle"] == edges.idle[17].tolist()
    most = unit["classes"][0]
    assert most[0] == layer.classes[17].argmax()
    assert unit["classes"][-1][0] == layer.classes[17].argmin()
    assert unit["patches"][0]["label"][0] == f"photo {layer.patches[0].image[17, 0]}.jpg"


def test_arrays_hold_every_number_and_need_no_pickle(folder, made):
    with np.load(folder / "arrays" / "mixed3b.npz", allow_pickle=False) as held:
        np.testing.assert_array_equal(held["inputs/0/kernel"], made.layers[1].inputs[0].kernel)
        np.testing.assert_array_equal(held["tuning/0/answer"], made.layers[1].tuning[0].answer)
        assert held["names"][0] == "curve to the right"
        assert str(held["families/0/name"]) == "curves"


def test_pictures_are_where_the_page_looks(tmp_path):
    colours = (np.arange(120) * 2).astype(np.uint8)
    icon = np.broadcast_to(colours[:, None, None, None], (120, 300, 300, 1)).copy()
    layer = UnitLayer("a", np.arange(120), icon=icon, negative=255 - icon)
    folder = write(tmp_path, UnitSite((layer,), (), (), {})).parent
    index = read(folder / "site.js")["layers"][0]
    assert (index["icon"], index["shot"]) == (96, 192)
    # Ten of 96 px fit into a row of 1024; a sheet has a hundred.
    with Image.open(folder / "sprites/a/icons-1.webp") as sheet:
        pixels = np.asarray(sheet.convert("L")).astype(int)
    assert abs(pixels[96 + 48, 3 * 96 + 48] - 2 * 113) < 4  # WebP is lossy
    with Image.open(folder / "sprites/a/7-shots-0.webp") as sheet:
        pixels = np.asarray(sheet.convert("L")).astype(int)
    assert abs(pixels[96, 192 + 96] - (255 - 14)) < 4


def test_writing_again_keeps_pictures_that_are_the_same_and_removes_the_rest(tmp_path, made):
    folder = write(tmp_path, made).parent
    (folder / "data" / "mixed3b-notes.js").write_text("a person's")
    path = folder / "sprites/mixed3b/4-shots-0.webp"
    before, icon = path.stat().st_mtime_ns, made.layers[1].icon.copy()
    icon[2] = 7
    fewer = made._replace(layers=(made.layers[1]._replace(icon=icon),))
    other = folder / "sprites/mixed3b/7-shots-0.webp"
    bytes_ = other.read_bytes()
    write(folder, fewer)
    assert path.stat().st_mtime_ns == before
    assert other.read_bytes() != bytes_
    assert not [name for name in files_of(folder) if "mixed3a" in name]
    assert not (folder / "sprites/mixed3a").exists()
    assert (folder / "data" / "mixed3b-notes.js").is_file()
    # A picture that is missing is made anew.
    path.unlink()
    write(folder, made)
    assert path.is_file()
    assert (folder / "sprites/mixed3a/1-shots-0.webp").is_file()


def test_a_writing_that_stops_leaves_no_page_and_goes_on(tmp_path, made, monkeypatch):
    class Stopped(Exception):
        pass

    def stop(*_):
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr("atlasjax.page.units.write.copy_page", stop)
        with pytest.raises(Stopped):
            write(tmp_path, made)
    assert not (tmp_path / "index.html").exists()
    path = tmp_path / "sprites/mixed3a/1-shots-0.webp"
    before = path.stat().st_mtime_ns
    assert write(tmp_path, made).is_file()
    assert path.stat().st_mtime_ns == before


def test_what_is_not_known_has_no_files_and_no_numbers(tmp_path):
    bare = UnitSite((UnitLayer("a", np.array([3, 8])),), (), (), {})
    folder = write(tmp_path, bare).parent
    assert files_of(folder) == {
        "index.html", "viewer.css", "units.css", "units.js", "site.js", "data/a-0.js",
        "arrays/a.npz",
    }  # fmt: skip
    unit = read(folder / "data/a-0.js")[0]
    assert unit == {
        "thumb": None, "histogram": None, "tuning": [], "classes": [], "patches": [],
        "inputs": [], "outputs": [], "cells": [],
    }  # fmt: skip


def test_names_do_not_become_markup(tmp_path, made):
    layer = made.layers[0]._replace(names={1: MARKUP})
    folder = write(tmp_path, made._replace(layers=(layer,), notes=(MARKUP,))).parent
    assert "<" not in (folder / "site.js").read_text()
    assert read(folder / "site.js")["layers"][0]["names"]["1"] == MARKUP


def test_what_a_unit_costs(tmp_path):
    """As a site of 736 units in under 150 MB must: 200 kB each, with pictures as large as any."""
    rng = np.random.default_rng(0)
    one = site((("mixed3a", 8), ("mixed3b", 8)), size=128, classes=1000, strongest=10, patches=9)
    layers = []
    for layer in one.layers:
        rows = layer.patches + layer.patches[:1]  # three rows of nine
        large = icons(rng, 8, 224, 3)
        diverse = icons(rng, 32, 224, 3).reshape(8, 4, 224, 224, 3)
        layers.append(
            layer._replace(icon=large, negative=large[::-1], diverse=diverse, patches=rows)
        )
    folder = write(tmp_path, one._replace(layers=tuple(layers))).parent
    shared = {"index.html", "viewer.css", "units.css", "units.js", "site.js"}
    size = sum((folder / name).stat().st_size for name in files_of(folder) - shared)
    print(f"{size / 16:.0f} bytes a unit")
    assert size / 16 < 200_000
    # What is read before the first page: names of classes, and a few numbers of each unit.
    index = json.dumps(read(folder / "site.js")["layers"])
    assert len(index) / 16 < 1000


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: one._replace(layers=()), "nothing to show"),
        (lambda one: one._replace(short_names=()), "0 short names for 12 classes"),
        (lambda one: one._replace(layers=one.layers * 2), "would share a file"),
        (
            lambda one: one._replace(layers=(one.layers[0]._replace(number=np.ones(12, int)),)),
            "units of mixed3a come twice",
        ),
        (
            lambda one: one._replace(layers=(one.layers[0]._replace(fires=np.ones(3)),)),
            "fires of 3 units for 12 of mixed3a",
        ),
    ],
)
def test_what_cannot_be_shown_is_refused(made, tmp_path, change, said):
    with pytest.raises(UserError, match=said):
        write(tmp_path, change(made))
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_an_atlas_is_left_alone(made, tmp_path):
    (tmp_path / "atlas.json").write_text("{}")
    with pytest.raises(UserError, match="holds an atlas"):
        write(tmp_path, made)
