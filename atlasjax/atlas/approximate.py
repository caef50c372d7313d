"""Neighbours sought among many, nearly all of them found, in a time that hardly grows by squares.

Points are compared along their first principal components, on a graph that leads from near to
nearer (faiss's hierarchical navigable small world), or, of so many that linking them would take
long, in lists of those around some centres (its inverted file). Those that seem nearest are then
compared in all dimensions.

Source: Malkov and Yashunin 2016, "Efficient and robust approximate nearest neighbor search using
hierarchical navigable small world graphs".
"""

import importlib
import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Int

from atlasjax.atlas.neighbors import Neighbors, Space, as_distance, in_order
from atlasjax.atlas.principal import axes
from atlasjax.atlas.rows import Rows, pieces, take

COMPONENTS = 128  # along which points are compared at first
LINKS, BUILT = 16, 64  # of each point of the graph, and points that are looked at for them
WIDER = 3  # so many times more are compared in all dimensions than are asked for
LOOKED_AT, BEYOND = 64, 10  # points in a search: at least, and beyond those that are compared
AT_A_TIME = 4096  # points whose neighbours are sought together
EVEN = 16  # numbers that a processor compares at once
TAUGHT = 1 << 16  # points, by which the range of a byte and the centres of lists are found
FIRST, LISTS = 64, 24  # components by which lists are searched, and how many of these

_Found = tuple[Int[np.ndarray, "m k"], Float32[np.ndarray, "m k"]]  # rows, and squared distances


class Index(NamedTuple):
    """Points among which neighbours are sought.

    Attributes:
        points: all of them.
        axes: their first principal components.
        low: the points along these.
        graph: faiss's, of those.
    """

    points: Float32[np.ndarray, "n d"]
    axes: Float32[np.ndarray, "d p"]
    low: Float32[np.ndarray, "n p"]
    graph: Any


def index_of(points: Float32[np.ndarray, "n d"]) -> Index:
    """Prepare points for a search among them.

    Args:
        points: about 0.

    Returns:
        The index: of the same points always the same.
    """
    faiss = _faiss()

    found = axes((part for _, part in pieces(points)), COMPONENTS)[0]
    low = points @ found
    graph = faiss.IndexHNSWFlat(low.shape[1], LINKS)
    _link(graph, low)
    return Index(points, found, low, graph)


def _link(graph: Any, points: Float32[np.ndarray, "n p"]) -> None:
    """Add points to a graph, so that it is always the same."""
    faiss = _faiss()

    graph.hnsw.efConstruction = BUILT
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # several link the points in whatever order they come to them
    try:
        graph.add(points)
    finally:
        faiss.omp_set_num_threads(threads)


def neighbors_in_bytes(rows: Rows, space: Space, k: int) -> Neighbors:
    """Find the nearest of each of so many rows that they cannot all be held.

    Each number is held as one byte, and distances are those between a point and others so rounded.
    All cores share the work, and find the same whatever their number.

    Args:
        rows: one vector a row.
        space: in which they are points.
        k: how many to find, itself among them.

    Returns:
        As of `neighbors.neighbors`, but that one or another may be missed.
    """
    width = math.ceil(len(space.centre) / EVEN) * EVEN

    def points(piece: np.ndarray) -> np.ndarray:
        found = space.points(piece)
        return np.pad(found, ((0, 0), (0, width - found.shape[1])))

    index = _lists_of(len(rows), width)
    step = math.ceil(len(rows) / TAUGHT)
    index.train(points(take(rows, np.arange(0, len(rows), step))))
    for _, piece in pieces(rows):
        index.add(points(piece))
    row, distance = np.empty((len(rows), k), np.int32), np.empty((len(rows), k), np.float32)
    for part, piece in pieces(rows):
        squared, found = index.search(points(piece), k)
        own = np.arange(part.start, part.stop)
        row[part], distance[part] = in_order(*_with_itself(found, squared, own), space.metric, own)
    return row, distance


def _lists_of(count: int, width: int) -> Any:
    """Return an index of lists, each of the points that one of some centres is nearest to.

    The nearest by a point's first components are sought in a few lists, and of `WIDER` times more
    than are asked for the distances are computed between bytes.
    """
    faiss = _faiss()

    few, many = min(FIRST, width, count), min(round(4 * math.sqrt(count)), count)
    lists = faiss.IndexIVFFlat(faiss.IndexFlatL2(few), few, many)
    lists.cp.niter, lists.cp.seed, lists.cp.max_points_per_centroid = 8, 0, 64
    lists.cp.min_points_per_centroid = 1  # without a warning
    lists.nprobe = LISTS
    turned = faiss.IndexPreTransform(faiss.PCAMatrix(width, few), lists)
    bytewise = faiss.IndexScalarQuantizer(width, faiss.ScalarQuantizer.QT_8bit)
    found = faiss.IndexRefine(turned, bytewise)
    found.k_factor = WIDER
    return found


def _with_itself(row: np.ndarray, squared: np.ndarray, own: np.ndarray) -> _Found:
    """Put each point among its neighbours, where it is missing, and fill what was not found."""
    lost = row < 0  # where the graph does not lead to so many: the nearest stands for them
    row, squared = np.where(lost, row[:, :1], row), np.where(lost, squared[:, :1], squared)
    missed = (row != own[:, None]).all(1)  # behind its twins
    row[missed, -1] = own[missed]
    squared[row == own[:, None]] = 0
    return row, squared


def neighbors_among(index: Index, k: int, metric: str) -> Neighbors:
    """Find the nearest of each point of an index.

    Args:
        index: of `index_of`.
        k: how many to find, itself among them.
        metric: as for `neighbors.neighbors`.

    Returns:
        As of `neighbors.neighbors`, but that one or another may be missed.
    """
    found = []
    for part, piece in pieces(index.points, AT_A_TIME):
        own = np.arange(part.start, part.stop)
        near = _with_itself(*_nearest(index, np.ascontiguousarray(piece), k), own)
        found.append(in_order(*near, metric, own))
    row, distance = (np.concatenate(part) for part in zip(*found, strict=True))
    return row, distance


def nearest_of(index: Index, queries: Float32[np.ndarray, "m d"], k: int, metric: str) -> Neighbors:
    """Find the nearest of other points among those of an index, from near to far."""
    found = [_nearest(index, part, k) for _, part in pieces(queries, AT_A_TIME)]
    row, squared = (np.concatenate(part) for part in zip(*found, strict=True))
    return row.astype(np.int32), as_distance(squared, metric)


def _nearest(index: Index, queries: Float32[np.ndarray, "m d"], k: int) -> _Found:
    """Find points of the index near others, from near to far, and their squared distances."""
    faiss = _faiss()

    count, low = min(WIDER * k, len(index.points)), queries @ index.axes
    index.graph.hnsw.efSearch = max(LOOKED_AT, count + BEYOND)
    row = index.graph.search(low, count)[1]
    lost = np.flatnonzero(row[:, -1] < 0)  # from where the graph does not lead to so many
    if len(lost):
        row[lost] = faiss.knn(low[lost], index.low, count)[1]
    squared = np.empty(row.shape, np.float32)
    arrays = (faiss.swig_ptr(array) for array in (squared, queries, index.points, row))
    faiss.fvec_L2sqr_by_idx(*arrays, queries.shape[1], *row.shape)
    order = np.lexsort((row, squared))[:, :k]
    return np.take_along_axis(row, order, 1), np.take_along_axis(squared, order, 1)


def _faiss() -> Any:
    """Return faiss, whose import takes a fifth of a second."""
    return importlib.import_module("faiss")
