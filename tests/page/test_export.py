"""Export: every file of a run folder, and what is refused before any is written."""

import json

import numpy as np
import pytest
from PIL import Image

from atlasjax.atlas.level import Level
from atlasjax.errors import UserError
from atlasjax.page import explained
from atlasjax.page.export import export
from atlasjax.page.pictures import picture
from atlasjax.page.single_file import read_script
from atlasjax.storage import artifacts


def test_every_file_is_written_and_named_in_the_contents(tmp_path, made, places, names):
    levels = {
        ("mixed5b", 20): made(),
        ("mixed4a/3x3", 4): made(),
        ("mixed5b", 4): made(places[:2]),
    }
    record = {"name": "a run", "command": "atlasjax run a"}
    page = export(tmp_path / "run", levels, record, names, [f"n{i}" for i in range(10)])
    folder = tmp_path / "run"
    assert page == folder / "index.html"
    found = json.loads((folder / "atlas.json").read_text())
    assert found["format"] == 1
    assert found["name"] == "a run"
    assert found["class_names"] == names
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
            kept = artifacts.load(folder / grid["level"], Level)
            assert kept is not None
            for before, after in zip(level, kept, strict=True):
                np.testing.assert_array_equal(before, after)
                assert before.dtype == after.dtype
    for name in ("index.html", "viewer.css", "viewer.js", "atlas.js"):
        assert (folder / name).is_file()
    assert not list(folder.rglob(".*"))


def test_what_kind_of_map_it_is_and_where_the_others_are(tmp_path, made, names):
    (tmp_path / "report.html").write_text("faithful")
    export(
        tmp_path,
        {("a", 4): made()},
        {"aligned": True},
        names,
        kind="comparison",
        classes=[3, 1],
        related=[("Class 3", "classes/3/index.html"), ("All", "../index.html")],
    )
    found = read_script(tmp_path / "atlas.js")
    assert (found["kind"], found["classes"], found["aligned"]) == ("comparison", [3, 1], True)
    assert found["related"] == [["Class 3", "classes/3/index.html"], ["All", "../index.html"]]
    assert found["report"] == "report.html"
    index = json.loads((tmp_path / "atlas.json").read_text())
    assert (index["kind"], index["classes"]) == ("comparison", [3, 1])
    (tmp_path / "report.html").unlink()
    found = read_script(export(tmp_path, {("a", 4): made()}, {}, names).parent / "atlas.js")
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
def test_options_that_cannot_be_are_refused_before_anything_is_written(
    tmp_path, options, message, made, names
):
    with pytest.raises(UserError, match=message):
        export(tmp_path / "run", {("a", 4): made()}, {}, names, **options)
    assert not (tmp_path / "run").exists()


def test_a_network_without_classes_is_exported_and_has_no_map_of_a_class(tmp_path, made):
    export(tmp_path / "run", {("a", 4): made(classes=0)}, {}, [])
    found = read_script(tmp_path / "run" / "atlas.js")
    assert (found["class_names"], found["wnids"], found["levels"][0]["cells"]) == ([], [], 5)
    assert json.loads((tmp_path / "run" / "atlas.json").read_text())["class_names"] == []
    message = r"kind 'class': the network has no classes \(it gives no logits\)"
    with pytest.raises(UserError, match=message):
        export(tmp_path / "b", {("a", 4): made(classes=0)}, {}, [], kind="class", classes=[0])
    with pytest.raises(UserError, match="1 class names for 0 classes of a"):
        export(tmp_path / "b", {("a", 4): made(classes=0)}, {}, ["wok"])
    assert not (tmp_path / "b").exists()


def test_script_holds_no_markup_and_survives_names_that_are_no_text(tmp_path, made):
    names = ["</script><script>alert(1)</script>", "猫\u2028"]
    record = {"skipped": ["caf\udce9.jpg"]}
    export(tmp_path, {("a", 1): made(((0, 0),), classes=2)}, record, names)
    text = (tmp_path / "atlas.js").read_text(encoding="ascii")
    assert "<" not in text
    assert read_script(tmp_path / "atlas.js")["class_names"] == names
    assert json.loads((tmp_path / "atlas.json").read_text())["record"] == record


