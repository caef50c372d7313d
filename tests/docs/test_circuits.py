"""The page about circuits: its code runs, and shapes are as it says."""

import re
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from atlasjax import models

PAGE = Path(__file__).resolve().parents[2] / "docs" / "circuits.md"


def test_the_code_runs(monkeypatch: pytest.MonkeyPatch):
    # A network of the same layers that compiles in a tenth of the time; it has as many units of
    # mixed3b as the page asks for where it is wide enough, so the third is another.
    tiny = models.load("inception_v1_tiny")
    monkeypatch.setattr(models, "load", lambda name: tiny)
    text = PAGE.read_text(encoding="utf-8").replace("[3, 40, 100]", "[3, 40, 50]")
    names: dict[str, Any] = {}
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
            exec(block, names)
    assert names["weights"].shape == (3, 32, 5, 5)
    assert names["pixels"].shape == (8, 3, 7, 7)
    assert names["exact"].slope.shape == names["linear"].shape == (3, 32, 5, 5)
    np.testing.assert_allclose(names["linear"], names["weights"], atol=1e-6)  # at any size
    assert names["factors"].share.shape == (2, 32)
    assert names["special"].counts.sum() == 3
    assert names["done"].logits.shape == (2, 4, 10)
