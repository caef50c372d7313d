"""Locks of run folders, between processes."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from atlasjax.errors import UserError
from atlasjax.storage import lock

HOLD = """
import sys, time
from pathlib import Path
from atlasjax.storage.lock import alone
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path: Path):
    """Another process, which has the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_folder_in_use_is_refused_and_named(tmp_path: Path, other: subprocess.Popen[str]):
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    said = (
        rf"^another run \(process {other.pid}, since 20.* \d\d:\d\d:\d\d\) is using '{tmp_path}'$"
    )
    with pytest.raises(UserError, match=said), lock.alone(tmp_path):
        pass
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    # From elsewhere, over a shared file system.
    holder = json.loads(before[lock.HOLDER])
    (tmp_path / lock.HOLDER).write_text(json.dumps(holder | {"host": "node7"}))
    with pytest.raises(UserError, match=rf"\(process {other.pid} on node7, since"):
        lock.alone(tmp_path).__enter__()
    (tmp_path / lock.HOLDER).write_text("{")
    with pytest.raises(UserError, match=r"^another run is using"):
        lock.alone(tmp_path).__enter__()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_of_a_dead_process_is_taken_over(
    end: signal.Signals, tmp_path: Path, other: subprocess.Popen[str]
):
    other.send_signal(end)
    other.wait()
    assert (tmp_path / lock.HOLDER).is_file()  # it had no time to take it away
    with lock.alone(tmp_path):
        assert json.loads((tmp_path / lock.HOLDER).read_text())["process"] != other.pid
    assert not (tmp_path / lock.HOLDER).exists()
    with lock.alone(tmp_path):  # and again
        pass


def test_a_name_that_a_dead_process_left_is_not_told_of_another(
    tmp_path: Path, other: subprocess.Popen[str]
):
    """Its number may be another process's by now; who has the lock has not signed yet."""
    held = json.loads((tmp_path / lock.HOLDER).read_text())
    for left in ({"process": 2**22 + 1}, {"began": "1"}):
        (tmp_path / lock.HOLDER).write_text(json.dumps(held | left))
        with pytest.raises(UserError, match=r"^another run is using"):
            lock.alone(tmp_path).__enter__()
        assert lock.user_of(tmp_path) == "a process that has just begun"


def test_who_is_at_work_is_told_without_disturbing_it(tmp_path: Path, other: subprocess.Popen[str]):
    assert str(lock.user_of(tmp_path)).startswith(f"process {other.pid}, since ")
    other.kill()
    other.wait()
    assert lock.user_of(tmp_path) is None
    with lock.alone(tmp_path):
        pass
    assert lock.user_of(tmp_path) is None


def test_one_who_asks_keeps_nobody_out(tmp_path: Path):
    import threading

    import filelock

    asks = filelock.FileLock(tmp_path / lock.FILE, thread_local=False)
    asks.acquire()
    threading.Timer(0.05, asks.release).start()
    with lock.alone(tmp_path):
        pass


def test_an_error_ends_the_lock(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt), lock.alone(tmp_path):
        raise KeyboardInterrupt
    with lock.alone(tmp_path):
        pass


def test_a_file_system_without_locks_keeps_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import filelock

    def refused(self, *args, **kwargs):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(filelock.FileLock, "acquire", refused)
    with lock.alone(tmp_path), lock.alone(tmp_path):
        pass


def test_a_lock_of_another_user_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import filelock

    def refused(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(filelock.FileLock, "acquire", refused)
    with pytest.raises(UserError, match=r"\.lock: Permission denied; is it another user's\?"):
        lock.alone(tmp_path).__enter__()


def test_processes_of_one_run_are_let_in_together_and_others_are_not(tmp_path: Path):
    first, second = (lock.Member("one", number, 2) for number in (0, 1))
    with lock.alone(tmp_path, member=first), lock.alone(tmp_path, member=second):
        assert lock.others(tmp_path) == [1]
        assert lock.others(tmp_path, 1) == [0]
        assert (lock.run_of(tmp_path), lock.run_of(tmp_path, 1)) == ("one", "one")
        for twice in (first, second):
            with pytest.raises(UserError, match="is using"):
                lock.alone(tmp_path, member=twice).__enter__()
    with lock.alone(tmp_path, member=second):  # the first has ended
        for other in (lock.ALONE, lock.Member("another", 0, 2)):
            with pytest.raises(UserError, match="is using"):
                lock.alone(tmp_path, member=other).__enter__()
    with lock.alone(tmp_path):
        assert lock.others(tmp_path) == []
