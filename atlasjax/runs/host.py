"""Host: one of several processes that make a run together, and what it waits for.

Processes exchange nothing but files in the run folder: each makes its own share of the shards,
parts and batches, and those of others are there or are not. So any of them may die and be started
again at any moment, on another machine or with another number of devices, and nothing is lost; no
process hangs in a collective operation with one that is gone.

Process 0 begins, joins what all have made, lays out and ends; the others follow it. When it is
started again, it looks through the folder, and the others begin their shares anew: what is there
costs them nothing.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from atlasjax import progress
from atlasjax.storage import artifacts, lock

FILE = ".lock.session.json"  # which session of process 0 has begun, and whether it has ended
PAUSE = 0.5  # seconds between two looks at the folder
PATIENCE = 60.0  # seconds for which process 0 waits for one that is not at work


class BegunAgainError(Exception):
    """Process 0 was started again, or ended: what is waited for may not come any more."""


@dataclass(frozen=True)
class Host:
    """A process of a run.

    Attributes:
        process: its number, from 0.
        processes: how many there are.
        session: of process 0, which this one follows.
        say: called with a line for people.
        gone: processes whose share this one makes besides its own.
    """

    process: int = 0
    processes: int = 1
    session: str = ""
    say: Callable[[str], object] = lambda line: None
    gone: set[int] = field(default_factory=set)

    @property
    def follows(self) -> bool:
        """Whether it is another than process 0."""
        return self.process > 0

    def owns(self, number: int) -> bool:
        """Tell whether a unit of work is of its share.

        >>> [number for number in range(6) if Host(1, 3).owns(number)]
        [1, 4]
        """
        owner = number % self.processes
        return owner == self.process or owner in self.gone


ALONE = Host()


def wait(host: Host, folder: Path, title: str, missing: Callable[[], Iterable[int]]) -> None:
    """Wait until the shares of others are there.

    Process 0 waits no longer than `PATIENCE` for one that is not at work: what is missing then
    belongs to its own share (see `Host.owns`), and this returns.

    Args:
        host: the process that waits.
        folder: the run folder.
        title: what is waited for.
        missing: gives the numbers of units that are not there.

    Raises:
        BegunAgainError: process 0, which this one follows, began anew or ended.
    """
    told: set[int] = set()
    asleep: dict[int, float] = {}
    spinner = contextlib.ExitStack()
    with spinner:
        while numbers := [*missing()]:
            owners = sorted({number % host.processes for number in numbers})
            if any(host.owns(number) for number in numbers):
                return
            if not told:
                listed = ", ".join(map(str, owners))
                spinner.enter_context(progress.spinner(f"{title}: waiting for process {listed}"))
                told.add(host.process)
            if host.follows:
                follow(host, folder)
            for owner in owners:
                _look(host, folder, owner, told, asleep)
            time.sleep(PAUSE)


def _look(host: Host, folder: Path, owner: int, told: set[int], asleep: dict[int, float]) -> None:
    """See whether a process that is waited for is at work; say so where it is not."""
    if lock.user_of(folder, owner) is not None:
        asleep.pop(owner, None)
        told.discard(owner)
        return
    since = asleep.setdefault(owner, time.monotonic())
    if time.monotonic() - since < 2 * PAUSE:
        return
    if owner not in told:
        told.add(owner)
        host.say(f"process {owner} is not at work: start it again with the command it had")
    if not host.follows and time.monotonic() - since > PATIENCE:
        host.gone.add(owner)
        host.say(f"process {owner} has not come back: process 0 makes its share as well")


def begin(folder: Path, session: str, *, finished: bool = False) -> None:
    """Tell the others that process 0 has begun, or has ended.

    Args:
        folder: the run folder.
        session: what tells this time from others.
        finished: whether it has ended.
    """
    text = json.dumps({"session": session, "finished": finished})
    artifacts.write_text(folder / FILE, text)


def told(folder: Path) -> tuple[str, bool]:
    """Return the session of process 0 that began last, and whether it came to its end."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return str(found["session"]), bool(found["finished"])
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return "", False


def follow(host: Host, folder: Path) -> None:
    """See that process 0 is at what this one follows.

    Raises:
        BegunAgainError: it began anew, or ended.
    """
    session, finished = told(folder)
    if session != host.session or finished:
        raise BegunAgainError
