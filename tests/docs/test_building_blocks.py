"""The page about the building blocks: its code runs, and shapes are as its comments say."""

import re
from pathlib import Path
from typing import Any

import jax
import numpy as np

PAGE = Path(__file__).resolve().parents[2] / "docs" / "building_blocks.md"


def test_the_code_of_the_page_runs():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 6
    names: dict[str, Any] = {}
    # As a reader has it: the suite alone forbids promotion.
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for block in blocks:
            exec(block, names)
    found, groups, grid = names["found"], names["groups"], names["grid"]
    positions = found.activation.shape[1:3]
    assert found.gradient.shape[:2] == (1, 2)
    assert groups.map.shape == (1, *positions, 6)
    assert grid.norm.shape == positions
    assert grid.image.dtype == np.uint8
    assert len(names["words"].channels) == 4
    assert len(names["made"].images) == 2
    sizes = eval("blocks.completeness(found)", names)
    assert float(sizes.max()) < 0.01  # a path adds up
