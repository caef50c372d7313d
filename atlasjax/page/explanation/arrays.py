"""Arrays: every number of an explained image in one file that NumPy alone reads.

`numpy.load` gives them by these keys. `LAYER` and `METHOD` stand for names, as `layers` and
`methods` list them.

| key | |
|---|---|
| `name`, `image`, `label` | the image as the network sees it, its class, -1 if unknown |
| `output` | every logit, or what else the network puts out |
| `targets`, `target_classes`, `value` | what is explained, the class of each or -1, its value |
| `class_names` | of the network |
| `layers`, `methods` | their names, in order |
| `layer/LAYER/norm` | of the activation at every position |
| `layer/LAYER/grid` | the activation grid as a picture |
| `layer/LAYER/effect` | of every position on every target |
| `layer/LAYER/dictionary` | the most active channels of every position, into those below; or -1 |
| `layer/LAYER/unexplained` | what the groups leave |
| `layer/LAYER/completeness` | how far effects are from adding up, by target |
| `layer/LAYER/groups/...` | `names`, `icon`, `map`, `effect`, `classes` |
| `layer/LAYER/channels/...` | the same |
| `flow/N/groups`, `flow/N/positions` | from layer N to layer N + 1 |
| `method/METHOD/map` | one for each target |
| `method/METHOD/signed` | whether negative values speak against the target |
| `method/METHOD/CHECK` | `completeness`, `insertion`, `deletion`, `weights`, `labels`, by target |
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from atlasjax.page.explanation.contents import Directions, Explanation, Layer, Method, Picture
from atlasjax.page.explanation.data import CHECKS
from atlasjax.storage import artifacts


def write_arrays(path: Path, explanation: Explanation, picture: Picture) -> None:
    """Write every number of an image.

    Args:
        path: the file, ending in `.npz`.
        explanation: what the image is one of.
        picture: the image.
    """
    with artifacts.atomic(path) as temporary:
        found: dict[str, Any] = arrays(explanation, picture)
        np.savez_compressed(temporary, **found)


def arrays(explanation: Explanation, picture: Picture) -> dict[str, np.ndarray]:
    """Return every number of an image by the key that it is kept under.

    Args:
        explanation: what the image is one of.
        picture: the image.
    """
    found = {
        "name": np.array(picture.name),
        "image": picture.image,
        "label": np.array(-1 if picture.label is None else picture.label),
        "output": picture.output,
        "targets": _texts(explanation.targets),
        "target_classes": np.array(explanation.target_classes, np.int64),
        "value": picture.value,
        "class_names": _texts(explanation.class_names),
        "layers": _texts(layer.name for layer in picture.layers),
        "methods": _texts(method.name for method in picture.methods),
    }
    for layer in picture.layers:
        found |= {f"layer/{layer.name}/{key}": array for key, array in _layer(layer)}
    for number, flow in enumerate(picture.flows):
        found |= {f"flow/{number}/groups": flow.groups, f"flow/{number}/positions": flow.positions}
    for method in picture.methods:
        found |= {f"method/{method.name}/{key}": array for key, array in _method(method)}
    return found


def _layer(layer: Layer) -> Iterator[tuple[str, np.ndarray]]:
    for key in ("norm", "grid", "effect", "dictionary", "unexplained", "completeness"):
        yield key, np.asarray(getattr(layer, key))
    for key in ("groups", "channels"):
        directions: Directions = getattr(layer, key)
        yield f"{key}/names", _texts(directions.names)
        for part in ("icon", "map", "effect", "classes"):
            yield f"{key}/{part}", getattr(directions, part)


def _method(method: Method) -> Iterator[tuple[str, np.ndarray]]:
    yield "map", method.map
    yield "signed", np.array(method.signed)
    for check in CHECKS:
        yield check, np.array([getattr(one, check) for one in method.checks], np.float64)


def _texts(names) -> np.ndarray:
    """Return names as an array of text, which needs no pickle even where there are none."""
    return np.array(list(names), np.str_)
