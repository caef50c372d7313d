"""Progress: a line on a terminal, and not a byte anywhere else."""

import importlib.util
import io
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace

import pytest

from atlasjax.errors import UserError
from atlasjax.progress import Progress, at_once, bar, is_shown, silent, spinner

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch, width: int = 160) -> Iterator[list[bytes]]:
    """Make standard error a real (pseudo) terminal; yields what it is shown."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    ours, theirs = os.openpty()
    shown: list[bytes] = []

    def read() -> None:
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # Linux reports the other side's closing so
                return
            if not piece:
                return
            shown.append(piece)

    reader = threading.Thread(target=read)
    reader.start()
    with open(theirs, "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        try:
            yield shown
        finally:
            monkeypatch.undo()
    reader.join(10)
    os.close(ours)


def text_of(shown: list[bytes]) -> str:
    return ESCAPES.sub("", b"".join(shown).decode())


def test_nothing_is_printed_to_a_file(monkeypatch: pytest.MonkeyPatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with bar("collect", "images") as progress:
        assert progress is silent
        progress(1, 2)
    with spinner("layout"):
        pass
    assert stream.getvalue() == ""


def test_a_terminal_is_shown_title_count_and_rate(monkeypatch: pytest.MonkeyPatch):
    with terminal(monkeypatch) as shown, bar("collect", "images") as progress:
        progress(4, 40)
        time.sleep(0.05)
        progress(14, 40)
    text = text_of(shown)
    assert "collect" in text
    assert re.search(r"\b14/40 +images", text)
    found = re.findall(r"([0-9.]+)/s", text)
    assert found, text
    # 10 more images in a twentieth of a second or, on a busy machine, rather longer.
    assert 1 < float(found[-1]) <= 200
    assert "left" in text


@pytest.mark.parametrize("width", [80, 114, 115, 200])
def test_nothing_is_cut_off_however_wide_the_terminal(width: int, monkeypatch: pytest.MonkeyPatch):
    with terminal(monkeypatch, width) as shown, bar("attribution mixed4d", "activations") as report:
        report(0, 12_800)
        report(1_280, 12_800)
        report(12_800, 12_800)
    text = text_of(shown)
    assert "12800/12800" in text
    assert re.search(r"left 0:00:00\b", text)
    assert "…" not in text


def test_before_anything_is_known_no_count_is_shown(monkeypatch: pytest.MonkeyPatch):
    with terminal(monkeypatch) as shown, bar("collect", "images"):
        pass
    assert "collect" in text_of(shown)
    assert "/" not in text_of(shown)


def test_a_terminal_is_shown_a_stage_without_measure(monkeypatch: pytest.MonkeyPatch):
    with terminal(monkeypatch) as shown, spinner("layout"):
        pass
    text = text_of(shown)
    assert "layout" in text
    assert "✓" in text


@pytest.mark.parametrize("shown_as", [lambda: bar("a", "b"), lambda: spinner("a")])
def test_errors_pass_through(monkeypatch: pytest.MonkeyPatch, shown_as):
    with terminal(monkeypatch), pytest.raises(KeyError, match="inside"), shown_as():
        raise KeyError("inside")
    with pytest.raises(KeyError, match="inside"), shown_as():
        raise KeyError("inside")


class ZMQInteractiveShell:
    """What a notebook's kernel calls its shell."""


class TerminalInteractiveShell:
    """What IPython calls its own at a terminal."""


@pytest.mark.parametrize(
    ("shell", "widgets", "shown"),
    [
        (ZMQInteractiveShell, True, True),
        (ZMQInteractiveShell, False, False),  # Rich would only warn that they are missing
        (TerminalInteractiveShell, True, False),
        (None, True, False),
    ],
)
def test_a_notebook_is_shown_progress(
    shell: type | None, widgets: bool, shown: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    ipython = SimpleNamespace(get_ipython=lambda: shell and shell())
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    found = SimpleNamespace() if widgets else None
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
    assert is_shown() is shown


def test_stages_at_once_return_in_order_and_tell_one_percentage():
    seen, both = [], threading.Barrier(2, timeout=30)

    def stage(name: str, progress: Progress) -> str:
        both.wait()  # it would time out if one waited for the other to end
        progress(1, 2)
        progress(2, 2)
        return name

    found = at_once([partial(stage, "a"), partial(stage, "b")], lambda *told: seen.append(told))
    assert found == ["a", "b"]
    assert seen[-1] == (100, 100)
    assert {total for _, total in seen} == {100}


def test_what_a_stage_raises_stops_the_others():
    began, reported = threading.Event(), []

    def endless(progress: Progress) -> None:
        began.set()
        while True:  # ends when it reports after the other has failed
            reported.append(progress(1, 2))

    def failing(progress: Progress) -> None:
        began.wait(30)
        raise UserError("no such thing")

    with pytest.raises(UserError, match="no such thing"):
        at_once([failing, endless])
    assert reported
