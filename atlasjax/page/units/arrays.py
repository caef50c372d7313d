"""Arrays: every number of a layer's units in one file that NumPy alone reads.

`numpy.load` gives them by these keys, each with units along its first axis. What was not asked for
has no key. `N` counts from 0.

| key | |
|---|---|
| `layer`, `number`, `branch` | its name, of each unit in its layer, the branch that it lives in |
| `names`, `class_names` | that a person gave, empty where none; of the network |
| `histogram`, `bins` | counts of values before the rectifier, and the edges between them |
| `fires` | how often the rectified value is above 0 |
| `classes` | mean value over the images of each class |
| `tuning/N/...` | `title`, `unit_of_x`, `x`, `answer`, `periodic`, `preferred` |
| `patches/N/...` | `title`, `value`, `image` |
| `inputs/N/...`, `outputs/N/...` | `layer`, `unit`, `weight`, `kernel`, `contribution`, `effect`, `idle` |
| `families/N/...` | `name`, `units`, `note` |
"""  # noqa: E501

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from atlasjax.page.units.contents import Edges, Family, Patches, Tuning, UnitLayer
from atlasjax.storage import artifacts

WHOLE = ("number", "histogram", "bins", "fires", "classes")
LEFT_OUT = {"patch", "label"}  # pictures, and what is no array


def write_arrays(path: Path, layer: UnitLayer, class_names: tuple[str, ...]) -> None:
    """Write every number of a layer's units.

    Args:
        path: the file, ending in `.npz`.
        layer: what is shown.
        class_names: of the network.
    """
    found: dict[str, Any] = arrays(layer, class_names)
    with artifacts.atomic(path) as temporary:
        np.savez_compressed(temporary, **found)


def arrays(layer: UnitLayer, class_names: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """Return every number of a layer's units by the key that it is kept under.

    Args:
        layer: what is shown.
        class_names: of the network.

    >>> sorted(arrays(UnitLayer("mixed3b", np.array([379]), fires=np.array([0.5]))))
    ['fires', 'layer', 'names', 'number']
    """
    names = [layer.names.get(int(number), "") for number in layer.number]
    found = {"layer": np.array(layer.name), "names": np.array(names, np.str_)}
    for key in WHOLE:
        if (value := getattr(layer, key)) is not None:
            found[key] = value
    if layer.branch:
        found["branch"] = np.array(layer.branch, np.str_)
    if class_names:
        found["class_names"] = np.array(class_names, np.str_)
    for key in ("tuning", "patches", "inputs", "outputs", "families"):
        for number, one in enumerate(getattr(layer, key)):
            found |= {f"{key}/{number}/{name}": value for name, value in _fields(one)}
    return found


def _fields(one: Edges | Family | Patches | Tuning) -> Iterator[tuple[str, np.ndarray]]:
    for name, value in one._asdict().items():
        if value is not None and name not in LEFT_OUT:
            yield name, np.array(value)
