"""Fresh: a run folder emptied of what a run made in it, to start over."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from atlasjax.errors import UserError
from atlasjax.runs.open import INDEX
from atlasjax.storage import store
from atlasjax.storage.artifacts import BEGUN
from atlasjax.storage.remedy import RECORD

FILES = (
    *(RECORD, "run.log", "plan.json", "skipped.npz", "checksums.sha256"),
    *("report.html", "report.json", INDEX, "atlas.js", "explained.js"),
    *("index.html", "viewer.css", "viewer.js"),
)
KINDS = {
    "layers": (".npz",),
    "levels": (".npz",),
    "pictures": (".png",),
    "sprites": (".webp",),
    "data": (".js",),
}
"""What a run writes into its folders."""


def clear(folder: Path) -> None:
    """Remove what a run made in its folder; maps of classes and whatever else is there stay.

    Args:
        folder: the run folder, which the caller has alone.

    Raises:
        UserError: there is something in it, but it is no run's folder.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as home:
    ...     (Path(home) / "layers").mkdir()
    ...     clear(Path(home))
    Traceback (most recent call last):
    atlasjax.errors.UserError: ... is no run folder: it has no run.json of one; nothing was removed
    """
    others = [path for path in folder.iterdir() if not path.name.startswith(".lock")]
    if others and not _is_run(folder):
        raise UserError(
            f"{str(folder)!r} is no run folder: it has no {RECORD} of one; nothing was removed"
        )
    for one in _stores(folder):
        store.remove(one)
    # The record is the last: without it a folder that was cleared by half would be no run's.
    for path in sorted(_made(folder), key=lambda path: path.name == RECORD):
        path.unlink(missing_ok=True)
    for name in KINDS:
        _remove_empty(folder / name)


def _stores(folder: Path) -> list[Path]:
    """Return the stores of a run: a folder `activations` in that of each layer."""
    if (folder / "layers").is_symlink():  # what is there is not ours
        return []
    return [path for path in (folder / "layers").glob("*/activations") if store.is_store(path)]


def _is_run(folder: Path) -> bool:
    for name, key in ((RECORD, "experiment"), ("plan.json", "units"), (INDEX, "layers")):
        with contextlib.suppress(FileNotFoundError, ValueError, TypeError):
            if key in json.loads((folder / name).read_text(encoding="utf-8")):
                return True
    return False


def _made(folder: Path) -> Iterator[Path]:
    yield from (folder / name for name in FILES)
    yield from folder.glob(f"{BEGUN}*")
    for name, suffixes in KINDS.items():
        if (folder / name).is_symlink():  # what is there is not ours
            continue
        yield from (p for p in (folder / name).rglob("*") if p.is_file() and p.suffix in suffixes)


def _remove_empty(folder: Path) -> None:
    """Remove a folder and those in it, as far as nothing is left in them."""
    if not folder.is_dir() or folder.is_symlink():
        return
    for path in folder.iterdir():
        _remove_empty(path)
    with contextlib.suppress(OSError):
        folder.rmdir()
