"""Units: the artifacts of a run one by one, and their list, the plan, in its folder."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from atlasjax.storage import artifacts, store, sums

FILE = "plan.json"
FORMAT = 1  # of that file; raised when what was in it before changes


class Unit(NamedTuple):
    """An artifact of a run.

    Attributes:
        stage: what it is: "activations", "layout", ...
        layer: the layer, as the run calls it; none of what is of the whole run.
        grid: cells in each direction; 0 of what is of the whole layer.
        path: where it is, in the run folder.
        made_from: its fingerprint.
        origin: what that is of.
        amount: how many activations, cells or images it is of, at most.
        size: about how many bytes it takes, at most.
    """

    stage: str
    layer: str
    grid: int
    path: str
    made_from: str
    origin: Mapping[str, Any]
    amount: int
    size: int


def keep(folder: Path, units: Sequence[Unit]) -> None:
    """Write a plan into its run folder.

    Args:
        folder: the run folder.
        units: what `plan` returned, and whatever else is made.
    """
    listed = [unit._asdict() for unit in units]
    artifacts.write_json(folder / FILE, {"format": FORMAT, "units": listed})
    sums.keep(folder, [folder / FILE])


def kept(folder: Path) -> tuple[Unit, ...]:
    """Return the plan in a run folder; an empty one where there is none, or it is damaged.

    >>> kept(Path("no/such/run"))
    ()
    """
    try:
        if sums.changed(folder, [FILE]):
            return ()
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return tuple(Unit(**one) for one in found["units"]) if found["format"] == FORMAT else ()
    except (FileNotFoundError, NotADirectoryError, ValueError, LookupError, TypeError):
        return ()


def held(folder: Path, unit: Unit) -> str | None:
    """Return the fingerprint of an artifact as it is in a run folder; None where it is not there.

    Args:
        folder: the run folder.
        unit: the artifact.
    """
    path = folder / unit.path
    if unit.stage == "activations" and store.lacking(path):  # of its shards
        return None
    if path.suffix == ".npz":
        return artifacts.fingerprint_of(path)
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["made_from"])
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return None


def pending(folder: Path, units: Sequence[Unit]) -> list[Unit]:
    """Return those artifacts that are still to be made.

    Args:
        folder: the run folder.
        units: its plan.
    """
    return [unit for unit in units if held(folder, unit) != unit.made_from]
