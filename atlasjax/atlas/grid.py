"""Grid: a map cut into cells, each with the average of the activations that fall into it."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from atlasjax.atlas.rows import Rows, pieces
from atlasjax.errors import UserError


class Cells(NamedTuple):
    """The cells of one level that hold enough activations, in reading order.

    Attributes:
        x: column, from the left.
        y: row, from the top.
        count: number of activations in the cell.
        direction: their mean.
        member: indices of the activations, cell after cell: those of cell i are
            `member[start[i]:start[i] + count[i]]`.
        start: where each cell's members begin.
    """

    x: Int[np.ndarray, " cells"]
    y: Int[np.ndarray, " cells"]
    count: Int[np.ndarray, " cells"]  # pyright: ignore[reportIncompatibleMethodOverride]
    direction: Float[np.ndarray, "cells c"]
    member: Int[np.ndarray, " members"]
    start: Int[np.ndarray, " cells"]


def grid(
    xy: Float[np.ndarray, "n 2"],
    activations: Float[np.ndarray, "n c"] | Rows,
    size: int,
    *,
    more_than: int = 5,
) -> Cells:
    """Cut the unit square into `size` x `size` cells and average the activations in each.

    Args:
        xy: places in [0, 1], x to the right and y downwards.
        activations: what is averaged, read in pieces.
        size: cells in each direction, at least 1.
        more_than: a cell is kept where it holds more activations than this.

    Returns:
        The cells that are kept, row by row from the top.

    Raises:
        UserError: a size below 1, or so large that no cell is kept.

    Source: Carter et al. 2019, "Aggregating multiple images".

    >>> xy = np.array([[0.1, 0.1], [0.2, 0.2], [0.9, 0.1]])
    >>> cells = grid(xy, np.eye(3), 2, more_than=1)
    >>> cells.direction
    array([[0.5, 0.5, 0. ]])
    """
    if size < 1:
        raise UserError(f"grid {size}: must be at least 1")
    column, row = np.minimum((xy * size).astype(np.int64), size - 1).T
    address = row * size + column
    member = np.argsort(address, kind="stable")
    found, start, count = np.unique(address[member], return_index=True, return_counts=True)
    kept = count > more_than
    if not kept.any():
        raise UserError(
            f"grid {size} is too fine: the fullest of its cells holds {count.max()} of the "
            f"{len(xy)} activations, and a cell is drawn when it holds more than {more_than}; "
            "take a coarser grid, more images or more samples per image"
        )
    found, start, count = found[kept], start[kept], count[kept]
    spans = [member[s : s + c] for s, c in zip(start, count, strict=True)]
    cells = Cells(
        x=found % size,
        y=found // size,
        count=count,
        direction=np.zeros((len(count), 0)),
        member=np.concatenate(spans),
        start=np.cumsum(count) - count,
    )
    return cells._replace(direction=_means(cells, activations).astype(activations.dtype))


def fitting(
    xy: Float[np.ndarray, "n 2"], *, more_than: int = 5, share: float = 0.9, most: int = 40
) -> int:
    """Return the finest grid whose drawn cells hold a share of the activations.

    It has no more cells than the activations could fill, spread evenly: where they lie in a few
    tight heaps, finer cells would hold as many and be hard to see.

    Args:
        xy: places in [0, 1].
        more_than: a cell is drawn when it holds more activations than this.
        share: of the activations that must be drawn.
        most: the finest grid to try.

    Returns:
        Cells in each direction; 1 where no finer grid will do.

    >>> fitting(np.repeat([[0.1, 0.1], [0.9, 0.9]], 6, axis=0)), fitting(np.zeros((3, 2)))
    (2, 1)
    """
    for size in range(min(most, math.ceil(math.sqrt(len(xy) / (more_than + 1)))), 1, -1):
        column, row = np.minimum((xy * size).astype(np.int64), size - 1).T
        count = np.bincount(row * size + column)
        if count[count > more_than].sum() >= share * len(xy):
            return size
    return 1


def average(cells: Cells, values: Float[np.ndarray, "n k"] | Rows) -> Float[np.ndarray, "cells k"]:
    """Average something known of every activation over each cell's members.

    Args:
        cells: what `grid` returned.
        values: one row for each activation, read in pieces.

    Returns:
        One row for each cell, in float32.

    >>> cells = grid(np.zeros((2, 2)), np.eye(2), 1, more_than=1)
    >>> average(cells, np.array([[1.0], [3.0]]))
    array([[2.]], dtype=float32)
    """
    return _means(cells, values).astype(np.float32)


def cell_of(cells: Cells, count: int) -> Int[np.ndarray, " n"]:
    """Return which cell each of so many activations is in, -1 where it is in none that is kept.

    >>> cells = grid(np.array([[0.1, 0.1], [0.2, 0.2], [0.9, 0.1]]), np.eye(3), 2, more_than=1)
    >>> cell_of(cells, 3).tolist()
    [0, 0, -1]
    """
    found = np.full(count, -1)
    found[cells.member] = np.repeat(np.arange(len(cells.count)), cells.count)
    return found


def _means(cells: Cells, values: Rows) -> Float[np.ndarray, "cells k"]:
    """Average over each cell's members, in double precision and in the order of the rows."""
    from scipy.sparse import csr_array

    total = np.zeros((len(cells.count), values.shape[1]))
    own = cell_of(cells, len(values))
    for part, piece in pieces(values):
        inside = np.flatnonzero(own[part] >= 0)
        here, at = np.unique(own[part][inside], return_inverse=True)
        ones = csr_array((np.ones(len(at)), (at, np.arange(len(at)))), (len(here), len(at)))
        total[here] += ones @ piece[inside].astype(np.float64)
    return total / cells.count[:, None]
