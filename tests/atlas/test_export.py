import base64
import json

import numpy as np
import pytest
from PIL import Image

from atlasjax import storage
from atlasjax.atlas.export import export
from atlasjax.atlas.level import Level
from atlasjax.atlas.pictures import picture
from atlasjax.errors import UserError
from atlasjax.one_file import read_script

# (x, y): no symmetry, so that a transposed or mirrored map is a different one.
PLACES = ((0, 0), (1, 0), (2, 0), (3, 1), (0, 3))


def colour(index):
    return np.array([40 * index + 10, 250 - 30 * index, (90 * index) % 256], np.uint8)


def made(places=PLACES, *, size=8, classes=10):
    rng = np.random.default_rng(0)
    n = len(places)
    x, y = np.array(places).T
    return Level(
        x=x,
        y=y,
        count=np.arange(n) + 6,
        direction=rng.normal(size=(n, 12)).astype(np.float32),
        cosine=np.linspace(0.51234, 0.9, n).astype(np.float32),
        attribution=rng.normal(size=(n, classes)).astype(np.float32),
        icon=np.stack([np.broadcast_to(colour(i), (size, size, 3)) for i in range(n)]),
    )


def page_data(folder):
    return read_script(folder / "atlas.js")


def unpacked(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


NAMES = [f"class {i}" for i in range(10)]


def test_every_file_is_written_and_named_in_the_contents(tmp_path):
    levels = {
        ("mixed5b", 20): made(),
        ("mixed4a/3x3", 4): made(),
        ("mixed5b", 4): made(PLACES[:2]),
    }
    record = {"name": "a run", "command": "atlasjax run a"}
    page = export(tmp_path / "run", levels, record, NAMES, [f"n{i}" for i in range(10)])
    folder = tmp_path / "run"
    assert page == folder / "index.html"
    found = json.loads((folder / "atlas.json").read_text())
    assert found["format"] == 1
    assert found["name"] == "a run"
    assert found["class_names"] == NAMES
    assert found["wnids"][3] == "n3"
    assert found["record"] == record
    assert [(e["name"], [g["grid"] for g in e["grids"]]) for e in found["layers"]] == [
        ("mixed5b", [20, 4]),
        ("mixed4a/3x3", [4]),
    ]
    slashed = found["layers"][1]["grids"][0]
    assert slashed["picture"] == "pictures/mixed4a-3x3-4.png"
    assert slashed["cells"] == 5
    for entry in found["layers"]:
        for grid in entry["grids"]:
            level = levels[entry["name"], grid["grid"]]
            with Image.open(folder / grid["picture"]) as drawn:
                assert drawn.mode == "RGBA"
                assert (np.asarray(drawn) == picture(level, grid["grid"])).all()
            kept = storage.load(folder / grid["level"], Level)
            assert kept is not None
            for before, after in zip(level, kept, strict=True):
                np.testing.assert_array_equal(before, after)
                assert before.dtype == after.dtype
    for name in ("index.html", "viewer.css", "viewer.js", "atlas.js"):
        assert (folder / name).is_file()
    assert not list(folder.rglob(".*"))


def level_data(folder, name="a-4"):
    return read_script(folder / "data" / f"{name}.js")


def test_page_finds_each_level_and_its_sheets(tmp_path):
    export(tmp_path, {("mixed4a/3x3", 4): made(), ("mixed5b", 2): made(PLACES[:2])}, {}, NAMES)
    first, second = page_data(tmp_path)["levels"]
    assert (first["layer"], first["grid"], first["name"]) == ("mixed4a/3x3", 4, "mixed4a-3x3-4")
    assert (first["cells"], first["activations"]) == (5, 40)
    assert (second["cells"], second["activations"]) == (2, 13)
    assert first["small"] == {"size": 8, "sheets": [[0, 0]]}
    assert first["large"] is None  # there is nothing more in the icons
    for level in (first, second):
        folder = tmp_path / "sprites" / level["name"]
        with Image.open(folder / "small-0-0.webp") as sheet:
            assert sheet.size == (1024, 1024)
        with Image.open(folder / "all.webp") as overview:
            assert overview.size == (level["grid"] * level["overview"],) * 2


def test_large_icons_have_sheets_of_their_own(tmp_path):
    places = [(0, 0), (15, 0), (16, 3), (9, 31)]
    level = made(places, size=96)
    export(tmp_path, {("a", 32): level}, {}, NAMES)
    (shown,) = page_data(tmp_path)["levels"]
    assert shown["small"] == {"size": 64, "sheets": [[0, 0], [1, 0], [0, 1]]}
    assert shown["large"] == {"size": 96, "sheets": [[0, 0], [1, 0], [0, 3]]}
    for kind in ("small", "large"):
        size = shown[kind]["size"]
        side = 1024 // size
        for i, (x, y) in enumerate(places):
            path = tmp_path / "sprites" / "a-32" / f"{kind}-{x // side}-{y // side}.webp"
            with Image.open(path) as sheet:
                middle = tuple((at % side) * size + size // 2 for at in (x, y))
                seen = np.array(sheet.convert("RGBA").getpixel(middle))
            np.testing.assert_allclose(seen[:3], colour(i), atol=6)  # WebP loses a little
            assert seen[3] == 255


def test_page_data_names_the_highest_and_the_lowest_classes(tmp_path):
    level = made()
    export(tmp_path, {("a", 4): level}, {}, NAMES)
    shown = level_data(tmp_path)
    assert (shown["cells"], shown["highest"], shown["lowest"]) == (5, 5, 3)
    np.testing.assert_array_equal(unpacked(shown["x"], "<u2"), level.x)
    np.testing.assert_array_equal(unpacked(shown["y"], "<u2"), level.y)
    np.testing.assert_array_equal(unpacked(shown["count"], "<u4"), level.count)
    np.testing.assert_array_equal(unpacked(shown["cosine"], "<f4"), level.cosine)
    classes = unpacked(shown["classes"], "<u4").reshape(5, 8)
    effects = unpacked(shown["effects"], "<f4").reshape(5, 8)
    for row, named, values in zip(level.attribution, classes, effects, strict=True):
        order = np.argsort(-row)
        assert named.tolist() == [*order[:5], *order[-3:]]
        np.testing.assert_array_equal(values, row[named])
    np.testing.assert_array_equal(unpacked(shown["least"], "<f4"), level.attribution.min(0))
    np.testing.assert_array_equal(unpacked(shown["most"], "<f4"), level.attribution.max(0))


@pytest.mark.parametrize(("classes", "highest", "all_named"), [(1, 1, 1), (6, 5, 6), (8, 5, 8)])
def test_few_classes_are_each_named_once(tmp_path, classes, highest, all_named):
    export(tmp_path, {("a", 1): made(((0, 0),), classes=classes)}, {}, NAMES[:classes])
    shown = level_data(tmp_path, "a-1")
    assert shown["highest"] == highest
    assert sorted(unpacked(shown["classes"], "<u4")) == list(range(all_named))


@pytest.mark.parametrize("chunk", [400_000, 17])
def test_every_effect_on_every_class_is_there_nearly_exactly(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr("atlasjax.atlas.page_data.CHUNK", chunk)
    level = made()
    level.attribution[:, 2] = 0
    level.attribution[:, 4] *= 1e-5  # each class has its own scale
    level.attribution[1, 5] = np.nan
    export(tmp_path, {("a", 4): level}, {}, NAMES)
    (shown,) = page_data(tmp_path)["levels"]
    assert shown["chunk"] == (10 if chunk > 100 else 3)
    found = []
    for number in range(-(-10 // shown["chunk"])):
        part = read_script(tmp_path / "data" / f"a-4-{number}.js")
        values = unpacked(part["values"], "i1").reshape(-1, 5).astype(np.float32)
        found.append(values * unpacked(part["scale"], "<f4")[:, None])
    expected = np.nan_to_num(level.attribution).T
    error = np.abs(np.concatenate(found) - expected)
    # Rounded to a 127th of the class's largest: off by half of that, and by float32's own error.
    assert (error <= np.abs(expected).max(1, keepdims=True) * (0.5 / 127 + 1e-6)).all()


def test_numbers_that_are_none_do_not_break_the_page(tmp_path):
    level = made(((0, 0),), classes=2)
    level = level._replace(
        attribution=np.array([[1.23456e-5, np.nan]], np.float32), cosine=np.array([np.nan])
    )
    export(tmp_path, {("a", 1): level}, {}, NAMES[:2])
    shown = level_data(tmp_path, "a-1")
    assert np.isnan(unpacked(shown["cosine"], "<f4")).all()
    assert unpacked(shown["effects"], "<f4")[0] == np.float32(1.23456e-5)
    assert shown["labels"] == [[0.5, 0.5, 0, 6]]


def test_patches_are_laid_out_cell_by_cell_and_black_ones_are_absent(tmp_path):
    patches = np.zeros((5, 3, 400, 300, 3), np.uint8)
    for i in range(5):
        patches[i, : i % 4] = colour(i)  # none of the first, and of the last
    export(tmp_path, {("a", 4): made()}, {}, NAMES, examples={("a", 4): patches})
    (shown,) = page_data(tmp_path)["levels"]
    assert shown["patches"] == [3, 400, 300]
    assert unpacked(level_data(tmp_path)["patches"], "u1").tolist() == [0, 1, 2, 3, 0]
    # 3 in a row of 1024 px, 2 rows: 6 on a sheet; the fourth cell's begin at number 9.
    with Image.open(tmp_path / "sprites" / "a-4" / "patches-1.webp") as sheet:
        assert sheet.size == (900, 800)
        seen = np.asarray(sheet.convert("RGB"))[450, 50]
        np.testing.assert_allclose(seen, colour(3), atol=6)
    without = export(tmp_path, {("a", 4): made()}, {}, NAMES).parent
    assert page_data(without)["levels"][0]["patches"] is None
    assert level_data(without)["patches"] is None
    assert not list(without.rglob("patches-*.webp"))  # nothing of the earlier export is left


def test_what_kind_of_map_it_is_and_where_the_others_are(tmp_path):
    (tmp_path / "report.html").write_text("faithful")
    export(
        tmp_path,
        {("a", 4): made()},
        {"aligned": True},
        NAMES,
        kind="comparison",
        classes=[3, 1],
        related=[("Class 3", "classes/3/index.html"), ("All", "../index.html")],
    )
    found = page_data(tmp_path)
    assert (found["kind"], found["classes"], found["aligned"]) == ("comparison", [3, 1], True)
    assert found["related"] == [["Class 3", "classes/3/index.html"], ["All", "../index.html"]]
    assert found["report"] == "report.html"
    index = json.loads((tmp_path / "atlas.json").read_text())
    assert (index["kind"], index["classes"]) == ("comparison", [3, 1])
    (tmp_path / "report.html").unlink()
    found = page_data(export(tmp_path, {("a", 4): made()}, {}, NAMES).parent)
    assert (found["kind"], found["classes"], found["aligned"]) == ("atlas", [], False)
    assert (found["related"], found["report"]) == ([], None)


BLACK = np.zeros((5, 1, 8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "clas"}, "no kind of atlas 'clas'; did you mean class"),
        ({"kind": "class"}, "0 classes for kind 'class': it is of 1"),
        ({"classes": [1]}, "1 classes for kind 'atlas': it is of 0"),
        ({"kind": "comparison", "classes": [1, 10]}, "class 10: must be from 0 to 9"),
        ({"examples": {("b", 4): BLACK}}, "examples of b at grid 4, which is not among"),
        ({"examples": {("a", 4): BLACK[:2]}}, "examples of 2 cells for 5 of a at 4"),
        ({"examples": {("a", 4): np.zeros((5, 1, 8, 1025, 3), np.uint8)}}, "8 x 1025 px"),
        ({"related": [("x", "javascript:alert(1)")]}, "must be relative to the run folder"),
        ({"related": [("x", "//elsewhere/")]}, "must be relative to the run folder"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_written(tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        export(tmp_path / "run", {("a", 4): made()}, {}, NAMES, **options)
    assert not (tmp_path / "run").exists()


def test_script_holds_no_markup_and_survives_names_that_are_no_text(tmp_path):
    names = ["</script><script>alert(1)</script>", "猫\u2028"]
    record = {"skipped": ["caf\udce9.jpg"]}
    export(tmp_path, {("a", 1): made(((0, 0),), classes=2)}, record, names)
    text = (tmp_path / "atlas.js").read_text(encoding="ascii")
    assert "<" not in text
    assert page_data(tmp_path)["class_names"] == names
    assert json.loads((tmp_path / "atlas.json").read_text())["record"] == record


def test_footer_says_how_it_was_made(tmp_path):
    record = {
        "experiment": {"name": "quickstart", "model": "tiny", "images": "photos", "seed": 0},
        "images": 9998,
        "activations": {"a": 9998},
        "skipped": ["x.jpg"] * 10,
        "versions": {"jax": "0.8.1"},
        "command": ["atlasjax", "run", "quickstart"],
    }
    export(tmp_path, {("a", 4): made()}, record, NAMES)
    found = page_data(tmp_path)
    assert found["name"] == "quickstart"
    assert found["made"] == [
        ["Model", "tiny"],
        ["Images", "9,998 from photos"],
        ["Not readable", "10"],
        ["Activations", "a 9,998"],
        ["Seed", "0"],
        ["Versions", "jax 0.8.1"],
        ["Command", "atlasjax run quickstart"],
    ]


def test_without_a_name_the_folder_gives_it(tmp_path):
    export(tmp_path / "mine", {("a", 4): made()}, {}, NAMES)
    assert page_data(tmp_path / "mine")["name"] == "mine"


def test_exporting_again_replaces_the_files(tmp_path):
    export(tmp_path, {("a", 4): made()}, {"name": "old"}, NAMES)
    export(tmp_path, {("a", 4): made(PLACES[:1])}, {"name": "new"}, NAMES)
    found = page_data(tmp_path)
    assert found["name"] == "new"
    assert found["levels"][0]["cells"] == 1


@pytest.mark.parametrize(
    ("levels", "names", "wnids", "message"),
    [
        ({}, NAMES, (), "no levels"),
        ({("a", 4): made()}, NAMES[:3], (), "3 class names for 10 classes of a"),
        ({("a", 4): made()}, NAMES, ("n1",), "1 wnids for 10 class names"),
        ({("a/b", 4): made(), ("a-b", 2): made()}, NAMES, (), "'a/b' and 'a-b' would share"),
    ],
)
def test_what_cannot_be_exported_is_refused_before_anything_is_written(
    tmp_path, levels, names, wnids, message
):
    with pytest.raises(UserError, match=message):
        export(tmp_path / "run", levels, {}, names, wnids)
    assert not (tmp_path / "run").exists()
