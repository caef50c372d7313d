"""Weight banding: last layers whose weights lie in horizontal bands.

Where a network averages over all positions before its classifier, the layer before often tells top,
middle and bottom of what it sees apart, and left and right much less.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Banding(NamedTuple):
    """How a unit's kernels vary over their positions.

    Attributes:
        rows: the part of the variance over positions that lies between rows: horizontal bands.
        columns: the part that lies between columns.
        chance: what either is for kernels without any order, of rows and of columns.
    """

    rows: Float[np.ndarray, " out"]
    columns: Float[np.ndarray, " out"]
    chance: tuple[float, float]


def banding(weights: Float[np.ndarray, "out in h w"]) -> Banding:
    """Return how far each unit's weights lie in bands.

    Args:
        weights: between the units of two layers, of the last layer with kernels for banding of a
            network as it is known.

    Source: Petrov et al., "Weight banding", Distill 2021.

    >>> found = banding(np.array([[1.0, 1.0], [-1.0, -1.0]]).reshape(1, 1, 2, 2))
    >>> float(found.rows[0]), float(found.columns[0])
    (1.0, 0.0)
    """
    centred = weights.astype(np.float64)
    centred = centred - centred.mean((2, 3), keepdims=True)
    whole = np.square(centred).sum((1, 2, 3))
    height, width = weights.shape[2:]
    rows = width * np.square(centred.mean(3)).sum((1, 2))
    columns = height * np.square(centred.mean(2)).sum((1, 2))
    whole = np.maximum(whole, 1e-30)
    places = max(height * width - 1, 1)
    return Banding(
        (rows / whole).astype(np.float32),
        (columns / whole).astype(np.float32),
        ((height - 1) / places, (width - 1) / places),
    )
