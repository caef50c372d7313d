"""The floors of the house: who may import whom, read from the sources.

Imports point down only. What two rooms of a floor need moves to a floor below.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "atlasjax"
FLOORS = (
    ("cli",),
    ("workflows",),
    ("fidelity", "page"),
    ("runs",),
    ("atlas", "blocks", "circuits", "landscape", "saliency", "trees", "vis"),
    ("optvis",),
    ("adapters", "data"),
    ("storage", "linearized", "receptive", "rectifiers", "rewriting", "targets"),
    ("marks", "planes", "slopes", "windows"),
    ("taps",),
    ("classes", "factors", "operations", "parallel", "programs", "progress"),
    ("errors",),
)
LEVEL = {room: level for level, floor in enumerate(FLOORS) for room in floor}
BY_NAME = ("models", "experiments")  # looked up by name, where a person asks for something
ASKED = ("cli", "workflows")
SOURCES = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if path.relative_to(PACKAGE).parts[0] not in (*BY_NAME, "viewer", "__init__.py")
)


def imported(source: str) -> Iterator[str]:
    """Give the rooms that a file imports from, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            parts = (node.module or "").split(".")
            if parts[0] == "atlasjax":
                yield from [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                if parts[0] == "atlasjax" and len(parts) > 1:
                    yield parts[1]


def wrong(room: str, source: str) -> list[str]:
    """Return what a file of a room imports that it may not."""
    others = [other for other in imported(source) if other != room]
    return [
        other
        for other in others
        if (other in BY_NAME and room not in ASKED)
        or (other in LEVEL and LEVEL[other] <= LEVEL[room])
    ]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_point_down(path: Path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert room in LEVEL, f"{room} stands on no floor: give it one here"
    assert wrong(room, path.read_text(encoding="utf-8")) == []


def test_an_import_that_points_up_is_seen():
    assert wrong("atlas", "from atlasjax.page.export import export") == ["page"]
    assert wrong("atlas", "def f():\n    from atlasjax import vis, taps") == ["vis"]
    assert wrong("runs", "import atlasjax.models") == ["models"]
    assert wrong("page", "from atlasjax.runs.open import Atlas\nimport atlasjax.taps") == []
