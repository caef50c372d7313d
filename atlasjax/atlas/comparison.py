"""Class comparison: one map of two classes, with what tells them apart from left to right."""

from typing import Literal

import numpy as np
from jaxtyping import Float

from atlasjax.atlas.layout import extent, normalize, place
from atlasjax.atlas.neighbors import METRIC
from atlasjax.atlas.settings import MIN_DIST, NEIGHBORS, Settings
from atlasjax.classes import NO_CLASSES
from atlasjax.errors import UserError

Vertical = Literal["umap", "principal"]
Scale = Literal["arsinh", "linear"]


def comparison(
    activations: Float[np.ndarray, "n c"],
    attribution: Float[np.ndarray, "n classes"],
    source: int,
    target: int,
    *,
    vertical: Vertical = "umap",
    scale: Scale = "arsinh",
    n_neighbors: int = NEIGHBORS,
    min_dist: float = MIN_DIST,
    metric: str = METRIC,
    seed: int = 0,
) -> Float[np.ndarray, "n 2"]:
    """Lay activations out by what they do to the choice between two classes.

    To the right is what speaks for the target and against the source, `attribution[:, target] -
    attribution[:, source]`, and to the left the reverse. Downwards like lies beside like.

    Args:
        activations: that have to do with the two classes, one a row, at least 3; see
            `atlas.select.of_class`.
        attribution: their effect on every logit.
        source: index of the class on the left.
        target: index of the class on the right.
        vertical: "umap", a UMAP of one dimension, as in the article; or "principal", the first
            principal component of the activations' directions, which takes no time.
        scale: "arsinh", `arsinh(difference / median |difference|)`, so that the many small
            differences are not all drawn in one column: even in the middle, logarithmic outwards;
            or "linear".
        n_neighbors: as for `layout`, as are the next three.
        min_dist: in UMAP's own units.
        metric: how activations are compared.
        seed: of the UMAP.

    Returns:
        x to the right and y downwards, in [0, 1].

    Raises:
        UserError: a class that is not there, or one class twice; too few activations.

    Source: Carter et al. 2019, "Further isolating classes", where the scale is linear.

    >>> effect = np.array([[0.0, 4.0], [0.0, 2.0], [0.0, 0.0]])
    >>> xy = comparison(np.eye(3), effect, 0, 1, vertical="principal")
    >>> bool(xy[0, 0] > xy[1, 0] > xy[2, 0])
    True
    """
    x, _ = _across(attribution, source, target, scale)
    if vertical == "principal":
        y = _principal(activations)
    else:
        y = place(activations, Settings(n_neighbors, min_dist, metric, seed, dimensions=1))[:, 0]
    return normalize(np.stack([x, y], -1).astype(np.float32))


def edges(
    attribution: Float[np.ndarray, "n classes"],
    source: int,
    target: int,
    *,
    scale: Scale = "arsinh",
) -> tuple[float, float]:
    """Return what the left and the right edge of a comparison stand for.

    Args:
        attribution: as for `comparison`, as is all else.
        source: index of the class on the left.
        target: index of the class on the right.
        scale: of the horizontal axis.

    Returns:
        Two differences, in logits; where they have different signs, 0 lies between.

    >>> left, right = edges(np.array([[0.0, -1.0], [0.0, 1.0]]), 0, 1, scale="linear")
    >>> round(left, 3), round(right, 3)
    (-1.176, 1.176)
    """
    x, unit = _across(attribution, source, target, scale)
    ends = np.stack(extent(np.stack([x, x], -1)))[:, 0].astype(np.float64)
    left, right = np.sinh(ends) * unit if scale == "arsinh" else ends
    return float(left), float(right)


def _across(
    attribution: Float[np.ndarray, "n classes"], source: int, target: int, scale: Scale
) -> tuple[Float[np.ndarray, " n"], float]:
    """Return the horizontal places, and the difference that is one unit of them about 0."""
    difference = push(attribution.astype(np.float32), source, target)
    if scale == "linear":
        return difference, 1.0
    unit = float(np.median(np.abs(difference))) or 1.0
    return np.arcsinh(difference / np.float32(unit)), unit


def _principal(activations: Float[np.ndarray, "n c"]) -> Float[np.ndarray, " n"]:
    length = np.linalg.norm(activations, axis=1, keepdims=True)
    directions = activations / np.where(length > 0, length, 1.0)
    centred = directions - directions.mean(0)
    _, vectors = np.linalg.eigh(centred.T @ centred)  # the last one varies most
    axis = vectors[:, -1] * np.sign(vectors[np.abs(vectors[:, -1]).argmax(), -1])
    return centred @ axis


def push(
    attribution: Float[np.ndarray, "cells classes"], source: int, target: int
) -> Float[np.ndarray, " cells"]:
    """Return how much each cell moves the network from one class to another.

    `attribution[:, target] - attribution[:, source]`, in logits.

    Args:
        attribution: the mean effect of each cell's activations on each logit.
        source: index of the class that is pushed away from.
        target: index of the class that is pushed towards, another one.

    Returns:
        One number for each cell.

    Raises:
        UserError: a class that is not there, no classes at all, or one class twice.

    >>> push(np.array([[1.0, 3.0], [2.0, 1.0]]), 0, 1)
    array([ 2., -1.])
    """
    classes = attribution.shape[1]
    if not classes:
        raise UserError(f"no classes to compare: {NO_CLASSES}")
    for name, index in (("source", source), ("target", target)):
        if not 0 <= index < classes:
            raise UserError(f"{name} class {index}: must be from 0 to {classes - 1}")
    if source == target:
        raise UserError(f"source and target are both class {source}; they must differ")
    return attribution[:, target] - attribution[:, source]
