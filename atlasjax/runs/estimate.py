"""Estimate: how much room a run takes and about how long, before it begins and while it goes on."""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from atlasjax.runs.unit import Unit, pending
from atlasjax.storage.remedy import LOG

# Which stages of a plan take time, and by what name the log tells how long.
TITLES = {
    "activations": "collect",
    "layout": "layout {layer}",
    "attribution": "attribution {layer}",
    "icons": "icons {layer} {grid} x {grid}",
    "examples": "examples",
}
# For each byte of these artifacts, how many the page takes: arrays once more, icons as a picture
# and as small ones in sheets, patches in sheets, effects as one byte of four and in base64.
PAGE = {"whitened": 1.0, "cell attribution": 1.4, "icons": 2.5, "examples": 0.3}
_TIMED = re.compile(r"\S+ \S+  (.+): (\d+(?:\.\d+)?) s")


class Estimate(NamedTuple):
    """What a run takes, at most and about.

    Attributes:
        stages: the bytes of what is still to be made, by stage.
        working: the bytes that are freed again at its end.
        free: the bytes that are free where it is written.
        seconds: how long it takes, by stage, of those stages of which it is known.
        unknown: the stages of which it is not known.
    """

    stages: Mapping[str, int]
    working: int
    free: int
    seconds: Mapping[str, float]
    unknown: tuple[str, ...]

    @property
    def needed(self) -> int:
        """How many bytes are needed."""
        return sum(self.stages.values()) + self.working


def estimate(folder: Path, units: Sequence[Unit]) -> Estimate:
    """Estimate what is still to be made of a run.

    Times are those of the run folder's log: what was made once in it tells how long it takes for
    as many as there are now.

    Args:
        folder: the run folder; it need not be there.
        units: its plan.

    Returns:
        The estimate. Cells are counted as if every one were drawn that can be.
    """
    left = pending(folder, units)
    stages: dict[str, int] = {}
    for unit in left:
        stages[unit.stage] = stages.get(unit.stage, 0) + unit.size
    if left:
        stages["page"] = int(sum(unit.size * PAGE.get(unit.stage, 0.0) for unit in units))
    # Parts are joined while they are there; examples of all levels are cut at once.
    parts = [unit.size for unit in left if unit.stage in ("attribution", "icons")]
    working = max([*parts, stages.get("examples", 0)], default=0)
    seconds, unknown = _seconds(units, left, logged(folder))
    return Estimate(stages, working, free(folder), seconds, unknown)


def logged(folder: Path) -> dict[str, float]:
    """Return how many seconds each stage took when it was last made, as the run's log tells.

    Args:
        folder: the run folder.

    >>> logged(Path("no/such/run"))
    {}
    """
    try:
        text = (folder / LOG).read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    lines = map(_TIMED.fullmatch, text.splitlines())
    return {line[1]: float(line[2]) for line in lines if line is not None}


def free(folder: Path) -> int:
    """Return how many bytes are free where a folder is or would be."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def title(unit: Unit) -> str | None:
    """Return what the log calls the making of an artifact; None where it tells nothing of it."""
    form = TITLES.get(unit.stage)
    return None if form is None else form.format(layer=unit.layer, grid=unit.grid)


def _seconds(
    units: Sequence[Unit], left: Sequence[Unit], took: Mapping[str, float]
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Return how long what is left takes, by stage, and the stages of which that is not known."""
    seconds, unknown = {}, []
    for stage in TITLES:
        todo = sum(unit.amount for unit in left if unit.stage == stage)
        if not todo:
            continue
        made = [unit for unit in units if unit.stage == stage and title(unit) in took]
        if made:
            spent = sum(took[one] for one in {str(title(unit)) for unit in made})
            seconds[stage] = spent * todo / sum(unit.amount for unit in made)
        else:
            unknown.append(stage)
    return seconds, tuple(unknown)


def said(found: Estimate) -> str:
    """Say an estimate in a line.

    >>> said(Estimate({"activations": 3 << 20, "page": 1 << 20}, 0, 9 << 30, {}, ("icons",)))
    'to be made: 4 MiB at most (activations 3 MiB, page 1 MiB); 9.0 GiB are free'
    >>> said(Estimate({"icons": 1 << 20}, 0, 9 << 30, {"icons": 90.0}, ()))
    'to be made: 1 MiB at most (icons 1 MiB), about 2 minutes; 9.0 GiB are free'
    """
    listed = sorted(found.stages.items(), key=lambda item: -item[1])
    parts = ", ".join(f"{stage} {sized(size)}" for stage, size in listed if size >= 1 << 20)
    spare = f", and {sized(found.working)} on the way" if found.working >= 1 << 20 else ""
    room = f"{sized(sum(found.stages.values()))} at most{f' ({parts})' if parts else ''}{spare}"
    time = f", {lasting(found)}" if found.seconds else ""
    return f"to be made: {room}{time}; {sized(found.free)} are free"


def lasting(found: Estimate) -> str:
    """Say how long what is left takes, as far as that is known."""
    minutes = sum(found.seconds.values()) / 60
    about = f"about {max(round(minutes), 1)} minute{'s' if round(minutes) > 1 else ''}"
    if minutes >= 100:
        about = f"about {minutes / 60:.1f} hours"
    return about + (f" and {', '.join(found.unknown)}" if found.unknown else "")


def sized(size: int) -> str:
    """Say a number of bytes.

    >>> sized(1234), sized(5 << 20), sized(3 << 29)
    ('2 KiB', '5 MiB', '1.5 GiB')
    """
    if size >= 1 << 30:
        return f"{size / (1 << 30):.1f} GiB"
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{-(-size >> 10) if size else 0} KiB"
