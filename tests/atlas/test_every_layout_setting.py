"""Every setting of a layout reaches the method that lays out; a new one without a row fails.

The methods are stand-ins that note what they are asked for.
"""

import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from atlasjax.atlas import jax_umap, many, methods, umap_learn
from atlasjax.atlas.comparison import comparison
from atlasjax.atlas.layout import layout, normalize, place
from atlasjax.atlas.settings import GENTLY, Settings

N = 40
POINTS = np.random.default_rng(0).normal(size=(N, 6)).astype(np.float32)
BEFORE = np.random.default_rng(1).random((N, 2)).astype(np.float32)


class Asked(list[dict[str, Any]]):
    """What the methods were asked for, one after another."""


def stand_in(asked: Asked, places: Callable[[int, int], np.ndarray]) -> type:
    """Return a class like UMAP, PaCMAP and t-SNE, which gives the places it is told to give."""

    class Method:
        def __init__(self, **options: Any):
            self.dimensions = options.get("n_components", 2)
            asked.append(options)

        def fit_transform(self, points: np.ndarray, **options: Any) -> np.ndarray:
            asked[-1].update(options, points=points)
            return places(len(points), self.dimensions)

        fit = fit_transform

        def transform(self, points: np.ndarray) -> np.ndarray:
            return -places(len(points), self.dimensions)

    return Method


def scattered(n: int, dimensions: int) -> np.ndarray:
    return np.random.default_rng(2).random((n, dimensions))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    seen = Asked()
    method = stand_in(seen, scattered)
    there = SimpleNamespace(
        UMAP=method,
        PaCMAP=method,
        TSNE=method,
        initialization=SimpleNamespace(rescale=lambda places: places),
    )
    monkeypatch.setattr(umap_learn, "umap_module", lambda: there)
    monkeypatch.setattr(methods, "_optional", lambda extra: there)
    monkeypatch.setattr(methods.importlib.util, "find_spec", lambda name: True)
    return seen


