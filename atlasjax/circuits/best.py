"""The best patches of each unit, kept while images go by."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from atlasjax.data import Batch
from atlasjax.data.patches import cut, windows
from atlasjax.receptive import ReceptiveField


class Best(NamedTuple):
    """Patches of each unit, the one with the largest value first.

    Where there are fewer than k, `image` and `position` are -1, `value` is -inf, and the patch is
    black.

    Attributes:
        value: what they were chosen by.
        image: index of the image in its source.
        position: row and column in the layer's grid of positions.
        patch: the part of the image that the position sees.
    """

    value: Float[np.ndarray, "units k"]
    image: Int[np.ndarray, "units k"]
    position: Int[np.ndarray, "units k 2"]
    patch: UInt8[np.ndarray, "units k h w channels"]


def none(units: int, k: int, size: int, channels: int) -> Best:
    """Return the best of no images.

    >>> none(2, 3, 8, 3).image.shape
    (2, 3)
    """
    return Best(
        np.full((units, k), -np.inf, np.float32),
        np.full((units, k), -1),
        np.full((units, k, 2), -1),
        np.zeros((units, k, size, size, channels), np.uint8),
    )


def better(
    known: Best,
    value: Float[np.ndarray, "b units"],
    place: Int[np.ndarray, "b units 2"],
    batch: Batch,
    field: ReceptiveField,
    size: int,
) -> Best:
    """Return the best of those known and of a batch; of equals those known before.

    Args:
        known: as they were.
        value: of each unit in each image of the batch; -inf for none.
        place: row and column where it is.
        batch: the images.
        field: what a position sees.
        size: side of a patch, in px.

    >>> photos = np.zeros((1, 8, 8, 3), np.uint8)
    >>> batch = Batch(photos, np.array([7]), np.array([0]), ())
    >>> one, place = np.array([[3.0]], np.float32), np.array([[[1, 2]]])
    >>> better(none(1, 2, 4, 3), one, place, batch, ReceptiveField(1.0, 0.0, 2), 4).image
    array([[ 7, -1]])
    """
    units, k = known.value.shape
    every = np.concatenate([known.value, value.T], 1)
    order = np.argsort(-every, 1, kind="stable")[:, :k]
    if (order < k).all() and (order == np.arange(k)).all():
        return known
    row = np.arange(units)[:, None]
    image = np.concatenate([known.image, np.broadcast_to(batch.index, (units, len(value)))], 1)
    position = np.concatenate([known.position, place.swapaxes(0, 1)], 1)
    best, image, position = every[row, order], image[row, order], position[row, order]
    absent = np.isneginf(best)
    image, position = np.where(absent, -1, image), np.where(absent[..., None], -1, position)
    patch = known.patch[row, np.minimum(order, k - 1)]
    for unit, rank in np.argwhere((order >= k) & ~absent):
        window = windows(position[unit, rank][None], field, batch.images.shape[1])[0]
        patch[unit, rank] = cut(batch.images[order[unit, rank] - k], window, size)
    return Best(best, image, position, patch)
