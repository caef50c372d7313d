"""Placing: further points among those of a map, each by its neighbours among these."""

import numpy as np
from jaxtyping import Float32

from atlasjax.atlas.approximate import Index, nearest_of
from atlasjax.atlas.membership import memberships
from atlasjax.atlas.settings import Settings

NEAREST = 15  # neighbours by which a point is placed


def placed(
    index: Index,
    places: Float32[np.ndarray, "n d"],
    points: Float32[np.ndarray, "m c"],
    settings: Settings,
) -> Float32[np.ndarray, "m d"]:
    """Place points in the mean of their neighbours' places, by how much these are neighbours.

    Args:
        index: of the points of the map.
        places: of these.
        points: the others, in the same space.
        settings: by which the map was laid out.

    Returns:
        Their places.
    """
    k = min(settings.n_neighbors, NEAREST, len(places))
    row, distance = nearest_of(index, points, k, settings.metric)
    weight = memberships(distance, itself=False)
    return np.einsum("mk,mkd->md", weight / weight.sum(1, keepdims=True), places[row])
