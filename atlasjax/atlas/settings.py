"""Settings of a layout, whatever the method."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

NEIGHBORS, MIN_DIST = 50, 0.05  # Carter et al. 2019


class Settings(NamedTuple):
    """How activations are laid out.

    Attributes:
        n_neighbors: size of the neighbourhoods that are kept together.
        min_dist: least distance between points, in UMAP's own units.
        metric: how activations are compared.
        seed: of everything random.
        dimensions: of the map: 2, or 1 for a line.
        like: places to start from, in any units; the principal components where there are none.
    """

    n_neighbors: int
    min_dist: float
    metric: str
    seed: int
    dimensions: int = 2
    like: Float[np.ndarray, "n d"] | None = None


# From a map that is there already UMAP moves points less: with its own rate and epochs they end as
# far from where they were again, and the map is no truer (benchmarks/alignment.py).
GENTLY = {"learning_rate": 0.1, "n_epochs": 200}
