"""Neighbours: which activations are nearest to which, exactly."""

import numpy as np
from jaxtyping import Float, Float32, Int

METRICS = ("cosine", "euclidean", "correlation")
METRIC = "cosine"  # Carter et al. 2019

AT_A_TIME = 128  # points whose neighbours are sought together; memory grows with them


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
