"""Ctrl-C: it ends the block wherever it falls."""

import importlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from atlasjax.cli import interrupt
from atlasjax.cli.interrupt import interruptible


@pytest.fixture(autouse=True)
def heeded() -> Iterator[None]:
    """Let interrupts be heard where the tests run in a script's background as well."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def stopped(work: Callable[[], object]) -> None:
    """Do what must end as an interrupt, and not after the ten seconds that tests sleep."""
    with pytest.raises(KeyboardInterrupt), interruptible():
        work()


def test_an_interrupt_that_is_lost_comes_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(interrupt, "AGAIN", 0.05)
    reached = []

    def work():
        try:
            press()
        except KeyboardInterrupt:
            reached.append("lost")
        time.sleep(10)
        reached.append("the end")

    stopped(work)
    assert reached == ["lost"]


def test_what_clears_up_is_not_cut_short(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(interrupt, "AGAIN", 0.05)
    reached = []

    def work():
        try:
            press()
        finally:
            try:
                raise OSError("on the way")
            except OSError:
                time.sleep(0.2)  # of a file that is closed, of one that is taken away
            reached.append("cleared up")

    stopped(work)
    assert reached == ["cleared up"]


def test_who_presses_again_does_not_wait(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(interrupt, "AGAIN", 0.05)
    reached = []

    def work():
        try:
            press()
        finally:
            press()
            reached.append("cleared up")

    stopped(work)
    assert reached == []


def test_an_import_is_finished_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "interrupted_while_imported.py").write_text(
        "import signal\nsignal.raise_signal(signal.SIGINT)\nwhole = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    reached = []

    def work():
        reached.append(importlib.import_module("interrupted_while_imported").whole)
        time.sleep(10)
        reached.append("the end")

    stopped(work)
    assert reached == [True]


def test_an_interrupt_that_became_another_error_is_one():
    def work():
        try:
            press()
        except KeyboardInterrupt:
            raise ImportError("of an extension") from None

    stopped(work)
    with pytest.raises(KeyError, match="own"), interruptible():
        raise KeyError("own")


def test_everything_is_as_before_afterwards():
    def state():
        return signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM), sys.unraisablehook

    before, inside = state(), []
    stopped(lambda: (inside.append(state()), press()))
    assert inside[0] != before
    assert state() == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_interrupt_that_is_ignored_stays_so():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interruptible():
        press()


def test_other_threads_are_let_alone():
    before, found = signal.getsignal(signal.SIGINT), []

    def work():
        with interruptible():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [before]


def test_the_command_line_is_there_before_anything_slow_is_imported():
    """Else an interrupt, or a mistyped command, waits for JAX, or ends in a traceback of its."""
    program = (
        "import sys, atlasjax.cli as cli; cli._parser(); print({'jax', 'numpy'} & {*sys.modules})"
    )
    run = [sys.executable, "-c", program]
    assert subprocess.run(run, check=True, capture_output=True, text=True).stdout == "set()\n"
