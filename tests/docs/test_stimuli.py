"""The page about stimuli: its code runs, shapes are as its comments say, its table is complete."""

import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import atlasjax as ax
from atlasjax.circuits import stimuli

PAGE = Path(__file__).resolve().parents[2] / "docs" / "stimuli.md"
TEXT = PAGE.read_text(encoding="utf-8")


def toy(images: Any, tap: Any) -> Any:
    """What the page looks at, in a network that compiles in no time."""
    rows, columns = images.shape[1] // 8, images.shape[2] // 8
    squares = images.reshape(len(images), rows, 8, columns, 8, 3)[:, :, ::2, :, ::2]
    weights = np.random.default_rng(0).normal(size=(4, 4, 3, 240)).astype(np.float32)
    x = jnp.einsum("bryckd,ykdu->brcu", squares - 0.5, weights)
    x = tap("mixed3b", jnp.maximum(x, 0.0))
    return x.mean((1, 2))[:, :28]


def test_the_code_of_the_page_runs(monkeypatch: pytest.MonkeyPatch):
    shapes = ax.layers(ax.models.abstract("inception_v1_scenes"), (96, 96, 3))
    assert shapes["mixed3b"][-1] == 240
    monkeypatch.setattr(ax.models, "load", {"inception_v1_scenes": toy}.__getitem__)
    names: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 7
    # As a reader has it: the suite alone forbids promotion.
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for block in blocks:
            exec(block, names)
    assert names["curve"].shape == (24, 240)
    assert names["chart"].shape == (24, 3, 240)
    assert names["units"].top.patch.shape == (240, 4, 64, 64, 3)
    assert names["usual"][0.5].patch.shape == (240, 3, 64, 64, 3)
    assert eval("circuits.iou(dissected).shape", names) == (20, 28, 240)
    assert set(names["curves"].units) <= set(names["looser"].units)


def test_the_table_is_of_the_stimuli_there_are():
    rows = re.findall(r"^\| (`.*?`) \|", TEXT, re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert listed == set(stimuli.__all__)
