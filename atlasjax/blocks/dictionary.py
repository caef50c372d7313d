"""Semantic dictionary: at every position the channels that say most, to be shown as pictures.

A position of a layer is hundreds of numbers. Sorted, with each channel shown by what it looks for,
the first few of them read as a sentence: "floppy ear, dog snout, cat head". Each channel is drawn
once, wherever it appears.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int

from atlasjax.errors import UserError


class Dictionary(NamedTuple):
    """The strongest channels of every position.

    Attributes:
        channels: those that appear, the most frequent first; what is to be drawn.
        strongest: at every position those that are most active, in order, as indices into
            `channels`; -1 for none.
        value: their activations; 0 for none.
    """

    channels: Int[np.ndarray, " n"]
    strongest: Int[np.ndarray, "rows columns d"]
    value: Float[np.ndarray, "rows columns d"]


def dictionary(
    value: Float[Array | np.ndarray, "rows columns c"], depth: int = 4, most: int | None = None
) -> Dictionary:
    """Find the channels that are most active at each position.

    Args:
        value: a layer's activations for one image, as a plane.
        depth: channels at each position.
        most: how many channels may appear in all. Those at the fewest positions are left out, and
            the strongest of the others take their places. By default as many as there are.

    Returns:
        The channels with a value above 0.

    Raises:
        UserError: no depth, or fewer than one channel.

    Source: Olah et al., "The Building Blocks of Interpretability", Distill 2018, "Making sense of
    hidden layers".

    >>> found = dictionary(np.array([[[5.0, 0.0, 7.0], [2.0, 0.0, 0.0]]]), depth=2)
    >>> found.channels.tolist(), found.strongest.tolist()
    ([0, 2], [[[1, 0], [0, -1]]])
    """
    value = np.asarray(value, np.float32)
    if depth < 1:
        raise UserError(f"depth {depth}: must be at least 1")
    if most is not None and most < 1:
        raise UserError(f"most {most}: must be at least 1 channel")
    depth = min(depth, value.shape[-1])
    strongest = _strongest(value, depth)
    chosen = _chosen(value, strongest)[:most]
    if most is not None:  # what is left out makes room for the next that appears
        shown = np.zeros(value.shape[-1], bool)
        shown[chosen] = True
        value = np.where(shown, value, 0)
        strongest = _strongest(value, depth)
    place = np.full(value.shape[-1], -1)
    place[chosen] = np.arange(len(chosen))
    amount = np.take_along_axis(value, strongest, -1)
    index = np.where(amount > 0, place[strongest], -1)
    return Dictionary(chosen, index, np.maximum(amount, 0))


def _strongest(value: np.ndarray, depth: int) -> Int[np.ndarray, "rows columns d"]:
    return np.argsort(-value, axis=-1, kind="stable")[..., :depth]


def _chosen(value: np.ndarray, strongest: np.ndarray) -> Int[np.ndarray, " n"]:
    """Return the channels that appear, the most frequent first, the stronger of equals."""
    active = np.take_along_axis(value, strongest, -1) > 0
    times = Counter(strongest[active].tolist())
    total = value.sum((0, 1))
    order = sorted(times, key=lambda channel: (-times[channel], -float(total[channel]), channel))
    return np.array(order, int)
