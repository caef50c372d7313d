"""The work folder of a site: each piece is written as soon as it is done, and not made again.

Pieces of a layer are one file each. What is made unit by unit comes in batches, a file each, and
later calls add batches for the units that are missing.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from jaxtyping import Int

from atlasjax.progress import Progress, silent
from atlasjax.storage import artifacts

T = TypeVar("T")  # a NamedTuple of arrays
FORMAT = 1  # of the pieces; raised when what is computed changes
FOLDER = "work"


class Work(NamedTuple):
    """Where pieces are kept, and of which network they are.

    Attributes:
        folder: for the pieces.
        network: what tells it from others.
        seed: of everything that is drawn at random.
    """

    folder: Path
    network: str
    seed: int

    def made_from(self, stage: str, layer: str, **parts: Any) -> str:
        """Return the digest of what a piece is made from."""
        known = {"format": FORMAT, "network": self.network, "seed": self.seed}
        return artifacts.fingerprint(stage=stage, layer=layer, **known, **parts)

    def path(self, layer: str, stage: str) -> Path:
        """Return the file of a piece of a layer."""
        return self.folder / artifacts.folder_name(layer) / f"{stage}.npz"


def by_unit(
    work: Work,
    layer: str,
    stage: str,
    made_from: str,
    units: Sequence[int],
    kind: type[T],
    compute: Callable[[list[int]], T],
    *,
    batch: int,
    progress: Progress = silent,
) -> T:
    """Return something of some units, of which only what is not there yet is made.

    Args:
        work: where it is kept.
        layer: of the units.
        stage: what it is called.
        made_from: the digest of what it is made from, but for the units.
        units: their numbers.
        kind: a NamedTuple of arrays whose first axis is the units, the first of them their numbers.
        compute: makes it of some units.
        batch: units that are made before they are written.
        progress: called with the number of units done, and to do.

    Returns:
        It, in the order of the units.
    """
    folder = work.path(layer, stage).parent
    parts, known = [], set()
    for path in sorted(folder.glob(f"{stage}-*.npz")):
        found = artifacts.load(path, kind, made_from)
        if found is None:  # damaged, or made from something else
            path.unlink(missing_ok=True)
            continue
        parts.append(found)
        known |= set(_numbers(found).tolist())
    missing = [unit for unit in units if unit not in known]
    progress(0, len(missing))
    for start in range(0, len(missing), batch):
        some = missing[start : start + batch]
        made = compute(some)
        artifacts.save(folder / f"{stage}-{some[0]:05}-{len(some)}.npz", made, made_from)
        parts.append(made)
        progress(start + len(some), len(missing))
    return _gathered(parts, units, kind)


def _numbers(part: Any) -> Int[np.ndarray, " n"]:
    return np.asarray(part[0])


def _gathered(parts: Sequence[Any], units: Sequence[int], kind: type[T]) -> T:
    """Return the rows of some units, out of several parts."""
    place = {int(u): (n, row) for n, part in enumerate(parts) for row, u in enumerate(part[0])}
    rows = [place[unit] for unit in units]
    fields = range(len(cast(Any, kind)._fields))
    return kind(
        *(_stacked([np.asarray(parts[n][field][row]) for n, row in rows]) for field in fields)
    )


def _stacked(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Put rows together; shorter ones are filled up with zeros."""
    longest = np.max([np.shape(row) for row in rows], 0)
    if all(np.shape(row) == tuple(longest) for row in rows):
        return np.stack(rows)
    made = np.zeros((len(rows), *longest), rows[0].dtype)
    for whole, row in zip(made, rows, strict=True):
        whole[tuple(slice(size) for size in row.shape)] = row
    return made
