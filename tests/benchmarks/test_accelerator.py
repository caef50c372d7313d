"""The accelerator's benchmark, on a CPU: all sections, files as it goes, and an end at any time."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "accelerator.py"
SECTIONS = ("chip", "gradient", "icons", "collection", "attribution", "atlas")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--quick", "--json", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.slow
def test_every_section_is_measured_and_kept(tmp_path: Path):
    made = run("--out", str(tmp_path))
    assert made.returncode == 0, made.stderr
    found = json.loads(made.stdout.splitlines()[-1])
    assert found == json.loads((tmp_path / "accelerator.json").read_text())
    assert all(found[section] for section in SECTIONS)
    assert "left_out" not in found
    for row in found["icons"]:
        assert math.isfinite(row["icons_per_second"])
        assert row["icon_steps_per_second"] == pytest.approx(4 * row["icons_per_second"])
        assert row["kernels"] > 0
    assert {row["precision"] for row in found["icons"]} == {"float32", "bfloat16"}
    (atlas,) = found["atlas"]
    assert set(atlas["icons"]) == {"2", "4"}
    assert sum(atlas["stages"].values()) <= atlas["seconds"]
    table = (tmp_path / "accelerator.md").read_text()
    assert table.strip() in made.stdout
    assert "| 4 float32 |" in table


def test_it_ends_cleanly_where_there_is_no_time(tmp_path: Path):
    made = run("--out", str(tmp_path), "--limit", "6", "--only", "chip", "atlas")
    assert made.returncode == 0, made.stderr
    found = json.loads(made.stdout.splitlines()[-1])
    assert found == json.loads((tmp_path / "accelerator.json").read_text())
    assert "atlas" in found.get("left_out", []) or "cut_off" in found
    assert "atlas" not in found
    assert "Traceback" not in made.stderr
