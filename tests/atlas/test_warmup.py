"""Warming up: what is laid out afterwards compiles nothing more, however many points there are."""

import numpy as np
import pytest

from atlasjax.atlas import methods, warmup
from atlasjax.atlas.methods import ONE_AT_A_TIME, Settings
from atlasjax.atlas.warmup import warm_up


@pytest.mark.parametrize(
    ("exact", "fit"),
    [
        (10_000, 20_000),
        pytest.param(100, 20_000, marks=pytest.mark.slow),  # Numba compiles for a minute
        pytest.param(100, 4_200, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("dimensions", [1, 2])
def test_a_layout_compiles_nothing_more(
    exact: int, fit: int, dimensions: int, monkeypatch: pytest.MonkeyPatch
):
    from numba.core import event

    monkeypatch.setattr(methods, "EXACT_AT_MOST", exact)
    for module in (methods, warmup):
        monkeypatch.setattr(module, "FIT_AT_MOST", fit)
    thread = warm_up(4_300, ["cosine"])
    assert thread is not None
    thread.join()
    points = np.random.default_rng(1).normal(size=(4_300, 6)).astype(np.float32)
    with event.install_recorder("numba:compile") as recorder:
        methods.umap(points, Settings(8, 0.1, "cosine", 0, dimensions))
    assert [happened for _, happened in recorder.buffer if happened.is_start] == []


def test_nothing_is_compiled_beside_a_layout():
    with ONE_AT_A_TIME:
        assert warm_up(10, ["cosine"]) is None
    thread = warm_up(10, ["cosine"])
    assert thread is not None
    thread.join()
    assert not ONE_AT_A_TIME.locked()
