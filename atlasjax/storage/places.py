"""Places: where something can be written, also for a user who has no home.

Containers run as another user, clusters mount the home read-only, and some users have no home at
all. What needs a folder there finds another one here.
"""

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path

from atlasjax.errors import UserError


def expanded(path: str | os.PathLike) -> Path:
    """Return a path with `~` expanded.

    Args:
        path: as the user gave it.

    Raises:
        UserError: it is in a home folder, and there is none.

    >>> expanded("a/b.png").as_posix()
    'a/b.png'
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UserError(f"{os.fspath(path)!r}: this user has no home folder; set HOME") from None


def can_be_written(folder: str | os.PathLike | None) -> bool:
    """Tell whether a folder can be written to, or made where it is not there. Makes nothing.

    Args:
        folder: its path; `~` is the home folder, and None is nowhere.

    >>> can_be_written(tempfile.gettempdir()), can_be_written("/dev/null/folder")
    (True, False)
    """
    if folder is None:
        return False
    try:
        there = expanded(folder).absolute()
        while not there.exists():
            there = there.parent
        return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    except (OSError, UserError):  # a folder above that cannot be looked into; no home
        return False


def of_user(kind: str, name: str) -> Path | None:
    """Return a folder that the system keeps for each user; None for one who has no home.

    Args:
        kind: "cache" or "config".
        name: of the program that it is for.

    >>> of_user("cache", "atlasjax") != of_user("cache", "numba")
    True
    """
    import platformdirs

    folders = {"cache": platformdirs.user_cache_dir, "config": platformdirs.user_config_dir}
    try:
        found = Path(folders[kind](name))
    except RuntimeError:  # no home
        return None
    return found if found.is_absolute() else None  # "~/.cache", as earlier versions say


@functools.cache
def temporary() -> Path:
    """Return a folder for this process alone, which is removed when it ends.

    Raises:
        UserError: nothing can be written anywhere.

    >>> temporary() == temporary(), temporary().is_dir()
    (True, True)
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix="atlasjax-"))
    except OSError as error:
        reason = error.strerror or error
        raise UserError(
            f"no folder can be written to, not even a temporary one ({reason}): set ATLASJAX_CACHE"
        ) from None
    maker = os.getpid()

    def remove() -> None:
        if os.getpid() == maker:  # a process that was forked uses it still
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder
