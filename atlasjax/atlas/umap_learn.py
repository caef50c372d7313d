"""UMAP by umap-learn, on the CPU."""

import importlib
import threading
import warnings
from typing import Any

import numpy as np
from jaxtyping import Float

from atlasjax.atlas.neighbors import METRICS, Neighbors
from atlasjax.atlas.rows import Rows, take, whole
from atlasjax.atlas.settings import GENTLY, Settings
from atlasjax.storage import caches

# Some of Numba's thread pools end the process when two threads use them at once.
ONE_AT_A_TIME = threading.Lock()


def umap_module() -> Any:
    """Return UMAP's module, whose import takes a second and warns where TensorFlow is absent."""
    caches.provide()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # which is how it should be here
        return importlib.import_module("umap")


def fit(rows: Rows, known: Neighbors, settings: Settings) -> Float[np.ndarray, "n d"]:
    """Lay out with UMAP, starting from the principal components.

    To be given the neighbours spares UMAP its own search, whose compilation takes half a minute in
    every process.

    Args:
        rows: one vector a row, at least 3 rows.
        known: the nearest of each, itself first, and their distances.
        settings: how.

    Returns:
        One place a row.

    Source: McInnes et al. 2018.
    """
    with ONE_AT_A_TIME:
        return _fit(whole(rows), known, settings)[1]


def by_itself(rows: Rows, settings: Settings, most: int) -> Float[np.ndarray, "n d"]:
    """Lay out by a metric of UMAP's own, of which it seeks the neighbours itself.

    Args:
        rows: one vector a row, at least 3 rows.
        settings: how.
        most: rows that are laid out together; the rest is placed among them.

    Returns:
        One place a row.
    """
    chosen = np.random.default_rng(settings.seed).permutation(len(rows))
    first, rest = np.sort(chosen[:most]), np.sort(chosen[most:])
    like = None if settings.like is None else settings.like[first]
    with ONE_AT_A_TIME:
        unknown = (None, None, None)
        fitted, places = _fit(take(rows, first), unknown, settings._replace(like=like))
        xy = np.empty((len(rows), settings.dimensions), np.float32)
        xy[first] = places
        if len(rest):
            xy[rest] = fitted.transform(take(rows, rest))
    return xy


def compile_for(metric: str, count: int, most: int) -> None:
    """Let Numba compile what UMAP will need, by laying out random points.

    Args:
        metric: how points will be compared.
        count: how many there will be.
        most: as for `by_itself`.
    """
    # From 4096 points on UMAP seeks neighbours as it does among millions.
    n = 100 if metric in METRICS else 4200
    points = np.random.default_rng(0).random((n, 8), np.float32)
    model = umap_module().UMAP(metric=metric, n_epochs=11, init="pca", random_state=0, n_jobs=1)
    model.fit(points)
    if count > most and metric not in METRICS:
        model.transform(points[:100])


def _fit(
    rows: np.ndarray, known: tuple[Any, ...], settings: Settings
) -> tuple[Any, Float[np.ndarray, "n d"]]:
    start: Any = "pca" if settings.like is None else settings.like
    gently: Any = {} if settings.like is None else GENTLY
    model = umap_module().UMAP(
        n_neighbors=min(settings.n_neighbors, len(rows) - 1),
        n_components=settings.dimensions,
        min_dist=settings.min_dist,
        metric=settings.metric,
        random_state=settings.seed,
        n_jobs=1,  # what a random_state implies: threads would race
        init=start,
        precomputed_knn=known,
        **gently,
    )
    with warnings.catch_warnings():
        # Silent neurons make zero vectors, whose cosine UMAP defines and warns of; and neighbours
        # that it did not search for let it place no further points, which it also warns of.
        warnings.simplefilter("ignore")
        return model, np.asarray(model.fit_transform(rows), np.float32)
