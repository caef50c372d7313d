"""What the benchmark takes for wrong, and that it finds none among a few inputs."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from atlasjax.data import UnreadableImage
from atlasjax.errors import UserError

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
pytestmark = pytest.mark.filterwarnings("ignore:Detected pickle protocol")


@pytest.fixture
def fuzz(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    return importlib.import_module("fuzz")


def raises(error: Exception):
    def read() -> str | None:
        raise error

    return read


@pytest.mark.parametrize(
    ("good", "read", "came"),
    [
        (True, lambda: None, "accepted"),
        (False, lambda: None, "accepted"),
        (False, raises(UserError("a line")), "refused"),
        (False, raises(UnreadableImage("x", "a line")), "refused"),
        (True, raises(UserError("a line")), "refused, though it is as it should be: a line"),
        (False, raises(UserError("two\nlines")), "not one line"),
        (False, raises(UserError("\x1b[31m")), "not one line"),
        (False, raises(UserError("")), "not one line"),
        (False, raises(KeyError("x")), "KeyError: 'x' (test_fuzz.py:"),
        (False, raises(MemoryError()), "MemoryError"),
        (False, lambda: "other pixels", "other pixels"),
    ],
)
def test_what_is_wrong_is_seen(fuzz, tmp_path, good, read, came):
    images = importlib.import_module("fuzz_images")
    found = fuzz.outcome(lambda random, folder: images.Input(good, read), 0, tmp_path)
    assert found.startswith(came)


@pytest.mark.parametrize("kind", ["images", "archives", "arrays", "weights", "requests"])
def test_nothing_is_wrong_among_a_few(fuzz, kind):
    if kind == "weights":
        pytest.importorskip("torch", reason="needs PyTorch: pip install '.[torch]'")
    row = fuzz.of_kind(kind, range(40))
    assert row.wrong == ()
    assert min(row.accepted, row.refused) > 0
    assert row.tried == row.accepted + row.refused == 40
