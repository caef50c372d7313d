"""The page about saliency: its code runs, and its table is of the methods there are."""

import re
from pathlib import Path
from typing import Any

import jax
import pytest

from atlasjax import models
from atlasjax.data import scenes
from atlasjax.saliency import METHODS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "saliency.md"
TEXT = PAGE.read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \|.*\| (yes|no) \| .* \| (.+) \|$", TEXT, re.MULTILINE)


def test_the_code_runs(monkeypatch: pytest.MonkeyPatch):
    # A network of the same layers that compiles in a tenth of the time.
    tiny = models.load("inception_v1_tiny")
    monkeypatch.setattr(models, "load", lambda name: tiny)
    monkeypatch.setattr(scenes, "CLASSES", ("wok", "frying pan", *"cdefghij"))  # as it has
    names: dict[str, Any] = {}
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
            exec(block, names)
    assert set(names["maps"]) == {"occlusion"}
    assert names["found"].maps.shape == (1, 96, 96)


def test_the_table_is_of_the_methods_there_are():
    assert [name for name, *_ in ROWS] == list(METHODS)
    for name, signed, source in ROWS:
        assert (signed == "yes") == METHODS[name].signed
        assert source.split()[0] in METHODS[name].citation
