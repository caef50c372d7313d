"""Status: what of a run is done, what is left, about how long it takes, and who is at work.

Nothing but the run folder is looked at: neither the network nor the images.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from atlasjax.errors import UserError
from atlasjax.runs.estimate import estimate, lasting, logged, said, title
from atlasjax.runs.open import INDEX
from atlasjax.runs.unit import Unit, kept, pending
from atlasjax.storage import lock
from atlasjax.storage.remedy import RECORD, command_of


class Row(NamedTuple):
    """One stage of one layer.

    Attributes:
        stage: what it makes: "activations", "layout", ...
        layer: the layer; empty of what is of the whole run.
        done: how many artifacts are there: of what is made for every grid as many as grids.
        of: how many there will be.
        parts: how many parts there are of one that is not finished.
        seconds: how long it took; None where that is not known, or is next to nothing.
    """

    stage: str
    layer: str
    done: int
    of: int
    parts: int
    seconds: float | None


class Status(NamedTuple):
    """How far a run is.

    Attributes:
        rows: stage by stage and layer by layer, in the order in which they are made.
        process: which process is at work in the folder; None where none is.
        finished: whether everything is there.
        command: by which it was asked for, and goes on; None where by none.
        lines: all that there is to say of it, for people.
    """

    rows: tuple[Row, ...]
    process: str | None
    finished: bool
    command: str | None
    lines: tuple[str, ...]


def status(folder: str | os.PathLike) -> Status:
    """Tell how far a run is, whether or not it is going on.

    Args:
        folder: the run folder.

    Returns:
        What is done and what is left. Artifacts are known by their fingerprints, and not read
        through: one that is damaged inside shows when the run goes on.

    Raises:
        UserError: no run in the folder.

    >>> status("runs/none/at/all")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no run in 'runs/none/at/all': it has no run.json
    """
    folder = Path(folder)
    if not (folder / RECORD).is_file():
        raise UserError(f"no run in {str(folder)!r}: it has no {RECORD}")
    units, process, command = kept(folder), lock.user_of(folder), command_of(folder)
    rows = _rows(folder, units)
    finished = bool(rows) and all(row.done == row.of for row in rows) and process is None
    finished = finished and (folder / INDEX).is_file()
    lines = _lines(folder, units, process, command, finished)
    return Status(rows, process, finished, command, lines)


def _rows(folder: Path, units: Sequence[Unit]) -> tuple[Row, ...]:
    took, groups = logged(folder), {}
    for unit in units:
        groups.setdefault((unit.stage, unit.layer), []).append(unit)
    rows = []
    for (stage, layer), own in groups.items():
        left = pending(folder, own)
        names = {name for unit in own if (name := title(unit)) in took}
        seconds = sum(took[name] for name in names) if names else None
        parts = sum(len(_parts(folder / unit.path)) for unit in left)
        rows.append(Row(stage, layer, len(own) - len(left), len(own), parts, seconds))
    return tuple(rows)


def _parts(path: Path) -> list[Path]:
    """Return the parts of an artifact that are there while it is being made."""
    found = path.parent.glob(f"{path.stem}-*.npz")
    return [part for part in found if part.stem.removeprefix(f"{path.stem}-").isdigit()]


def _lines(
    folder: Path, units: Sequence[Unit], process: str | None, command: str | None, finished: bool
) -> tuple[str, ...]:
    lines = []
    if not units:
        lines.append("what is to be made is not known: no plan.json, or a damaged one")
    left = estimate(folder, units)
    if left.stages:
        lines.append(said(left))
    if process is not None:
        more = f"; {lasting(left)} to go" if left.seconds else ""
        others = "".join(f", {lock.user_of(folder, one)}" for one in lock.others(folder))
        lines.append(f"at work: {process}{others}{more}")
    elif finished:
        lines.append(f"finished: open {folder / 'index.html'}")
    else:
        goes_on = "run the experiment again" if command is None else f"`{command}`"
        lines.append(f"nobody is at work; {goes_on} to go on")
    return tuple(lines)
