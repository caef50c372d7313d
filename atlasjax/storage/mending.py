"""Mending: what is not as it was written is taken away from a run folder, and so made anew."""

import os
from collections.abc import Iterable
from pathlib import Path

from atlasjax.errors import UserError
from atlasjax.storage import artifacts, seal, store

PARTS = ("layers", "levels", "pictures", "sprites", "data")  # what a run has besides files


def sweep(folder: Path, parts: Iterable[str] = PARTS, *, shared: bool = False) -> dict[str, str]:
    """Take damaged artifacts away, and what a process that was killed had begun to write.

    Every artifact is read through once, whether or not what follows has a need of it. It is to be
    called by who has the folder alone; see `lock`.

    Args:
        folder: the run folder.
        parts: the folders in it that are looked at, besides the folder itself.
        shared: other processes of the same run are at work in it, so that what is being written
            stays.

    Returns:
        How each file was damaged, by its path in the folder: "empty" or "damaged"; or "missing",
        where another speaks for it, as the index of a store does for its shards.

    Raises:
        UserError: a file that may not be read or taken away.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as run:
    ...     (Path(run) / "layers").mkdir()
    ...     _ = (Path(run) / "layers" / "layout.npz").write_bytes(b"")
    ...     sweep(Path(run)), sweep(Path(run))
    ({'layers/layout.npz': 'empty'}, {})
    """
    found = {}
    for path in sorted(_files(folder, parts)):
        try:
            if path.name.startswith(artifacts.BEGUN) or path.name.endswith(store.LOCKS):
                if not shared:
                    path.unlink(missing_ok=True)
            elif path.suffix == ".npz" and (how := _damage(path)):
                path.unlink()
                found[path.relative_to(folder).as_posix()] = how
            elif path.suffix == ".npz":
                beside = _beside(path).items()
                found |= {one.relative_to(folder).as_posix(): how for one, how in beside}
        except OSError as error:
            raise UserError(f"{path}: {error.strerror or error}") from None
    return found


def clear_away(folder: Path, parts: Iterable[str] = PARTS) -> None:
    """Take away what processes that were killed had begun to write, once nothing more is written.

    Args:
        folder: the run folder.
        parts: as for `sweep`.
    """
    for path in [*_files(folder, parts)]:
        if path.name.startswith(artifacts.BEGUN) or path.name.endswith(store.LOCKS):
            path.unlink(missing_ok=True)


def _files(folder: Path, parts: Iterable[str]) -> Iterable[Path]:
    yield from (path for path in folder.iterdir() if path.is_file())
    for part in parts:
        for place, _, names in os.walk(folder / part):
            yield from (Path(place) / name for name in names)


def _damage(path: Path) -> str:
    """Say how a file is damaged; nothing where it is as it was written."""
    with path.open("rb") as file:
        if seal.whole(file):
            return ""
        return "damaged" if os.fstat(file.fileno()).st_size else "empty"


def _beside(index: Path) -> dict[Path, str]:
    """Take away what an artifact speaks for and is damaged; say how, and what is missing."""
    found, folder = {}, store.folder_of(index)
    for name, known in store.beside(index).items():
        path = folder / name
        if not path.is_file():
            found[path] = "missing"
        elif store.digest(path) != known:
            found[path] = "damaged" if path.stat().st_size else "empty"
            path.unlink()
    return found
