"""Archives of weights: the files that are wanted of one, and none that lies elsewhere."""

import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath

from atlasjax.errors import UserError

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
    wanted = set(wanted)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_paths(archive, path)
            found = {}
            for member in archive.infolist():
                name = PurePosixPath(member.filename).name
                if name in wanted and not member.is_dir():
                    if member.file_size > MOST:
                        raise UserError(f"{path}: {name} has more than {MOST >> 30} GiB")
                    found[name] = folder / name
                    found[name].write_bytes(archive.read(member))
            return found
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError) as error:
        raise UserError(f"{path}: a damaged archive, or none ({error})") from error
    except RuntimeError as error:  # a password is asked for
        raise UserError(f"{path}: {error}") from error


def is_archive_with(path: Path, wanted: Iterable[str]) -> bool:
    """Tell whether a file is a zip archive that has at least one of some files in it."""
    wanted = set(wanted)
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(PurePosixPath(name).name in wanted for name in archive.namelist())


def _check_paths(archive: zipfile.ZipFile, path: Path) -> None:
    for name in archive.namelist():
        parts = PureWindowsPath(name)  # which knows both kinds of slashes
        if parts.is_absolute() or parts.anchor or ".." in parts.parts:
            raise UserError(f"{path}: refused, since it would write {name!r} outside its folder")
