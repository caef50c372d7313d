"""Asked: which units of which layers a site has, those of earlier calls among them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from atlasjax.errors import UserError
from atlasjax.storage import artifacts
from atlasjax.workflows.explaining.choices import layers_of

FILE = "site.json"
Units = Mapping[str, Sequence[int] | None]
"""For each layer its units; None for all."""


def read(layers: Iterable[str] | None, units: Any, shapes: Mapping[str, tuple[int, ...]]) -> Units:
    """Return which units are asked for.

    Args:
        layers: whose units all are, but where `units` names some.
        units: as `LAYER:NUMBER,NUMBER`, several of them; or numbers by layer; or None.
        shapes: of every layer of the network.

    Returns:
        The units of each layer.

    Raises:
        UserError: no such layer or unit, or what is no unit.

    >>> read(["a"], ["b:3,1", "b:3"], {"a": (8, 8, 4), "b": (8, 8, 4)})
    {'a': None, 'b': (1, 3)}
    """
    some = _numbers(units)
    listed = [*(layers or ()), *some]
    found = layers_of(shapes, 0, listed) if listed else []
    for layer, numbers in some.items():
        count = shapes[layer][-1]
        for number in numbers:
            if not 0 <= number < count:
                raise UserError(f"unit {layer}:{number}: must be from 0 to {count - 1}")
    return {layer: tuple(sorted(set(some[layer]))) if layer in some else None for layer in found}


def one(text: str) -> tuple[str, int]:
    """Return the layer and the number of a unit.

    Raises:
        UserError: no unit.

    >>> one("mixed3b/3x3:379")
    ('mixed3b/3x3', 379)
    """
    layer, colon, number = text.strip().rpartition(":")
    if not (colon and layer and number.isascii() and number.isdigit()):
        raise UserError(f"unit {text!r}: must be LAYER:NUMBER, such as mixed3b:379")
    return layer, int(number)


def joined(folder: Path, network: str, asked: Units) -> Units:
    """Return the units asked for with those that the site has already.

    Args:
        folder: where the site's work is kept.
        network: what tells it from others.
        asked: what is asked for now.

    Raises:
        UserError: the site is of another network.
    """
    known = _known(folder / FILE)
    if known and known.get("network") != network:
        raise UserError(f"{str(folder.parent)!r} is a site of another network: give another --out")
    made: dict[str, Sequence[int] | None] = dict(known.get("layers", {}))
    for layer, units in asked.items():
        before = made.get(layer, ())
        whole = units is None or before is None
        made[layer] = None if whole else tuple(sorted({*before, *units}))  # pyright: ignore
    if not made:
        raise UserError("no units: give --layers LAYER ..., or --units LAYER:NUMBER,...")
    return made


def keep(folder: Path, network: str, units: Units) -> None:
    """Write which units the site has, for later calls to add to.

    Args:
        folder: where the site's work is kept.
        network: what tells it from others.
        units: of each layer.
    """
    layers = {layer: None if some is None else list(some) for layer, some in units.items()}
    artifacts.write_json(folder / FILE, {"network": network, "layers": layers})


def _numbers(units: Any) -> dict[str, list[int]]:
    if units is None:
        return {}
    if isinstance(units, Mapping):
        return {str(layer): [int(unit) for unit in some] for layer, some in units.items()}
    found: dict[str, list[int]] = {}
    for text in [units] if isinstance(units, str) else units:
        layer, _, numbers = text.rpartition(":")
        found.setdefault(layer.strip(), []).extend(
            one(f"{layer}:{number.strip()}")[1] for number in numbers.split(",")
        )
    return found


def _known(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}  # no site yet
