"""The folder of an explanation: which files, and that no name becomes markup."""

import base64
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from explanations import explanation
from PIL import Image

from atlasjax.errors import UserError
from atlasjax.page.data import of_script, script
from atlasjax.page.explanation.write import file_stem, write

MARKUP = "</script><img src=x onerror=alert(1)>"


def values(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


def read(path):
    return of_script(path.read_text(encoding="ascii"))


def files_of(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def made():
    return explanation(pictures=2)


@pytest.fixture(scope="module")
def folder(made, tmp_path_factory):
    return write(tmp_path_factory.mktemp("explained"), made, figures=False).parent


def test_a_folder_holds_the_page_and_all_that_it_asks_for(folder):
    page = {"index.html", "viewer.css", "explain.css", "explain.js", "explanation.js"}
    of_images = set()
    for stem in ("0-photo-0", "1-photo-1"):
        of_images |= {f"arrays/{stem}.npz", f"data/{stem}.js", f"sprites/{stem}/image.webp"}
        of_images |= {f"data/{stem}-{target}.js" for target in range(3)}
        for layer in range(2):
            names = (f"{layer}-grid", f"{layer}-groups-0", f"{layer}-channels-0")
            of_images |= {f"sprites/{stem}/{name}.webp" for name in names}
    assert files_of(folder) == page | of_images


def test_the_page_loads_only_files_beside_it(folder):
    text = (folder / "index.html").read_text()
    asked = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert set(asked) == {"data:,", "viewer.css", "explain.css", "explain.js"}


def test_the_index_says_what_is_shown(folder, made):
    index = read(folder / "explanation.js")
    assert index["format"] == 1
    assert index["targets"] == list(made.targets)
    assert index["target_classes"] == list(made.target_classes)
    assert index["class_names"] == list(made.class_names)
    assert index["default_method"] == "integrated_gradients"
    assert index["notes"] == ["Made up for a test."]
    assert ["Model", "made up"] in index["made"]
    first = index["pictures"][0]
    assert {key: first[key] for key in ("name", "stem", "width", "height", "figures")} == {
        "name": "photo 0.jpg", "stem": "0-photo-0", "width": 48, "height": 48, "figures": [],
    }  # fmt: skip
    assert first["label"] == made.pictures[0].label


def test_numbers_come_back(folder, made):
    data, picture = read(folder / "data" / "1-photo-1.js"), made.pictures[1]
    np.testing.assert_array_equal(values(data["value"], "<f4"), picture.value)
    for found, layer in zip(data["layers"], picture.layers, strict=True):
        assert (found["rows"], found["columns"]) == layer.norm.shape
        np.testing.assert_array_equal(values(found["effect"], "<f4"), layer.effect.ravel())
        np.testing.assert_array_equal(values(found["dictionary"], "<i2"), layer.dictionary.ravel())
        for key in ("groups", "channels"):
            there = getattr(layer, key)
            np.testing.assert_array_equal(values(found[key]["map"], "<f4"), there.map.ravel())
            rounded = values(found[key]["classes"]["values"], "i1").reshape(there.classes.shape)
            scale = values(found[key]["classes"]["scale"], "<f4")[:, None]
            # Half a step of a 127th of the largest, and what float32 rounds.
            off = np.abs(rounded * scale - there.classes)
            assert (off <= 0.5001 * scale).all()
    flow = data["flows"][0]
    np.testing.assert_array_equal(values(flow["groups"], "<f4"), picture.flows[0].groups.ravel())
    checks = data["methods"][0]["checks"][0]
    assert checks[:2] == [None, picture.methods[0].checks[0].insertion]


def test_maps_come_back_by_their_roots(folder, made):
    data, picture = read(folder / "data" / "0-photo-0-2.js"), made.pictures[0]
    assert len(data["maps"]) == len(picture.methods)
    for found, method in zip(data["maps"], picture.methods, strict=True):
        roots = values(found["values"], "i1").reshape(48, 48) / 127
        back = np.sign(roots) * roots**2 * found["largest"]
        # A root is off by half a 127th at most, so its square by twice that.
        assert np.abs(back - method.map[2]).max() <= found["largest"] / 127
        assert found["largest"] == pytest.approx(np.abs(method.map[2]).max())


def test_icons_lie_row_by_row_on_their_sheet(tmp_path):
    made = explanation(icon=300, shown=5, layers=(("a", 3),))
    icons = np.stack([np.full((300, 300, 3), 40 * i + 20, np.uint8) for i in range(5)])
    layer = made.pictures[0].layers[0]
    channels = replace(layer.channels, icon=icons)
    picture = replace(made.pictures[0], layers=(replace(layer, channels=channels),))
    folder = write(tmp_path, replace(made, pictures=(picture,)), figures=False).parent
    with Image.open(folder / "sprites" / "0-photo-0" / "0-channels-0.webp") as sheet:
        pixels = np.asarray(sheet.convert("RGB")).astype(int)
    # Six icons of 160 px fit into 1024.
    for i in range(5):
        assert abs(pixels[80, 160 * i + 80] - (40 * i + 20)).max() < 4  # WebP is lossy
    assert read(folder / "data" / "0-photo-0.js")["layers"][0]["channels"]["icon"] == 160


def test_no_name_becomes_markup(tmp_path):
    made = explanation(
        classes=0,
        targets=1,
        notes=(MARKUP,),
        record={"command": MARKUP},
    )
    picture = replace(made.pictures[0], name=f"../{MARKUP}\udcff.png")
    folder = write(tmp_path / "out", replace(made, pictures=(picture,), targets=(MARKUP,))).parent
    for path in folder.rglob("*"):
        if path.suffix in (".js", ".html") and path.name != "explain.js":
            assert "<img" not in path.read_text(encoding="utf-8"), path
        if path.suffix == ".svg":
            assert "<img" not in path.read_text(encoding="utf-8"), path
    assert not list(tmp_path.glob("*.*"))  # nothing beside the folder
    assert read(folder / "explanation.js")["targets"] == [MARKUP]


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": 0, "targets": 2},
        {"targets": 1},
        {"layers": (("mixed4a", 5),)},
        {"layers": ()},
        {"channels": 1},
        {"channels": 5},
        {"methods": 0},
        {"pictures": 2, "groups": 1, "shown": 1},
    ],
    ids="-".join,
)
def test_whatever_an_explanation_lacks_is_left_out(tmp_path, changes):
    made = explanation(**{"size": 24, **changes})
    folder = write(tmp_path, made).parent
    data = read(folder / "data" / "0-photo-0.js")
    assert len(data["layers"]) == len(made.pictures[0].layers)
    assert len(data["flows"]) == max(0, len(data["layers"]) - 1)
    if not made.class_names and data["layers"]:
        assert data["layers"][0]["groups"]["classes"] is None
    for picture in read(folder / "explanation.js")["pictures"]:
        for figure in picture["figures"]:
            assert all((folder / file).is_file() for file in figure["files"])


