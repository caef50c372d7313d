"""Images of a run explained: read by number, written into its folder, linked both ways."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from explanations import explanation
from PIL import Image

import atlasjax as ax
from atlasjax.atlas.level import Level
from atlasjax.blocks.grid import GridSettings
from atlasjax.data import prepare
from atlasjax.errors import UserError
from atlasjax.page.explained import table
from atlasjax.page.explanation.write import write
from atlasjax.page.export import export
from atlasjax.page.single_file import read_script
from atlasjax.workflows import own_file
from atlasjax.workflows.explaining import of_run
from atlasjax.workflows.explaining.images import Given, read
from atlasjax.workflows.explaining.layers import LayerSettings
from atlasjax.workflows.reopen import Reopened, reopen

QUICK = LayerSettings(
    steps=2, icon=32, icon_steps=2, grid=GridSettings(window=16, cell=8, steps=2, groups=2)
)
CLASSES = ["ant", "bee", "cow", "dog", "elk"]  # of the network of one's own
FOLDERS = ("dog", "elk", "unknown")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six images, of which any two in different folders have the same name."""
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    for name in FOLDERS:
        (folder / name).mkdir()
        for i in range(2):
            pixels = rng.integers(0, 256, (48, 60, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder


def finished(folder: Path, own: Path, images: Path | None, count: int = 6) -> Path:
    """Write the least that is a finished run of images, with a network of one's own."""
    file = own_file.read(own)
    one, icon = np.array([0]), np.zeros((1, 8, 8, 3), np.uint8)
    level = Level(one, one, one + 9, np.ones((1, 4)), np.ones(1), np.ones((1, 5)), icon)
    settings = {"model": str(own), "layers": ["two"], "image_size": 32, "resize": 40}
    made = {"name": "quick", "images": None if images is None else str(images), **settings}
    named = {"path": str(file.path), "sha256": file.sha256}
    known = {"experiment": made, "model_file": named, "images": count}
    export(folder, {("two", 1): level}, known, CLASSES)
    (folder / "run.json").write_text("{}")
    return folder


@pytest.fixture
def run(tmp_path: Path, write_own: Any, photographs: Path) -> Path:
    own = write_own(tmp_path, "of_run", config=False)
    return finished(tmp_path / "my run #1", own, photographs)


def test_an_image_is_seen_as_the_run_saw_it(run: Path, photographs: Path):
    opened = reopen(run)
    found = read([3, "4", np.int64(0)], opened.opened, opened)
    assert [one.name for one in found] == ["elk/1.png", "unknown/0.png", "dog/0.png"]
    assert [one.number for one in found] == [3, 4, 0]
    assert [one.label for one in found] == [4, None, 3]  # by folder, as the network numbers them
    with Image.open(photographs / "elk" / "1.png") as picture:
        pixels = np.asarray(picture)
    assert np.array_equal(found[0].image, prepare(pixels, *opened.run.config.crop))
    row = np.array([5, 1])  # as examples of a run hold them
    assert [one.number for one in read(row, opened.opened, opened)] == [5, 1]
    assert read(found[0].image, opened.opened, opened)[0].number is None


def test_a_run_explains_its_images_on_a_page_that_it_links(run: Path):
    made = ax.explain(
        run,
        [3, "0"],
        layers=["one", "two"],
        methods=["gradient"],
        groups=2,
        settings=QUICK,
        checked=False,
    )
    assert made.page == run.resolve() / "explained" / "1" / "index.html"
    assert [picture.name for picture in made.explanation.pictures] == ["elk/1.png", "dog/0.png"]
    assert made.explanation.class_names == tuple(CLASSES)
    assert made.explanation.record["numbers"] == [3, 0]
    address = "explained/1/index.html"
    assert table(run) == {3: (address, "0-1"), 0: (address, "1-0")}
    index = read_script(made.page.with_name("explanation.js"))
    assert [picture["stem"] for picture in index["pictures"]] == ["0-1", "1-0"]
    name, back = index["run"]
    assert name == "quick"
    assert (made.page.parent / back).resolve() == (run / "index.html").resolve()


@pytest.fixture
def place(run: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write a page of images, told by number and name, into the run."""
    # Figures take most of the time, and are not what is asked here.
    monkeypatch.setattr(of_run, "write", partial(write, figures=False))
    opened: Reopened = reopen(run)

    def written(*images: tuple[int | None, str], out: Path | None = None) -> Path:
        shown = explanation(pictures=len(images), layers=(("a", 2),), methods=1)
        named = zip(shown.pictures, images, strict=True)
        shown = replace(shown, pictures=tuple(replace(p, name=n) for p, (_, n) in named))
        blank = np.zeros((4, 4, 3), np.uint8)
        given = [Given(name, blank, None, number) for number, name in images]
        return of_run.written(shown, given, out, opened)

    return written


def test_no_page_takes_the_place_of_another_images(run: Path, place: Any):
    home = run.resolve() / "explained"
    assert place((0, "dog/0.png"), (3, "elk/1.png")).parent == home / "0"
    assert place((2, "elk/0.png")).parent == home / "0-2"  # of the same name
    assert place((0, "dog/0.png")).parent == home / "0-3"  # image 3 would be lost
    assert place((2, "elk/0.png")).parent == home / "0-2"  # what it explained already
    assert {number: page for number, (page, _) in table(run).items()} == {
        0: "explained/0-3/index.html",
        2: "explained/0-2/index.html",
        3: "explained/0/index.html",
    }


def test_images_that_are_not_the_runs_lie_there_without_a_number(run: Path, place: Any):
    page = place((None, "photo.jpg"))
    assert page.parent == run.resolve() / "explained" / "photo"
    assert read_script(page.with_name("explanation.js"))["run"] == ["quick", "../../index.html"]
    assert table(run) == {}
    assert place((None, "photo.jpg")) == page


def test_a_page_elsewhere_is_not_linked_and_one_deeper_in_the_run_is(run: Path, place: Any):
    elsewhere = place((0, "dog/0.png"), out=run.parent / "elsewhere")
    assert read_script(elsewhere.with_name("explanation.js"))["run"] is None
    assert table(run) == {}
    deep = place((0, "dog/0.png"), out=run / "a" / "b" / "c")
    assert table(run) == {0: ("a/b/c/index.html", "0-0")}
    assert read_script(deep.with_name("explanation.js"))["run"][1] == "../../../index.html"
    with pytest.raises(UserError, match="holds an atlas"):
        place((0, "dog/0.png"), out=run)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        ([6], "image 6: the run has images 0 to 5"),
        (["-1"], "image -1: the run has images 0 to 5"),
        (["none.png"], "no file 'none.png'"),
    ],
)
def test_images_that_are_not_there_get_one_line(run: Path, images: list, said: str):
    with pytest.raises(UserError, match=said):
        ax.explain(run, images)


def test_an_image_that_cannot_be_read_is_named(run: Path, photographs: Path):
    path = photographs / "dog" / "1.png"
    whole = path.read_bytes()
    path.write_bytes(b"not a picture")
    try:
        with pytest.raises(UserError, match=r"image 1 cannot be read: dog/1\.png: "):
            ax.explain(run, [1])
    finally:
        path.write_bytes(whole)


def test_a_run_whose_images_are_others_now_is_refused(
    tmp_path: Path, write_own: Any, photographs: Path
):
    own = write_own(tmp_path, "of_run_changed", config=False)
    fewer = finished(tmp_path / "fewer", own, photographs, count=7)
    with pytest.raises(UserError, match="has 6 images, and had 7 when"):
        ax.explain(fewer, [1])
    given = finished(tmp_path / "given", own, None)
    with pytest.raises(UserError, match="handed over from Python: give the image itself"):
        ax.explain(given, [1])


def test_what_a_run_has_is_not_given_beside_it_and_a_lost_run_is_told(run: Path, tmp_path: Path):
    with pytest.raises(UserError, match="is a run, which has its own"):
        ax.explain(run, [1], class_names=["a"])
    with pytest.raises(UserError, match=r"no run folder .*; did you mean .*my run #1"):
        ax.explain(run.parent / "my run #2", [1])
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "run.json").write_text("{}")
    with pytest.raises(UserError, match=r"has no atlas\.json: did the run finish"):
        ax.explain(tmp_path / "unfinished", [1])
