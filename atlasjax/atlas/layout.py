"""Layout: activations to places on a map, like beside like."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from atlasjax.atlas.alike import check_finite, distinct, each, in_reach
from atlasjax.atlas.methods import UMAP, Method, is_ours, named
from atlasjax.atlas.neighbors import METRIC
from atlasjax.atlas.rows import Rows, whole
from atlasjax.atlas.settings import MIN_DIST, NEIGHBORS, Settings
from atlasjax.errors import UserError

MANY = 0.1  # of all activations: so many equal ones are said


def layout(
    activations: Float[np.ndarray, "n c"] | Rows,
    *,
    method: str | Method = UMAP,
    n_neighbors: int = NEIGHBORS,
    min_dist: float = MIN_DIST,
    metric: str = METRIC,
    seed: int = 0,
    like: Float[np.ndarray, "n 2"] | None = None,
    note: Callable[[str], Any] = warnings.warn,
) -> Float[np.ndarray, "n 2"]:
    """Lay activations out on the unit square, then clip the outliers.

    By the methods that are named here equal activations lie in one place, and those of one
    dimension on a line, in their order.

    Args:
        activations: one vector a row, at least 3 rows: an array in memory or in a file
            (`numpy.memmap`), or whatever has a `shape` and can be sliced; read in pieces.
        method: "umap", "jax", "cuml", "pacmap", "tsne", or "module:function"; see
            `methods.named`. Or a function of the activations and `seed=` that returns their places,
            in any units.
        n_neighbors: size of the neighbourhoods that are kept together; where there are fewer
            activations, all of them.
        min_dist: least distance between points, in UMAP's own units.
        metric: how activations are compared: "cosine" ignores their length, "euclidean" does not.
        seed: makes the layout reproducible to the bit on one machine.
        like: another map of the same images and positions, such as that of the layer before: the
            layout starts from it and is turned to it, so that what stays alike stays in its place.
        note: called with a line where many activations are equal.

    Returns:
        x to the right and y downwards, in [0, 1].

    Raises:
        UserError: too few activations to lay out, some that are NaN or infinite, or a method that
            is not there or gives no places.

    Source: McInnes et al. 2018; the settings are those of Carter et al. 2019.

    >>> points = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    >>> layout(points, method=lambda points, seed: points[:, :2]).shape
    (40, 2)
    """
    check_rows(activations)
    found = distinct(activations) if is_ours(method) else each(len(activations))
    if found.twins > MANY * len(activations):
        note(alike(found.twins, len(activations)))
    like = None if like is None else like[found.first]
    settings = Settings(n_neighbors, min_dist, metric, seed, 2, like)
    xy = _placed(found.kinds_of(activations), settings, method)
    return normalize(xy if like is None else turned(xy, like))[found.kind]


def alike(equal: int, count: int) -> str:
    """Return what there is to say where many activations are equal.

    >>> alike(570, 600)
    '570 of 600 activations are equal to another, and lie in one place with it'
    """
    return f"{equal} of {count} activations are equal to another, and lie in one place with it"


def place(
    activations: Float[np.ndarray, "n c"] | Rows, settings: Settings, method: str | Method = UMAP
) -> Float[np.ndarray, "n d"]:
    """Lay activations out in the method's own units.

    Args:
        activations: one vector a row, at least 3 rows.
        settings: how; see `Settings`.
        method: as for `layout`.

    Returns:
        One place a row.

    Raises:
        UserError: too few activations, some that are NaN or infinite, or a method that is not
            there or gives no places.
    """
    check_rows(activations)
    found = distinct(activations) if is_ours(method) else each(len(activations))
    like = None if settings.like is None else settings.like[found.first]
    own = settings._replace(like=like)
    return _placed(found.kinds_of(activations), own, method)[found.kind]


def _placed(
    activations: Rows, settings: Settings, method: str | Method
) -> Float[np.ndarray, "n d"]:
    if is_ours(method) and (len(activations) < 3 or activations.shape[1] == 1):
        return _on_a_line(activations, settings.dimensions)
    found = np.asarray(named(method)(in_reach(activations), settings), np.float32)
    expected = (len(activations), settings.dimensions)
    if found.shape != expected:
        raise UserError(f"layout {method}: gave places of shape {found.shape}, not {expected}")
    bad = np.flatnonzero(~np.isfinite(found).all(1))
    if len(bad):
        raise UserError(
            f"layout {method}: gave places that are not finite for {len(bad)} of {len(found)} "
            f"activations, the first of row {bad[0]}"
        )
    return found


def check_rows(activations: Float[np.ndarray, "n c"] | Rows) -> None:
    """Refuse activations of which there is no map: too few, or not all finite."""
    if len(activations) < 3:
        raise UserError(f"{len(activations)} activations cannot be laid out; at least 3 are needed")
    check_finite(activations)


def _on_a_line(activations: Rows, dimensions: int) -> np.ndarray:
    """Lay out what has one dimension, or is but one point or two: nothing need be sought."""
    one = activations.shape[1] == 1
    along = whole(activations)[:, 0] if one else np.arange(len(activations))
    places = np.zeros((len(activations), dimensions), np.float32)
    places[:, 0] = in_reach(along[:, None].astype(np.float64))[:][:, 0]
    return places


def turned(
    xy: Float[np.ndarray, "n 2"], onto: Float[np.ndarray, "n 2"]
) -> Float[np.ndarray, "n 2"]:
    """Move, turn, mirror and scale a map as a whole so that its points lie nearest to another's.

    The least squares of `s xy R + t - onto` over rotations and reflections R, scales s and
    translations t: with `U S V' = (xy - mean)' (onto - mean)`, `R = U V'` and `s = tr S / |xy -
    mean|^2`.

    Args:
        xy: the map to move.
        onto: places of the same points in another map.

    Returns:
        The map, moved.

    Source: Schoenemann 1966, "A generalized solution of the orthogonal Procrustes problem".

    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 2.0]])
    >>> bool(np.allclose(turned(square[:, ::-1] * 3 + 7, square), square))
    True
    """
    centred, target = xy - xy.mean(0), onto - onto.mean(0)
    left, values, right = np.linalg.svd(centred.T @ target)
    extent = (centred**2).sum()
    scale = values.sum() / extent if extent > 0 else 1.0
    return (scale * centred @ (left @ right) + onto.mean(0)).astype(xy.dtype)


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
    return within(xy, *extent(xy, percentiles, margin))


def extent(
    xy: Float[np.ndarray, "n 2"],
    percentiles: tuple[float, float] = (1.0, 99.0),
    margin: float = 0.1,
) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
    """Return the corners of the map that `normalize` makes, in the units of the places."""
    low, high = np.percentile(xy, percentiles, axis=0).astype(xy.dtype)
    reach = (high - low) * margin
    return low - reach, high + reach


def within(
    xy: Float[np.ndarray, "n 2"], low: Float[np.ndarray, "2"], high: Float[np.ndarray, "2"]
) -> Float[np.ndarray, "n 2"]:
    """Scale places so that two corners become (0, 0) and (1, 1), and move what is outside in."""
    wide = high > low
    span = np.where(wide, high - low, 1.0).astype(xy.dtype)
    # What has no extent in a direction lies in its middle.
    return np.where(wide, (np.clip(xy, low, high) - low) / span, xy.dtype.type(0.5))
