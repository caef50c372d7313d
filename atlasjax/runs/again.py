"""Again: what of a run folder will be made anew, and why, said before anything is computed."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from atlasjax.runs.unit import Unit, held

# What settings are called by who asks for a run, and what else an artifact is made from.
SETTINGS = {
    "samples": "samples_per_image",
    "size": "image_size and resize",
    "method": "layout",
    "n_neighbors": "neighbors",
}
THINGS = {
    "activations": "the activations are",
    "attribution": "the attribution is",
    "before": "the map before is",
    "cells": "the cells are",
    "coarser": "the coarser icons are",
    "icons": "the icons are",
    "layout": "the layout is",
    "whitening": "the whitening is",
}
OTHERS = {
    "classes": "the classes have other names",
    "devices": "the number of devices is another",
    "format": "another version of atlasjax made it",
    "images": "the images are others",
    "places": "it is looked at in other places",
    "weights": "the network is another",
}
MANY, FEW = 8, 3  # files that are named one by one, and of many
UNKNOWN = "it is of other settings"


def again(
    folder: Path, units: Sequence[Unit], before: Sequence[Unit], *, finished: bool = False
) -> list[str]:
    """Say what is there and will be made again, a line for each stage and reason.

    Args:
        folder: the run folder, whose damaged artifacts are taken away already.
        units: the plan of the run that begins.
        before: that of the run that made what is there, as far as it is known.
        finished: whether that one was finished, so that what is not there has been taken away.

    Returns:
        The lines; none where nothing is made again.
    """
    earlier, reasons, missing = {unit.path: unit for unit in before}, {}, []
    for unit in units:
        found, old = held(folder, unit), earlier.get(unit.path)
        if found == unit.made_from:
            continue
        if found is not None:
            known = old is not None and old.made_from == found
            why = "; ".join(changes(old.origin, unit.origin)) if old and known else UNKNOWN
            reasons.setdefault((unit.stage, why), []).append(unit)
        elif finished and old is not None and old.made_from == unit.made_from:
            missing.append(unit.path)
    lines = [f"again: {stage}{_of(made)}, since {why}" for (stage, why), made in reasons.items()]
    return [*lost(missing, "missing"), *lines]


def lost(paths: Sequence[str], how: str) -> list[str]:
    """Say of files that they will be made again.

    Args:
        paths: in the run folder.
        how: what became of them: "missing", "damaged".

    Returns:
        A line for each; one for all where they are many.

    >>> lost(["layers/mixed4d/layout.npz"], "missing")
    ['again: layers/mixed4d/layout.npz, since it is missing']
    >>> lost([f"sprites/{i}.webp" for i in range(20)], "damaged")
    ['again: sprites/0.webp, sprites/1.webp, sprites/2.webp and 17 more, since they are damaged']
    """
    if len(paths) > MANY:
        rest = len(paths) - FEW
        return [f"again: {', '.join(paths[:FEW])} and {rest} more, since they are {how}"]
    return [f"again: {path}, since it is {how}" for path in paths]


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Give what two origins differ in; what changed by itself before what follows from it.

    Args:
        old: the origin of an artifact as it was.
        new: as it is.
    """
    old, new = _flat(old), _flat(new)
    names = [name for name in new if old.get(name) != new[name]]
    for name in sorted(names, key=lambda name: name in THINGS):
        if name in THINGS:
            yield THINGS[name]
        elif name in OTHERS:
            yield OTHERS[name]
        else:
            yield f"{SETTINGS.get(name, name)} is {_text(new[name])}, was {_text(old.get(name))}"


def _flat(origin: Mapping[str, Any]) -> dict[str, Any]:
    """Return an origin as JSON has it, with the settings of its icons among the others."""
    settings = origin.get("settings") or {}
    found = {**{n: v for n, v in origin.items() if n != "settings"}, **settings}
    return {n: list(v) if isinstance(v, tuple) else v for n, v in found.items()}


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _of(units: Sequence[Unit]) -> str:
    """Say of which layers and grids.

    >>> unit = Unit("icons", "mixed4d", 6, "", "", {}, 0, 0)
    >>> _of([unit, unit._replace(grid=12)]), _of([unit._replace(grid=0)])
    (' of mixed4d (6, 12)', ' of mixed4d')
    """
    grids: dict[str, list[int]] = {}
    for unit in units:
        grids.setdefault(unit.layer, []).append(unit.grid)
    listed = [
        f"{layer} ({', '.join(map(str, sizes))})" if any(sizes) else layer
        for layer, sizes in grids.items()
        if layer
    ]
    return f" of {', '.join(listed)}" if listed else ""
