r"""UMAP's fuzzy graph, as tables of one width.

The graph joins two points by $p + q - pq$, where $p$ is the membership of the one in the
neighbourhood of the other, and $q$ the reverse. Each point has as many edges as it has, hubs very
many. In a table of slots each has the same number of slots, and every edge as many of these as its
share of the point's weight: to go through the slots is to go through the edges by their weights.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Int32

SLOTS = 128
AT_A_TIME = 1 << 16  # points


class FuzzyGraph(NamedTuple):
    """Which points pull at which.

    Attributes:
        slot: points that pull at each.
        weight: of all edges of each point.
    """

    slot: Int32[np.ndarray, "slots n"]
    weight: Float32[np.ndarray, " n"]


def fuzzy_graph(
    row: Int32[np.ndarray, "n k"], membership: Float32[np.ndarray, "n k"], seed: int
) -> FuzzyGraph:
    """Join the neighbourhoods of all points.

    Args:
        row: the neighbours of each point.
        membership: how much each of them is one, see `memberships`; 0 of the point itself, and
            above 0 of one at least.
        seed: by which the fractions of slots are rounded, up or down in proportion.

    Returns:
        The graph.

    >>> row = np.array([[0, 1], [1, 0], [2, 1]], np.int32)
    >>> found = fuzzy_graph(row, np.array([[0, 1], [0, 1], [0, 1]], np.float32), seed=0)
    >>> found.weight.tolist(), int(found.slot[:, 0].max()), int((found.slot[:, 1] == 2).sum())
    ([1.0, 2.0, 1.0], 1, 64)
    """
    import scipy.sparse as sparse

    n, k = row.shape
    start = np.arange(n + 1, dtype=np.int64 if n * k >= 2**31 else np.int32) * k
    there = sparse.csr_array((membership.ravel(), row.ravel(), start), (n, n))
    back = there.T.tocsr()
    random = np.random.default_rng(seed)
    slot, weight = np.empty((SLOTS, n), np.int32), np.empty(n, np.float32)
    for first in range(0, n, AT_A_TIME):
        part = slice(first, first + AT_A_TIME)
        one, other = there[part], back[part]
        both = one + other - one.multiply(other)
        slot[:, part], weight[part] = _slots(both.tocsr(), random)
    return FuzzyGraph(slot, weight)


def _slots(edges: Any, random: np.random.Generator) -> FuzzyGraph:
    """Share out the slots of some points among their edges."""
    edges.eliminate_zeros()
    count = np.diff(edges.indptr)
    last = edges.indptr[1:] - 1
    reached = np.cumsum(edges.data, dtype=np.float64)
    before = np.concatenate([[0], reached[last[:-1]]])
    weight = reached[last] - before
    offset = random.random(len(count))
    share = (reached - np.repeat(before, count)) / np.repeat(weight, count)
    end = np.floor(SLOTS * share + np.repeat(offset, count)).astype(np.int64)
    end[last] = SLOTS
    slots = np.diff(end, prepend=0)
    slots[edges.indptr[:-1]] = end[edges.indptr[:-1]]
    slot = np.repeat(edges.indices, slots).reshape(len(count), SLOTS)
    return FuzzyGraph(slot.T.astype(np.int32), weight.astype(np.float32))
