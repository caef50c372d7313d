"""The pages about landscapes and trees: their code runs, and shapes are as they say."""

import re
from pathlib import Path
from typing import Any

import jax
import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


def run(page: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    text = (DOCS / page).read_text(encoding="utf-8")
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
            exec(block, names)
    return names


@pytest.mark.slow
def test_the_code_about_landscapes_runs():
    assert run("landscape.md")["found"].loss.shape == (3, 2)


@pytest.mark.slow
def test_the_code_about_trees_runs():
    names = run("trees.md")
    assert names["tree"].leaves >= 2
    assert names["made"].path_length[-1] < names["made"].path_length[0]


@pytest.mark.parametrize("page", ["landscape.md", "trees.md"])
def test_pictures_are_there(page: str):
    for path in re.findall(r"\]\((pictures/[^)]+)\)", (DOCS / page).read_text(encoding="utf-8")):
        assert (DOCS / path).is_file()
