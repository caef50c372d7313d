"""Several processes that make one run, for real: on this machine, each with devices of its own."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from atlasjax.atlas.drawer import Icons
from atlasjax.errors import UserError
from atlasjax.runs import host
from atlasjax.runs.host import BegunAgainError, Host
from atlasjax.runs.stages import stored
from atlasjax.runs.stages.layout import Layout
from atlasjax.storage import artifacts, lock
from atlasjax.workflows.together import Place, place_of

ROOT = Path(__file__).resolve().parents[2]
GO = """
import sys
sys.path.insert(0, {benchmarks!r})
import kill_work
from atlasjax import cli
from atlasjax.runs import host
from atlasjax.runs.stages import stored

stored.ROWS, stored.EVEN, host.PAUSE = 16, 4, 0.05
moment = int(sys.argv[1])
if moment >= 0:
    kill_work.killed_at(moment)()
cli.main(["run", *sys.argv[2:]])
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def kill_work():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield importlib.import_module("kill_work")


@pytest.fixture(scope="module")
def start(kill_work, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start a process of a small run, to be killed at one of the moments at which it writes."""
    home, begun = tmp_path_factory.mktemp("together"), []
    (home / "toy_of_the_kill_test.py").write_text(kill_work.NETWORK, encoding="utf-8")
    (home / "go.py").write_text(GO.format(benchmarks=str(ROOT / "benchmarks")), encoding="utf-8")
    inherited = {n: v for n, v in os.environ.items() if n not in ("XLA_FLAGS", "ATLASJAX_TESTS")}
    environment = inherited | {
        "XLA_FLAGS": "--xla_backend_optimization_level=0",
        "JAX_COMPILATION_CACHE_DIR": str(home / "programs"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(home)]),
    }

    def start(out: Path, *more: str, devices: int = 2, moment: int = -1) -> subprocess.Popen[str]:
        toy, named = home / "toy_of_the_kill_test.py", ["--out", out.name]
        own = [str(toy), *named, "--devices", str(devices), *more]
        process = subprocess.Popen(
            [sys.executable, str(home / "go.py"), str(moment), *own],
            cwd=out.parent,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def of(process: int, processes: int) -> tuple[str, ...]:
    return ("--processes", str(processes), "--process", str(process))


def ended(process: subprocess.Popen[str], status: int = 0) -> str:
    said, _ = process.communicate(timeout=300)
    assert process.returncode == status, said
    return said


@pytest.fixture(scope="module")
def alone(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run made by one process of two devices."""
    out = tmp_path_factory.mktemp("alone") / "run"
    ended(start(out))
    return out


@pytest.mark.slow
def test_two_processes_make_what_one_makes(kill_work, start: Start, alone: Path, tmp_path: Path):
    out = tmp_path / "run"
    both = [start(out, *of(number, 2)) for number in (1, 0)]
    for process in both:
        ended(process)
    assert kill_work.unlike(out, kill_work.content(alone)) == []
    log = (out / "run.log").read_text()
    assert "process 1: icons two 3 x 3: " in log
    assert "process 1: attribution one: " in log


@pytest.mark.slow
def test_three_processes_of_which_two_die_end_with_the_same_atlas(
    kill_work, start: Start, alone: Path, tmp_path: Path
):
    out = tmp_path / "run"
    # The first dies as it writes the cells or after, the second amid its shards.
    first = start(out, *of(0, 3), moment=75)
    second, third = start(out, *of(1, 3), moment=7), start(out, *of(2, 3))
    ended(second, -signal.SIGKILL)
    again = start(out, *of(1, 3))
    ended(first, -signal.SIGKILL)
    assert not (out / "index.html").exists()
    for process in (start(out, *of(0, 3)), again, third):
        ended(process)
    assert kill_work.unlike(out, kill_work.content(alone)) == []


@pytest.mark.slow
def test_another_run_is_refused_while_any_process_is_at_work(start: Start, tmp_path: Path):
    out = tmp_path / "run"
    member = lock.Member("of another run", 1, 2)
    out.mkdir()
    with lock.alone(out, member=member):
        said = ended(start(out), 2)
        assert said.startswith(f"atlasjax: another run (process {os.getpid()}, since ")
    waiting = start(out, *of(1, 2))
    while not lock.user_of(out, 1):
        time.sleep(0.05)
    assert "is using" in ended(start(out, *of(1, 2)), 2)  # twice the same process
    assert "is using" in ended(start(out, "--more-than", "2", *of(0, 2)), 2)
    waiting.kill()


@pytest.mark.slow
def test_processes_of_other_devices_are_refused(start: Start, tmp_path: Path):
    out = tmp_path / "run"
    first = start(out, *of(0, 2))
    said = ended(start(out, *of(1, 2), devices=1), 2)
    assert "otherwise than process 0" in said
    assert "the number of devices is another" in said
    first.kill()


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 3, 8])
def test_any_number_of_devices_gives_the_same_map(
    devices: int, start: Start, alone: Path, tmp_path: Path
):
    out = tmp_path / "run"
    ended(start(out, devices=devices))
    for name in ("one", "two"):
        here, there = out / "layers" / name, alone / "layers" / name
        one, other = stored.read(here / stored.FILE), stored.read(there / stored.FILE)
        np.testing.assert_array_equal(one.position, other.position)
        np.testing.assert_array_equal(one.image, other.image)
        # Shares of a batch of another size are summed in another order.
        np.testing.assert_allclose(one.value, other.value, rtol=1e-5, atol=1e-6)
        xy, expected = (artifacts.read(run / "layout.npz", Layout).xy for run in (here, there))
        np.testing.assert_allclose(xy, expected, atol=1e-4)
        own, others = (artifacts.read(run / "grid-2" / "icons.npz", Icons) for run in (here, there))
        # Two steps of an optimizer that divides by the gradient's size: rounding may turn a sign.
        assert np.abs(own.icon.astype(int) - others.icon).mean() < 2
        np.testing.assert_allclose(own.cosine, others.cosine, atol=0.02)


