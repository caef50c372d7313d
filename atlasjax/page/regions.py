"""Regions: which parts of a map speak for one class, where that is more than noise.

The largest of a thousand effects always belongs to some class. It means something where it is more
than what neighbours on the map differ by.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from atlasjax.atlas.level import Level

BLOCK = 3  # cells in each direction whose classes are added up for a label
CHANCE = 0.01  # that a block of a map without order is named


def regions(level: Level, grid: int) -> list[tuple[float, float, int, int]]:
    """Name the regions of a map by what their cells speak for most.

    The map is cut into blocks of a few cells, 3 x 3 at most. A block has the class of the highest
    mean effect over its activations, and is named where that stands out from the layer's noise, see
    `_stands_out`. Named blocks that touch and have one class are one region. Its label stands on
    the cell that speaks most for that class.

    Args:
        level: the cells.
        grid: cells in each direction.

    Returns:
        For each region the place of its label in the unit square (x, y), the class, and the number
        of activations; the largest region first. Without classes there is nothing to name.

    >>> x, y = np.divmod(np.arange(64), 8)
    >>> ramp = np.linspace(1, -1, 8)[x]
    >>> effect = np.stack([ramp, -ramp], 1)  # from left to right, from one class to the other
    >>> one = np.ones((64, 1))
    >>> level = Level(x, y, x * 0 + 6, one, one[:, 0], effect, one[:, :, None, None])
    >>> [(cls, activations) for _, _, cls, activations in regions(level, 8)]
    [(0, 96), (1, 96)]
    """
    if not level.attribution.shape[1]:
        return []
    size = min(BLOCK, -(-grid // 8))
    blocks = -(-grid // size)
    of_cell = level.y // size * blocks + level.x // size
    there, index = np.unique(of_cell, return_inverse=True)
    effect = np.nan_to_num(level.attribution.astype(np.float32))
    sums = np.zeros((len(there), effect.shape[1]), np.float32)
    np.add.at(sums, index, effect * level.count[:, None].astype(np.float32))
    classes = sums.argmax(1)
    named = np.flatnonzero(_stands_out(level, index, classes, effect))
    region = np.full(len(there), -1)
    region[named] = _joined(there[named], classes[named], blocks)
    found = []
    for number in range(len(named)):
        cells = np.flatnonzero(region[index] == number)
        if not len(cells):
            continue
        cls = int(classes[index[cells[0]]])
        best = cells[effect[cells, cls].argmax()]
        x, y = (round((float(axis[best]) + 0.5) / grid, 4) for axis in (level.x, level.y))
        found.append((x, y, cls, int(level.count[cells].sum())))
    return sorted(found, key=lambda label: -label[3])


def _stands_out(
    level: Level,
    index: Int[np.ndarray, " cells"],
    classes: Int[np.ndarray, " blocks"],
    effect: Float[np.ndarray, "cells classes"],
) -> Bool[np.ndarray, " blocks"]:
    """Tell of which blocks the effect on their own class is more than noise.

    Noise is what cells that touch differ by: were effects exchanged among the cells, neighbours
    would differ as much as any two, and where the map has an order they differ less. With n
    activations a cell's mean varies by `noise^2 / n`, so each pair gives `d^2 / (1 / n + 1 / n')`.
    Since the class is the best of all, the bound is that of the best of as many.
    """
    from scipy.stats import norm

    count = level.count.astype(np.float64)
    one, other = _touching(level)
    bound = float(norm.isf(CHANCE / effect.shape[1]))
    out = np.zeros(len(classes), bool)
    for cls in np.unique(classes) if len(one) else ():
        values = effect[:, cls].astype(np.float64)
        apart = np.square(values[one] - values[other]) / (1 / count[one] + 1 / count[other])
        own = np.flatnonzero(classes == cls)
        held = np.bincount(index, count)[own]
        mean = np.bincount(index, count * values)[own] / held
        above = mean - np.average(values, weights=count)
        out[own] = above * np.sqrt(held) > bound * np.sqrt(apart.mean())
    return out


def _touching(level: Level) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """Return the pairs of cells that share an edge or a corner."""
    at = {(int(x), int(y)): i for i, (x, y) in enumerate(zip(level.x, level.y, strict=True))}
    pairs = [
        (i, at[x + dx, y + dy])
        for (x, y), i in at.items()
        for dx, dy in ((1, 0), (0, 1), (1, 1), (1, -1))
        if (x + dx, y + dy) in at
    ]
    one, other = np.array(pairs, np.int64).reshape(-1, 2).T
    return one, other


def _joined(
    there: Int[np.ndarray, " blocks"], classes: Int[np.ndarray, " blocks"], side: int
) -> Int[np.ndarray, " blocks"]:
    """Number blocks so that those of one class that touch have one number."""
    at = {int(block): i for i, block in enumerate(there)}
    number = np.full(len(there), -1)
    for start in range(len(there)):
        waiting = [start] if number[start] < 0 else []
        while waiting:
            i = waiting.pop()
            if number[i] >= 0:
                continue
            number[i] = start
            block = int(there[i])
            beside = [block - side, block + side]
            beside += [block - 1] if block % side else []
            beside += [block + 1] if (block + 1) % side else []
            near = [at[b] for b in beside if b in at]
            waiting += [j for j in near if classes[j] == classes[i] and number[j] < 0]
    return number
