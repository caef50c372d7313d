"""What the page of explained images knows: every number that it draws, as short as can be said.

The images and what is shown at first come in one script each; the maps of the saliency methods,
which are as large as the image, in one for each target, read when that target is chosen.
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from atlasjax.page.data import packed, rounded
from atlasjax.page.explanation.contents import Checks, Directions, Flow, Layer, Method, Picture
from atlasjax.page.explanation.pictures import icon_size

CHECKS = tuple(Checks.__dataclass_fields__)


def picture_data(picture: Picture) -> dict[str, Any]:
    """Return what the page shows of an image, but for the maps of the methods.

    Args:
        picture: the image and what explains the answer to it.

    Returns:
        What JSON can hold. Where a number is missing, its bytes are those of nan.
    """
    return {
        "value": packed(picture.value, "<f4"),
        "output": packed(picture.output, "<f4"),
        "layers": [_layer(layer) for layer in picture.layers],
        "flows": [_flow(flow) for flow in picture.flows],
        "methods": [_method(method) for method in picture.methods],
    }


def target_data(picture: Picture, target: int) -> dict[str, Any]:
    """Return the maps of all methods for one target.

    Args:
        picture: the image.
        target: which of the targets.
    """
    return {"maps": [roots(method.map[target]) for method in picture.methods]}


def roots(values: Float[np.ndarray, "h w"]) -> dict[str, Any]:
    """Return a map as bytes: 127 times the root of its part of the largest, with its sign.

    Most of a map is small. Roots keep that apart: the least that is told from 0 is a 16,000th of
    the largest.

    >>> found = roots(np.array([[4.0, -1.0, 0.0]]))
    >>> found["largest"], found["values"] == packed(np.array([127, -64, 0]), "i1")
    (4.0, True)
    """
    known = np.nan_to_num(values.astype(np.float64))
    largest = np.abs(known).max(initial=0)
    parts = np.sign(known) * np.sqrt(np.abs(known) / (largest or 1))
    return {"largest": float(largest), "values": packed(np.rint(127 * parts), "i1")}


def _layer(layer: Layer) -> dict[str, Any]:
    rows, columns, depth = layer.dictionary.shape
    return {
        "name": layer.name,
        "rows": rows,
        "columns": columns,
        "norm": packed(layer.norm, "<f4"),
        "effect": packed(layer.effect, "<f4"),
        "channels": _directions(layer.channels),
        "groups": _directions(layer.groups),
        "depth": depth,
        "dictionary": packed(layer.dictionary, "<i2"),
        "unexplained": _number(layer.unexplained),
        "completeness": packed(layer.completeness, "<f4"),
    }


def _directions(directions: Directions) -> dict[str, Any]:
    return {
        "names": list(directions.names),
        "icon": icon_size(directions.icon),
        "map": packed(directions.map, "<f4"),
        "effect": packed(directions.effect, "<f4"),
        "classes": rounded(directions.classes) if directions.classes.shape[1] else None,
    }


def _flow(flow: Flow) -> dict[str, Any]:
    rows, columns = flow.positions.shape[:2]
    return {
        "groups": packed(flow.groups, "<f4"),
        "positions": rounded(flow.positions.reshape(rows * columns, -1)),
    }


def _method(method: Method) -> dict[str, Any]:
    checks = [[_number(getattr(one, name)) for name in CHECKS] for one in method.checks]
    return {
        "name": method.name,
        "title": method.title,
        "signed": method.signed,
        "note": method.note,
        "checks": checks,
    }


def _number(value: float) -> float | None:
    """Return a number that JSON can hold; None for nan and infinities.

    >>> _number(0.5), _number(float("nan"))
    (0.5, None)
    """
    return float(value) if np.isfinite(value) else None
