"""Mending: what is not as it was written is taken away from a run folder, and so made anew."""

import os
from collections.abc import Iterable
from pathlib import Path

from atlasjax.errors import UserError
from atlasjax.storage import artifacts, seal

PARTS = ("layers", "levels", "pictures", "sprites", "data")  # what a run has besides files


def sweep(folder: Path, parts: Iterable[str] = PARTS) -> dict[str, str]:
    """Take damaged artifacts away, and what a process that was killed had begun to write.

    Every artifact is read through once, whether or not what follows has a need of it. It is to be
    called by who has the folder alone; see `lock`.

    Args:
        folder: the run folder.
        parts: the folders in it that are looked at, besides the folder itself.

    Returns:
        How each file was damaged, by its path in the folder: "empty" or "damaged".

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
            if path.name.startswith(artifacts.BEGUN):
                path.unlink()
            elif path.suffix == ".npz" and (how := _damage(path)):
                path.unlink()
                found[path.relative_to(folder).as_posix()] = how
        except OSError as error:
            raise UserError(f"{path}: {error.strerror or error}") from None
    return found


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
