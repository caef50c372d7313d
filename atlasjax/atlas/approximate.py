"""Neighbours sought among many, nearly all of them found, in a time that hardly grows by squares.

Points are compared along their first principal components, and only with those that lie in nearby
cells (faiss's inverted file). Those that seem nearest are then compared in all dimensions.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Int

from atlasjax.atlas.neighbors import Neighbors, as_distance, in_order
from atlasjax.atlas.principal import axes

COMPONENTS = 64  # along which points are compared at first
CELLS_SEEN = 24  # around each point
WIDER = 2  # so many times more are compared in all dimensions than are asked for
AT_A_TIME = 4096  # points whose neighbours are sought together
TAUGHT = 64  # points for each cell, by which the cells are found


class Index(NamedTuple):
    """Points among which neighbours are sought.

    Attributes:
        points: all of them.
        axes: their first principal components.
        cells: faiss's index of the points along these.
    """

    points: Float32[np.ndarray, "n d"]
    axes: Float32[np.ndarray, "d p"]
    cells: Any


def index_of(points: Float32[np.ndarray, "n d"]) -> Index:
    """Prepare points for a search among them.

    Args:
        points: about 0.

    Returns:
        The index: of the same points always the same.
    """
    import faiss

    found = axes(_parts(points), COMPONENTS)[0]
    low = np.concatenate([part @ found for part in _parts(points)])
    count, width = 2 * math.isqrt(len(low)), low.shape[1]
    cells = faiss.IndexIVFFlat(faiss.IndexFlatL2(width), width, count)
    cells.cp.max_points_per_centroid, cells.cp.min_points_per_centroid = TAUGHT, 1
    cells.train(low)
    cells.add(low)
    return Index(points, found, cells)


def neighbors_among(index: Index, k: int, metric: str) -> Neighbors:
    """Find the nearest of each point of an index.

    Args:
        index: of `index_of`.
        k: how many to find, itself among them.
        metric: as for `neighbors.neighbors`.

    Returns:
        As of `neighbors.neighbors`, but that one or another may be missed.
    """
    found, start = [], 0
    for part in _parts(index.points):
        row, squared = _nearest(index, part, k)
        own = start + np.arange(len(part))
        missed = (row != own[:, None]).all(1)  # behind its twins
        row[missed, -1], squared[missed, -1] = own[missed], 0
        found.append((row, squared))
        start += len(part)
    row, squared = (np.concatenate(part) for part in zip(*found, strict=True))
    return in_order(row, squared, metric)


def nearest_of(index: Index, queries: Float32[np.ndarray, "m d"], k: int, metric: str) -> Neighbors:
    """Find the nearest of other points among those of an index, from near to far."""
    found = [_nearest(index, part, k) for part in _parts(queries)]
    row, squared = (np.concatenate(part) for part in zip(*found, strict=True))
    return row.astype(np.int32), as_distance(squared, metric)


def _nearest(
    index: Index, queries: Float32[np.ndarray, "m d"], k: int
) -> tuple[Int[np.ndarray, "m k"], Float32[np.ndarray, "m k"]]:
    """Find points of the index near others, from near to far, and their squared distances."""
    import faiss

    count, lists = min(WIDER * k, len(index.points)), index.cells.nlist
    low = queries @ index.axes
    index.cells.nprobe = min(CELLS_SEEN, lists)
    row = index.cells.search(low, count)[1]
    few = np.flatnonzero(row[:, -1] < 0)  # less in the cells around than are sought
    if len(few):
        index.cells.nprobe = lists
        row[few] = index.cells.search(low[few], count)[1]
    squared = np.empty(row.shape, np.float32)
    arrays = (faiss.swig_ptr(array) for array in (squared, queries, index.points, row))
    faiss.fvec_L2sqr_by_idx(*arrays, queries.shape[1], *row.shape)
    order = np.lexsort((row, squared))[:, :k]
    return np.take_along_axis(row, order, 1), np.take_along_axis(squared, order, 1)


def _parts(points: Float32[np.ndarray, "n d"]) -> Iterator[Float32[np.ndarray, "m d"]]:
    for start in range(0, len(points), AT_A_TIME):
        yield np.ascontiguousarray(points[start : start + AT_A_TIME])
