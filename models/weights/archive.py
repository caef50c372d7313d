"""Archives of weights: the files that are wanted of one, and none that lies elsewhere."""

import contextlib
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from atlasjax.data.members import leads_out
from atlasjax.errors import UserError, reason

MOST = 1 << 30  # bytes that a file of an archive may have


def unpack(path: Path, wanted: Iterable[str], folder: Path) -> dict[str, Path]:
    """Unpack some files of a zip archive.

    Args:
        path: the archive.
        wanted: what they are called, in whichever folder of the archive they are.
        folder: where they go, which exists.

    Returns:
        The path of each, by its name; those that are not in the archive are left out.

    Raises:
        UserError: it is no archive, a damaged one, or one with files outside its folder.
    """
    wanted, found = set(wanted), {}
    with opened(path) as archive:
        _check_paths(archive, path)
        for member in archive.infolist():
            name = PurePosixPath(member.filename).name
            if name in wanted and not member.is_dir():
                if member.file_size > MOST:
                    raise UserError(f"{path}: {name} has more than {MOST >> 30} GiB")
                found[name] = folder / name
                found[name].write_bytes(archive.read(member))
    return found


@contextlib.contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive; what is wrong with it, now or when it is read, is told in one line.

    Args:
        path: the archive.

    Raises:
        UserError: it is no archive, a damaged one, or one that needs a password.

    >>> with opened(Path("/dev/null")):
    ...     pass
    Traceback (most recent call last):
    atlasjax.errors.UserError: /dev/null: a damaged archive, or none (File is not a zip file)
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except UserError:
        raise
    except Exception as error:
        # Damaged archives make the reader raise nearly anything: zlib.error, OSError for a place
        # before the beginning, UnicodeDecodeError, NotImplementedError.
        raise UserError(f"{path}: a damaged archive, or none ({reason(error)})") from error


def is_archive_with(path: Path, wanted: Iterable[str]) -> bool:
    """Tell whether a file is a zip archive that has at least one of some files in it."""
    wanted = set(wanted)
    if not zipfile.is_zipfile(path):
        return False
    with opened(path) as archive:
        members = (member for member in archive.infolist() if not member.is_dir())
        return any(PurePosixPath(member.filename).name in wanted for member in members)


def _check_paths(archive: zipfile.ZipFile, path: Path) -> None:
    for name in archive.namelist():
        if leads_out(name):
            raise UserError(f"{path}: refused, since it would write {name!r} outside its folder")
