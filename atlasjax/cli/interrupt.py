"""Ctrl-C: heard wherever it falls.

Python raises it in whatever is running. A library's import may make another error of it, or end
the process; a callback of the garbage collector's prints and forgets it.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SOON = 0.02  # seconds after which to see whether an import is over
AGAIN = 0.5  # seconds after which an interrupt counts as lost


@contextmanager
def interruptible() -> Iterator[None]:
    """Let an interrupt end the block, as a `KeyboardInterrupt`, whatever became of it inside.

    It waits for imports to be over, and is raised again until the block ends; but not while it is
    on its way out, when things are cleared up, unless it is pressed again. Outside the main thread,
    where no signal is heard, where interrupts are ignored, as in a script's background, and where
    there are no timers, as on Windows, nothing changes.

    >>> with interruptible():
    ...     pass
    """
    main = threading.current_thread() is threading.main_thread()
    ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    if not main or ignored or not hasattr(signal, "setitimer"):
        yield
        return
    heard = []

    def hear(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        # Raised again, it would cut short what closes files and takes away what is half made.
        wait = _imports(frame) or (number == signal.SIGALRM and _on_its_way())
        # Not by a thread, whose locks may be held where this is called.
        signal.setitimer(signal.ITIMER_REAL, SOON if wait else AGAIN)
        if not wait:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGALRM)}
    report = sys.unraisablehook
    sys.unraisablehook = lambda lost: lost.exc_type is KeyboardInterrupt or report(lost)
    try:
        yield
    except Exception as error:
        if heard:
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = report
        for number, handler in before.items():
            signal.signal(number, handler)


def _on_its_way() -> bool:
    """Tell whether what is running was called for by an interrupt that ends the block."""
    found = sys.exc_info()[1]
    while found is not None:
        if isinstance(found, KeyboardInterrupt):
            return True
        found = found.__context__
    return False


def _imports(frame: FrameType | None) -> bool:
    """Tell whether a module is being imported."""
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False
