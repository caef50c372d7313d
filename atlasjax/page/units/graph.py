"""Circuit: a unit, its strongest inputs, theirs, and where each stands in a diagram.

The page finds the same (`viewer/src/units/graph.ts`), so that a diagram from the command line is
the one that is seen in the browser.
"""

from typing import NamedTuple

import numpy as np

from atlasjax.errors import UserError, unknown
from atlasjax.page.units.contents import Edges, UnitLayer, UnitSite
from atlasjax.page.units.data import layer_order

MOST = 6  # inputs of the unit itself from each layer; of its inputs half as many
COLUMN = 12  # units of a layer at most, those that matter most

Unit = tuple[str, int]


class Line(NamedTuple):
    """What one unit does to another.

    Attributes:
        source: its layer and number.
        target: likewise.
        weight: signed.
        strength: the same as a part of the largest between these two layers, -1 to 1.
        idle: whether ablating it does nothing.
    """

    source: Unit
    target: Unit
    weight: float
    strength: float
    idle: bool


class Circuit(NamedTuple):
    """A unit and what it is made from.

    Attributes:
        columns: layers from left to right, each with its units from the top.
        lines: the weakest first, so that the strongest are drawn over them.
    """

    columns: tuple[tuple[str, tuple[Unit, ...]], ...]
    lines: tuple[Line, ...]


def circuit(site: UnitSite, layer: str, unit: int, *, depth: int = 1, most: int = MOST) -> Circuit:
    """Return the strongest inputs of a unit, their strongest inputs, and so on.

    Args:
        site: what is known of units.
        layer: of the unit.
        unit: its number in the layer.
        depth: how many steps back, at least 1.
        most: inputs of the unit from each layer; of its inputs half as many.

    Raises:
        UserError: no such layer or unit in the site, or numbers below 1.

    >>> weight = np.array([[0.5, -1.0]])
    >>> edges = Edges("a", np.array([[4, 7]]), weight, weight[..., None, None])
    >>> site = UnitSite((UnitLayer("b", np.array([3]), inputs=(edges,)),), (), (), {})
    >>> found = circuit(site, "b", 3)
    >>> found.columns
    (('a', (('a', 4), ('a', 7))), ('b', (('b', 3),)))
    >>> [line.strength for line in found.lines]
    [0.5, -1.0]
    """
    layers = {one.name: one for one in site.layers}
    if layer not in layers:
        raise unknown("layer of the site", layer, layers)
    if place(layers[layer], unit) is None:
        shown = [str(number) for number in layers[layer].number]
        raise unknown(f"unit of {layer} in the site", str(unit), shown)
    for name, value in (("depth", depth), ("most", most)):
        if value < 1:
            raise UserError(f"{name} {value}: must be at least 1")
    matters, lines = _found(layers, (layer, unit), depth, most)
    lines = [line for line in lines if line.source in matters]
    return _arranged(layer_order(site), matters, _scaled(lines))


def _found(
    layers: dict[str, UnitLayer], root: Unit, depth: int, most: int
) -> tuple[dict[Unit, float], list[Line]]:
    """Follow the strongest inputs back; return how much each unit matters, and the lines."""
    matters, frontier, lines = {root: 1.0}, [root], []
    for step in range(depth):
        count = most if step == 0 else max(1, most // 2)
        found: dict[Unit, float] = {}
        for target in frontier:
            for line in _inputs(layers, target, count):
                lines.append(line)
                part = matters[target] * abs(line.strength)
                found[line.source] = max(found.get(line.source, 0.0), part)
        new = _most(found, matters)
        matters |= new
        frontier = list(new)
    return matters, lines


def _inputs(layers: dict[str, UnitLayer], target: Unit, count: int) -> list[Line]:
    """Return a unit's strongest inputs from each layer, their strengths among themselves."""
    held = layers.get(target[0])
    at = None if held is None else place(held, target[1])
    if held is None or at is None:
        return []  # nothing is known of its inputs
    found = []
    for edges in held.inputs:
        there = [k for k in range(edges.unit.shape[1]) if edges.unit[at, k] >= 0][:count]
        largest = max((abs(float(edges.weight[at, k])) for k in there), default=0) or 1
        found += [_line(edges, at, k, target, largest) for k in there]
    return found


def _line(edges: Edges, at: int, k: int, target: Unit, largest: float) -> Line:
    weight = float(edges.weight[at, k])
    idle = edges.idle is not None and bool(edges.idle[at, k])
    return Line((edges.layer, int(edges.unit[at, k])), target, weight, weight / largest, idle)


def _most(found: dict[Unit, float], matters: dict[Unit, float]) -> dict[Unit, float]:
    """Return those that are new and for which there is room in their layer's column."""
    room: dict[str, int] = {}
    for layer, _ in matters:
        room[layer] = room.get(layer, COLUMN) - 1
    kept: dict[Unit, float] = {}
    for unit in sorted(found, key=lambda unit: -found[unit]):
        if unit not in matters and room.setdefault(unit[0], COLUMN) > 0:
            room[unit[0]] -= 1
            kept[unit] = found[unit]
    return kept


def _scaled(lines: list[Line]) -> list[Line]:
    """Return lines with strengths that compare between the same two layers."""
    largest: dict[tuple[str, str], float] = {}
    for line in lines:
        pair = (line.source[0], line.target[0])
        largest[pair] = max(largest.get(pair, 0.0), abs(line.weight))
    return [
        line._replace(strength=line.weight / (largest[line.source[0], line.target[0]] or 1))
        for line in lines
    ]


def _arranged(order: list[str], matters: dict[Unit, float], lines: list[Line]) -> Circuit:
    """Put layers in columns, and units where their lines are short: excitation above inhibition."""
    names = [name for name in order if any(layer == name for layer, _ in matters)]
    height: dict[Unit, float] = {}
    columns: list[tuple[str, tuple[Unit, ...]]] = []
    for name in reversed(names):
        units = [unit for unit in matters if unit[0] == name]
        keys = {unit: _key(unit, lines, height) for unit in units}
        units.sort(key=lambda unit: keys[unit])
        for row, unit in enumerate(units):
            height[unit] = row - (len(units) - 1) / 2
        columns.insert(0, (name, tuple(units)))
    ordered = sorted(lines, key=lambda line: abs(line.strength))
    return Circuit(tuple(columns), tuple(ordered))


def _key(unit: Unit, lines: list[Line], height: dict[Unit, float]) -> tuple[float, float]:
    out = [line for line in lines if line.source == unit and line.target in height]
    total = sum(abs(line.strength) for line in out) or 1
    middle = sum(abs(line.strength) * height[line.target] for line in out) / total
    return round(middle, 6), -sum((line.strength for line in out), 0.0)


def place(layer: UnitLayer, unit: int) -> int | None:
    """Return where a unit is listed in a layer of the site; None where it is not."""
    found = np.flatnonzero(layer.number == unit)
    return int(found[0]) if len(found) else None
