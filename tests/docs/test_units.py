"""The page about units: its code runs, in a network that compiles in no time."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import atlasjax as ax
from atlasjax.page.units.contents import UnitSite
from atlasjax.workflows import circuit as of_circuit
from atlasjax.workflows import units as of_units
from atlasjax.workflows.networks import find
from atlasjax.workflows.unit_site.icons import Icons
from atlasjax.workflows.unit_site.settings import UnitSettings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "units.md"
TEXT = PAGE.read_text(encoding="utf-8")


def small() -> Any:
    random = np.random.default_rng(0)
    first, second = (random.normal(size=size).astype(np.float32) for size in ((3, 8), (8, 44)))

    def model(images: Any, tap: Any) -> Any:
        x = tap("mixed3a", jax.nn.relu((images[:, ::8, ::8] - 0.5) @ first))
        x = tap("mixed3b", jax.nn.relu((x - 0.3) @ second))
        return tap("logits", x.mean((1, 2))[:, :28])

    return model


def grey(
    work: Any, model: Any, layer: str, units: Any, settings: Any, shape: Any, *, only: bool = False
) -> Icons:
    """Stand in for pictures, whose drawing compiles for minutes."""
    sides, count = (settings.icon, settings.diverse), len(units)
    icon, diverse = (np.zeros((count, 4, side, side, 3), np.uint8) for side in sides)
    return Icons(icon[:, 0]) if only else Icons(icon[:, 0], icon[:, 0], diverse)


def written(folder: Path, site: UnitSite) -> Path:
    return folder / "index.html"


def drawn(site: UnitSite, layer: str, unit: int, *, depth: int, most: int) -> str:
    return "<svg/>"


def test_the_code_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    entry = ax.ModelEntry("small", small, image_size=96)
    monkeypatch.chdir(tmp_path)
    for module in (of_units, of_circuit):
        monkeypatch.setattr(module, "find_network", lambda name: find(entry))
    # The page itself and the diagram have tests of their own.
    monkeypatch.setattr(of_units, "_writer", lambda write: written)
    monkeypatch.setattr(of_circuit, "_drawer", lambda draw: drawn)
    monkeypatch.setattr("atlasjax.workflows.unit_site.shown.icons", grey)
    monkeypatch.setattr(of_circuit, "icons", grey)
    monkeypatch.setattr(of_units, "UnitSettings", partial(UnitSettings, tuning=False))
    names: dict[str, Any] = {}
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
            exec(block, names)
    mixed3b = names["mixed3b"]
    assert mixed3b.number.tolist() == [3, 40]
    assert mixed3b.icon.shape == (2, 80, 80, 3)
    assert mixed3b.diverse.shape == (2, 4, 64, 64, 3)
    assert names["into"].layer == "mixed3a"
    assert names["quick"].site.layers[0].number.tolist() == [3]
    assert names["edge"].target == ("mixed3b", 40)
    assert jnp.isfinite(names["edge"].effect)
