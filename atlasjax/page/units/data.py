"""What the site of units knows: a short index that is read first, and the rest unit by unit.

Units come by sixteen in a file, since a circuit asks for many. What is no number is null.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from atlasjax.page.data import packed, rounded
from atlasjax.page.units.contents import Edges, Patches, Tuning, UnitLayer, UnitSite
from atlasjax.page.units.pictures import ICON, patch_size, shot_size, shots, side, thumb
from atlasjax.storage.artifacts import folder_name

CHUNK = 16  # units in a file
KNOWN = 3  # classes by which a unit is found
HIGHEST, LOWEST = 6, 4  # classes that a unit's page names


def layer_order(site: UnitSite) -> list[str]:
    """Return every layer that a circuit can have, in the order of the network.

    Those of the site come in its order; others stand next to the first that has edges with them.

    >>> edges = Edges("b", np.zeros((1, 1), int), np.zeros((1, 1)), np.zeros((1, 1, 1, 1)))
    >>> layers = [UnitLayer(name, np.array([0]), inputs=(edges,)) for name in ("a", "c")]
    >>> layer_order(UnitSite(tuple(layers), (), (), {}))
    ['b', 'a', 'c']
    """
    shown = {layer.name for layer in site.layers}
    found: list[str] = []
    for layer in site.layers:
        others = [e.layer for e in layer.inputs if e.layer not in shown and e.layer not in found]
        found += [*others, layer.name]
    for layer in site.layers:
        others = [e.layer for e in layer.outputs if e.layer not in shown and e.layer not in found]
        at = found.index(layer.name) + 1
        found[at:at] = others
    return found


def layer_data(layer: UnitLayer, classes: int) -> dict[str, Any]:
    """Return what the first page and the search need to know of a layer.

    Args:
        layer: what is shown.
        classes: how many classes have names.
    """
    sizes = {"icon": 0 if layer.icon is None else side(layer.icon, ICON)}
    return {
        "name": layer.name,
        "stem": folder_name(layer.name),
        "number": [int(number) for number in layer.number],
        "names": {str(number): str(name) for number, name in layer.names.items()},
        "branch": list(layer.branch),
        "families": [
            {"name": one.name, "units": [int(unit) for unit in one.units], "note": one.note}
            for one in layer.families
        ],
        "fires": None if layer.fires is None else numbers(layer.fires),
        "known": _known(layer.classes) if layer.classes is not None and classes else None,
        "tuning": [_tuning(one) for one in layer.tuning],
        "patches": [{"title": one.title, "count": one.patch.shape[1]} for one in layer.patches],
        "inputs": [_between(one) for one in layer.inputs],
        "outputs": [_between(one) for one in layer.outputs],
        "shots": shots(layer),
        "chunk": CHUNK,
        **sizes,
        "shot": shot_size(layer),
        "patch": patch_size(layer),
    }


def unit_data(layer: UnitLayer, at: int, classes: int) -> dict[str, Any]:
    """Return what a unit's page and a circuit need to know of it, beside the index.

    Args:
        layer: what is shown.
        at: which of its units, as they are listed.
        classes: how many classes have names.
    """
    ranked = layer.classes is not None and classes
    return {
        "thumb": None if layer.icon is None else thumb(layer.icon[at]),
        "histogram": _histogram(layer, at),
        "tuning": [packed(one.answer[at], "<f4") for one in layer.tuning],
        "classes": extremes(layer.classes[at]) if ranked and layer.classes is not None else [],
        "patches": [_patches(one, at) for one in layer.patches],
        "inputs": [_edges(one, at) for one in layer.inputs],
        "outputs": [_edges(one, at) for one in layer.outputs],
        "cells": [list(cell) for cell in layer.cells.get(int(layer.number[at]), ())],
    }


def extremes(values: np.ndarray) -> list[tuple[int, float]]:
    """Return the classes that a unit answers to most and least, with its mean values.

    Args:
        values: by class; nan for classes without images.

    >>> extremes(np.array([0.5, np.nan, -1.0]))
    [(0, 0.5), (2, -1.0)]
    """
    order = [int(i) for i in np.argsort(-values, kind="stable") if np.isfinite(values[i])]
    highest = order[:HIGHEST]
    lowest = order[HIGHEST:][-LOWEST:]
    return [(i, float(f"{values[i]:.4g}")) for i in highest + lowest]


def numbers(values: np.ndarray | Iterable[float]) -> list[float | None]:
    """Return numbers as JSON can hold them, to four digits.

    >>> numbers(np.array([0.123456, np.nan]))
    [0.1235, None]
    """
    return [float(f"{value:.4g}") if np.isfinite(value) else None for value in values]


def _known(classes: np.ndarray) -> list[list[int]]:
    return [
        [int(i) for i in np.argsort(-row, kind="stable")[:KNOWN] if np.isfinite(row[i])]
        for row in classes
    ]


def _tuning(tuning: Tuning) -> dict[str, Any]:
    return {
        "title": tuning.title,
        "unit_of_x": tuning.unit_of_x,
        "x": numbers(tuning.x),
        "periodic": bool(tuning.periodic),
        "preferred": numbers(tuning.preferred),
    }


def _between(edges: Edges) -> dict[str, Any]:
    height, width = edges.kernel.shape[2:]
    return {"layer": edges.layer, "height": height, "width": width}


def _histogram(layer: UnitLayer, at: int) -> dict[str, str] | None:
    if layer.histogram is None or layer.bins is None:
        return None
    return {"counts": packed(layer.histogram[at], "<f4"), "bins": packed(layer.bins[at], "<f4")}


def _patches(patches: Patches, at: int) -> dict[str, Any]:
    images = [int(number) for number in patches.image[at]]
    return {
        "image": images,
        "value": numbers(patches.value[at]),
        "label": [str(patches.label.get(number, "")) for number in images],
    }


def _edges(edges: Edges, at: int) -> dict[str, Any]:
    there = edges.unit[at] >= 0
    kernel = edges.kernel[at][there]

    def optional(values: np.ndarray | None) -> list[float | None] | None:
        return None if values is None else numbers(values[at][there])

    return {
        "unit": [int(unit) for unit in edges.unit[at][there]],
        "weight": numbers(edges.weight[at][there]),
        "contribution": optional(edges.contribution),
        "effect": optional(edges.effect),
        "idle": None if edges.idle is None else [bool(one) for one in edges.idle[at][there]],
        "kernel": rounded(kernel.reshape(len(kernel), -1)),
    }
