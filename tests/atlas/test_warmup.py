"""Warming up: what is laid out afterwards compiles nothing more, however many points there are."""

import numpy as np
import pytest

from atlasjax.atlas import many, methods
from atlasjax.atlas.settings import Settings
from atlasjax.atlas.umap_learn import ONE_AT_A_TIME
from atlasjax.atlas.warmup import warm_up


@pytest.mark.parametrize(
    ("metric", "exact", "fit"),
    [
        ("cosine", 10_000, 20_000),
        ("cosine", 100, 20_000),
        ("cosine", 100, 4_200),
        pytest.param("chebyshev", 100, 20_000, marks=pytest.mark.slow),  # compiled for a minute
        pytest.param("chebyshev", 100, 4_200, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("dimensions", [1, 2])
def test_a_layout_compiles_nothing_more(
    metric: str, exact: int, fit: int, dimensions: int, monkeypatch: pytest.MonkeyPatch
):
    from numba.core import event

    monkeypatch.setattr(many, "EXACT_AT_MOST", exact)
    monkeypatch.setattr(many, "FIT_AT_MOST", fit)
    thread = warm_up(4_300, [metric])
    assert thread is not None
    thread.join()
    points = np.random.default_rng(1).normal(size=(4_300, 6)).astype(np.float32)
    with event.install_recorder("numba:compile") as recorder:
        methods.umap(points, Settings(8, 0.1, metric, 0, dimensions))
    begun = [str(one.data["dispatcher"]) for _, one in recorder.buffer if one.is_start]
    # Placing further points takes functions that pynndescent makes anew for every index.
    made_anew = [name for name in begun if "NNDescent._init_search_function.<locals>" in name]
    assert [name for name in begun if name not in made_anew] == []
    assert not made_anew or (metric == "chebyshev" and fit < len(points))


def test_nothing_is_compiled_that_jax_will_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(methods.jax, "default_backend", lambda: "gpu")
    assert warm_up(100_000, ["cosine", "euclidean"]) is None
    assert not ONE_AT_A_TIME.locked()


def test_nothing_is_compiled_beside_a_layout():
    with ONE_AT_A_TIME:
        assert warm_up(10, ["cosine"]) is None
    thread = warm_up(10, ["cosine"])
    assert thread is not None
    thread.join()
    assert not ONE_AT_A_TIME.locked()
