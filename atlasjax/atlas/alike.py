"""Activations as they can be laid out: finite, of a size that squares do not exceed, each once.

Silent layers give the same vector again and again, and small networks few of them at all. What is
equal is laid out once, so that it lies in one place, whatever the method makes of twins.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from atlasjax.atlas.rows import Chosen, Rows, pieces, some
from atlasjax.errors import UserError

_SAFE = (1e-15, 1e15)  # float32 holds the squares of such numbers, and sums of them


class Distinct(NamedTuple):
    """Which rows are equal.

    Attributes:
        first: the first row of each kind, in their order.
        kind: for each row which of these it is equal to.
    """

    first: Int[np.ndarray, " kinds"]
    kind: Int[np.ndarray, " n"]

    @property
    def twins(self) -> int:
        """How many rows are equal to another."""
        counts = np.bincount(self.kind)
        return int(counts[counts > 1].sum())

    def kinds_of(self, values: Rows) -> Rows:
        """Return what belongs to the first row of each kind."""
        return some(values, self.first)


def each(count: int) -> Distinct:
    """Return that of so many rows each is of its own kind."""
    return Distinct(np.arange(count), np.arange(count))


def distinct(rows: Float[np.ndarray, "n c"] | Rows) -> Distinct:
    """Find which rows are equal to one another, value by value.

    Args:
        rows: finite.

    >>> found = distinct(np.array([[1.0, 2.0], [0.0, 0.0], [1.0, 2.0], [-0.0, 0.0]]))
    >>> found.first.tolist(), found.kind.tolist(), found.twins
    ([0, 1], [0, 1, 0, 1], 4)
    """
    codes = _codes(rows)
    found = _in_order(np.unique(codes[:, 0], return_index=True, return_inverse=True))
    if np.array_equal(codes, codes[found.first[found.kind]]):
        return found
    # Two rows have one code, as of some billion billion pairs do; but never both codes.
    return _in_order(np.unique(codes, axis=0, return_index=True, return_inverse=True))


def _in_order(found: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Distinct:
    """Number what `np.unique` found by where it comes first."""
    _, first, kind = found
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return Distinct(first[order], rank[kind.ravel()])


def _codes(rows: Rows) -> np.ndarray:
    """Return two numbers of 64 bits for each row, the same for equal rows."""
    dtype, codes = np.dtype(rows.dtype), np.empty((len(rows), 2), np.uint64)
    words = rows.shape[1] * max(dtype.itemsize // 8, 1)
    factors = np.random.default_rng(0).integers(1, 2**63, (words, 2), np.uint64) * 2 + 1
    for part, piece in pieces(rows):
        own = np.ascontiguousarray(piece + np.zeros((), dtype))  # in which -0 becomes 0
        own = own.view(f"u{min(dtype.itemsize, 8)}").astype(np.uint64)
        own *= np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing: round numbers have few bits
        own ^= own >> np.uint64(32)
        codes[part] = own @ factors
    return codes


def check_finite(rows: Float[np.ndarray, "n c"] | Rows, what: str = "activations") -> None:
    """Refuse numbers that are NaN or infinite, which lie nowhere.

    Args:
        rows: one vector a row.
        what: they are, in the plural.

    Raises:
        UserError: how many rows there are with such numbers, and the first of them.

    >>> check_finite(np.array([[1.0, 2.0], [np.nan, 0.0]]))
    Traceback (most recent call last):
    atlasjax.errors.UserError: 1 of 2 activations are NaN or infinite; the first is row 1
    """
    bad = unfinite(rows)
    if len(bad):
        raise UserError(
            f"{len(bad)} of {len(rows)} {what} are NaN or infinite; the first is row {bad[0]}"
        )


def unfinite(rows: Float[np.ndarray, "n c"] | Rows) -> Int[np.ndarray, " bad"]:
    """Return which rows have a number that is NaN or infinite."""
    bad = [part.start + np.flatnonzero(~np.isfinite(one).all(1)) for part, one in pieces(rows)]
    return np.concatenate([np.zeros(0, np.int64), *bad])


def in_reach(rows: Float[np.ndarray, "n c"] | Rows) -> Rows:
    """Return the rows, all scaled by one number where their squares would not be held.

    Args:
        rows: finite.

    >>> float(in_reach(np.array([[2e30], [1e30]], np.float32))[:].max())
    1.0
    """
    largest = max((float(np.abs(one).max(initial=0)) for _, one in pieces(rows)), default=0.0)
    if largest == 0 or _SAFE[0] <= largest <= _SAFE[1]:
        return rows
    scaled = Chosen(rows, np.arange(len(rows)), largest)
    return scaled[:] if isinstance(rows, np.ndarray) else scaled
