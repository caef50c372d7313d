"""Principal components of points that come in pieces."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float32, Float64


def axes(
    pieces: Iterable[Float32[np.ndarray, "_ d"]], count: int
) -> tuple[Float32[np.ndarray, "d p"], Float64[np.ndarray, " p"]]:
    """Return the directions in which points about 0 vary most, and how much.

    Args:
        pieces: of the points.
        count: how many directions; no more than there are dimensions.

    Returns:
        Directions of length 1, the first first, each with its largest component positive; and the
        mean squares along them.

    >>> found, variance = axes([np.array([[3.0, 0.0], [-3.0, 1.0]], np.float32)], 1)
    >>> found.astype(float).round(1).ravel().tolist(), variance.round(1).tolist()
    ([1.0, -0.2], [9.3])
    """
    moment, points = np.zeros((), np.float64), 0
    for piece in pieces:
        moment = moment + piece.T @ piece
        points += len(piece)
    values, vectors = np.linalg.eigh(moment / points)
    values, vectors = values[::-1][:count], vectors[:, ::-1][:, :count]
    largest = np.abs(vectors).argmax(0)
    sign = np.where(vectors[largest, np.arange(vectors.shape[1])] < 0, -1, 1)
    return (vectors * sign).astype(np.float32), values
