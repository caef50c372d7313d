"""Histograms of values whose range nobody knows beforehand, in bounded memory.

The bins of a unit part the range from -2^e to 2^e evenly. Where a value lies outside, e grows and
bins are joined two by two, which loses nothing that a histogram made with the larger e would have:
so the result is the same whatever the batches and their order.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

BINS = 128
LEAST = -40  # exponent: smaller values are all alike


class Histogram(NamedTuple):
    """How often the values of each unit lay in each of its bins.

    Attributes:
        exponent: e, for a range from -2^e to 2^e.
        counts: of values; the bins below 0 are as many as those from 0 on.
    """

    exponent: Int[np.ndarray, " units"]
    counts: Int[np.ndarray, "units bins"]


def counted(
    value: Float[Array, "n units"], valid: Bool[Array, " n"], bins: int = BINS
) -> tuple[Int[Array, " units"], Int[Array, "units bins"]]:
    """Count some values, under `jit`.

    Args:
        value: finite numbers.
        valid: which rows count.
        bins: an even number.

    Returns:
        The fields of a `Histogram`, of the smallest range that has room for all.

    >>> exponent, count = counted(jnp.array([[-1.0], [0.5], [3.0]]), jnp.array([True] * 3), 4)
    >>> exponent.tolist(), count.tolist()
    ([2], [[0, 1, 1, 1]])
    """
    size = jnp.where(valid[:, None], jnp.abs(value), 0).max(0)
    exponent = jnp.maximum(jnp.frexp(size)[1], LEAST)
    scaled = jnp.ldexp(value, -exponent[None]) * (bins // 2)
    index = jnp.clip(jnp.floor(scaled).astype(jnp.int32) + bins // 2, 0, bins - 1)
    unit = jnp.arange(value.shape[1])
    one = jnp.broadcast_to(valid[:, None], value.shape).astype(jnp.int32)
    zero = jnp.zeros((value.shape[1], bins), jnp.int32)
    return exponent, zero.at[jnp.broadcast_to(unit[None], value.shape), index].add(one)


def added(one: Histogram | None, other: Histogram) -> Histogram:
    """Return the histogram of the values of two.

    Args:
        one: of some values; None for none.
        other: of others, with as many bins.

    >>> small = Histogram(np.array([0]), np.array([[0, 0, 1, 1]]))
    >>> added(small, Histogram(np.array([1]), np.array([[0, 0, 0, 5]]))).counts.tolist()
    [[0, 0, 2, 5]]
    """
    if one is None:
        return Histogram(np.asarray(other.exponent), np.asarray(other.counts, np.int64))
    exponent = np.maximum(one.exponent, other.exponent)
    return Histogram(exponent, _coarser(one, exponent) + _coarser(other, exponent))


def edges(found: Histogram) -> Float[np.ndarray, "units edges"]:
    """Return where the bins of each unit begin and end.

    >>> edges(Histogram(np.array([1]), np.zeros((1, 4), int))).tolist()
    [[-2.0, -1.0, 0.0, 1.0, 2.0]]
    """
    bins = found.counts.shape[1]
    return np.linspace(-1, 1, bins + 1)[None] * np.exp2(found.exponent)[:, None]


def quantile(found: Histogram, share: float) -> Float[np.ndarray, " units"]:
    """Return below what value a share of each unit's values lies, even within bins.

    Args:
        found: at least one value of each unit.
        share: from 0 to 1.

    >>> quantile(Histogram(np.array([1]), np.array([[0, 0, 4, 4]])), 0.75).tolist()
    [1.5]
    """
    total = found.counts.cumsum(1)
    wanted = np.maximum(share * total[:, -1], 0.5)  # the first bin that is not empty at least
    index = np.array([np.searchsorted(row, w) for row, w in zip(total, wanted, strict=True)])
    index, units = np.minimum(index, found.counts.shape[1] - 1), np.arange(len(total))
    inside = found.counts[units, index]
    part = (wanted - (total[units, index] - inside)) / np.maximum(inside, 1)
    bounds = edges(found)
    low, high = bounds[units, index], bounds[units, index + 1]
    return low + np.clip(part, 0, 1) * (high - low)


def _coarser(
    found: Histogram, exponent: Int[np.ndarray, " units"]
) -> Int[np.ndarray, "units bins"]:
    """Return the counts for a larger range."""
    units, bins = found.counts.shape
    # Beyond so many doublings all is in the two bins next to 0.
    times = np.minimum(exponent - found.exponent, bins.bit_length())
    index = (np.arange(-(bins // 2), bins // 2)[None] >> times[:, None]) + bins // 2
    made = np.zeros((units, bins), np.int64)
    np.add.at(made, (np.arange(units)[:, None], index), found.counts)
    return made
