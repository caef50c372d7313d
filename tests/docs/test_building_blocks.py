"""The page about the building blocks: its code runs, and shapes are as its comments say."""

import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import atlasjax as ax

PAGE = Path(__file__).resolve().parents[2] / "docs" / "building_blocks.md"


def toy(images: Any, tap: Any) -> Any:
    """What the page looks at, in a network that compiles in no time."""
    squares = images.reshape(len(images), 6, 16, 6, 16, 3).mean((2, 4))
    random = np.random.default_rng(0)
    weights = [random.normal(size=size).astype(np.float32) for size in ((3, 264), (264, 28))]
    x = tap("mixed4d", jnp.maximum(squares @ weights[0], 0.0))
    return tap("mixed5a", jnp.maximum(x @ weights[1], 0.0)).mean((1, 2))


def small(images: Any, tap: Any) -> Any:
    """The same for images of any size."""
    side = images.shape[1] // 6 * 6
    resized = jax.image.resize(images[:, :side, :side], (len(images), 96, 96, 3), "nearest")
    return toy(resized, tap)


def test_the_code_of_the_page_runs(monkeypatch: pytest.MonkeyPatch):
    # A network with the same layers, since what the page shows is the same of any.
    monkeypatch.setattr(ax.models, "load", {"inception_v1_scenes": small}.__getitem__)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 6
    found = ax.layers(ax.models.abstract("inception_v1_scenes"), (96, 96, 3))
    assert (found["mixed4d"], found["mixed5a"][:2]) == ((6, 6, 264), (3, 3))
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
