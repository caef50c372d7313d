"""Neighbours: which activations are nearest to which, exactly."""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Float64, Int

from atlasjax.atlas.rows import Rows, pieces

METRICS = ("cosine", "euclidean", "correlation")
METRIC = "cosine"  # Carter et al. 2019

AT_A_TIME = 128  # points whose neighbours are sought together; memory grows with them
PAIRS = 2**28  # compared at a time on an accelerator: 1 GiB, and as much again
SPARE = 8  # more are looked at than are asked for, as the products that rank them are rounded
FOLD = 16  # so many columns become one where the largest of many are sought
FEW = 4096  # columns, which are sorted as they are

Neighbors = tuple[Int[np.ndarray, "n k"], Float32[np.ndarray, "n k"]]  # rows, and distances
_Found = tuple[Int[np.ndarray, "n m"], Float32[np.ndarray, "n m"]]  # and squared distances


class Space(NamedTuple):
    """Where activations are points with the same neighbours by Euclidean distance.

    Attributes:
        metric: one of `METRICS`.
        centre: what is taken from all points, so that they lie about 0.
    """

    metric: str
    centre: Float64[np.ndarray, " d"]

    def points(self, rows: Float[np.ndarray, "m c"]) -> Float32[np.ndarray, "m d"]:
        """Return the point of each activation."""
        return (directions(rows, self.metric) - self.centre).astype(np.float32)


def space_of(rows: Float[np.ndarray, "n c"] | Rows, metric: str) -> Space:
    """Return the space of a metric, about the mean of the activations.

    Args:
        rows: activations, one a row.
        metric: one of `METRICS`.
    """
    sums = [directions(piece, metric).sum(0) for _, piece in pieces(rows)]
    return Space(metric, np.sum(sums, 0) / len(rows))


def directions(rows: Float[np.ndarray, "m c"], metric: str) -> Float64[np.ndarray, "m d"]:
    """Return what is compared: the activations, or where angles are, their directions.

    Between points on the unit sphere, one minus the cosine is half the squared distance.

    Args:
        rows: activations, one a row.
        metric: one of `METRICS`.
    """
    points = rows.astype(np.float64)
    if metric == "correlation":
        points -= points.mean(1, keepdims=True)
    if metric == "euclidean":
        return points
    length = np.linalg.norm(points, axis=1, keepdims=True)
    silent = length == 0
    # Silence is a direction of its own: alike in itself, and across to all others.
    return np.concatenate([points / np.where(silent, 1.0, length), silent], 1)


def as_points(
    activations: Float[np.ndarray, "n c"] | Rows, metric: str
) -> Float32[np.ndarray, "n d"]:
    """Turn activations into points with the same neighbours by Euclidean distance.

    Args:
        activations: one vector a row.
        metric: one of `METRICS`.

    Returns:
        One point a row, about their mean; of one dimension more where the metric is an angle.

    >>> as_points(np.array([[1.0, 0.0], [0.0, 5.0]]), "cosine").tolist()
    [[0.5, -0.5, 0.0], [-0.5, 0.5, 0.0]]
    """
    return _all_points(activations, space_of(activations, metric))


def _all_points(rows: Rows, space: Space) -> Float32[np.ndarray, "n d"]:
    points = np.empty((len(rows), len(space.centre)), np.float32)
    for part, piece in pieces(rows):
        points[part] = space.points(piece)
    return points


def neighbors(
    activations: Float[np.ndarray, "n c"] | Rows, k: int, metric: str = METRIC
) -> Neighbors:
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
    space = space_of(activations, metric)
    if jax.default_backend() == "cpu":
        found = on_host(_all_points(activations, space), k)
    else:
        parts = [jax.device_put(space.points(piece)) for _, piece in pieces(activations)]
        found = on_device(jnp.concatenate(parts), k)
    row, distance = in_order(*found, metric)
    # Numba, which UMAP is compiled by, takes whole arrays only.
    return np.ascontiguousarray(row[:, :k]), np.ascontiguousarray(distance[:, :k])


def in_order(
    row: Int[np.ndarray, "n k"],
    squared: Float32[np.ndarray, "n k"],
    metric: str,
    own: Int[np.ndarray, " n"] | None = None,
) -> Neighbors:
    """Bring neighbours into their order, each point itself first, with distances of the metric.

    Args:
        row: the neighbours.
        squared: their squared distances, as points.
        metric: one of `METRICS`.
        own: the rows of the points themselves; all of them by default.
    """
    own = np.arange(len(row)) if own is None else own
    order = np.lexsort((row, np.where(row == own[:, None], -1, squared)))
    row, squared = (np.take_along_axis(found, order, 1) for found in (row, squared))
    return row.astype(np.int32), as_distance(squared, metric)


