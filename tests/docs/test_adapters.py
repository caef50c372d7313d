"""The pages about networks of other libraries: their code runs, and layers are as they say."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import jax
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "adapters"
PAGES = sorted(FOLDER.glob("*.md"))
NEEDS = {"equinox": "equinox", "keras": "keras", "torch": "torch"}


def blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def test_there_are_pages():
    assert {"plain", "linen", "nnx", "equinox", "keras", "torch"} == {page.stem for page in PAGES}


@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")  # in PyTorch's own export
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs(page: Path, monkeypatch: pytest.MonkeyPatch):
    library = NEEDS.get(page.stem)
    if library and importlib.util.find_spec(library) is None:
        pytest.skip(f"needs {library}: pip install 'atlasjax[{library}]'")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    names: dict[str, Any] = {}
    # As a reader has it: the suite alone forbids promotion.
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for block in blocks(page):
            exec(block, names)
            for call, said in re.findall(r"^(.*ax\.layers\(.*\))  # (.+)$", block, re.MULTILINE):
                check(eval(call, names), said)


def check(found: Any, said: str) -> None:
    """Compare what `ax.layers` lists with a page's comment, which may end in an ellipsis."""
    listed = list(found.items()) if isinstance(found, dict) else list(found)
    expected = eval(said.replace(", ...", ""))
    expected = list(expected.items()) if isinstance(expected, dict) else expected
    assert len(expected) > 1
    assert listed[: len(expected)] == expected
    assert "..." in said or len(listed) == len(expected)


@pytest.mark.parametrize("page", ["plain", "linen", "nnx", "equinox", "keras"])
def test_a_page_shows_layers(page: str):
    text = (FOLDER / f"{page}.md").read_text(encoding="utf-8")
    assert len(re.findall(r"ax\.layers\(.*\)  # .", text)) == 1
