"""A pool of images drawn evenly from a stream, whose length nobody knows beforehand.

Every image has a number that depends on its index alone and looks like chance; those with the
smallest stay. So the pool is the same whatever the batches, and a pass can go on later.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from atlasjax.data import Batch

SIZE = 256  # images


class Pool(NamedTuple):
    """Images drawn evenly from all that were seen.

    Attributes:
        index: of each in its source.
        image: as prepared for the network.
    """

    index: Int[np.ndarray, " pool"]  # pyright: ignore[reportIncompatibleMethodOverride]
    image: UInt8[np.ndarray, "pool h w c"]


def kept(pool: Pool | None, batch: Batch, size: int) -> tuple[Pool, Int[np.ndarray, " kept"]]:
    """Return the pool once a batch has come by.

    Args:
        pool: as it was; None before the first.
        batch: images that were not seen before.
        size: of the pool.

    Returns:
        The pool; and which of the old ones and then of the batch's are in it, in order.

    >>> photos = np.zeros((5, 2, 2, 3), np.uint8)
    >>> pool, rows = kept(None, Batch(photos, np.arange(5), np.zeros(5, int), ()), 3)
    >>> len(pool.index), len(rows)
    (3, 3)
    """
    if pool is None:
        pool = Pool(np.zeros(0, np.int64), batch.images[:0])
    index = np.concatenate([pool.index, batch.index])
    of = np.argsort(_chance(index), kind="stable")[:size]
    if np.array_equal(of, np.arange(len(pool.index))):
        return pool, of
    old, new = of[of < len(pool.index)], of[of >= len(pool.index)] - len(pool.index)
    image = np.empty((len(of), *batch.images.shape[1:]), np.uint8)
    image[of < len(pool.index)], image[of >= len(pool.index)] = pool.image[old], batch.images[new]
    return Pool(index[of], image), of


def _chance(index: Int[np.ndarray, " n"]) -> np.ndarray:
    """Return a number of 64 bits for each index, by the finalizer of SplitMix64 (Steele 2014)."""
    z = index.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