def as_distance(squared: Float32[np.ndarray, "n k"], metric: str) -> Float32[np.ndarray, "n k"]:
    """Turn squared distances between points into distances of the metric."""
    return np.sqrt(squared) if metric == "euclidean" else squared / 2


def on_host(points: Float32[np.ndarray, "n d"], k: int) -> _Found:
    """Find each point's nearest and a few more, in no order, and their squared distances."""
    square = np.einsum("nc,nc->n", points, points)
    k = min(k + SPARE, len(points))
    found = []
    for first in range(0, len(points), AT_A_TIME):
        own = np.arange(first, min(first + AT_A_TIME, len(points)))
        score = 2 * points[own] @ points.T - square  # the squared distance, but for sign and a sum
        score[own - first, own] = np.inf  # itself before its twins
        row = _largest_on_host(score, k)
        # Of those few the distances are taken from differences, which are exact between twins.
        apart = points[own, None] - points[row]
        found.append((row, np.einsum("nkc,nkc->nk", apart, apart)))
    row, squared = (np.concatenate(part) for part in zip(*found, strict=True))
    return row, squared


def _largest_on_host(score: Float32[np.ndarray, "m n"], k: int) -> Int[np.ndarray, "m k"]:
    """Return the columns of each row's largest, as `_largest` does, but in no order."""
    n = score.shape[1]
    length = n // FOLD
    if n <= max(FEW, 2 * FOLD * k):
        return np.argpartition(score, n - k, axis=1)[:, n - k :]
    folded = score[:, : length * FOLD].reshape(len(score), FOLD, length).max(1)
    best = _largest_on_host(folded, k)
    column = (best[:, None] + length * np.arange(FOLD)[:, None]).reshape(len(score), -1)
    left = np.broadcast_to(np.arange(length * FOLD, n), (len(score), n - length * FOLD))
    column = np.concatenate([column, left], 1)
    held = np.take_along_axis(score, column, 1)
    at = np.argpartition(held, held.shape[1] - k, axis=1)[:, held.shape[1] - k :]
    return np.take_along_axis(column, at, 1)


def on_device(points: Float32[np.ndarray | jax.Array, "n d"], k: int) -> _Found:
    """Find what `on_host` finds with JAX, on whatever device it has."""
    n = len(points)
    size = max(min(PAIRS // n, n), 1)
    size -= size % 128 if size > 128 else 0  # of which matrix units make whole tiles
    there, k = jnp.asarray(points), min(k + SPARE, n)
    square = jnp.square(there).sum(1)
    # The last group begins again at the first point, so that there is one program for all.
    groups = [(start + np.arange(size)) % n for start in range(0, n, size)]
    found = jax.device_get([_nearest(there, square, np.int32(group), k) for group in groups])
    row, squared = (np.concatenate(part)[:n] for part in zip(*found, strict=True))
    return row, squared


@functools.partial(jax.jit, static_argnums=3)
def _nearest(
    points: Float[Array, "n d"], square: Float[Array, " n"], own: Int[Array, " m"], k: int
) -> tuple[Int[Array, "m k"], Float[Array, "m k"]]:
    exact = jax.lax.Precision.HIGHEST  # which GPUs round to 10 bits otherwise
    score = 2 * jnp.matmul(points[own], points.T, precision=exact) - square[None]
    score = score.at[jnp.arange(len(own)), own].set(jnp.inf)
    row = _largest(score, k)
    apart = points[own][:, None] - points[row]
    return row, jnp.square(apart).sum(-1)


def _largest(score: Float[Array, "m n"], k: int) -> Int[Array, "m k"]:
    """Return the columns of the k largest of each row.

    To sort all columns takes longer than to compute them. So they are folded, and of each
    position of the fold only the largest is looked at: the k largest lie in the k positions that
    have the largest such. A TPU has a unit for that.
    """
    if jax.default_backend() == "tpu":
        return jax.lax.approx_max_k(score, k, recall_target=0.99)[1]
    m, n = score.shape
    if n <= max(FEW, 2 * FOLD * k):
        return jax.lax.top_k(score, k)[1]
    length = math.ceil(n / FOLD)
    padded = jnp.pad(score, ((0, 0), (0, length * FOLD - n)), constant_values=-jnp.inf)
    best = _largest(padded.reshape(m, FOLD, length).max(1), k)
    column = (best[:, None] + length * jnp.arange(FOLD)[None, :, None]).reshape(m, -1)
    at = jax.lax.top_k(jnp.take_along_axis(padded, column, 1), k)[1]
    return jnp.take_along_axis(column, at, 1)
