"""What comes from data is shown as text: no page makes elements of it."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasjax.page import data

VIEWER = Path(__file__).resolve().parents[2] / "atlasjax" / "viewer"
SOURCES = sorted(
    path
    for path in [*VIEWER.glob("src/**/*.ts"), *VIEWER.glob("*.html"), VIEWER / "explain.js"]
    if "node_modules" not in path.parts
)
MAKES_ELEMENTS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|"
    r"srcdoc|\.html\(|\beval\(|new Function|javascript:"
)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(VIEWER).as_posix())
def test_no_source_of_the_pages_makes_elements_of_text(path: Path):
    assert MAKES_ELEMENTS.findall(path.read_text(encoding="utf-8")) == []


def test_there_are_sources_and_what_makes_elements_is_seen():
    assert len(SOURCES) > 30
    assert MAKES_ELEMENTS.search("cell.innerHTML = name")
    assert MAKES_ELEMENTS.search("select(cell).html(name)")


@given(st.text() | st.sampled_from(["</script>", "<!--", "<img src=x onerror=alert(1)>", "\u2028"]))
def test_no_text_ends_the_script_that_holds_it(text: str):
    script = data.script({"name": text, text: [text]})
    assert "<" not in script
    assert script.isascii()
    assert script.count("\n") == 1
    assert data.of_script(script) == {"name": text, text: [text]}
