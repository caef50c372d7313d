"""Truth: how well an atlas finds a shortcut that was planted in the data on purpose.

Say the woks of the training images have noodles in them and the pans have none. Then noodles push
the network from "frying pan" to "wok", and an atlas should show it: the cells that push most from
one class to the other should be made of image positions that lie on noodles. How many of them do
is the precision; what randomly chosen cells give is what to compare it with.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from atlasjax.atlas.collect import Activations
from atlasjax.atlas.comparison import push
from atlasjax.atlas.grid import Cells
from atlasjax.errors import UserError
from atlasjax.receptive import ReceptiveField


class Score(NamedTuple):
    """How much of what the strongest cells hold lies on the planted part.

    Attributes:
        precision: of all activations in the chosen cells together, the fraction on the part.
        chance: the same for as many cells chosen at random, averaged over the draws.
        chance_high: the 95th percentile of the draws: a precision above it is not luck.
        cells: indices of the chosen cells, strongest first.
        fraction: for each chosen cell, the fraction of its activations that are on the part.
    """

    precision: float
    chance: float
    chance_high: float
    cells: Int[np.ndarray, " chosen"]
    fraction: Float[np.ndarray, " chosen"]


def strongest(push: Float[np.ndarray, " cells"], count: int = 10) -> Int[np.ndarray, " chosen"]:
    """Return the cells that push most, in descending order; of equals the earlier first.

    Args:
        push: what `push` returned.
        count: how many to take, at least 1; all of them where there are fewer.

    Returns:
        Their indices.

    Raises:
        UserError: a count below 1.

    >>> strongest(np.array([0.5, 2.0, -1.0, 2.0]), 3)
    array([1, 3, 0])
    """
    if count < 1:
        raise UserError(f"count {count}: must be at least 1 cell")
    return np.argsort(-push, kind="stable")[:count]


def on_part(
    activations: Activations,
    mask_of: Callable[[int], Bool[np.ndarray, "h w"]],
    field: ReceptiveField,
) -> Bool[np.ndarray, " n"]:
    """Tell for each activation whether its position lies on the part.

    It does when some pixel of the part is at most one stride of the layer away from the centre of
    the position's receptive field: `min |pixel - (offset + stride * position)| <= stride`, in px.

    Args:
        activations: what `collect` gave for the layer.
        mask_of: returns the part's mask in the image of that index, as the network sees the image;
            all False where the part is absent. It is called once for each image.
        field: the layer's receptive field; see `receptive_field`.

    Returns:
        One truth value for each activation, in their order.

    >>> layer = Activations(
    ...     value=np.zeros((2, 1)),
    ...     position=np.array([[0, 0], [0, 2]]),
    ...     image=np.array([5, 5]),
    ...     label=np.array([0, 0]),
    ...     shape=np.array([1, 3, 1]),
    ... )
    >>> left = np.arange(12) < np.full((4, 1), 2)
    >>> on_part(layer, lambda image: left, ReceptiveField(4.0, 2.0, 9))
    array([ True, False])
    """
    centre = field.offset + field.stride * activations.position
    found = np.zeros(len(centre), bool)
    order = np.argsort(activations.image, kind="stable")
    images, start = np.unique(activations.image[order], return_index=True)
    for image, members in zip(images.tolist(), np.split(order, start[1:]), strict=True):
        mask = mask_of(image)
        if mask.any():
            found[members] = [_touches(mask, y, x, field.stride) for y, x in centre[members]]
    return found


def score(
    cells: Cells,
    attribution: Float[np.ndarray, "cells classes"],
    on: Bool[np.ndarray, " n"],
    source: int,
    target: int,
    *,
    count: int = 10,
    draws: int = 1000,
    seed: int = 0,
    among: Bool[np.ndarray, " cells"] | None = None,
) -> Score:
    """Score one level: are the cells that push most from source to target made of the part?

    The activations of the chosen cells are pooled, so that a cell counts by what it holds; for the
    chosen and for random cells alike.

    Args:
        cells: the level's cells, as `grid` returned them.
        attribution: the mean effect of each cell's activations on each logit.
        on: for each activation of the layer whether it is on the part; see `on_part`.
        source: index of the class that the part pushes away from.
        target: index of the class that it pushes towards.
        count: how many cells to choose; all of them where there are fewer.
        draws: how many random choices of as many cells to compare with, at least 1.
        seed: of these choices, from 0 up.
        among: for each cell whether it may be chosen, by strength or by chance; all by default.

    Returns:
        The score.

    Raises:
        UserError: classes that are not there, a count or draws below 1, or no cell to choose from.

    >>> cells = Cells(
    ...     x=np.arange(2),
    ...     y=np.zeros(2, int),
    ...     count=np.array([2, 2]),
    ...     direction=np.zeros((2, 1)),
    ...     member=np.arange(4),
    ...     start=np.array([0, 2]),
    ... )
    >>> on = np.array([True, True, False, True])
    >>> score(cells, np.array([[0.0, 2.0], [0.0, 1.0]]), on, 0, 1, count=1).precision
    1.0
    """
    if draws < 1:
        raise UserError(f"draws {draws}: must be at least 1")
    eligible = np.arange(len(cells.count)) if among is None else np.flatnonzero(among)
    if not len(eligible):
        raise UserError("no cell to choose from: `among` leaves out all of them")
    chosen = eligible[strongest(push(attribution, source, target)[eligible], count)]
    hits = _count_in(cells, on)
    generator = np.random.default_rng(seed)
    chance = [
        _pooled(hits, cells.count, generator.choice(eligible, len(chosen), replace=False))
        for _ in range(draws)
    ]
    return Score(
        precision=_pooled(hits, cells.count, chosen),
        chance=float(np.mean(chance)),
        chance_high=float(np.percentile(chance, 95)),
        cells=chosen,
        fraction=hits[chosen] / cells.count[chosen],
    )


def _touches(mask: Bool[np.ndarray, "h w"], y: float, x: float, radius: float) -> bool:
    """Tell whether a pixel of the mask is within the radius of a point, inside the image or not."""
    rows, columns = (
        np.arange(max(int(np.ceil(at - radius)), 0), min(int(np.floor(at + radius)) + 1, size))
        for at, size in zip((y, x), mask.shape, strict=True)
    )
    near = (rows[:, None] - y) ** 2 + (columns - x) ** 2 <= radius**2
    return bool((mask[np.ix_(rows, columns)] & near).any())


def _count_in(cells: Cells, on: Bool[np.ndarray, " n"]) -> Int[np.ndarray, " cells"]:
    """Count the activations of each cell that are on the part."""
    before = np.concatenate([[0], np.cumsum(on[cells.member])])
    return before[cells.start + cells.count] - before[cells.start]


def _pooled(
    hits: Int[np.ndarray, " cells"],
    count: Int[np.ndarray, " cells"],
    chosen: Int[np.ndarray, " chosen"],
) -> float:
    return float(hits[chosen].sum() / count[chosen].sum())
