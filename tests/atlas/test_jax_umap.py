"""UMAP in JAX: as true as umap-learn, the same to the bit, by every setting; and many activations.

Few stand for many: what is exact, and what is laid out at once, is bounded lower.
"""

import numpy as np
import pytest

from atlasjax.atlas import many, methods, neighbors
from atlasjax.atlas.layout import layout, place
from atlasjax.atlas.settings import Settings
from atlasjax.errors import UserError
from atlasjax.fidelity.measures import Map, map_quality


def clusters(n: int, c: int = 60) -> np.ndarray:
    """Silent below 0: clusters on a curved sheet."""
    rng = np.random.default_rng(0)
    middle = rng.normal(0, 1.5, (20, 5))
    place = middle[rng.integers(0, 20, n)] + rng.normal(0, 0.7, (n, 5))
    noise = rng.normal(0, 0.3, (n, c))
    return np.maximum(np.sin(place @ rng.normal(0, 0.5, (5, c))) + noise, 0).astype(np.float32)


def quality(values: np.ndarray, xy: np.ndarray) -> Map:
    return map_quality(values, xy, points=2000)


@pytest.fixture
def some(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few hundred be many."""
    monkeypatch.setattr(many, "EXACT_AT_MOST", 100)
    monkeypatch.setattr(many, "FIT_AT_MOST", 800)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ImportWarning")  # which UMAP regrets
@pytest.mark.parametrize("method", ["umap", "jax"])
@pytest.mark.parametrize(("exact", "fit"), [(10_000, 10_000), (100, 10_000), (100, 1_000)])
def test_maps_are_as_true_as_those_of_umap_learn(
    method: str, exact: int, fit: int, monkeypatch: pytest.MonkeyPatch
):
    values = clusters(4000)
    theirs = quality(values, layout(values, n_neighbors=30))
    monkeypatch.setattr(many, "EXACT_AT_MOST", exact)
    monkeypatch.setattr(many, "FIT_AT_MOST", fit)
    ours = quality(values, layout(values, n_neighbors=30, method=method))
    assert theirs.trustworthiness is not None
    assert theirs.continuity is not None
    assert ours.trustworthiness is not None
    assert ours.continuity is not None
    assert ours.trustworthiness > theirs.trustworthiness - 0.01
    assert ours.continuity > theirs.continuity - 0.01


@pytest.mark.parametrize("n", [300, 1000])
@pytest.mark.usefixtures("some")
def test_a_seed_repeats_to_the_bit_and_decides(n: int):
    values = clusters(n)
    xy = layout(values, method="jax", seed=1)
    np.testing.assert_array_equal(xy, layout(values, method="jax", seed=1))
    assert not np.array_equal(xy, layout(values, method="jax", seed=2))


@pytest.mark.parametrize(
    "change",
    [{"n_neighbors": 5}, {"min_dist": 0.5}, {"metric": "euclidean"}, {"seed": 3}],
    ids=lambda change: next(iter(change)),
)
@pytest.mark.parametrize("fit", [400, 200])
def test_every_setting_changes_the_map(change: dict, fit: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(many, "EXACT_AT_MOST", 100)
    monkeypatch.setattr(many, "FIT_AT_MOST", fit)
    plain = Settings(10, 0.05, "cosine", 0)
    values = clusters(400, 8)
    xy, other = (place(values, own, "jax") for own in (plain, plain._replace(**change)))
    assert not np.array_equal(xy, other)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("fit", [300, 200])
def test_it_has_as_many_dimensions_as_are_asked_for(
    dimensions: int, fit: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(many, "EXACT_AT_MOST", 100)
    monkeypatch.setattr(many, "FIT_AT_MOST", fit)
    values = clusters(300)
    found = place(values, Settings(10, 0.05, "cosine", 0, dimensions), "jax")
    assert found.shape == (300, dimensions)
    assert (found.std(0) > 0.1).all()


@pytest.mark.parametrize("n", [300, 1000])
@pytest.mark.usefixtures("some")
def test_a_map_like_another_keeps_its_places(n: int):
    first = clusters(n)
    then = first @ np.random.default_rng(1).normal(size=(60, 60)).astype(np.float32)
    before = layout(first, method="jax", seed=1)
    alone = layout(then, method="jax", seed=2)
    like = layout(then, method="jax", seed=2, like=before)
    apart = [np.linalg.norm(xy - before, axis=1).mean() for xy in (like, alone)]
    assert apart[0] < 0.2  # two random points are .5 apart
    assert apart[0] < apart[1]


@pytest.mark.parametrize("n", [3, 4, 12])
@pytest.mark.parametrize("metric", neighbors.METRICS)
def test_few_activations_are_all_neighbours(n: int, metric: str):
    values = np.random.default_rng(0).normal(size=(n, 8)).astype(np.float32)
    xy = layout(values, method="jax", metric=metric)
    assert xy.shape == (n, 2)
    assert np.isfinite(xy).all()


@pytest.mark.usefixtures("some")
def test_equal_activations_lie_together_also_among_many():
    values = clusters(1200)
    values[1000:] = 0
    notes: list[str] = []
    xy = layout(values, method="jax", note=notes.append)
    assert len(np.unique(xy[1000:], axis=0)) == 1
    assert len(notes) == 1


def test_a_hub_stays_on_the_map():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(500, 200)).astype(np.float32)  # noise, of which the mean is a hub
    values[0] = values[1:].mean(0)
    xy = layout(values, method="jax", metric="euclidean")
    assert np.isfinite(xy).all()


def test_other_metrics_are_named():
    with pytest.raises(UserError, match=r"metric of layout 'jax' 'cosin'.*cosine"):
        layout(clusters(20), method="jax", metric="cosin")


@pytest.mark.parametrize(
    ("count", "metric", "backend", "expected"),
    [
        (50_000, "cosine", "gpu", False),
        (50_001, "cosine", "gpu", True),
        (50_001, "cosine", "tpu", True),
        (50_001, "cosine", "cpu", False),
        (50_001, "chebyshev", "gpu", False),
        (10**6, "euclidean", "gpu", True),
    ],
)
def test_jax_lays_out_many_where_there_is_an_accelerator(
    count: int, metric: str, backend: str, expected: bool, monkeypatch: pytest.MonkeyPatch
):
    assert methods.by_jax(count, metric, backend) == expected
    monkeypatch.setattr(methods.jax, "default_backend", lambda: backend)
    assert methods.by_jax(count, metric) == expected


def test_an_accelerator_lays_out_all_by_the_exact_neighbours(monkeypatch: pytest.MonkeyPatch):
    values = clusters(400)
    expected = layout(values, method="jax")
    monkeypatch.setattr(many, "EXACT_AT_MOST", 100)
    monkeypatch.setattr(many, "FIT_AT_MOST", 200)
    monkeypatch.setattr(methods.jax, "default_backend", lambda: "gpu")
    found = layout(values, method="umap")  # which is then JAX's
    # Its neighbours are those of `on_device`, whose distances have other last bits.
    same = map_quality(expected, found, metric="euclidean")
    assert same.trustworthiness is not None
    assert same.trustworthiness > 0.9
