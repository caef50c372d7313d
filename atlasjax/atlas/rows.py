"""Rows: vectors that need not fit into memory, read one piece after another.

A million activations of 512 channels are 2 GiB. What looks at all of them does so in pieces, in
their order, so that it takes an array in memory, one that lies on disk, or whatever else can be
sliced.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int, Num

AT_A_TIME = 1 << 13  # rows: 16 MiB of 512 channels
HELD = 1 << 29  # bytes of some of the rows that are copied into memory at once


@runtime_checkable
class Rows(Protocol):
    """Vectors, one a row, of which a slice is an array: NumPy's, a mapped file's, a store's."""

    @property
    def shape(self) -> tuple[int, ...]:
        """How many rows there are, and how long they are."""
        ...

    @property
    def dtype(self) -> Any:
        """The type of the numbers."""
        ...

    def __len__(self) -> int:
        """Return how many rows there are."""
        ...

    def __getitem__(self, part: slice, /) -> Any:
        """Return some successive rows."""
        ...


@dataclass(frozen=True)
class Chosen:
    """Some of the rows, in their order, and divided by a number; read when they are asked for.

    Attributes:
        rows: from which they are.
        index: which, ascending.
        divisor: of every number.

    >>> some = Chosen(np.arange(8.0)[:, None], np.array([1, 5, 6]), 2.0)
    >>> len(some), some.shape, some[1:].tolist()
    (3, (3, 1), [[2.5], [3.0]])
    """

    rows: Rows
    index: Int[np.ndarray, " n"]
    divisor: float = 1.0

    @property
    def shape(self) -> tuple[int, ...]:
        """How many rows there are, and how long they are."""
        return (len(self.index), *self.rows.shape[1:])

    @property
    def dtype(self) -> Any:
        """The type of the numbers."""
        return self.rows.dtype

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.index)

    def __getitem__(self, part: slice) -> np.ndarray:
        """Return some successive rows."""
        found = take(self.rows, self.index[part])
        return found if self.divisor == 1 else found / found.dtype.type(self.divisor)


def pieces(rows: Rows, at_a_time: int | None = None) -> Iterator[tuple[slice, np.ndarray]]:
    """Read rows one piece after another.

    Args:
        rows: to read.
        at_a_time: so many; `AT_A_TIME` by default.

    Yields:
        Which rows, and what is in them, which is only to be read.

    >>> [(part.start, piece.tolist()) for part, piece in pieces(np.arange(3), at_a_time=2)]
    [(0, [0, 1]), (2, [2])]
    """
    size = at_a_time or AT_A_TIME
    for start in range(0, len(rows), size):
        part = slice(start, min(start + size, len(rows)))
        yield part, _read(rows, part)


def take(rows: Rows, index: Int[np.ndarray, " m"]) -> Num[np.ndarray, "m ..."]:
    """Read some rows into memory.

    Args:
        rows: to read from.
        index: which, ascending.

    >>> take(np.arange(6)[:, None], np.array([0, 4])).tolist()
    [[0], [4]]
    """
    if isinstance(rows, np.ndarray) and not isinstance(rows, np.memmap):
        return rows[index]
    found = np.empty((len(index), *rows.shape[1:]), rows.dtype)
    done = 0
    while done < len(index):
        start = int(index[done])
        end = int(np.searchsorted(index, start + AT_A_TIME))
        piece = _read(rows, slice(start, int(index[end - 1]) + 1))
        found[done:end] = piece[index[done:end] - start]
        done = end
    return found


def pick(rows: Rows, index: Int[np.ndarray, " m"]) -> Num[np.ndarray, "m ..."]:
    """Read some rows into memory, in any order.

    >>> pick(np.arange(6)[:, None], np.array([4, 0, 4])).tolist()
    [[4], [0], [4]]
    """
    found, where = np.unique(index, return_inverse=True)
    return take(rows, found)[where]


def whole(rows: Rows) -> Num[np.ndarray, "n ..."]:
    """Return all rows as an array in memory."""
    return rows if isinstance(rows, np.ndarray) else take(rows, np.arange(len(rows)))


def some(rows: Rows, index: Int[np.ndarray, " m"]) -> Rows:
    """Return some rows: in memory where they are few, otherwise to be read when they are needed.

    Args:
        rows: from which they are.
        index: which, ascending.
    """
    if len(index) == len(rows):
        return rows
    each = int(np.prod(rows.shape[1:])) * np.dtype(rows.dtype).itemsize
    return take(rows, index) if each * len(index) <= HELD else Chosen(rows, index)


def _read(rows: Rows, part: slice) -> np.ndarray:
    if not isinstance(rows, np.memmap):
        return np.asarray(rows[part])
    found = np.array(rows[part])
    _let_go(rows)
    return found


def _let_go(rows: np.memmap) -> None:
    """Give back the memory in which parts of a file lie that were looked at.

    Only where nothing was written to that memory alone: of such a map it would be lost.
    """
    held: Any = rows
    while held is not None and not isinstance(held, mmap.mmap):
        held = getattr(held, "base", None)
    if held is not None and rows.mode in ("r", "r+") and hasattr(mmap, "MADV_DONTNEED"):
        held.madvise(mmap.MADV_DONTNEED)