@pytest.fixture(params=["all at once", "the rest among some"])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Lay all out at once, or some and the rest among them; return the rows that are laid out."""
    if request.param == "all at once":
        return np.arange(N)
    monkeypatch.setattr(many, "EXACT_AT_MOST", 20)
    monkeypatch.setattr(many, "FIT_AT_MOST", 30)
    return np.sort(np.random.default_rng(0).permutation(N)[:30])


PLAIN: dict[str, Any] = {
    "n_neighbors": 9,
    "min_dist": 0.05,
    "metric": "cosine",
    "seed": 0,
    "like": None,
}


def settings(**changes: Any) -> Settings:
    return Settings(**{**PLAIN, **changes})


# For each setting another value, and what UMAP is told before and after.
ROWS: dict[str, tuple[Any, str, Any, Any]] = {
    "n_neighbors": (5, "n_neighbors", 9, 5),
    "min_dist": (0.3, "min_dist", 0.05, 0.3),
    "metric": ("euclidean", "metric", "cosine", "euclidean"),
    "seed": (3, "random_state", 0, 3),
    "dimensions": (1, "n_components", 2, 1),
}
ELSEWHERE = {"like", "method", "note"}  # below; test_methods.py; test_layout.py


def test_every_setting_has_a_row():
    given = set(inspect.signature(layout).parameters) - {"activations"}
    assert given - ELSEWHERE == set(ROWS) - {"dimensions"}
    assert set(Settings._fields) - ELSEWHERE == set(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_every_setting_reaches_umap_and_changes_nothing_else(
    name: str, asked: Asked, few: np.ndarray
):
    value, told, before, after = ROWS[name]
    plain = settings()
    place(POINTS, plain)
    place(POINTS, plain._replace(**{name: value}))
    one, two = asked
    assert (one[told], two[told]) == (before, after)
    for _, other, same, _ in ROWS.values():
        if other != told:
            assert one[other] == two[other] == same
    if name != "seed":  # by which some are chosen
        np.testing.assert_array_equal(one["points"], POINTS[few])
    assert len(two["points"]) == len(few)


@pytest.mark.parametrize("name", sorted(set(ROWS) - {"dimensions"}))
def test_a_layout_hands_its_settings_on(name: str, asked: Asked):
    value, told, before, after = ROWS[name]
    layout(POINTS, **PLAIN)
    layout(POINTS, **{**PLAIN, name: value})
    assert [one[told] for one in asked] == [before, after]


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "correlation"])
def test_the_neighbours_that_umap_is_given_are_those_of_the_metric(metric: str, asked: Asked):
    place(POINTS, settings(metric=metric))
    row, distance = asked[0]["precomputed_knn"]
    centred = POINTS - POINTS.mean(1, keepdims=True) if metric == "correlation" else POINTS
    apart = np.linalg.norm(POINTS[:, None] - POINTS[None], axis=-1)
    if metric != "euclidean":
        unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
        apart = 1 - unit @ unit.T
    np.testing.assert_array_equal(row, np.argsort(apart, axis=1)[:, :9])
    np.testing.assert_allclose(distance, np.sort(apart, axis=1)[:, :9], atol=1e-5)  # float32


def test_some_are_fitted_by_the_seed_and_the_rest_placed_among_them(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(many, "EXACT_AT_MOST", 20)
    monkeypatch.setattr(many, "FIT_AT_MOST", 30)
    monkeypatch.setattr(jax_umap, "refine", lambda places, known, settings: places)
    found = place(POINTS, settings())
    fitted = (POINTS[:, None] == asked[0]["points"][None]).all(2).any(1)
    assert fitted.sum() == 30
    np.testing.assert_allclose(found[fitted], scattered(30, 2), rtol=1e-6)  # kept in float32
    unit = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)
    for own, xy in zip(unit[~fitted], found[~fitted], strict=True):
        near = np.argsort(-unit[fitted] @ own)[:9]  # within whose box it lies
        assert (xy >= scattered(30, 2)[near].min(0)).all()
        assert (xy <= scattered(30, 2)[near].max(0)).all()
    place(POINTS, settings(seed=1))
    assert not np.array_equal(asked[1]["points"], asked[0]["points"])


def test_by_a_metric_of_its_own_umap_seeks_and_places_itself(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(many, "FIT_AT_MOST", 30)
    found = place(POINTS, settings(metric="chebyshev"))
    fitted = (POINTS[:, None] == asked[0]["points"][None]).all(2).any(1)
    assert fitted.sum() == 30
    np.testing.assert_allclose(found[~fitted], -scattered(10, 2), rtol=1e-6)  # its transform
    assert asked[0]["precomputed_knn"] == (None, None, None)  # with which it could not place them


def test_a_map_like_another_starts_from_it_and_goes_gently(asked: Asked, few: np.ndarray):
    place(POINTS, settings())
    place(POINTS, settings(like=BEFORE))
    alone, like = asked
    assert alone["init"] == "pca"
    assert not set(GENTLY) & set(alone)
    np.testing.assert_array_equal(like["init"], BEFORE[few])
    assert {name: like[name] for name in GENTLY} == GENTLY
    np.testing.assert_array_equal(like["points"], POINTS[few])


def test_a_map_is_turned_onto_the_one_that_it_is_like():
    angle = 2.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    # What a method gives is the map before, mirrored, turned, larger and elsewhere.
    moved = 5 * BEFORE[:, ::-1] @ turn + 3

    def own(points: np.ndarray, *, seed: int) -> np.ndarray:
        return moved

    same = layout(POINTS, method=own, like=BEFORE)
    np.testing.assert_allclose(same, normalize(BEFORE), atol=1e-5)  # float32
    alone = layout(POINTS, method=own)
    np.testing.assert_allclose(alone, normalize(moved.astype(np.float32)), atol=1e-5)
    assert np.abs(alone - same).max() > 0.5


def length(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points, axis=1)


# Of each of the others: what it calls a setting, with what it is told of 9 neighbours and of 6.
OTHERS: dict[str, dict[str, tuple[str, Any, Any]]] = {
    "cuml": {
        "n_neighbors": ("n_neighbors", 9, 6),
        "min_dist": ("min_dist", 0.05, 0.3),
        "seed": ("random_state", 0, 3),
    },
    "pacmap": {"n_neighbors": ("n_neighbors", 9, 6), "seed": ("random_state", 0, 3)},
    "tsne": {"n_neighbors": ("perplexity", 3, 2), "seed": ("random_state", 0, 3)},
}


@pytest.mark.parametrize("method", OTHERS)
def test_settings_reach_the_other_methods(method: str, asked: Asked):
    assert set(OTHERS) == set(methods.METHODS) - {"umap", "jax"}  # of which: test_jax_umap.py
    other: dict[str, Any] = {"n_neighbors": 6, "min_dist": 0.3, "metric": "euclidean", "seed": 3}
    place(POINTS, settings(), method)
    place(POINTS, settings(**other), method)
    for told, before, after in OTHERS[method].values():
        assert [one[told] for one in asked] == [before, after]
    by_angle, by_distance = (length(one["points"]) for one in asked)
    # On a sphere about their mean, of which nothing is left of their lengths; or as they are.
    np.testing.assert_allclose(by_distance, length(POINTS - POINTS.mean(0)), rtol=1e-5)
    assert by_angle.max() < 2


@pytest.mark.parametrize(("method", "told"), [("pacmap", "init"), ("tsne", "initialization")])
def test_the_other_methods_start_from_the_map_before(method: str, told: str, asked: Asked):
    place(POINTS, settings(), method)
    place(POINTS, settings(like=BEFORE), method)
    assert asked[0][told] == "pca"
    np.testing.assert_allclose(asked[1][told], BEFORE)


# Comparisons --------------------------------------------------------------------------------------

EFFECT = np.random.default_rng(3).normal(size=(N, 3)).astype(np.float32)


@pytest.mark.parametrize("name", ["n_neighbors", "min_dist", "metric", "seed"])
def test_a_comparison_hands_its_settings_on(name: str, asked: Asked):
    given = set(inspect.signature(comparison).parameters)
    apart = {"activations", "attribution", "source", "target", "vertical", "scale"}
    assert given - apart == set(ROWS) - {"dimensions"}
    plain = {n: v for n, v in PLAIN.items() if n != "like"}
    value, told, before, after = ROWS[name]
    comparison(POINTS, EFFECT, 0, 2, **plain)
    comparison(POINTS, EFFECT, 0, 2, **{**plain, name: value})
    assert [one[told] for one in asked] == [before, after]
    assert [one["n_components"] for one in asked] == [1, 1]


def test_across_lies_the_difference_and_down_the_line(asked: Asked):
    xy = comparison(POINTS, EFFECT, 0, 2, scale="linear")
    expected = np.stack([EFFECT[:, 2] - EFFECT[:, 0], scattered(N, 1)[:, 0]], -1)
    np.testing.assert_allclose(xy, normalize(expected.astype(np.float32)), atol=1e-5)


def test_down_lies_the_principal_axis_of_the_directions_the_first():
    # Directions in a plane, within 40 degrees of an axis: they vary most across it. Lengths do not
    # count, nor does the third axis, along which there is hardly anything.
    rng = np.random.default_rng(0)
    angle = rng.uniform(-0.7, 0.7, N)
    flat = np.stack([np.cos(angle), np.sin(angle), 0.01 * rng.normal(size=N)], -1)
    values = (flat * rng.uniform(0.5, 5, (N, 1))).astype(np.float32)
    y = comparison(values, EFFECT, 0, 1, vertical="principal")[:, 1]
    assert abs(np.corrcoef(y, np.sin(angle))[0, 1]) > 0.99
