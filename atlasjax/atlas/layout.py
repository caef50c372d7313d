"""Layout: activations to places on a map, like beside like."""

import warnings
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int

from atlasjax.errors import UserError

METRICS = ("cosine", "euclidean", "correlation")
NEIGHBORS, MIN_DIST, METRIC = 50, 0.05, "cosine"  # Carter et al. 2019

EXACT_AT_MOST = 20_000  # points; beyond, comparing all with all takes longer than compiling
FIT_AT_MOST = 200_000  # points; more are placed among these by UMAP's transform
AT_A_TIME = 128  # points whose neighbours are sought together; memory grows with them


def layout(
    activations: Float[np.ndarray, "n c"],
    *,
    n_neighbors: int = NEIGHBORS,
    min_dist: float = MIN_DIST,
    metric: str = METRIC,
    seed: int = 0,
) -> Float[np.ndarray, "n 2"]:
    """Lay activations out on the unit square with UMAP, then clip the outliers.

    Up to `EXACT_AT_MOST` activations UMAP is given their exact neighbours. That is better than its
    own approximate search, and spares compiling it, which takes half a minute in every process.

    Args:
        activations: one vector a row, at least 3 rows.
        n_neighbors: size of the neighbourhoods that are kept together; where there are fewer
            activations, all of them.
        min_dist: least distance between points, in UMAP's own units.
        metric: how activations are compared: "cosine" ignores their length, "euclidean" does not.
        seed: makes the layout reproducible to the bit on one machine.

    Returns:
        x to the right and y downwards, in [0, 1].

    Raises:
        UserError: too few activations to lay out.

    Source: McInnes et al. 2018; the settings are those of Carter et al. 2019.

    >>> points = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    >>> layout(points, n_neighbors=5).shape  # doctest: +SKIP
    (40, 2)
    """
    if len(activations) < 3:
        raise UserError(f"{len(activations)} activations cannot be laid out; at least 3 are needed")
    if len(activations) <= FIT_AT_MOST:
        exact = len(activations) <= EXACT_AT_MOST and metric in METRICS
        return normalize(_umap(activations, n_neighbors, min_dist, metric, seed, exact)[1])
    chosen = np.random.default_rng(seed).permutation(len(activations))
    first, rest = np.sort(chosen[:FIT_AT_MOST]), np.sort(chosen[FIT_AT_MOST:])
    fitted, places = _umap(activations[first], n_neighbors, min_dist, metric, seed)
    xy = np.empty((len(activations), 2), np.float32)
    xy[first], xy[rest] = places, fitted.transform(activations[rest])
    return normalize(xy)


def neighbors(
    activations: Float[np.ndarray, "n c"], k: int, metric: str = METRIC
) -> tuple[Int[np.ndarray, "n k"], Float[np.ndarray, "n k"]]:
    """Find each activation's nearest, by comparing all with all.

    Two zero vectors have a cosine distance of 0, and a zero vector is at 1 from all others; so do
    and are vectors without variation by correlation. That is how UMAP defines it.

    Args:
        activations: one vector a row.
        k: how many to find, itself among them, from 1 to n.
        metric: one of `METRICS`.

    Returns:
        Their rows, the activation itself first and then from near to far; and their distances.

    >>> row, distance = neighbors(np.array([[0.0], [3.0], [1.0]]), 2, "euclidean")
    >>> row.tolist(), distance.tolist()
    ([[0, 2], [1, 2], [2, 0]], [[0.0, 1.0], [0.0, 2.0], [0.0, 1.0]])
    """
    points = as_points(activations, metric)
    square = np.einsum("nc,nc->n", points, points)
    rows, distances = [], []
    for first in range(0, len(points), AT_A_TIME):
        own = np.arange(first, min(first + AT_A_TIME, len(points)))
        score = square - 2 * points[own] @ points.T  # the squared distance, but for a constant
        score[own - first, own] = -np.inf  # itself before its twins
        row = np.argpartition(score, k - 1, axis=1)[:, :k]
        # Of those few the distances are taken from differences, which are exact between twins.
        apart = points[own, None] - points[row]
        squared = np.einsum("nkc,nkc->nk", apart, apart)
        order = np.lexsort((row, np.where(row == own[:, None], -1, squared)))
        rows.append(np.take_along_axis(row, order, 1))
        distances.append(np.take_along_axis(squared, order, 1))
    squared = np.concatenate(distances)
    distance = np.sqrt(squared) if metric == "euclidean" else squared / 2
    return np.concatenate(rows).astype(np.int32), distance


def as_points(activations: Float[np.ndarray, "n c"], metric: str) -> Float32[np.ndarray, "n d"]:
    """Turn activations into points with the same neighbours by Euclidean distance.

    Between points on the unit sphere, one minus the cosine is half the squared distance.
    """
    points = activations.astype(np.float64)
    if metric == "correlation":
        points -= points.mean(1, keepdims=True)
    if metric != "euclidean":
        length = np.linalg.norm(points, axis=1, keepdims=True)
        silent = length == 0
        # Silence is a direction of its own: alike in itself, and across to all others.
        points = np.concatenate([points / np.where(silent, 1.0, length), silent], 1)
    return (points - points.mean(0)).astype(np.float32)  # small numbers lose less in products


def normalize(
    xy: Float[np.ndarray, "n 2"],
    percentiles: tuple[float, float] = (1.0, 99.0),
    margin: float = 0.1,
) -> Float[np.ndarray, "n 2"]:
    """Clip a layout beyond its outliers and scale it to the unit square.

    In each direction the range is that of the percentiles, widened on both sides by `margin` of
    itself; what lies outside is moved to the edge.

    Args:
        xy: places in any units.
        percentiles: the lower and the upper, in 0..100.
        margin: as a share of the range between them.

    Returns:
        Places in [0, 1].

    Source: the published notebook of Carter et al. 2019.

    >>> normalize(np.array([[0.0, 0.0], [1.0, 2.0]]), percentiles=(0.0, 100.0), margin=0.5)
    array([[0.25, 0.25],
           [0.75, 0.75]])
    """
    low, high = np.percentile(xy, percentiles, axis=0).astype(xy.dtype)
    reach = (high - low) * margin
    low, high = low - reach, high + reach
    extent = np.where(high > low, high - low, 1.0).astype(xy.dtype)
    return (np.clip(xy, low, high) - low) / extent


def _umap(
    activations: Float[np.ndarray, "n c"],
    n_neighbors: int,
    min_dist: float,
    metric: str,
    seed: int,
    exact: bool = False,
) -> tuple[Any, Float[np.ndarray, "n 2"]]:
    with warnings.catch_warnings():
        # Importing it warns where TensorFlow is absent, which is how it should be here.
        warnings.simplefilter("ignore")
        import umap
    k = min(n_neighbors, len(activations) - 1)
    model = umap.UMAP(
        n_neighbors=k,
        min_dist=min_dist,
        metric=metric,
        random_state=seed,
        n_jobs=1,  # what a random_state implies: threads would race
        init="pca",
        precomputed_knn=neighbors(activations, k, metric) if exact else (None, None, None),
    )
    with warnings.catch_warnings():
        # Silent neurons make zero vectors, whose cosine UMAP defines and warns of; and neighbours
        # that it did not search for let it place no further points, which it also warns of.
        warnings.simplefilter("ignore")
        return model, np.asarray(model.fit_transform(activations), np.float32)
