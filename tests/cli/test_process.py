"""Tests of what a command sets up: in processes of their own, since JAX starts once in each."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, os
from atlasjax.cli.process import prepare
prepare()
import jax
found = [jax.device_count(), jax.config.values["jax_compilation_cache_dir"]]
jax.jit(lambda x: [x := x @ x for _ in range(60)][-1]).lower(jax.numpy.ones((9, 9))).compile()
print(json.dumps(found))
"""


def prepared(folder: Path, **settings: str) -> tuple[int, str | None]:
    """Return how many devices a fresh process has, and where it keeps its programs."""
    hidden = ("XLA_FLAGS", "JAX_NUM_CPU_DEVICES", "JAX_COMPILATION_CACHE_DIR")
    clean = {name: value for name, value in os.environ.items() if name not in hidden}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=clean | {"ATLASJAX_CACHE": str(folder)} | settings,
        check=True,
        capture_output=True,
        text=True,
    )
    devices, cache = json.loads(run.stdout)
    return devices, cache


@pytest.mark.slow
def test_there_is_a_device_for_each_core_and_programs_are_kept(tmp_path: Path):
    sooner = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    devices, cache = prepared(tmp_path, **sooner)
    assert devices == min(len(os.sched_getaffinity(0)), 8)
    assert cache == str(tmp_path / "programs")
    kept = {path.name for path in (tmp_path / "programs").iterdir()}
    assert kept
    prepared(tmp_path, **sooner)
    assert kept == {path.name for path in (tmp_path / "programs").iterdir()}


@pytest.mark.slow
def test_what_the_user_has_set_stays(tmp_path: Path):
    own = tmp_path / "own"
    devices, cache = prepared(tmp_path, JAX_NUM_CPU_DEVICES="3", JAX_COMPILATION_CACHE_DIR=str(own))
    assert (devices, cache) == (3, str(own))


@pytest.mark.slow
def test_a_cache_that_cannot_be_made_is_done_without(tmp_path: Path):
    (tmp_path / "file").write_text("not a folder")
    assert prepared(tmp_path / "file")[1] is None
