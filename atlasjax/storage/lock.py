"""Locks: one process at a time makes something of a run folder.

The lock is the operating system's, so it ends with its process, however that ends: there is none
to be cleared away after a crash. It holds on network file systems that know locks; filelock makes
up for those of a container that do not.
"""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from atlasjax.errors import UserError

FILE = ".lock"
HOLDER = ".lock.json"  # who has it
SHORT = 0.3  # seconds for which one who only asks may have it; see `user_of`


@contextmanager
def alone(folder: Path, wait: float = SHORT) -> Iterator[None]:
    """Use a run folder alone while the block runs.

    Args:
        folder: the run folder, which is there.
        wait: how long to wait for another process, in seconds.

    Raises:
        UserError: another one is using it, or the lock is another user's.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as run, alone(Path(run)):
    ...     with alone(Path(run)):
    ...         pass
    Traceback (most recent call last):
    atlasjax.errors.UserError: another run (process ..., since ...) is using ...
    """
    import filelock

    lock = filelock.FileLock(folder / FILE, timeout=wait)
    held = True
    try:
        lock.acquire()
    except filelock.Timeout:
        raise UserError(f"another run{_holder(folder)} is using {str(folder)!r}") from None
    except PermissionError as error:
        raise UserError(f"{folder / FILE}: {error.strerror}; is it another user's?") from None
    except OSError:  # a file system without locks, where one would keep everybody out
        held = False
    try:
        _sign(folder)
        yield
    finally:
        with contextlib.suppress(OSError):
            (folder / HOLDER).unlink()
        if held:
            lock.release()


def user_of(folder: Path) -> str | None:
    """Return which process is using a run folder; None where none is.

    Args:
        folder: the run folder.

    >>> user_of(Path("no/such/run")) is None
    True
    """
    import filelock

    if not (folder / FILE).is_file():
        return None
    try:
        with filelock.FileLock(folder / FILE, timeout=0):
            return None
    except filelock.Timeout:
        return _holder(folder).strip(" ()") or "a process that has just begun"
    except OSError:  # the folder is another user's, or of a file system without locks
        return _holder(folder).strip(" ()") or None


def _sign(folder: Path) -> None:
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    own = os.getpid()
    found = {"process": own, "host": socket.gethostname(), "since": since, "began": _began(own)}
    with contextlib.suppress(OSError):  # it is only for the message
        (folder / HOLDER).write_text(json.dumps(found), encoding="utf-8")


def _holder(folder: Path) -> str:
    """Return who has the lock, as far as that is known.

    One that was killed leaves its name, which another process has by now, or none.
    """
    try:
        found = json.loads((folder / HOLDER).read_text(encoding="utf-8"))
        here = found["host"] == socket.gethostname()
        if here and found.get("began") != _began(int(found["process"])):
            return ""
        where = "" if here else f" on {found['host']}"
        return f" (process {found['process']}{where}, since {found['since']})"
    except (OSError, ValueError, KeyError, TypeError):  # just begun, or just ended
        return ""


def _began(process: int) -> str | None:
    """Return what tells a process from others of its number; None where the system does not."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return status.rpartition(")")[2].split()[19]  # its start, in ticks since the machine's
