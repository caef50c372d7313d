"""Zoom: a finer level is drawn from the one before it.

A cell of a fine grid says nearly what some cell of the coarser grid says, of which there is an icon
already. Begun there, its own icon takes fewer steps than from noise, and zooming in changes less of
what one sees.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8


class Drawn(NamedTuple):
    """The icons of a finished level, for a finer one to start from.

    Attributes:
        direction: what each was drawn for.
        icon: their icons, of any number of channels.
        made_from: the fingerprint of what they were made from, which is part of that of the finer
            level; see `artifacts.fingerprint`.
    """

    direction: Float[np.ndarray, "n c"]
    icon: UInt8[np.ndarray, "n h w channels"]
    made_from: str


def starts(
    coarser: Drawn | None, direction: Float[np.ndarray, "m c"]
) -> UInt8[np.ndarray, "m h w channels"] | None:
    """Return the finished icon that each icon of a finer level starts from: its parent's.

    Args:
        coarser: the coarser level; None where there is none.
        direction: what the finer level's icons are drawn for.

    Returns:
        One icon for each direction; None where there is no coarser level, which stands for noise.

    >>> icon = np.arange(2, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 1, 3), np.uint8)
    >>> coarser = Drawn(np.eye(2), icon, "")
    >>> starts(coarser, np.array([[0.1, 2.0]])).tolist()
    [[[[1, 1, 1]]]]
    """
    return None if coarser is None else coarser.icon[parents(direction, coarser.direction)]


def parents(
    direction: Float[np.ndarray, "m c"], coarser: Float[np.ndarray, "n c"]
) -> Int[np.ndarray, " m"]:
    """Return for each direction which of a coarser level's has the largest cosine with it.

    Mostly that is the cell around it on the map. Where a grid does not divide the other, or the
    cell around it holds too few activations to be drawn, it is the best there is.

    Args:
        direction: those of a finer level.
        coarser: those of a coarser level, at least one.

    Returns:
        Indices of `coarser`; where several are equal, the first.

    >>> parents(np.array([[1.0, 0.2], [0.1, 3.0]]), np.array([[0.0, 1.0], [5.0, 0.0]])).tolist()
    [1, 0]
    """
    length = np.linalg.norm(coarser, axis=1, keepdims=True)
    unit = coarser / np.where(length > 0, length, 1)
    return np.argmax(direction @ unit.T, axis=1)
