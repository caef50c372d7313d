"""Cosines between activations and directions, in which a vector of no length is across to all."""

import numpy as np
from jaxtyping import Float


def cosines(
    value: Float[np.ndarray, "n c"], direction: Float[np.ndarray, " c"]
) -> Float[np.ndarray, " n"]:
    """Return the cosine of each vector with one direction; 0 for vectors of no length.

    >>> cosines(np.array([[2.0, 0.0], [3.0, 4.0], [0.0, 0.0]]), np.array([1.0, 0.0])).tolist()
    [1.0, 0.6, 0.0]
    """
    length = np.sqrt(np.einsum("nc,nc->n", value, value)) * np.linalg.norm(direction)
    return (value @ direction) / np.where(length > 0, length, 1.0)


def best_cosines(
    directions: Float[np.ndarray, "cells c"], others: Float[np.ndarray, "others c"]
) -> Float[np.ndarray, " cells"]:
    """Return for each direction its largest cosine with any of the others.

    >>> best_cosines(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[0.0, 2.0], [6.0, 8.0]]))
    array([0.6       , 0.98994949])
    """
    return (unit(directions) @ unit(others).T).max(1)


def own_cosines(directions: Float[np.ndarray, "cells c"]) -> Float[np.ndarray, " cells"]:
    """Return for each direction its largest cosine with another one of the same cells.

    >>> own_cosines(np.array([[1.0, 0.0], [3.0, 4.0], [0.0, 1.0]])).round(3).tolist()
    [0.6, 0.8, 0.8]
    """
    cosine = unit(directions) @ unit(directions).T
    np.fill_diagonal(cosine, -np.inf)
    return cosine.max(1)


def unit(vectors: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n c"]:
    """Scale vectors to length 1; those of no length stay.

    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0).astype(vectors.dtype)
