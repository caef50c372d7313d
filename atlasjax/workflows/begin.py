"""Begin: what is said and seen to before a run computes anything, and when its disk is full."""

import contextlib
import errno
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from atlasjax.errors import UserError
from atlasjax.fidelity.report import write
from atlasjax.runs.again import again, lost
from atlasjax.runs.estimate import Estimate, estimate, said, sized
from atlasjax.runs.job import Run
from atlasjax.runs.plan import plan
from atlasjax.runs.unit import Unit, keep, kept
from atlasjax.storage import artifacts, lock, mending, sums
from atlasjax.storage.remedy import RECORD

SURE = ("activations", "attribution", "whitening", "layout")  # whose size does not depend on cells
FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
FIELD = "/field.npz"  # where a layer lies in the image, which is measured before the plan
LITTLE = 1 << 16  # bytes free, with which nothing can be written


def begin(run: Run, class_names: Sequence[str], say: Callable[[str], object]) -> None:
    """Mend a run's folder, say what will be made again, why, and what it takes; keep the plan.

    Nothing is said where nothing is made.

    Args:
        run: the run, which has its folder alone.
        class_names: one for each logit.
        say: called with each line.

    Raises:
        UserError: the disk has too little room, or layers cannot be sampled as asked for.
    """
    folder, finished = run.folder, _finished(run.folder)
    ways = mending.sweep(folder, shared=bool(lock.others(folder))) | {
        name: "damaged" if (folder / name).exists() else "missing" for name in sums.changed(folder)
    }
    before, units = kept(folder), planned(run, class_names)
    lines = _mended(ways, {unit.path for unit in units})
    rest = [unit for unit in units if unit.path not in {*ways, *map(_store, ways)}]
    lines += again(folder, rest, before, finished=finished)
    found = estimate(folder, units)
    if found.stages:
        lines.append(said(found))
    for line in lines:
        run.log(line)
        say(line)
    needed = sum(found.stages.get(stage, 0) for stage in SURE)
    if needed > found.free:
        raise UserError(
            f"{str(folder)!r} needs {sized(found.needed)} at most, {sized(needed)} of it for "
            f"{', '.join(stage for stage in SURE if stage in found.stages)}, and "
            f"{sized(found.free)} are free"
        )
    keep(folder, units)


def _mended(ways: Mapping[str, str], planned: Collection[str]) -> list[str]:
    """Say what was damaged, and will be made again; or is of other settings, and is removed."""
    lines, others = [], []
    for how in dict.fromkeys(ways.values()):
        paths = [path for path, one in ways.items() if one == how]
        whole = {path: _whole(path) for path in paths}
        of_run = [p for p in paths if whole[p] in planned or not p.startswith("layers/")]
        lines += lost([p for p in paths if p in of_run or p.endswith(FIELD)], how)
        others += [p for p in paths if p not in of_run and not p.endswith(FIELD)]
    return [*lines, *(f"removed: {path}, a damaged file of other settings" for path in others)]


def _store(path: str) -> str:
    """Return the index that a file is beside; itself where it is beside none.

    >>> _store("layers/a/activations/c/3/0"), _store("layers/a/attribution-00003.npz")
    ('layers/a/activations.npz', 'layers/a/attribution-00003.npz')
    """
    return re.sub(r"/(c/\d+/\d+|zarr\.json)$", ".npz", path)


def _whole(path: str) -> str:
    """Return the artifact that a file is a part of, or is beside.

    >>> _whole("layers/a/attribution-00003.npz")
    'layers/a/attribution.npz'
    """
    return re.sub(r"-\d+(?=\.npz$)", "", _store(path))


def planned(run: Run, class_names: Sequence[str]) -> tuple[Unit, ...]:
    """Return the plan of a run with its report.

    Args:
        run: the run.
        class_names: one for each logit.
    """
    units = plan(run)
    known = {run.folder / unit.path: unit.made_from for unit in units}
    levels = [(name, size) for name in run.names for size in run.config.grids]
    origin = write.origin(run, levels, class_names, known.get)
    report = Unit("report", "", 0, write.NUMBERS, artifacts.fingerprint(**origin), origin, 1, 0)
    return (*units, report)


def forecast(run: Run, class_names: Sequence[str]) -> Estimate:
    """Estimate what a run takes, and leave its folder as it is.

    Args:
        run: the run, whose folder need not be there.
        class_names: one for each logit.
    """
    with tempfile.TemporaryDirectory(prefix="atlasjax-") as name:
        aside = replace(run, folder=Path(name))
        for layer in run.names:  # where they lie in the image takes seconds to measure
            known = run.layer(layer) / "field.npz"
            if known.is_file():
                aside.layer(layer).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(known, aside.layer(layer) / "field.npz")
        return estimate(run.folder, planned(aside, class_names))


@contextlib.contextmanager
def with_room(folder: Path) -> Iterator[None]:
    """Say what is needed and what is free where the disk becomes full while the block runs.

    Args:
        folder: the run folder.

    Raises:
        UserError: the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL and (error.errno or estimate(folder, ()).free > LITTLE):
            raise
        found = estimate(folder, kept(folder))
        more = f"{sized(found.needed)} more are needed at most, and " if found.stages else ""
        raise UserError(
            f"the disk of {str(folder)!r} is full: {more}{sized(found.free)} are free; make room, "
            "and the same command goes on from here"
        ) from None


def _finished(folder: Path) -> bool:
    """Tell whether the last run in a folder came to its end."""
    try:
        return "finished" in json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, TypeError):
        return False
