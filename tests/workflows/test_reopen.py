"""Reopen: a run's network from its record alone, and what is wrong when it is not there."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atlasjax.atlas.level import Level
from atlasjax.errors import UserError
from atlasjax.page.export import export
from atlasjax.workflows.reopen import reopen


def finished(folder: Path, record: dict[str, Any] | None = None, **experiment: Any) -> Path:
    """Write the least that is a finished run."""
    one, icon = np.array([0]), np.zeros((1, 8, 8, 3), np.uint8)
    level = Level(one, one, one + 9, np.ones((1, 4)), np.ones(1), np.ones((1, 10)), icon)
    made = {"name": "a", "model": "inception_v1_tiny", "layers": ["mixed4a"], **experiment}
    names = [f"class {i}" for i in range(10)]
    export(folder, {("mixed4a", 1): level}, {"experiment": made, **(record or {})}, names)
    return folder


def test_the_folder_is_enough(tmp_path: Path):
    folder = finished(tmp_path, {"weights_sha256": "random-3"}, seed=3, grids=[1])
    found = reopen(folder)
    assert found.run.weights == "inception_v1_tiny:random-3"
    assert found.run.other is None
    assert found.run.config.grids == (1,)
    assert found.run.folder == tmp_path.resolve()
    assert len(found.run.source) == 0
    assert [known.name for known in found.classes][:2] == ["class 0", "class 1"]


def test_a_second_network_comes_with_it(tmp_path: Path):
    found = reopen(finished(tmp_path, other_model="inception_v1_tiny"))
    assert found.run.other is not None
    assert found.run.other.weights == "inception_v1_tiny:random-1"
    assert found.run.names == ("mixed4a", "mixed4a (other)")
    network, layer = found.run.network("mixed4a (other)")
    assert network is found.run.other
    assert layer == "mixed4a"


def test_weights_that_have_moved_are_asked_for(tmp_path: Path):
    folder = finished(tmp_path, weights="/gone/w.safetensors")
    with pytest.raises(UserError, match=r"no weights file '/gone/w.safetensors', .* --weights"):
        reopen(folder)


def test_other_weights_than_the_runs_are_refused(tmp_path: Path):
    folder = finished(tmp_path, {"weights_sha256": "random-8"})
    with pytest.raises(UserError, match="inception_v1_tiny: not the weights that "):
        reopen(folder)


def test_a_record_without_an_experiment_is_refused(tmp_path: Path):
    folder = finished(tmp_path, {"experiment": None})
    with pytest.raises(UserError, match="names no experiment"):
        reopen(folder)
