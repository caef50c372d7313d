"""The run folder: one file for each artifact, written whole or not at all.

Every artifact carries the fingerprint of what it was made from: the settings of its stage and the
fingerprints of the artifacts it read. A stage whose artifact is there with the same fingerprint is
not run again, which is also how an interrupted run resumes.
"""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar, cast

import numpy as np

from atlasjax.errors import UserError
from atlasjax.storage.places import can_be_written, expanded, of_user, temporary

T = TypeVar("T")  # a NamedTuple of arrays
FINGERPRINT = "fingerprint"


def user_cache() -> Path:
    """Return the folder of what can always be made again: `$ATLASJAX_CACHE`, or the user's cache.

    Where that cannot be written, it is a temporary one for this process; see `places.temporary`.

    >>> user_cache().is_absolute()
    True
    """
    return lasting_cache() or temporary()


def lasting_cache() -> Path | None:
    """Return the same where the next process finds it again; None where it cannot be written."""
    chosen = os.environ.get("ATLASJAX_CACHE") or of_user("cache", "atlasjax")
    return expanded(chosen).absolute() if chosen and can_be_written(chosen) else None


def fingerprint(**parts: Any) -> str:
    """Return a digest of named values, the same on every machine.

    Args:
        parts: whatever JSON can hold; the order of the names does not matter.

    Returns:
        32 hexadecimal digits.

    >>> fingerprint(a=1, b=(2, 3)) == fingerprint(b=[2, 3], a=1)
    True
    """
    text = json.dumps(parts, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def folder_name(layer: str) -> str:
    """Return the name of a layer's folder: branches have a slash in their names.

    >>> folder_name("mixed4a/3x3"), folder_name("mixed4c (other)")
    ('mixed4a-3x3', 'mixed4c-other')
    """
    return re.sub(r"[/ ()]+", "-", layer.removesuffix(")"))


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Write a file so that it is there whole or not at all.

    Args:
        path: where it goes; its folder is made.

    Yields:
        A temporary path beside it, which becomes the file when the block ends without an error.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic(Path(folder) / "a.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     [p.name for p in Path(folder).iterdir()]
    ['a.txt']
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON for people to read, whole or not at all."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def save(path: Path, artifact: Any, made_from: str) -> None:
    """Write an artifact with the fingerprint of what it was made from.

    Args:
        path: the file, ending in `.npz`.
        artifact: a NamedTuple of arrays.
        made_from: see `fingerprint`.
    """
    arrays: Mapping[str, Any] = {
        **{k: np.asarray(v) for k, v in artifact._asdict().items()},
        FINGERPRINT: np.array(made_from),
    }
    with atomic(path) as temporary:
        np.savez(temporary, **arrays)


def load(path: Path, kind: type[T], made_from: str | None = None) -> T | None:
    """Read an artifact, if it is there and was made from the same things.

    Args:
        path: the file.
        kind: the NamedTuple it holds.
        made_from: the fingerprint asked for; any will do when None.

    Returns:
        The artifact, or None where it is absent, unreadable or made from something else.
    """
    try:
        # Opened here, since np.load leaves a damaged file open.
        with path.open("rb") as file, _arrays(file) as found:
            if made_from is not None and str(found[FINGERPRINT]) != made_from:
                return None
            arrays = [found[name] for name in cast(Any, kind)._fields]
    except Exception:  # a damaged archive may raise nearly anything: zlib.error, RuntimeError, ...
        return None
    return kind(*arrays)


def holds(path: Path, made_from: str) -> bool:
    """Tell whether an artifact is there that was made from the same things, without reading it.

    Only the fingerprint is read. A file that was cut short is told from a whole one, but not one
    that is damaged inside, which `load` may still refuse.

    Args:
        path: the file.
        made_from: the fingerprint asked for.

    >>> from typing import NamedTuple
    >>> class Sum(NamedTuple):
    ...     value: np.ndarray
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Path(folder) / "sum.npz", Sum(np.array(3)), "x")
    ...     holds(Path(folder) / "sum.npz", "x"), holds(Path(folder) / "sum.npz", "y")
    (True, False)
    """
    return fingerprint_of(path) == made_from


def fingerprint_of(path: Path) -> str | None:
    """Return the fingerprint of what an artifact was made from; None where there is none to read.

    Args:
        path: the file.
    """
    try:
        with path.open("rb") as file, _arrays(file) as found:
            return str(found[FINGERPRINT])
    except Exception:  # as in `load`
        return None


def _arrays(file: IO[bytes]) -> Any:
    found = np.load(file, allow_pickle=False)
    if isinstance(found, np.ndarray):
        raise ValueError("one array, not an archive of several")
    return found


def cached(path: Path, kind: type[T], made_from: str, compute: Callable[[], T]) -> T:
    """Return an artifact from disk, or make and keep it.

    Args:
        path: the file.
        kind: the NamedTuple it holds.
        made_from: the fingerprint of what it is made from.
        compute: makes it.

    Returns:
        The artifact.

    >>> from typing import NamedTuple
    >>> class Sum(NamedTuple):
    ...     value: np.ndarray
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "sum.npz"
    ...     first = cached(path, Sum, "x", lambda: Sum(np.array(3)))
    ...     int(cached(path, Sum, "x", lambda: Sum(np.array(4))).value)
    3
    """
    artifact = load(path, kind, made_from)
    if artifact is None:
        artifact = compute()
        save(path, artifact, made_from)
    return artifact


def read(path: Path, kind: type[T]) -> T:
    """Read an artifact of a finished run, whatever it was made from.

    Args:
        path: the file.
        kind: the NamedTuple it holds.

    Raises:
        UserError: it is absent or damaged.

    >>> read(Path("no/such.npz"), tuple)
    Traceback (most recent call last):
    atlasjax.errors.UserError: no/such.npz is missing or damaged: run the experiment again
    """
    found = load(path, kind)
    if found is None:
        raise UserError(f"{path} is missing or damaged: run the experiment again")
    return found


def make_run_folder(path: Path) -> Path:
    """Make a run's folder, or refuse a path where there cannot be one.

    Args:
        path: the folder; it may be there already.

    Returns:
        Its absolute path.

    Raises:
        UserError: the path is a file, or cannot be written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"the run folder {str(path)!r} cannot be written to: {reason}") from None
    return path.resolve()
