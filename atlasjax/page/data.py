r"""Page data: what the page knows of a level, as short as it can be said.

A page read from disk may fetch nothing, but it may load scripts. So each file of data is a script
of one call, `document.currentScript.receive(...)`, which hands its value to whoever loaded it and
leaves no name behind. Arrays are the bytes of little-endian numbers in base64.
"""

import base64
import json
from typing import Any

import numpy as np
from jaxtyping import Int

from atlasjax.atlas.level import Level

BEFORE, AFTER = "document.currentScript.receive(", ");\n"
HIGHEST, LOWEST = 5, 3  # classes that the page names for a cell
CHUNK = 400_000  # numbers of attribution in one file, about
BLOCK = 3  # cells in each direction whose classes are added up for a label


def script(value: Any) -> str:
    r"""Write a script that hands a value to whoever loads it.

    >>> script({"name": "</script>"})
    'document.currentScript.receive({"name":"\\u003c/script>"});\n'
    """
    return BEFORE + as_json(value, separators=(",", ":")) + AFTER


def of_script(text: str) -> Any:
    """Return the value that `script` wrote.

    >>> of_script(script({"name": "a <b>"}))
    {'name': 'a <b>'}
    """
    return json.loads(text.removeprefix(BEFORE).removesuffix(AFTER))


def as_json(value: Any, **layout: Any) -> str:
    r"""Write JSON in ASCII, safe inside a script element.

    ASCII also holds file names that are not valid UTF-8, which a text file would refuse.

    >>> as_json("</script>")
    '"\\u003c/script>"'
    """
    return json.dumps(value, **layout).replace("<", "\\u003c")


def packed(array: np.ndarray, kind: str) -> str:
    """Return an array's numbers as base64.

    Args:
        array: of any shape, written in reading order.
        kind: of the numbers, little-endian: `<u2`, `<f4`, ...

    >>> packed(np.array([1, 2]), "<u2")
    'AQACAA=='
    """
    return base64.b64encode(np.ascontiguousarray(array).astype(kind).tobytes()).decode("ascii")


def level_data(
    level: Level, grid: int, patches: Int[np.ndarray, " cells"] | None
) -> dict[str, Any]:
    """Return what the page shows of every cell, without the effects on every class.

    Args:
        level: the cells.
        grid: cells in each direction.
        patches: how many patches there are of each cell; None for none at all.

    Returns:
        What JSON can hold: places, counts, cosines, the highest and lowest classes with their
        effects, the range of every class, and the labels of regions. What is of classes is empty
        where the network has none.
    """
    classes = level.attribution.shape[1]
    highest = min(HIGHEST, classes)
    lowest = min(LOWEST, classes - highest)
    order = np.argsort(-level.attribution, axis=1, kind="stable")
    chosen = np.concatenate([order[:, :highest], order[:, classes - lowest :]], axis=1)
    effects = np.take_along_axis(level.attribution, chosen, axis=1)
    known = np.nan_to_num(level.attribution.astype(np.float32))
    return {
        "cells": len(level.x),
        "highest": highest,
        "lowest": lowest,
        "x": packed(level.x, "<u2"),
        "y": packed(level.y, "<u2"),
        "count": packed(level.count, "<u4"),
        "cosine": packed(level.cosine, "<f4"),
        "classes": packed(chosen, "<u4"),
        "effects": packed(effects, "<f4"),
        "least": packed(known.min(0), "<f4"),
        "most": packed(known.max(0), "<f4"),
        "patches": None if patches is None else packed(patches, "u1"),
        "labels": regions(level, grid),
    }


def chunk_size(level: Level) -> int:
    """Return how many classes' effects come in one file, at least 1."""
    return max(1, min(level.attribution.shape[1], CHUNK // max(1, len(level.x))))


def effect_chunks(level: Level) -> list[dict[str, Any]]:
    """Return the effects on every class, some classes in each part, as bytes.

    A class's effects are divided by a 127th of their largest magnitude in the level and rounded, so
    that they are off by at most 0.4 % of it.

    Args:
        level: the cells.

    Returns:
        The parts in order, each with the effects class by class and the scale of each class; none
        without classes.

    >>> one = np.array([0])
    >>> level = Level(one, one, one, one[None], one, np.array([[2.54, -1.0]]), one[None, None])
    >>> effect_chunks(level)[0]["values"] == packed(np.array([127, -127]), "i1")
    True
    """
    size = chunk_size(level)
    parts = []
    for first in range(0, level.attribution.shape[1], size):
        values = np.nan_to_num(level.attribution[:, first : first + size].astype(np.float32)).T
        scale = np.abs(values).max(1) / 127
        bytes_ = np.rint(values / np.where(scale > 0, scale, 1)[:, None])
        parts.append({"scale": packed(scale, "<f4"), "values": packed(bytes_, "i1")})
    return parts


def regions(level: Level, grid: int) -> list[tuple[float, float, int, int]]:
    """Name the regions of a map by what their cells speak for most.

    The map is cut into blocks of a few cells, 3 x 3 at most. A block has the class of the highest
    mean effect over its activations, and blocks that touch and have one class are one region. Its
    label stands on the cell that speaks most for that class.

    Args:
        level: the cells.
        grid: cells in each direction.

    Returns:
        For each region the place of its label in the unit square (x, y), the class, and the number
        of activations; the largest region first. Without classes there is nothing to name.

    >>> xs, one = np.array([0, 4, 8]), np.ones((3, 1))
    >>> effect = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    >>> level = Level(xs, xs * 0, xs + 6, one, one[:, 0], effect, one[:, :, None, None])
    >>> regions(level, 9)
    [(0.9444, 0.0556, 1, 14), (0.5, 0.0556, 0, 10), (0.0556, 0.0556, 0, 6)]
    """
    if not level.attribution.shape[1]:
        return []
    size = min(BLOCK, -(-grid // 8))
    blocks = -(-grid // size)
    of_cell = level.y // size * blocks + level.x // size
    there, index = np.unique(of_cell, return_inverse=True)
    effect = np.nan_to_num(level.attribution)
    sums = np.zeros((len(there), effect.shape[1]), np.float32)
    np.add.at(sums, index, (effect * level.count[:, None]).astype(np.float32))
    classes = sums.argmax(1)
    region = _joined(there, classes, blocks)[index]
    found = []
    for number in np.unique(region):
        cells = np.flatnonzero(region == number)
        cls = int(classes[index[cells[0]]])
        best = cells[effect[cells, cls].argmax()]
        x, y = (round((float(axis[best]) + 0.5) / grid, 4) for axis in (level.x, level.y))
        found.append((x, y, cls, int(level.count[cells].sum())))
    return sorted(found, key=lambda label: -label[3])


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
