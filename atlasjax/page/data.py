r"""Page data: what the page knows of a level, as short as it can be said.

A page read from disk may fetch nothing, but it may load scripts. So each file of data is a script
of one call, `document.currentScript.receive(...)`, which hands its value to whoever loaded it and
leaves no name behind. Arrays are the bytes of little-endian numbers in base64.
"""

import base64
import json
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from atlasjax.atlas.level import Level
from atlasjax.page.regions import regions

BEFORE, AFTER = "document.currentScript.receive(", ");\n"
HIGHEST, LOWEST = 5, 3  # classes that the page names for a cell
CHUNK = 400_000  # numbers of attribution in one file, about


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


def rounded(values: Float[np.ndarray, "rows n"]) -> dict[str, str]:
    """Return numbers as bytes, each row divided by a 127th of its largest magnitude.

    They are off by at most 0.4 % of it. What is no number becomes 0.

    >>> rounded(np.array([[2.54, -1.0]]))["values"] == packed(np.array([127, -50]), "i1")
    True
    """
    known = np.nan_to_num(values.astype(np.float32))
    scale = np.abs(known).max(1, initial=0) / 127
    bytes_ = np.rint(known / np.where(scale > 0, scale, 1)[:, None])
    return {"scale": packed(scale, "<f4"), "values": packed(bytes_, "i1")}


def level_data(
    level: Level,
    grid: int,
    patches: Int[np.ndarray, " cells"] | None,
    images: Int[np.ndarray, "cells k"] | None = None,
) -> dict[str, Any]:
    """Return what the page shows of every cell, without the effects on every class.

    Args:
        level: the cells.
        grid: cells in each direction.
        patches: how many patches there are of each cell; None for none at all.
        images: which image each patch is of, -1 where there is none; None where it is not known.

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
        "images": None if images is None else packed(images, "<i4"),
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
        values = level.attribution[:, first : first + size].T
        parts.append(rounded(values))
    return parts
