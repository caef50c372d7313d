"""What the page is told of a level, and the sheets it shows: as an export writes them."""

import base64

import numpy as np
import pytest
from PIL import Image

from atlasjax.page.export import export
from atlasjax.page.single_file import read_script


def level_data(folder, name="a-4"):
    return read_script(folder / "data" / f"{name}.js")


def unpacked(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


def test_page_finds_each_level_and_its_sheets(tmp_path, made, places, names):
    export(tmp_path, {("mixed4a/3x3", 4): made(), ("mixed5b", 2): made(places[:2])}, {}, names)
    first, second = read_script(tmp_path / "atlas.js")["levels"]
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


def test_large_icons_have_sheets_of_their_own(tmp_path, made, colour, names):
    places = [(0, 0), (15, 0), (16, 3), (9, 31)]
    level = made(places, size=96)
    export(tmp_path, {("a", 32): level}, {}, names)
    (shown,) = read_script(tmp_path / "atlas.js")["levels"]
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


def test_page_data_names_the_highest_and_the_lowest_classes(tmp_path, made, names):
    level = made()
    export(tmp_path, {("a", 4): level}, {}, names)
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
def test_few_classes_are_each_named_once(tmp_path, classes, highest, all_named, made, names):
    export(tmp_path, {("a", 1): made(((0, 0),), classes=classes)}, {}, names[:classes])
    shown = level_data(tmp_path, "a-1")
    assert shown["highest"] == highest
    assert sorted(unpacked(shown["classes"], "<u4")) == list(range(all_named))


@pytest.mark.parametrize("grid", [1, 4, 32])
def test_without_classes_there_are_cells_but_no_effects_and_no_regions(tmp_path, grid, made):
    level = made(((0, 0),), classes=0) if grid == 1 else made(classes=0)
    export(tmp_path, {("a", grid): level}, {}, [])
    shown = level_data(tmp_path, f"a-{grid}")
    np.testing.assert_array_equal(unpacked(shown["x"], "<u2"), level.x)
    np.testing.assert_array_equal(unpacked(shown["count"], "<u4"), level.count)
    assert (shown["highest"], shown["lowest"], shown["labels"]) == (0, 0, [])
    for field in ("classes", "effects", "least", "most"):
        assert shown[field] == ""
    assert read_script(tmp_path / "atlas.js")["levels"][0]["chunk"] == 1  # never divided by zero
    assert [path.name for path in (tmp_path / "data").iterdir()] == [f"a-{grid}.js"]


@pytest.mark.parametrize("chunk", [400_000, 17])
def test_every_effect_on_every_class_is_there_nearly_exactly(
    tmp_path, monkeypatch, chunk, made, names
):
    monkeypatch.setattr("atlasjax.page.data.CHUNK", chunk)
    level = made()
    level.attribution[:, 2] = 0
    level.attribution[:, 4] *= 1e-5  # each class has its own scale
    level.attribution[1, 5] = np.nan
    export(tmp_path, {("a", 4): level}, {}, names)
    (shown,) = read_script(tmp_path / "atlas.js")["levels"]
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


def test_numbers_that_are_none_do_not_break_the_page(tmp_path, made, names):
    level = made(((0, 0),), classes=2)
    level = level._replace(
        attribution=np.array([[1.23456e-5, np.nan]], np.float32), cosine=np.array([np.nan])
    )
    export(tmp_path, {("a", 1): level}, {}, names[:2])
    shown = level_data(tmp_path, "a-1")
    assert np.isnan(unpacked(shown["cosine"], "<f4")).all()
    assert unpacked(shown["effects"], "<f4")[0] == np.float32(1.23456e-5)
    assert shown["labels"] == []  # one cell says nothing that others around it could confirm


def test_patches_are_laid_out_cell_by_cell_and_black_ones_are_absent(tmp_path, made, colour, names):
    patches = np.zeros((5, 3, 400, 300, 3), np.uint8)
    for i in range(5):
        patches[i, : i % 4] = colour(i)  # none of the first, and of the last
    export(tmp_path, {("a", 4): made()}, {}, names, examples={("a", 4): patches})
    (shown,) = read_script(tmp_path / "atlas.js")["levels"]
    assert shown["patches"] == [3, 400, 300]
    assert unpacked(level_data(tmp_path)["patches"], "u1").tolist() == [0, 1, 2, 3, 0]
    # 3 in a row of 1024 px, 2 rows: 6 on a sheet; the fourth cell's begin at number 9.
    with Image.open(tmp_path / "sprites" / "a-4" / "patches-1.webp") as sheet:
        assert sheet.size == (900, 800)
        seen = np.asarray(sheet.convert("RGB"))[450, 50]
        np.testing.assert_allclose(seen, colour(3), atol=6)
    without = export(tmp_path, {("a", 4): made()}, {}, names).parent
    assert read_script(without / "atlas.js")["levels"][0]["patches"] is None
    assert level_data(without)["patches"] is None
    assert not list(without.rglob("patches-*.webp"))  # nothing of the earlier export is left


def test_the_image_of_every_patch_is_told_and_decides_which_are_there(tmp_path, made, names):
    patches = np.full((5, 2, 16, 16, 3), 90, np.uint8)
    patches[1, 0] = 0  # a part of an image that is black there
    images = np.array([[17, 4], [0, 70_000], [3, -1], [-1, -1], [9, 9]])
    at = {("a", 4): patches}
    export(tmp_path, {("a", 4): made()}, {}, names, examples=at, example_images={("a", 4): images})
    shown = level_data(tmp_path)
    np.testing.assert_array_equal(unpacked(shown["images"], "<i4").reshape(5, 2), images)
    assert unpacked(shown["patches"], "u1").tolist() == [2, 2, 1, 0, 2]
    without = export(tmp_path, {("a", 4): made()}, {}, names, examples=at).parent
    assert level_data(without)["images"] is None
