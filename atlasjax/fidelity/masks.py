"""Masks: how well a map of an image agrees with where something truly is.

The generated scenes come with exact masks of every part, so that the question has an answer. Each
measure has the mask's share of the image as what chance gives, or near to it.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from atlasjax.errors import UserError

QUANTILES = np.linspace(0.0, 0.995, 200)
"""Of a map's values, where it is cut to find the best overlap."""


def pointing_game(
    maps: Float[np.ndarray, "n h w"], masks: Bool[np.ndarray, "m y x"], tolerance: float | int = 0
) -> Bool[np.ndarray, " n"]:
    """Tell for each image whether the map's largest value lies on the mask, or near to it.

    Args:
        maps: larger where a pixel speaks for the target; where several are largest, the first.
        masks: where the thing is, somewhere in each image.
        tolerance: distance in px at which a miss counts as a hit; 15 is used for photographs.

    Returns:
        One truth value for each image.

    Raises:
        UserError: shapes that differ, or a mask that is empty.

    Source: Zhang et al., "Top-down neural attention by excitation backprop", IJCV 2018.

    >>> maps = np.array([[[0.0, 9.0], [1.0, 2.0]]])
    >>> pointing_game(maps, maps == 9.0), pointing_game(maps, maps == 1.0, tolerance=1.5)
    (array([ True]), array([ True]))
    """
    _check(maps, masks)
    best = maps.reshape(len(maps), -1).argmax(1)
    y, x = np.unravel_index(best, maps.shape[1:])
    rows, columns = np.indices(maps.shape[1:])
    distance = np.hypot(rows - y[:, None, None], columns - x[:, None, None])
    return np.where(masks, distance, np.inf).min((1, 2)) <= tolerance


def relevance_mass(
    maps: Float[np.ndarray, "n h w"], masks: Bool[np.ndarray, "m y x"]
) -> Float[np.ndarray, " n"]:
    """Return the part of what speaks for the target that lies on the mask.

    `sum(max(map, 0) on the mask) / sum(max(map, 0))`; 0 where nothing speaks for it.

    Args:
        maps: larger where a pixel speaks for the target.
        masks: where the thing is, somewhere in each image.

    Returns:
        From 0 to 1 for each image; an even map has the mask's share of the image.

    Raises:
        UserError: shapes that differ, or a mask that is empty.

    Source: Arras, Osman and Samek, "CLEVR-XAI", Information Fusion 2022, equation 5.

    >>> maps = np.array([[[3.0, -9.0], [1.0, 0.0]]])
    >>> relevance_mass(maps, maps == 3.0)
    array([0.75])
    """
    _check(maps, masks)
    positive = np.maximum(maps, 0)
    total = positive.sum((1, 2))
    return np.where(masks, positive, 0).sum((1, 2)) / np.where(total > 0, total, 1)


def relevance_rank(
    maps: Float[np.ndarray, "n h w"], masks: Bool[np.ndarray, "m y x"]
) -> Float[np.ndarray, " n"]:
    """Return the part of the strongest pixels that lies on the mask, of as many as it has.

    Where values are equal at the boundary, pixels are taken as if drawn among them, so that an even
    map has the mask's share of the image.

    Args:
        maps: larger where a pixel speaks for the target.
        masks: where the thing is, somewhere in each image.

    Returns:
        From 0 to 1 for each image.

    Raises:
        UserError: shapes that differ, or a mask that is empty.

    Source: Arras, Osman and Samek, "CLEVR-XAI", Information Fusion 2022, equation 6.

    >>> maps = np.array([[[3.0, 2.0], [1.0, 0.0]]])
    >>> relevance_rank(maps, (maps == 3.0) | (maps == 1.0)), relevance_rank(0 * maps, maps == 3.0)
    (array([0.5]), array([0.25]))
    """
    _check(maps, masks)
    return np.array([_rank(*one) for one in zip(maps, masks, strict=True)])


def _rank(one: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "y x"]) -> float:
    size = int(mask.sum())
    bound = np.partition(one.ravel(), -size)[-size]
    above, equal = one > bound, one == bound
    share = (size - above.sum()) / equal.sum()
    return float((above & mask).sum() + share * (equal & mask).sum()) / size


class Overlap(NamedTuple):
    """How well the best of a few maps covers a mask.

    Attributes:
        iou: intersection over union at the best threshold, from 0 to 1.
        best: index of the best map.
        threshold: where it was cut.
    """

    iou: float
    best: int
    threshold: float


def best_overlap(maps: Float[np.ndarray, "n h w"], mask: Bool[np.ndarray, "y x"]) -> Overlap:
    """Return which of a few maps of one image covers a mask best, cut where it does so best.

    `max over map and threshold of |map > t and mask| / |map > t or mask|`, for thresholds at 200
    quantiles of each map.

    Args:
        maps: of the groups, units or whatever is tried.
        mask: where the thing is.

    Raises:
        UserError: shapes that differ, or a mask that is empty.

    Source: Bau et al., "Network dissection", CVPR 2017, equation 1, for one image.

    >>> maps = np.array([[[0.0, 1.0]], [[2.0, 1.0]]])
    >>> best_overlap(maps, np.array([[True, False]]))
    Overlap(iou=1.0, best=1, threshold=1.0)
    """
    _check(maps, np.broadcast_to(mask, maps.shape))
    found = [_cut(one, mask) for one in maps]
    index = int(np.argmax([iou for iou, _ in found]))
    return Overlap(found[index][0], index, found[index][1])


def _cut(one: Float[np.ndarray, "h w"], mask: Bool[np.ndarray, "y x"]) -> tuple[float, float]:
    """Return the best overlap of one map and where it is cut for it; all is above its minimum."""
    thresholds = np.unique(np.quantile(one, QUANTILES, method="lower"))
    # Of sorted values, how many of the mask's and of all lie above each threshold.
    inside, every = np.sort(one[mask]), np.sort(one.ravel())
    both = len(inside) - np.searchsorted(inside, thresholds, "right")
    above = len(every) - np.searchsorted(every, thresholds, "right")
    iou = both / (above + len(inside) - both)
    best = int(iou.argmax())
    return float(iou[best]), float(thresholds[best])


def _check(maps: np.ndarray, masks: np.ndarray) -> None:
    if maps.shape != masks.shape:
        raise UserError(f"maps {list(maps.shape)} for masks {list(masks.shape)}: must be alike")
    if len(masks) and not masks.any((1, 2)).all():
        empty = int(np.flatnonzero(~masks.any((1, 2)))[0])
        raise UserError(f"mask {empty} is empty: there is nothing to be found")
