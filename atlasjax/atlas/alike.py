"""Activations as they can be laid out: finite, of a size that squares do not exceed, each once.

Silent layers give the same vector again and again, and small networks few of them at all. What is
equal is laid out once, so that it lies in one place, whatever the method makes of twins.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from atlasjax.errors import UserError

_AT_A_TIME = 1 << 16  # rows
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

    def kinds_of(self, values: Shaped[np.ndarray, "n ..."]) -> Shaped[np.ndarray, "kinds ..."]:
        """Return what belongs to the first row of each kind."""
        return values if len(self.first) == len(self.kind) else values[self.first]


def each(count: int) -> Distinct:
    """Return that of so many rows each is of its own kind."""
    return Distinct(np.arange(count), np.arange(count))


def distinct(rows: Float[np.ndarray, "n c"]) -> Distinct:
    """Find which rows are equal to one another, value by value.

    Args:
        rows: finite.

    >>> found = distinct(np.array([[1.0, 2.0], [0.0, 0.0], [1.0, 2.0], [-0.0, 0.0]]))
    >>> found.first.tolist(), found.kind.tolist(), found.twins
    ([0, 1], [0, 1, 0, 1], 4)
    """
    found = _in_order(np.unique(_codes(rows), return_index=True, return_inverse=True))
    for start in range(0, len(rows), _AT_A_TIME):
        part = slice(start, start + _AT_A_TIME)
        if not np.array_equal(rows[part], rows[found.first[found.kind[part]]]):
            # Two rows of one code, as one of some billion billion pairs are.
            return _in_order(np.unique(rows, axis=0, return_index=True, return_inverse=True))
    return found


def _in_order(found: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Distinct:
    """Number what `np.unique` found by where it comes first."""
    _, first, kind = found
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return Distinct(first[order], rank[kind.ravel()])


def _codes(rows: np.ndarray) -> np.ndarray:
    """Return a number of 64 bits for each row, the same for equal rows."""
    rows = np.ascontiguousarray(rows + np.zeros((), rows.dtype))  # in which -0 becomes 0
    words = rows.view(f"u{min(rows.dtype.itemsize, 8)}")
    factors = np.random.default_rng(0).integers(1, 2**63, words.shape[1], np.uint64) * 2 + 1
    codes = np.empty(len(words), np.uint64)
    for start in range(0, len(words), _AT_A_TIME):
        part = words[start : start + _AT_A_TIME].astype(np.uint64)
        part *= np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing: round numbers have few bits
        part ^= part >> np.uint64(32)
        codes[start : start + _AT_A_TIME] = (part * factors).sum(1, dtype=np.uint64)
    return codes


def check_finite(rows: Float[np.ndarray, "n c"], what: str = "activations") -> None:
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


def unfinite(rows: Float[np.ndarray, "n c"]) -> Int[np.ndarray, " bad"]:
    """Return which rows have a number that is NaN or infinite."""
    return np.flatnonzero(~np.isfinite(rows).all(1))


def in_reach(rows: Float[np.ndarray, "n c"]) -> Float[np.ndarray, "n c"]:
    """Return the rows, all scaled by one number where their squares would not be held.

    Args:
        rows: finite.

    >>> float(in_reach(np.array([[2e30], [1e30]], np.float32)).max())
    1.0
    """
    largest = float(np.abs(rows).max(initial=0))
    if largest == 0 or _SAFE[0] <= largest <= _SAFE[1]:
        return rows
    return (rows / rows.dtype.type(largest)).astype(rows.dtype)
