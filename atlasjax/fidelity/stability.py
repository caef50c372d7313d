"""Stability: what of a map is the layer's, and what is chance.

A layout depends on a seed and on which images there happened to be. What comes out again with
another seed, and from other images, is a property of the layer; what does not is none, however
clear it looks in the picture.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from atlasjax.atlas.cosine import best_cosines, own_cosines
from atlasjax.atlas.grid import grid
from atlasjax.atlas.layout import layout
from atlasjax.atlas.rows import Rows, pick
from atlasjax.errors import UserError
from atlasjax.fidelity.measures import Agreement, agreement

POINTS = 2000  # activations at most; a layout of so many takes a few seconds
FEWEST = 15  # neighbours, UMAP's own default: with fewer, layouts fall to pieces
PER_CELL = 20  # activations of a half on average: with fewer, a mean says more of the draw
LEAST = 24  # activations below which halves say nothing


class Directions(NamedTuple):
    """Whether one map's cell directions are found again in another.

    Attributes:
        found: for each cell, the best cosine of its direction with a cell of the other map.
        own: for each cell, the best cosine with another cell of its own map: a direction that is
            found again has a larger cosine with its double than with its neighbour.
    """

    found: Float[np.ndarray, " cells"]
    own: Float[np.ndarray, " cells"]


class Stability(NamedTuple):
    """How a layer's map changes with the seed, and with the images.

    Attributes:
        points: activations that were laid out; in each half about half as many.
        size: cells in each direction into which these maps were cut.
        seeds: the map with one seed and the same points with the next.
        halves: each half of the images laid out alone, and the same points in the map of both; the
            mean of the two halves.
        seed_directions: cells of the map with one seed, in that with the other.
        half_directions: cells of each half's map, in that of the other half.
    """

    points: int
    size: int
    seeds: Agreement
    halves: Agreement
    seed_directions: Directions | None
    half_directions: Directions | None


def stability(
    value: Float[np.ndarray, "n c"] | Rows,
    image: Int[np.ndarray, " n"],
    size: int,
    *,
    more_than: int = 5,
    points: int = POINTS,
    seed: int = 0,
    **settings: Any,
) -> Stability | None:
    """Lay some of a layer's activations out again: with another seed, and each half of the images.

    Four maps are made: of all points with the seed and with the next one, and of the points of
    each half of the images. Both halves are cut out by images, because positions of one image are
    alike. The grid is made coarser than the atlas's where its cells would hold fewer than
    `PER_CELL` activations of a half, were all equally full. Neighbourhoods shrink with the number
    of points, so that they reach as far as they do in the atlas, but not below `FEWEST` points.

    Args:
        value: the layer's activations.
        image: the image of each.
        size: the atlas's grid, cells in each direction.
        more_than: a cell counts where it holds more activations than this.
        points: if there are more activations, so many are drawn, image by image.
        seed: of the draw, the halves and the layouts.
        settings: further arguments of `layout`.

    Returns:
        What changes; None where there are too few activations or images to tell.

    >>> stability(np.ones((4, 2)), np.arange(4), 2) is None
    True
    """
    first, second = _halves(image, min(points, len(value)), seed)
    if min(len(first), len(second)) * 2 < LEAST:
        return None
    both = np.concatenate([first, second])
    coarse = max(1, min(size, int((len(both) / 2 / PER_CELL) ** 0.5)))

    def lay(rows: Int[np.ndarray, " k"], seed: int) -> Float[np.ndarray, "k 2"]:
        own = _scaled(settings, len(rows) / len(value))
        # That many are equal is said of the map itself.
        return layout(pick(value, rows), seed=seed, note=lambda line: None, **own)

    whole, again = lay(both, seed), lay(both, (seed + 1) % 2**32)
    halves = lay(first, seed), lay(second, seed)
    at = whole[: len(first)], whole[len(first) :]
    cut = [
        _directions(xy, pick(value, rows), coarse, more_than)
        for xy, rows in zip((whole, again, *halves), (both, both, first, second), strict=True)
    ]
    return Stability(
        points=len(both),
        size=coarse,
        seeds=agreement(whole, again),
        halves=_mean(*(agreement(a, b) for a, b in zip(halves, at, strict=True))),
        seed_directions=compare_directions(cut[0], cut[1]),
        half_directions=_both_ways(cut[2], cut[3]),
    )


def compare_directions(
    directions: Float[np.ndarray, "cells c"], others: Float[np.ndarray, "others c"]
) -> Directions | None:
    """Look for each direction of one map among those of another.

    Args:
        directions: of the cells of one map.
        others: of the cells of the other.

    Returns:
        Best cosines; None where a map has fewer than two cells.

    >>> found = compare_directions(np.eye(2), np.array([[1.0, 0.0], [1.0, 1.0]]))
    >>> found.found.round(3).tolist(), found.own.tolist()
    ([1.0, 0.707], [0.0, 0.0])
    """
    if min(len(directions), len(others)) < 2:
        return None
    return Directions(best_cosines(directions, others), own_cosines(directions))


def _scaled(settings: Mapping[str, Any], share: float) -> dict[str, Any]:
    """Return the settings of a layout for a share of the points.

    >>> _scaled({"n_neighbors": 200, "min_dist": 0.1}, 0.25), _scaled({"n_neighbors": 10}, 0.25)
    ({'n_neighbors': 50, 'min_dist': 0.1}, {'n_neighbors': 10})
    """
    found = dict(settings)
    if "n_neighbors" in found:
        k = found["n_neighbors"]
        found["n_neighbors"] = max(min(k, FEWEST), round(k * share))
    return found


def _halves(
    image: Int[np.ndarray, " n"], points: int, seed: int
) -> tuple[Int[np.ndarray, " a"], Int[np.ndarray, " b"]]:
    """Draw whole images until there are enough points; return the rows of either half of them."""
    names, inverse, count = np.unique(image, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    enough = np.searchsorted(np.cumsum(count[order]), points, side="right")
    chosen = order[:enough]
    first, second = chosen[::2], chosen[1::2]
    return np.flatnonzero(np.isin(inverse, first)), np.flatnonzero(np.isin(inverse, second))


def _directions(
    xy: Float[np.ndarray, "n 2"], value: Float[np.ndarray, "n c"], size: int, more_than: int
) -> Float[np.ndarray, "cells c"]:
    try:
        return grid(xy, value, size, more_than=more_than).direction
    except UserError:  # no cell is full enough
        return np.empty((0, value.shape[1]), value.dtype)


def _both_ways(
    one: Float[np.ndarray, "cells c"], other: Float[np.ndarray, "others c"]
) -> Directions | None:
    there, back = compare_directions(one, other), compare_directions(other, one)
    if there is None or back is None:
        return None
    return Directions(*(np.concatenate(pair) for pair in zip(there, back, strict=True)))


def _mean(one: Agreement, other: Agreement) -> Agreement:
    def mean(a: float | None, b: float | None) -> float | None:
        return None if a is None or b is None else (a + b) / 2

    return Agreement(
        disparity=mean(one.disparity, other.disparity),
        overlap=mean(one.overlap, other.overlap),
        chance=mean(one.chance, other.chance),
        points=one.points + other.points,
        neighbors=min(one.neighbors, other.neighbors),
    )
