"""Locks: one process at a time makes something of a run folder; or several of one run together.

The lock is the operating system's, so it ends with its process, however that ends: there is none
to be cleared away after a crash. It holds on network file systems that know locks; filelock makes
up for those of a container that do not.

Of several processes of one run each has a lock of its own, in which it says what run it is of.
"""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from atlasjax.errors import UserError

FILE = ".lock"
HOLDER = ".lock.json"  # who has it
SHORT = 0.3  # seconds for which one who only asks may have it; see `user_of`


class Member(NamedTuple):
    """One of several processes that make one run together.

    Attributes:
        run: what tells that run from others.
        process: its number, from 0.
        processes: how many there are.
    """

    run: str
    process: int
    processes: int


ALONE = Member("", 0, 1)


@contextmanager
def alone(folder: Path, wait: float = SHORT, member: Member = ALONE) -> Iterator[None]:
    """Use a run folder alone, or together with the other processes of a run, while the block runs.

    Args:
        folder: the run folder, which is there.
        wait: how long to wait for another process, in seconds.
        member: which process of a run this is; by default the only one.

    Raises:
        UserError: another run is using it, or the lock is another user's.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as run, alone(Path(run)):
    ...     with alone(Path(run)):
    ...         pass
    Traceback (most recent call last):
    atlasjax.errors.UserError: another run (process ..., since ...) is using ...
    """
    import filelock

    process = member.process
    lock = filelock.FileLock(folder / _file(process), timeout=wait)
    held = True
    try:
        lock.acquire()
    except filelock.Timeout:
        raise UserError(f"another run{_holder(folder, process)} is using {str(folder)!r}") from None
    except PermissionError as error:
        raise UserError(f"{folder / FILE}: {error.strerror}; is it another user's?") from None
    except OSError:  # a file system without locks, where one would keep everybody out
        held = False
    try:
        _sign(folder, member)
        for other in _others(folder, process):
            if user_of(folder, other) is not None and run_of(folder, other) != member.run:
                named = _holder(folder, other)
                raise UserError(f"another run{named} is using {str(folder)!r}")
        yield
    finally:
        with contextlib.suppress(OSError):
            (folder / _signature(process)).unlink()
        if held:
            lock.release()


def _file(process: int) -> str:
    return f"{FILE}-{process}" if process else FILE


def _signature(process: int) -> str:
    return f"{_file(process)}.json"


def _others(folder: Path, process: int) -> list[int]:
    """Return the numbers of the other processes that have ever been at work in a folder."""
    found = [0] if (folder / FILE).is_file() else []
    found += [int(p.name.rpartition("-")[2]) for p in folder.glob(f"{FILE}-*[0-9]")]
    return sorted({*found} - {process})


def others(folder: Path, process: int = 0) -> list[int]:
    """Return which other processes of a run are at work in a folder.

    Args:
        folder: the run folder.
        process: the own number.
    """
    return [one for one in _others(folder, process) if user_of(folder, one) is not None]


def run_of(folder: Path, process: int = 0) -> str | None:
    """Return what tells the run that a process is of from others; None where that is not told.

    Args:
        folder: the run folder.
        process: its number.
    """
    for _ in range(20):  # it may have its lock, and not have signed yet
        try:
            return str(json.loads((folder / _signature(process)).read_text())["run"])
        except (OSError, ValueError, KeyError, TypeError):
            time.sleep(SHORT / 20)
    return None


def user_of(folder: Path, process: int = 0) -> str | None:
    """Return which process is using a run folder; None where none is.

    Args:
        folder: the run folder.
        process: its number, where it is one of several.

    >>> user_of(Path("no/such/run")) is None
    True
    """
    import filelock

    if not (folder / _file(process)).is_file():
        return None
    try:
        with filelock.FileLock(folder / _file(process), timeout=0):
            return None
    except filelock.Timeout:
        return _holder(folder, process).strip(" ()") or "a process that has just begun"
    except OSError:  # the folder is another user's, or of a file system without locks
        return _holder(folder, process).strip(" ()") or None


def _sign(folder: Path, member: Member) -> None:
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    own = os.getpid()
    found = {"process": own, "host": socket.gethostname(), "since": since, "began": _began(own)}
    found |= {"run": member.run}
    with contextlib.suppress(OSError):  # it is only for the message
        signature = folder / _signature(member.process)
        signature.write_text(json.dumps(found), encoding="utf-8")


def _holder(folder: Path, process: int = 0) -> str:
    """Return who has the lock, as far as that is known.

    One that was killed leaves its name, which another process has by now, or none.
    """
    try:
        found = json.loads((folder / _signature(process)).read_text(encoding="utf-8"))
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
