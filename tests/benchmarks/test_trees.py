"""The benchmarks of trees, quick: shorter paths for the penalty, and what the network goes by."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def printed(name: str) -> Any:
    command = [sys.executable, str(FOLDER / name), "--quick", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_paths_are_shorter_and_nearly_as_much_is_known():
    rows = {row["penalty"]: row for row in printed("trees.py")["by_strength"]}
    assert set(rows) == {"none", "tree", "l1", "l2"}
    assert rows["tree"]["node"] < 0.85 * rows["none"]["node"]
    assert all(row["auc"] > 0.85 for row in rows.values())


@pytest.mark.slow
def test_what_is_told_in_fewer_questions_goes_by_the_shortcut():
    rows = {row["penalty"]: row for row in printed("short_paths.py")["rows"]}
    assert rows["tree"]["questions"] < rows["none"]["questions"]
    assert rows["tree"]["by_teeth"] >= rows["none"]["by_teeth"]
    assert rows["none"]["right"] > 0.6
