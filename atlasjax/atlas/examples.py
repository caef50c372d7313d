"""Dataset examples: the real image patches nearest to each cell's mean, to be shown by its icon.

An icon is what the optimizer makes of a direction; the patches are what the images make of it.
Where the two disagree, it is the icon that is not to be trusted.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from atlasjax.atlas.collect import Activations
from atlasjax.atlas.cosine import unit
from atlasjax.atlas.grid import Cells, cell_of
from atlasjax.atlas.positions import placed
from atlasjax.atlas.rows import Rows, pieces
from atlasjax.data.patches import LARGEST
from atlasjax.errors import UserError
from atlasjax.receptive import ReceptiveField, field_within
from atlasjax.taps import Model

PER_CELL = 4


class Nearest(NamedTuple):
    """The members of each cell that are most like its mean, nearest first.

    Attributes:
        member: rows of the activations; -1 where a cell has fewer.
        cosine: with the cell's direction; -1 where there is none.
    """

    member: Int[np.ndarray, "cells k"]
    cosine: Float[np.ndarray, "cells k"]


class Examples(NamedTuple):
    """Real patches for each cell of a level, nearest first.

    Where a cell has fewer than k, `image`, `position` and `cosine` are -1, and the patch is black.

    Attributes:
        patch: RGB, or of as many channels as the network takes.
        cosine: between the activation and the cell's direction.
        image: index of the image in its source.
        position: row and column in the layer's grid of positions.
    """

    patch: UInt8[np.ndarray, "cells k h w channels"]
    cosine: Float[np.ndarray, "cells k"]
    image: Int[np.ndarray, "cells k"]
    position: Int[np.ndarray, "cells k 2"]


def nearest(
    cells: Cells,
    value: Float[np.ndarray, "n c"] | Rows,
    image: Int[np.ndarray, " n"],
    k: int = PER_CELL,
) -> Nearest:
    """Find the members of each cell that have the largest cosine with its direction.

    Each image is taken once; only where a cell has members of fewer than k images do further ones
    of the same images follow. Of equals the earlier comes first.

    Args:
        cells: what `grid` returned.
        value: the layer's activations, read in pieces.
        image: the image of each.
        k: how many to find, at least 1.

    Returns:
        Their rows and cosines.

    Raises:
        UserError: a k below 1.

    >>> zero, value = np.array([0]), np.array([[1.0, 1.0], [1.0, 0.9], [0.0, 1.0]])
    >>> cells = Cells(zero, zero, zero + 3, np.ones((1, 2)), np.arange(3), zero)
    >>> nearest(cells, value, np.array([7, 7, 8]), 2).member
    array([[0, 2]])
    """
    if k < 1:
        raise UserError(f"{k} examples for each cell: must be at least 1")
    shape = (len(cells.count), k)
    found = Nearest(np.full(shape, -1, np.int64), np.full(shape, -1, np.float32))
    alike = own_cosines_of(cells, value)
    for cell, (start, count) in enumerate(zip(cells.start, cells.count, strict=True)):
        member = cells.member[start : start + count]
        cosine = alike[member]
        order = np.argsort(-cosine, kind="stable")
        _, first = np.unique(image[member[order]], return_index=True)
        again = np.setdiff1d(np.arange(count), first)
        taken = np.sort(np.concatenate([np.sort(first), again])[:k])
        found.member[cell, : len(taken)] = member[order[taken]]
        found.cosine[cell, : len(taken)] = cosine[order[taken]]
    return found


def own_cosines_of(cells: Cells, value: Float[np.ndarray, "n c"] | Rows) -> Float[np.ndarray, " n"]:
    """Return the cosine of every activation with its cell's direction; NaN where it is in none.

    Args:
        cells: what `grid` returned.
        value: the layer's activations, read in pieces.
    """
    own, found = cell_of(cells, len(value)), np.full(len(value), np.nan)
    direction = unit(cells.direction.astype(np.float64))
    for part, piece in pieces(value):
        inside = np.flatnonzero(own[part] >= 0)
        exact = unit(piece[inside].astype(np.float64))
        found[part.start + inside] = np.einsum("nc,nc->n", exact, direction[own[part][inside]])
    return found


def field_of(
    model: Model, layer: str, activations: Activations, image_size: int, channels: int = 3
) -> ReceptiveField:
    """Return a layer's receptive field; where it cannot be measured, an even share of the image.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: its name.
        activations: what was collected there.
        image_size: side of the images, in px.
        channels: of the images.

    Returns:
        What `receptive.field_within` returns.
    """
    rows, columns = map(int, activations.shape[:2])
    own = rows if placed((rows, columns)) else 1
    return field_within(model, layer, own, image_size, channels)


def largest_of(activations: Activations) -> float:
    """Return the largest side of a layer's patches, as a share of the image's.

    A vector, as any layer without places, is about the whole of it, and is shown the whole.

    Args:
        activations: what was collected there.
    """
    rows, columns = map(int, activations.shape[:2])
    return LARGEST if placed((rows, columns)) else 1.0
