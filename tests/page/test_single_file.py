import base64
import json
import re

import numpy as np
import pytest

from atlasjax.atlas.level import Level
from atlasjax.errors import UserError
from atlasjax.page.export import export
from atlasjax.page.single_file import read_script, single_file


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    at = np.arange(3)
    rng = np.random.default_rng(0)
    icon = rng.integers(0, 255, (3, 96, 96, 3), dtype=np.uint8)
    level = Level(at, at, at + 6, np.ones((3, 2)), np.ones(3), rng.normal(size=(3, 4)), icon)
    names = ["</script><script>alert(1)</script>", "a", "b", "c"]
    patches = {("a/b", 4): rng.integers(1, 255, (3, 2, 64, 64, 3), dtype=np.uint8)}
    folder = tmp_path_factory.mktemp("run")
    return export(
        folder,
        {("a/b", 4): level},
        {"name": "</title> & me"},
        names,
        examples=patches,
        example_images={("a/b", 4): np.arange(6).reshape(3, 2)},
        related=[("other", "other/index.html")],
    ).parent


def held(text):
    """The files in a page, by path."""
    pattern = r'<script type="text/plain" data-path="([^"]*)">([^<]*)</script>'
    return dict(re.findall(pattern, text))


def test_everything_the_page_asks_for_is_inside(run, tmp_path):
    text = single_file(run, tmp_path / "one.html").read_text(encoding="utf-8")
    files = held(text)
    on_disk = {
        str(path.relative_to(run))
        for place in ("data", "sprites")
        for path in (run / place).rglob("*.*")
    }
    assert files.keys() == on_disk | {"atlas.js"}
    for path, content in files.items():
        if path.endswith(".webp"):
            assert base64.b64decode(content) == (run / path).read_bytes()
        elif path != "atlas.js":
            assert json.loads(content) == read_script(run / path)
    index, there = json.loads(files["atlas.js"]), read_script(run / "atlas.js")
    assert there["explained"] == "explained.js"
    assert index == {**there, "related": [], "report": None, "explained": None}


def test_it_asks_for_nothing_else_and_holds_no_markup_of_names(run, tmp_path):
    text = single_file(run, tmp_path / "one.html").read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|img)[^>]* (src|href)=\"(?!data:)", text)
    assert "<title>&lt;/title&gt; &amp; me</title>" in text
    assert "alert(1)</script>" not in text
    # Only its own scripts, each closed once: those of data, and that of the page.
    assert text.count("<script") == text.count("</script>") == len(held(text)) + 1


def test_light_leaves_out_the_large_icons(run, tmp_path):
    files = held(single_file(run, tmp_path / "one.html", light=True).read_text(encoding="utf-8"))
    assert json.loads(files["atlas.js"])["levels"][0]["large"] is None
    assert not [path for path in files if "large" in path]
    assert [path for path in files if "small" in path]


def test_what_cannot_be_written_is_refused(run, tmp_path):
    with pytest.raises(UserError, match=r"must end in \.html"):
        single_file(run, tmp_path / "one.pdf")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file"):
        single_file(run, tmp_path / "file" / "one.html")


@pytest.mark.parametrize("name", ["atlas.js", "data/a-b-4.js", "sprites/a-b-4/all.webp"])
def test_a_missing_file_is_named_and_nothing_is_left(run, tmp_path, name):
    lost = (run / name).rename(tmp_path / "lost")
    try:
        with pytest.raises(UserError, match=re.escape(name)):
            single_file(run, tmp_path / "one.html")
    finally:
        lost.rename(run / name)
    assert not list(tmp_path.glob("*.html"))


def test_a_damaged_file_is_named(run, tmp_path):
    path = run / "data" / "a-b-4.js"
    whole = path.read_text()
    path.write_text("alert(1)")
    try:
        with pytest.raises(UserError, match=r"a-b-4\.js is missing or damaged: run the experiment"):
            single_file(run, tmp_path / "one.html")
    finally:
        path.write_text(whole)


def test_without_classes_no_effects_are_looked_for(tmp_path):
    one, icon = np.array([0]), np.full((1, 8, 8, 3), 200, np.uint8)
    level = Level(one, one, one + 6, np.ones((1, 2)), np.ones(1), np.ones((1, 0)), icon)
    folder = export(tmp_path / "run", {("a", 1): level}, {}, []).parent
    files = held(single_file(folder, tmp_path / "one.html").read_text(encoding="utf-8"))
    assert [path for path in files if path.startswith("data/")] == ["data/a-1.js"]
    assert json.loads(files["atlas.js"])["class_names"] == []
