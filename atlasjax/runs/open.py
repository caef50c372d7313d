"""Open: a finished run folder back into arrays, for research code.

    atlas = open_atlas("runs/quickstart")
    level = atlas.level("mixed4c", 20)

Only the table of contents is read at once; a level is read when it is asked for.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from atlasjax.atlas.level import Level
from atlasjax.errors import UserError, nearest, unknown
from atlasjax.storage import artifacts, sums
from atlasjax.storage.remedy import remedy

INDEX = "atlas.json"
FORMAT = 1  # of that file; raised when what was in it before changes


@dataclass(frozen=True, repr=False)
class Atlas:
    """A finished atlas on disk.

    Attributes:
        folder: the run folder.
        layers: names, in the order of the experiment.
        class_names: one for each logit; none where the network has no classes.
        wnids: WordNet ids of the classes; empty where they have none.
        record: how it was made.
        files: where each level is, in the folder, by layer and grid.
        display: how it shows itself in a notebook, a function of the folder and its description;
            as text by default.
    """

    folder: Path
    layers: tuple[str, ...]
    class_names: tuple[str, ...]
    wnids: tuple[str, ...]
    record: Mapping[str, Any] = field(compare=False)
    files: Mapping[tuple[str, int], str] = field(compare=False)
    display: Callable[..., Any] | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        each = ", ".join(f"{n} {' '.join(map(str, self.grids(n)))}" for n in self.layers[:4])
        more = f" and {len(self.layers) - 4} more layers" if len(self.layers) > 4 else ""
        classes = f"{len(self.class_names) or 'no'} classes"
        return f"Atlas({str(self.folder)!r}: {each}{more}; {classes})"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if self.display is None:
            return {"text/plain": repr(self)}
        return self.display(self.folder, repr(self), **options)

    def grids(self, layer: str) -> tuple[int, ...]:
        """Return the grids that a layer was cut by.

        Args:
            layer: its name.

        Raises:
            UserError: there is no such layer in the atlas.
        """
        if layer not in self.layers:
            raise unknown("layer", layer, self.layers)
        return tuple(grid for name, grid in self.files if name == layer)

    def level(self, layer: str, grid: int) -> Level:
        """Read one layer at one grid. Every call reads the file again; keep what it returns.

        Args:
            layer: its name.
            grid: cells in each direction.

        Returns:
            The level, with arrays in memory.

        Raises:
            UserError: no such layer or grid, or a file that is absent or damaged.
        """
        there = self.grids(layer)
        if grid not in there:
            raise UserError(f"no grid {grid} of {layer}; there are {', '.join(map(str, there))}")
        path = self.folder / self.files[layer, grid]
        level = artifacts.load(path, Level)
        if level is None or len({len(array) if array.ndim else -1 for array in level}) != 1:
            what = "is damaged" if path.exists() else "is missing"
            raise UserError(f"{path} {what}: {remedy(self.folder)}")
        return level


def open_atlas(folder: str | os.PathLike) -> Atlas:
    """Open a finished atlas.

    Args:
        folder: its run folder.

    Returns:
        What is in it.

    Raises:
        UserError: no such folder, a run that has not finished, or a damaged table of contents.

    >>> open_atlas("runs/none/at/all")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no run folder 'runs/none/at/all'
    """
    folder = finished_run(folder)
    path = folder / INDEX
    try:
        if sums.changed(folder, [INDEX]):
            raise ValueError("not as it was written")
        found = json.loads(path.read_text(encoding="utf-8"))
        number = found["format"]
        if number == FORMAT:
            return _read(folder, found)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path} is damaged: {remedy(folder)}") from None
    raise UserError(f"{path} has format {number!r}; this version of atlasjax reads format {FORMAT}")


def finished_run(folder: str | os.PathLike) -> Path:
    """Return the folder of a finished run, or say why it is none.

    Args:
        folder: the run folder.

    Raises:
        UserError: there is no such folder, or it has no atlas in it.
    """
    folder = Path(folder)
    if (folder / INDEX).is_file():
        return folder
    if folder.is_dir():
        raise UserError(f"{str(folder)!r} has no {INDEX}: did the run finish?")
    if folder.exists():
        raise UserError(f"{str(folder)!r} is a file, not a run folder")
    siblings = [path.parent for path in sorted(folder.parent.glob(f"*/{INDEX}"))]
    # Names are compared without their parents, which would make everything look alike.
    close = nearest(folder.name, [path.name for path in siblings])
    meant = [str(folder.parent / name) for name in close]
    listed = ", ".join(map(str, siblings[:12])) + (", ..." if len(siblings) > 12 else "")
    hint = f"; did you mean {', '.join(meant)}?" if meant else f"; there are {listed}"
    raise UserError(f"no run folder {str(folder)!r}" + (hint if siblings else ""))


def _read(folder: Path, found: Mapping[str, Any]) -> Atlas:
    files = {
        (str(layer["name"]), int(level["grid"])): str(level["level"])
        for layer in found["layers"]
        for level in layer["grids"]
    }
    return Atlas(
        folder=folder,
        layers=tuple(dict.fromkeys(layer for layer, _ in files)),
        class_names=tuple(map(str, found["class_names"])),
        wnids=tuple(map(str, found["wnids"])),
        record=dict(found["record"]),
        files=files,
    )