def test_what_was_there_before_goes(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.txt").write_text("stays")
    (tmp_path / "data" / "0-photo-0-of-mine.js").write_text("stays")
    (tmp_path / "sprites" / "0-mine").mkdir(parents=True)
    write(tmp_path, explanation(pictures=2), figures=False)
    write(tmp_path, explanation(layers=()), figures=False)
    assert not list(tmp_path.rglob("1-photo-1*"))
    assert not list(tmp_path.rglob("0-grid.webp"))
    assert (tmp_path / "data" / "mine.txt").is_file()
    assert (tmp_path / "data" / "0-photo-0-of-mine.js").is_file()
    assert (tmp_path / "sprites" / "0-mine").is_dir()


def test_an_index_that_names_other_places_removes_nothing(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (tmp_path / "precious").mkdir()
    index = script({"pictures": [{"stem": "../../precious"}, {"stem": ""}, {"stem": "0*"}]})
    (folder / "explanation.js").write_text(index)
    write(folder, explanation(layers=()), figures=False)
    assert (tmp_path / "precious").is_dir()


def test_an_atlas_is_not_written_over(tmp_path):
    (tmp_path / "atlas.json").write_text("{}")
    (tmp_path / "index.html").write_text("the atlas")
    with pytest.raises(UserError, match="holds an atlas"):
        write(tmp_path, explanation())
    assert (tmp_path / "index.html").read_text() == "the atlas"


def test_nothing_to_show_is_refused(tmp_path):
    with pytest.raises(UserError, match="at least one image"):
        write(tmp_path, explanation(pictures=0))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("dog.jpg", "2-dog"),
        ("C:\\photos\\dog cat.png", "2-dog-cat"),
        ("../../etc/passwd", "2-passwd"),
        ("\u732b.png", "2"),
        ("", "2"),
        ("x" * 300, "2-" + "x" * 40),
    ],
)
def test_files_are_called_by_what_is_safe_of_a_name(name, stem):
    assert file_stem(2, name) == stem


def test_json_has_no_nan(folder):
    for path in folder.glob("data/*.js"):
        text = path.read_text()[len("document.currentScript.receive(") : -3]
        json.loads(text, parse_constant=pytest.fail)
