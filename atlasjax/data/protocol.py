"""What a collection of images is, to everything that reads one.

A source is a sequence of examples with random access: the order is fixed, so a position names an
image, and any host or thread may read any part of it. Nothing here decodes or batches.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from atlasjax.data.ranges import Span
from atlasjax.errors import UserError


class Example(NamedTuple):
    """One image of a source.

    Attributes:
        image: 0 to 255, the right way up, in the size it was stored in: RGB, or of any other number
            of channels that all images of the source have.
        label: the index of its class in the source's `classes`; -1 where it has none.
        name: a stable name for people to read, such as the path relative to the folder.
        span: the values that it had before they were brought to 8 bits, where it had others and
            nobody has said which of them are black and white.
        notes: what there is to say of its file, though its pixels are good.
    """

    image: UInt8[np.ndarray, "h w c"]
    label: int
    name: str
    span: Span | None = None
    notes: tuple[str, ...] = ()


class UnreadableImage(Exception):
    """An image that is there but cannot be decoded. Never the user's fault, so never the end.

    Attributes:
        name: which image, as `Example.name`.
        reason: why not, in one line.

    >>> str(UnreadableImage("cats/tom.jpg", "the file is empty"))
    'cats/tom.jpg: the file is empty'
    """

    def __init__(self, name: str, reason: str):
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


@runtime_checkable
class ImageSource(Protocol):
    """A sequence of images with random access. Reading must be safe from several threads."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the labels; empty where there are none."""
        ...

    def __len__(self) -> int:
        """Return the number of images, the unreadable ones included."""
        ...

    def __getitem__(self, index: int, /) -> Example:
        """Return one image, or raise `UnreadableImage`; `IndexError` beyond the end."""
        ...

    def fingerprint(self) -> str:
        """Return a digest that changes when the images or their order do.

        It is made for telling whether stored results still belong to their input, and is the same
        for a copy of the data elsewhere.
        """
        ...


def spread(length: int, limit: int | None) -> Sequence[int]:
    """Choose at most `limit` of `length` positions, evenly spaced.

    Images are stored class after class, so the first few would show only the first classes.

    Args:
        length: how many there are.
        limit: how many to take, at least 1; None for all of them.

    Returns:
        The positions, increasing.

    Raises:
        UserError: a limit below 1.

    >>> list(spread(10, 4))
    [0, 2, 5, 7]
    >>> spread(3, None)
    range(0, 3)
    """
    if limit is None:
        return range(length)
    if limit < 1:
        raise UserError(f"limit is {limit}; it must be at least 1 image, or left out for all")
    limit = min(limit, length)
    return [i * length // limit for i in range(limit)]
