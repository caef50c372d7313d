"""Progress for anything longer than two seconds: a bar with a rate and an estimate.

On a terminal, or in a notebook, each stage shows one line; anywhere else nothing is printed, so
that logs stay clean. Functions of the library take a `Progress` and call it with how far they are;
the default is silent.
"""

import importlib.util
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Called as `progress(done, total)`."""

WIDE = 115  # characters that a line takes with everything on it


def silent(done: int, total: int) -> None:
    """Report nothing."""
    del done, total


def is_shown() -> bool:
    """Tell whether somebody looks on: at a terminal, or in a notebook that has widgets.

    >>> isinstance(is_shown(), bool)
    True
    """
    return sys.stderr.isatty() or _in_notebook()


def _in_notebook() -> bool:
    """Tell whether this is a notebook's kernel, where Rich shows its bars as widgets."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    is_kernel = type(shell).__name__ == "ZMQInteractiveShell"
    return is_kernel and importlib.util.find_spec("ipywidgets") is not None


@contextmanager
def bar(title: str, unit: str) -> Iterator[Progress]:
    """Show one stage's progress on the terminal, with its rate and the time left.

    Args:
        title: what is being done, as short as a stage's name.
        unit: what is counted, in the plural: "images", "icons".

    Yields:
        A function to call with how much is done and how much there is.

    >>> with bar("collect", "images") as progress:
    ...     progress(1, 2)
    """
    if not is_shown():
        yield silent
        return
    import rich.console
    import rich.progress as rp

    console = rich.console.Console(stderr=True)
    with rp.Progress(*_columns(console.width), console=console) as shown:
        task = shown.add_task(title, total=None, count="", rate="", left="")

        def report(done: int, total: int) -> None:
            shown.update(task, completed=done, total=total)  # first, for the rate to include it
            speed = shown.tasks[task].finished_speed or shown.tasks[task].speed
            rate = f"{speed:.1f}/s" if speed else ""
            shown.update(task, count=f"{done:>6}/{total:<6} {unit}", rate=rate, left="left")

        yield report


def _columns(width: int) -> list[Any]:
    """Return what a bar's line shows; in a narrow terminal less, and that whole."""
    import rich.progress as rp
    from rich.table import Column

    def text(form: str) -> Any:
        return rp.TextColumn(form, table_column=Column(no_wrap=True))

    count, left = text("{task.fields[count]}"), text("{task.fields[left]}")
    remaining = rp.TimeRemainingColumn(table_column=Column(no_wrap=True))
    if width < WIDE:
        title = text("{task.description:<22}")
        return [title, rp.BarColumn(bar_width=8), count, left, remaining]
    passed = rp.TimeElapsedColumn(table_column=Column(no_wrap=True))
    rate = text("{task.fields[rate]:>12}")
    title, whole = text("{task.description:<28}"), rp.BarColumn(bar_width=24)
    return [title, whole, count, rate, passed, left, remaining]


@contextmanager
def spinner(title: str) -> Iterator[None]:
    """Show that something without a measure of progress is under way, and for how long.

    Args:
        title: what is being done.

    >>> with spinner("layout"):
    ...     pass
    """
    if not is_shown():
        yield
        return
    import rich.console
    import rich.progress as rp

    columns = (
        rp.TextColumn("{task.description:<28}"),
        rp.SpinnerColumn(finished_text="✓"),
        rp.TimeElapsedColumn(),
    )
    with rp.Progress(*columns, console=rich.console.Console(stderr=True)) as shown:
        task = shown.add_task(title, total=1)
        yield
        shown.update(task, completed=1)


def at_once(stages: Sequence[Callable[[Progress], T]], progress: Progress = silent) -> list[T]:
    """Run stages at the same time, as many as there are cores or two, and return what they return.

    What JAX compiles keeps one core busy and leaves the others idle; stages that compile at the
    same time do not wait for one another.

    Args:
        stages: each takes a progress of its own.
        progress: called with the percentage of all that is done.

    Raises:
        BaseException: what a stage raises, or what stops this function; the others then stop when
            they next report how far they are.

    >>> at_once([lambda progress: 1, lambda progress: 2])
    [1, 2]
    """
    parts, stopped = [0.0] * len(stages), threading.Event()

    def report(stage: int, done: int, total: int) -> None:
        if stopped.is_set():
            raise CancelledError
        parts[stage] = done / max(total, 1)
        progress(int(100 * sum(parts) / len(parts)), 100)

    with ThreadPoolExecutor(max(min(len(stages), max(os.cpu_count() or 1, 2)), 1)) as pool:
        begun = [pool.submit(stage, partial(report, i)) for i, stage in enumerate(stages)]
        try:
            return [one.result() for one in begun]
        except BaseException:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
