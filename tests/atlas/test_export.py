import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from atlasjax import storage
from atlasjax.atlas.export import cell_size, export, picture
from atlasjax.atlas.level import Level
from atlasjax.errors import UserError

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
    text = (folder / "atlas.js").read_text()
    assert text.startswith("window.ATLAS = ")
    assert text.endswith(";\n")
    return json.loads(text.removeprefix("window.ATLAS = ").removesuffix(";\n"))


NAMES = [f"class {i}" for i in range(10)]


def test_picture_has_every_icon_at_its_column_and_row():
    drawn = picture(made(), 4)
    assert drawn.shape == (32, 32, 4)
    for i, (x, y) in enumerate(PLACES):
        cell = drawn[y * 8 : y * 8 + 8, x * 8 : x * 8 + 8]
        assert (cell[..., :3] == colour(i)).all()
        assert (cell[..., 3] == 255).all()
    assert (drawn[..., 3] > 0).sum() == len(PLACES) * 64


def test_icons_keep_their_own_orientation():
    level = made(((0, 0),))
    icon = np.arange(192, dtype=np.uint8).reshape(1, 8, 8, 3)
    assert (picture(level._replace(icon=icon), 2)[:8, :8, :3] == icon[0]).all()


def test_picture_is_scaled_down_smoothly_to_the_largest_side():
    checkered = np.indices((1, 8, 8, 3)).sum(0).astype(np.uint8) % 2 * 200
    level = made(((1, 2),))._replace(icon=checkered)
    drawn = picture(level, 4, largest=18)
    assert drawn.shape == (16, 16, 4)
    inside = drawn[8:12, 4:8]
    assert (inside[..., 3] == 255).all()
    assert (np.abs(inside[..., :3].astype(int) - 100) < 40).all()
    assert cell_size(level, 4) == 8
    assert cell_size(level, 9000) == 1


def test_memory_of_a_fine_grid_is_that_of_its_picture():
    # In a process of its own: the largest memory of a process never goes down again.
    program = """
import resource, numpy as np
from atlasjax.atlas.export import picture
from atlasjax.atlas.level import Level
n = 160 * 160
at = np.arange(n)
icon = np.broadcast_to(np.full((1, 96, 96, 3), 9, np.uint8), (n, 96, 96, 3))
level = Level(at % 160, at // 160, at, np.ones((n, 1)), np.ones(n), np.ones((n, 1)), icon)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
drawn = picture(level, 160)
assert drawn.shape == (8160, 8160, 4)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / drawn.nbytes)
"""
    if sys.platform != "linux":
        pytest.skip("ru_maxrss is in KiB on Linux only")
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert float(found.stdout) < 1.2


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
    for name in ("index.html", "page.css", "page.js", "atlas.js"):
        assert (folder / name).is_file()
    assert not list(folder.rglob(".*"))


def test_page_data_names_the_highest_and_the_lowest_classes(tmp_path):
    level = made()
    export(tmp_path, {("mixed4c", 4): level}, {}, NAMES)
    (shown,) = page_data(tmp_path)["levels"]
    assert (shown["layer"], shown["grid"], shown["cell"], shown["highest"]) == ("mixed4c", 4, 8, 5)
    assert list(zip(shown["x"], shown["y"], strict=True)) == list(PLACES)
    assert shown["count"] == [6, 7, 8, 9, 10]
    assert shown["cosine"][0] == 0.512
    for row, classes, effects in zip(
        level.attribution, shown["classes"], shown["effects"], strict=True
    ):
        order = np.argsort(-row)
        assert classes == [*order[:5], *order[-3:]]
        np.testing.assert_allclose(effects, row[classes], rtol=6e-3)


@pytest.mark.parametrize(("classes", "highest", "all_named"), [(1, 1, 1), (6, 5, 6), (8, 5, 8)])
def test_few_classes_are_each_named_once(tmp_path, classes, highest, all_named):
    export(tmp_path, {("a", 1): made(((0, 0),), classes=classes)}, {}, NAMES[:classes])
    (shown,) = page_data(tmp_path)["levels"]
    assert shown["highest"] == highest
    assert sorted(shown["classes"][0]) == list(range(all_named))


def test_tiny_effects_are_not_rounded_away_and_no_number_is_null(tmp_path):
    level = made(((0, 0),), classes=2)
    level = level._replace(
        attribution=np.array([[1.23456e-5, -2e-5]], np.float32), cosine=np.array([np.nan])
    )
    export(tmp_path, {("a", 1): level}, {}, NAMES[:2])
    (shown,) = page_data(tmp_path)["levels"]
    assert shown["effects"] == [[1.23e-5, -2e-5]]
    assert shown["cosine"] == [None]


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
    assert found["levels"][0]["x"] == [0]


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
