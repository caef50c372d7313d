"""The table of explained images that a run's page reads."""

from pathlib import Path

import pytest

from atlasjax.page.explained import FILE, add, keep, table


def page(folder: Path, name: str) -> Path:
    path = folder / "explained" / name / "index.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a page")
    return path


def test_it_is_there_before_anything_is_explained_and_keeps_what_is_added(tmp_path: Path):
    keep(tmp_path)
    assert (tmp_path / FILE).read_text() == "document.currentScript.receive({});\n"
    add(tmp_path, page(tmp_path, "a"), {17: "0-a", 4: "1-b"})
    add(tmp_path, page(tmp_path, "猫"), {0: "0"})
    keep(tmp_path)
    assert table(tmp_path) == {
        0: ("explained/猫/index.html", "0"),
        4: ("explained/a/index.html", "1-b"),
        17: ("explained/a/index.html", "0-a"),
    }


def test_a_page_that_is_written_anew_explains_only_what_it_does_now(tmp_path: Path):
    add(tmp_path, page(tmp_path, "a"), {1: "0-a", 2: "1-b"})
    add(tmp_path, page(tmp_path, "a"), {2: "0-b"})
    assert table(tmp_path) == {2: ("explained/a/index.html", "0-b")}


def test_a_page_that_is_gone_is_left_out(tmp_path: Path):
    add(tmp_path, page(tmp_path, "a"), {1: "0-a"})
    add(tmp_path, page(tmp_path, "b"), {2: "0-b"})
    page(tmp_path, "a").unlink()
    keep(tmp_path)
    assert table(tmp_path) == {2: ("explained/b/index.html", "0-b")}
    assert "explained/a" not in (tmp_path / FILE).read_text()


@pytest.mark.parametrize(
    "text",
    ["", "alert(1)", *(f"document.currentScript.receive({v});\n" for v in ("[]", '{"a":1}'))],
)
def test_a_damaged_table_tells_nothing_and_is_written_anew(tmp_path: Path, text: str):
    (tmp_path / FILE).write_text(text)
    assert table(tmp_path) == {}
    keep(tmp_path)
    assert (tmp_path / FILE).read_text() == "document.currentScript.receive({});\n"
