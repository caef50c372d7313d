"""Layout: activations to places on a map, like beside like."""

import warnings
from typing import Any

import numpy as np
from jaxtyping import Float

from atlasjax.errors import UserError

FIT_AT_MOST = 200_000  # points; more are placed among these by UMAP's transform


def layout(
    activations: Float[np.ndarray, "n c"],
    *,
    n_neighbors: int = 50,
    min_dist: float = 0.05,
    metric: str = "cosine",
    seed: int = 0,
) -> Float[np.ndarray, "n 2"]:
    """Lay activations out on the unit square with UMAP, then clip the outliers.

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
        return normalize(_umap(activations, n_neighbors, min_dist, metric, seed)[1])
    chosen = np.random.default_rng(seed).permutation(len(activations))
    first, rest = np.sort(chosen[:FIT_AT_MOST]), np.sort(chosen[FIT_AT_MOST:])
    fitted, places = _umap(activations[first], n_neighbors, min_dist, metric, seed)
    xy = np.empty((len(activations), 2), np.float32)
    xy[first], xy[rest] = places, fitted.transform(activations[rest])
    return normalize(xy)


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
) -> tuple[Any, Float[np.ndarray, "n 2"]]:
    with warnings.catch_warnings():
        # Importing it warns where TensorFlow is absent, which is how it should be here.
        warnings.simplefilter("ignore")
        import umap
    model = umap.UMAP(
        n_neighbors=min(n_neighbors, len(activations) - 1),
        min_dist=min_dist,
        metric=metric,
        random_state=seed,
        n_jobs=1,  # what a random_state implies: threads would race
        init="pca",
    )
    with warnings.catch_warnings():
        # Silent neurons make zero vectors, whose cosine UMAP defines and warns of.
        warnings.simplefilter("ignore")
        return model, np.asarray(model.fit_transform(activations), np.float32)
