"""Ten kills of a small run, while it writes its files: it ends as if there were none."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "kill.py"


@pytest.mark.slow
def test_a_run_that_is_killed_ten_times_ends_with_the_same_bytes():
    command = [sys.executable, str(SCRIPT), "--quick", "--times", "10", "--only", "chain", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["files"] > 50
    assert found["chain"]["unlike"] == []
    assert found["chain"]["landed"] >= 8
    assert len(found["chain"]["stages"]) >= 4
