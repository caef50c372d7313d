"""Neighbours: which activations are nearest to which, exactly."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Int

METRICS = ("cosine", "euclidean", "correlation")
METRIC = "cosine"  # Carter et al. 2019

AT_A_TIME = 128  # points whose neighbours are sought together; memory grows with them
PAIRS = 2**27  # compared at a time on an accelerator, which sorts them: 2 GiB or so


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
    seek = on_host if jax.default_backend() == "cpu" else on_device
    row, squared = seek(points, k)
    itself = row == np.arange(len(points))[:, None]
    order = np.lexsort((row, np.where(itself, -1, squared)))
    row, squared = (np.take_along_axis(found, order, 1) for found in (row, squared))
    return row.astype(np.int32), np.sqrt(squared) if metric == "euclidean" else squared / 2


_Found = tuple[Int[np.ndarray, "n k"], Float32[np.ndarray, "n k"]]


def on_host(points: Float32[np.ndarray, "n d"], k: int) -> _Found:
    """Find each point's nearest, in no order, and their squared distances, with NumPy."""
    square = np.einsum("nc,nc->n", points, points)
    rows, distances = [], []
    for first in range(0, len(points), AT_A_TIME):
        own = np.arange(first, min(first + AT_A_TIME, len(points)))
        score = square - 2 * points[own] @ points.T  # the squared distance, but for a constant
        score[own - first, own] = -np.inf  # itself before its twins
        row = np.argpartition(score, k - 1, axis=1)[:, :k]
        # Of those few the distances are taken from differences, which are exact between twins.
        apart = points[own, None] - points[row]
        rows.append(row)
        distances.append(np.einsum("nkc,nkc->nk", apart, apart))
    return np.concatenate(rows), np.concatenate(distances)


def on_device(points: Float32[np.ndarray, "n d"], k: int) -> _Found:
    """Find what `on_host` finds with JAX, which on an accelerator takes seconds for 100,000."""
    n = len(points)
    size = max(min(PAIRS // n, n), 1)
    starts = np.arange(0, n, size)
    there = jax.device_put(points)
    # The last group begins again at the first point, so that there is one program for all.
    groups = [jnp.asarray((start + np.arange(size)) % n) for start in starts]
    found = jax.device_get([_nearest(there, group, k) for group in groups])
    row, squared = (np.concatenate(part)[:n] for part in zip(*found, strict=True))
    return row, squared


@functools.partial(jax.jit, static_argnums=2)
def _nearest(
    points: Float[Array, "n d"], own: Int[Array, " m"], k: int
) -> tuple[Int[Array, "m k"], Float[Array, "m k"]]:
    exact = jax.lax.Precision.HIGHEST  # which GPUs round to 10 bits otherwise
    square = jnp.einsum("nc,nc->n", points, points, precision=exact)
    score = 2 * jnp.matmul(points[own], points.T, precision=exact) - square[None]
    score = score.at[jnp.arange(len(own)), own].set(jnp.inf)
    row = jax.lax.top_k(score, k)[1]
    apart = points[own][:, None] - points[row]
    return row, jnp.square(apart).sum(-1)


def as_points(activations: Float[np.ndarray, "n c"], metric: str) -> Float32[np.ndarray, "n d"]:
    """Turn activations into points with the same neighbours by Euclidean distance.

    Between points on the unit sphere, one minus the cosine is half the squared distance.

    Args:
        activations: one vector a row.
        metric: one of `METRICS`.

    Returns:
        One point a row, about their mean; of one dimension more where the metric is an angle.

    >>> as_points(np.array([[1.0, 0.0], [0.0, 5.0]]), "cosine").tolist()
    [[0.5, -0.5, 0.0], [-0.5, 0.5, 0.0]]
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
