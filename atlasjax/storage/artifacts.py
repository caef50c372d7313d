"""The run folder: one file for each artifact, written whole or not at all.

Every artifact carries the fingerprint of what it was made from: the settings of its stage and the
fingerprints of the artifacts it read. A stage whose artifact is there with the same fingerprint is
not run again, which is also how an interrupted run resumes. It ends with a checksum of itself (see
`seal`), which is looked at whenever it is read.
"""

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar, cast

import numpy as np

from atlasjax.errors import UserError
from atlasjax.storage import seal
from atlasjax.storage.places import can_be_written, expanded, of_user, temporary
from atlasjax.storage.remedy import damaged

T = TypeVar("T")  # a NamedTuple of arrays
FINGERPRINT = "fingerprint"
BEGUN = ".writing-"  # begins the name of a file that is being written
ABSENT = (FileNotFoundError, IsADirectoryError, NotADirectoryError)


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
def atomic(path: Path, *, lasting: bool = False) -> Iterator[Path]:
    """Write a file so that it is there whole or not at all.

    Args:
        path: where it goes; its folder is made.
        lasting: wait until it is on the disk, so that it is there after a loss of power. It takes
            some milliseconds, which is little for what took long to compute.

    Yields:
        A temporary path beside it, which becomes the file when the block ends without an error. A
        process that is killed leaves it there; see `mending.sweep`.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic(Path(folder) / "a.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     [p.name for p in Path(folder).iterdir()]
    ['a.txt']
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        prefix=f"{BEGUN}{path.stem}-", suffix=path.suffix, dir=path.parent
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        if lasting:
            _to_disk(temporary)
        os.replace(temporary, path)
        if lasting:
            with contextlib.suppress(OSError):  # not every file system knows it of folders
                _to_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    """Wait until what was written is on the disk: the bytes of a file, the names of a folder."""
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str, *, lasting: bool = False) -> None:
    """Write a text file, whole or not at all; see `atomic`."""
    with atomic(path, lasting=lasting) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON for people to read, whole or not at all; it is there after a loss of power."""
    write_text(path, json.dumps(value, indent=2) + "\n", lasting=True)


def save(path: Path, artifact: Any, made_from: str) -> None:
    """Write an artifact with the fingerprint of what it was made from, and seal it.

    Args:
        path: the file, ending in `.npz`.
        artifact: a NamedTuple of arrays.
        made_from: see `fingerprint`.
    """
    arrays: Mapping[str, Any] = {
        **{k: np.asarray(v) for k, v in artifact._asdict().items()},
        FINGERPRINT: np.array(made_from),
    }
    with atomic(path, lasting=True) as temporary:
        np.savez(temporary, **arrays)
        seal.seal(temporary)


def load(path: Path, kind: type[T], made_from: str | None = None) -> T | None:
    """Read an artifact, if it is there and was made from the same things.

    Args:
        path: the file.
        kind: the NamedTuple it holds.
        made_from: the fingerprint asked for; any will do when None.

    Returns:
        The artifact, or None where it is absent, damaged, of another kind or made from something
        else.

    Raises:
        UserError: it is there, but may not be read, or the disk gives it not.
    """
    with opened(path) as file:
        if file is None or not seal.whole(file):
            return None
        found = taken(file, cast(Any, kind)._fields, made_from)
    return None if found is None else kind(*found)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes] | None]:
    """Open an artifact that is there; what is wrong with the machine is not wrong with the file.

    Args:
        path: the file.

    Yields:
        It, open for reading; None where it is absent.

    Raises:
        UserError: it may not be read.
    """
    try:
        # Opened here, since np.load leaves a damaged file open.
        with path.open("rb") as file:
            yield file
    except ABSENT:
        yield None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None


def taken(file: IO[bytes], names: Sequence[str], made_from: str | None) -> list[Any] | None:
    """Return arrays of an archive, if it has them and the fingerprint asked for.

    Args:
        file: open for reading.
        names: of the arrays.
        made_from: the fingerprint; any will do when None.
    """
    try:
        with _arrays(file) as found:
            if made_from is not None and str(found[FINGERPRINT]) != made_from:
                return None
            return [found[name] for name in names]
    except (MemoryError, OSError):  # which says nothing of the artifact
        raise
    except Exception:  # a damaged archive may raise nearly anything: zlib.error, RuntimeError, ...
        return None


def holds(path: Path, made_from: str, *, through: bool = False) -> bool:
    """Tell whether an artifact is there that was made from the same things, without reading it.

    Only the fingerprint is read. A file that was cut short is told from a whole one, but not one
    that is damaged inside, which `load` refuses and `mending.sweep` takes away.

    Args:
        path: the file.
        made_from: the fingerprint asked for.
        through: read the file through, so that one that is damaged inside is told as well.

    >>> from typing import NamedTuple
    >>> class Sum(NamedTuple):
    ...     value: np.ndarray
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Path(folder) / "sum.npz", Sum(np.array(3)), "x")
    ...     holds(Path(folder) / "sum.npz", "x"), holds(Path(folder) / "sum.npz", "y")
    (True, False)
    """
    if through:
        with opened(path) as file:
            if file is None or not seal.whole(file):
                return False
    return fingerprint_of(path) == made_from


def fingerprint_of(path: Path) -> str | None:
    """Return the fingerprint of what an artifact was made from; None where there is none to read.

    Args:
        path: the file.
    """
    with opened(path) as file:
        found = None if file is None else taken(file, (FINGERPRINT,), None)
    return None if found is None else str(found[0])


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
    atlasjax.errors.UserError: no/such.npz is missing or damaged: run the experiment again...
    """
    found = load(path, kind)
    if found is None:
        raise damaged(path)
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