def test_footer_says_how_it_was_made(tmp_path, made, names):
    record = {
        "experiment": {"name": "quickstart", "model": "tiny", "images": "photos", "seed": 0},
        "images": 9998,
        "activations": {"a": 9998},
        "skipped": ["x.jpg"] * 10,
        "versions": {"jax": "0.8.1"},
        "command": ["atlasjax", "run", "quickstart"],
    }
    export(tmp_path, {("a", 4): made()}, record, names)
    found = read_script(tmp_path / "atlas.js")
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


def test_without_a_name_the_folder_gives_it(tmp_path, made, names):
    export(tmp_path / "mine", {("a", 4): made()}, {}, names)
    assert read_script(tmp_path / "mine" / "atlas.js")["name"] == "mine"


def test_exporting_again_replaces_the_files(tmp_path, made, places, names):
    export(tmp_path, {("a", 4): made()}, {"name": "old"}, names)
    export(tmp_path, {("a", 4): made(places[:1])}, {"name": "new"}, names)
    found = read_script(tmp_path / "atlas.js")
    assert found["name"] == "new"
    assert found["levels"][0]["cells"] == 1


@pytest.mark.parametrize(
    ("levels", "named", "wnids", "message"),
    [
        ([], 10, (), "no levels"),
        ([("a", 4)], 3, (), "3 class names for 10 classes of a"),
        ([("a", 4)], 10, ("n1",), "1 wnids for 10 class names"),
        ([("a/b", 4), ("a-b", 2)], 10, (), "'a/b' and 'a-b' would share"),
    ],
)
def test_what_cannot_be_exported_is_refused_before_anything_is_written(
    tmp_path, levels, named, wnids, message, made, names
):
    with pytest.raises(UserError, match=message):
        export(tmp_path / "run", {name: made() for name in levels}, {}, names[:named], wnids)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("channels", "line"),
    [(1, None), (2, "false, of 2 channels"), (3, None), (5, "false, of 5 channels")],
)
def test_false_colours_are_told(tmp_path, made, names, channels: int, line: str | None):
    icon = np.zeros((5, 8, 8, channels), np.uint8)
    patches = {("a", 4): np.ones((5, 2, 16, 16, channels), np.uint8)}
    level = made()._replace(icon=icon)
    page = export(tmp_path, {("a", 4): level}, {"seed": 3}, names, examples=patches)
    told = dict(read_script(page.parent / "atlas.js")["made"])
    assert (told["Seed"], told.get("Colours")) == ("3", line)
    kept = artifacts.load(tmp_path / "levels" / "a-4.npz", Level)
    assert kept is not None
    assert kept.icon.shape == icon.shape  # only what is shown has three


def test_classes_that_share_a_name_are_told_apart_on_the_page(tmp_path, made):
    names, wnids = ["crane", "crane", "tench, Tinca tinca"], ["n02012849", "n03126707", "n01440764"]
    export(tmp_path, {("a", 4): made(classes=3)}, {}, names, wnids)
    found = read_script(tmp_path / "atlas.js")
    assert found["class_names"] == names
    assert found["short_names"] == ["crane (n02012849)", "crane (n03126707)", "tench"]


def test_what_is_explained_is_kept_when_a_run_is_exported_again(tmp_path, made, names):
    levels = {("a", 4): made()}
    export(tmp_path, levels, {}, names)
    assert read_script(tmp_path / "atlas.js")["explained"] == "explained.js"
    assert read_script(tmp_path / "explained.js") == {}
    page = tmp_path / "explained" / "dog" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("a page")
    explained.add(tmp_path, page, {17: "0-dog"})
    export(tmp_path, levels, {}, names)
    kept = {"17": ["explained/dog/index.html", "0-dog"]}
    assert read_script(tmp_path / "explained.js") == kept
    assert page.is_file()


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        (("b", 4), (5, 2), "images of examples of b at grid 4, which has no examples"),
        (("a", 4), (5, 3), "images (5, 3) of examples (5, 2) of a at 4"),
    ],
)
def test_images_that_are_of_no_examples_are_refused(tmp_path, made, names, name, shape, message):
    patches = {("a", 4): np.ones((5, 2, 16, 16, 3), np.uint8)}
    images = {name: np.zeros(shape, int)}
    with pytest.raises(UserError) as refused:
        export(
            tmp_path / "run",
            {("a", 4): made()},
            {},
            names,
            examples=patches,
            example_images=images,
        )
    assert str(refused.value) == message
    assert not (tmp_path / "run").exists()