def test_a_cluster_says_which_process_this_is():
    assert place_of(None, None, {"SLURM_PROCID": "1", "SLURM_NTASKS": "3"}) == Place(1, 3)
    gke = {"JOB_COMPLETION_INDEX": "2", "PROCESSES_IN_JOB": "4"}
    assert place_of(None, None, gke) == Place(2, 4)
    pod = {"TPU_WORKER_ID": "1", "TPU_WORKER_HOSTNAMES": "10.0.0.2,10.0.0.3"}
    assert place_of(None, None, pod) == Place(1, 2)
    assert place_of(0, 2, pod) == Place(0, 2)  # what is said goes first
    assert place_of(None, 1, {"SLURM_PROCID": "2", "SLURM_NTASKS": "3"}) == Place(0, 1)
    assert place_of(None, None, {}) == Place(0, 1)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ((3, 3), "process 3: must be from 0 to 2"),
        ((0, 0), "processes 0: must be at least 1"),
        ((1, None), "process 1: say --processes as well, how many there are"),
        ((None, 2), "processes 2: say --process as well, which of them this is"),
    ],
)
def test_numbers_that_cannot_be_are_refused(said: tuple[int | None, int | None], message: str):
    with pytest.raises(UserError, match=message):
        place_of(*said, {})
    with pytest.raises(UserError, match="'x', of the cluster's environment, is no whole number"):
        place_of(None, None, {"SLURM_PROCID": "x", "SLURM_NTASKS": "3"})


def test_the_first_process_makes_the_share_of_one_that_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(host, "PAUSE", 0.01)
    monkeypatch.setattr(host, "PATIENCE", 0.1)
    said: list[str] = []
    first = Host(0, 2, "x", said.append)
    host.wait(first, tmp_path, "collect", lambda: [1, 3])
    assert first.owns(1)
    assert said == [
        "process 1 is not at work: start it again with the command it had",
        "process 1 has not come back: process 0 makes its share as well",
    ]


def test_a_process_that_follows_begins_anew_with_the_first(tmp_path: Path):
    host.begin(tmp_path, "x")
    follower = Host(1, 2, "x")
    host.follow(follower, tmp_path)
    host.begin(tmp_path, "y")
    with pytest.raises(BegunAgainError):
        host.wait(follower, tmp_path, "cells", lambda: (0,))
    assert json.loads((tmp_path / host.FILE).read_text()) == {"session": "y", "finished": False}
