"""Figures in the documents: each stands beside a command that prints it, and the commands exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "benchmarks" / "RESULTS.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "models" / "weights").glob("*.md")),
]
# Durations, sizes, shares, and how many times as much: what somebody must have measured.
UNIT = r"(?:%|ms|s|seconds?|minutes?|min|hours?|MiB|GiB|times (?:as|faster|slower|the))"
MEASURED = re.compile(rf"\b\d+(?:[.,:]\d+)?\s?{UNIT}(?![\w-])")
BACKING = re.compile(
    r"benchmarks/\w+\.py|RESULTS\.md|weights/\w+\.md|inception_v1_scenes --out"
    r"|^atlasjax landscape ",
    re.MULTILINE,
)
COMMAND = re.compile(r"python (benchmarks/\w+\.py)([^`|\n]*)")


def sections(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return [part for part in re.split(r"^(?=#+ )", text, flags=re.MULTILINE) if part.strip()]


def unbacked(section: str) -> list[str]:
    """Return what is measured in a section that names no command which prints it."""
    prose = re.sub(r"```.*?```", "", section, flags=re.DOTALL)
    return [] if BACKING.search(section) else MEASURED.findall(prose)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_is_measured_stands_beside_what_prints_it(path: Path):
    found = {part.splitlines()[0]: unbacked(part) for part in sections(path)}
    assert {title: figures for title, figures in found.items() if figures} == {}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_in_documents_exist_with_their_options(path: Path):
    for script, options in COMMAND.findall(path.read_text(encoding="utf-8")):
        assert (ROOT / script).is_file(), script
        code = (ROOT / script).read_text(encoding="utf-8")
        for option in re.findall(r"--[a-z][a-z-]*", options):
            assert f'"{option}"' in code, f"{script} has no {option}"


def test_every_benchmark_is_named_in_the_results():
    text = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    with_options = "add_argument"  # others are parts of one
    scripts = [
        path.name
        for path in (ROOT / "benchmarks").glob("*.py")
        if with_options in path.read_text(encoding="utf-8") and '"--json"' in path.read_text()
    ]
    assert len(scripts) > 20
    assert [name for name in scripts if name not in text] == []


def test_a_figure_of_nobody_would_be_found():
    assert unbacked("# A\nIt takes 3 minutes, 2.5 times as fast.") == ["3 minutes", "2.5 times as"]
    assert unbacked("# A\n`python benchmarks/icons.py` printed 3 minutes") == []
