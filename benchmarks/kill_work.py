"""What the kill test is made of: small runs in processes of their own, ended, damaged, compared.

A run takes seconds, most of them to import JAX. So one process imports everything and is forked for
each run, before JAX has begun to compute in it.
"""

import contextlib
import hashlib
import importlib
import json
import os
import re
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

NETWORK = '''
"""A network of two layers on generated scenes, and a layout that takes no time."""

import jax
import jax.numpy as jnp
import numpy as np

import atlasjax as ax


def load():
    rng = np.random.default_rng(0)
    first, second = (
        jnp.asarray(rng.normal(size=shape) / shape[0] ** 0.5, jnp.float32)
        for shape in ((3, 16), (16, 24))
    )

    def model(images, tap):
        x = tap("one", jax.nn.relu((images - 0.5)[:, ::4, ::4] @ first))
        x = tap("two", jax.nn.relu(x[:, ::2, ::2] @ second))
        return tap("logits", x.mean((1, 2))[:, :5])

    return model


def principal(activations, *, seed):
    centred = activations - activations.mean(0)
    return centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T


MODEL = ax.ModelEntry("toy", load, image_size=32, class_names=["ant", "bee", "cow", "dog", "elk"])
CONFIG = ax.Experiment(
    "toy",
    layers=("one", "two"),
    images="scenes:24",
    grids=(2, 3),
    samples_per_image=4,
    steps=2,
    refine_steps=2,
    attempts=1,
    icon_size=16,
    icon_batch=2,
    image_batch=8,
    more_than=1,
    layout="toy_of_the_kill_test:principal",
    stability=False,
)
'''
# A GoogLeNet of few channels, of which all stages are the quickstart's but two that take half a
# minute in every process: UMAP, which compiles, and the report's test of planted shortcuts.
SMALL = (
    *("debug", "--images", "scenes:24", "--image-size", "64", "--grids", "2", "3"),
    *("--samples-per-image", "2", "--steps", "2", "--refine-steps", "2", "--attempts", "1"),
    *("--icon-size", "32", "--icon-batch", "4", "--image-batch", "8", "--more-than", "1"),
    *("--no-stability", "--layout", "toy_of_the_kill_test:principal"),
)
REPORT = ("matplotlib.figure", "matplotlib.backends.backend_svg", "sklearn.neighbors")
OUT = "run"
ROWS = 16  # activations in a shard
# What tells the time, or how much memory a process took. The sums of files that do, differ.
TIMES = re.compile(
    r'"(?:started|finished|seconds|peak_memory_bytes)": ?(?:"[^"]*"|\{[^}]*\}|[0-9.]+)'
    r'|\["Made", ?"[^"]*"\]|Making this report took [^<]*'
)
TIMED = ("run.json", "atlas.json", "atlas.js", "report.json", "report.html")
LOGS = ("run.log", ".lock")


class Ended(NamedTuple):
    """How a run ended: its exit status, less than 0 by a signal; what it printed; its work.

    Its work is in seconds of a processor, which do not depend on what else the machine does.
    """

    status: int
    said: str
    seconds: float


def prepare(work: Path, quick: bool) -> list[str]:
    """Import what a run imports, and return the command's arguments.

    Args:
        work: a folder for what is kept between runs.
        quick: a network of two products of matrices in place of a small GoogLeNet.
    """
    fast = "--xla_backend_optimization_level=0"  # to compile; what is computed is little
    os.environ |= {
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {fast}".strip(),
        "ATLASJAX_CACHE": str(work / "cache"),
        "JAX_COMPILATION_CACHE_DIR": str(work / "programs"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    warnings.filterwarnings("ignore", message=r"os\.fork\(\) was called", category=RuntimeWarning)
    for name in ("cli.process", "cli.summary", "workflows.make", "experiments", "data.scenes"):
        importlib.import_module(f"atlasjax.{name}")
    for name in ("tyro", "rich.table", "grain", "scipy.stats", "PIL.WebPImagePlugin", *REPORT):
        importlib.import_module(name)
    stored: Any = importlib.import_module("atlasjax.runs.stages.stored")
    stored.ROWS, stored.EVEN = ROWS, 8  # several shards, of one batch each
    toy = work / "toy_of_the_kill_test.py"
    toy.write_text(NETWORK, encoding="utf-8")
    sys.path.insert(0, str(work))
    return ["run", *([str(toy)] if quick else SMALL), "--out", OUT]


def run(
    arguments: list[str],
    home: Path,
    *,
    after: float | None = None,
    within: Callable[[], object] = lambda: None,
) -> Ended:
    """Run a command in a process of its own.

    Args:
        arguments: of `atlasjax`.
        home: the folder that it stands in, into which what it prints goes.
        after: seconds of a processor's work after which to kill it.
        within: called in that process before it begins.
    """
    log = home / "said.txt"
    process = os.fork()
    if not process:
        _child(arguments, home, log, within)
    while True:
        found, how, used = os.wait4(process, os.WNOHANG)
        if found:
            break
        if after is not None and _work_of(process) > after:
            os.kill(process, signal.SIGKILL)
            after = None
        else:
            time.sleep(0.002)
    status = os.waitstatus_to_exitcode(how)
    return Ended(status, log.read_text(errors="replace"), used.ru_utime + used.ru_stime)


def _work_of(process: int) -> float:
    """Return how many seconds of a processor's work a process has had, as Linux tells it."""
    fields = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _child(arguments: list[str], home: Path, log: Path, within: Callable[[], object]) -> None:
    status = 1
    try:
        os.chdir(home)
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        within()
        from atlasjax import cli

        cli.main(arguments)
        status = 0
    except SystemExit as stop:
        status = int(stop.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def killed_at(number: int | None, tell: Path | None = None) -> Callable[[], None]:
    """Return what has a process kill itself at one of the moments at which it writes a file.

    There are three for each: the file is begun and half of something is in it; it is whole, and has
    another name; it is there.

    Args:
        number: of the moment; None never.
        tell: where to write which file each moment was of.
    """

    def arm() -> None:
        from atlasjax.storage import artifacts

        real, count = artifacts.atomic, iter(range(1 << 60))

        def moment(path: Path, partial: Path | None = None) -> None:
            if tell is not None:
                with tell.open("a") as file:
                    file.write(f"{path.name}\n")
            if next(count) == number:
                if partial is not None:
                    partial.write_bytes(b"half of")
                os.kill(os.getpid(), signal.SIGKILL)

        @contextlib.contextmanager
        def atomic(path: Path, **options: Any) -> Iterator[Path]:
            with real(path, **options) as temporary:
                moment(path, temporary)
                yield temporary
                moment(path)
            moment(path)

        artifacts.atomic = atomic

    return arm


def content(folder: Path) -> dict[str, str]:
    """Return a digest of every file in a run folder, without records of time.

    Args:
        folder: the run folder.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or name.startswith(LOGS):
            continue
        held = path.read_bytes()
        if name in TIMED:
            held = TIMES.sub("", held.decode()).encode()
        elif name == "checksums.sha256":
            lines = held.decode().splitlines()
            held = "\n".join(one for one in lines if not one.endswith(TIMED)).encode()
        found[name] = hashlib.sha256(held).hexdigest()
    return found


def unlike(folder: Path, expected: dict[str, str]) -> list[str]:
    """Return the files that are not as expected, those that lack, and those too many."""
    found = content(folder)
    return sorted(n for n in found.keys() | expected if found.get(n) != expected.get(n))


def stage_of(folder: Path) -> str:
    """Return the first stage that a run which was killed had not finished."""
    from atlasjax.runs.unit import kept, pending

    units = kept(folder)
    left = pending(folder, units)
    return "beginning" if not units else left[0].stage if left else "page"


def damage(path: Path, how: str, place: float) -> None:
    """Damage a file.

    Args:
        path: the file.
        how: "truncated", "flipped" in one bit, "emptied" or "deleted".
        place: of the bit, from 0 to 1.
    """
    held = bytearray(path.read_bytes())
    if how == "deleted":
        path.unlink()
        return
    if how == "flipped":
        bit = min(int(place * 8 * len(held)), 8 * len(held) - 1)
        held[bit // 8] ^= 1 << bit % 8
    left = {"flipped": len(held), "truncated": len(held) // 2, "emptied": 0}[how]
    path.write_bytes(held[:left])


def copied(from_: Path, home: Path) -> Path:
    """Return a copy of a folder with a run, in place of what is there."""
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(from_, home)
    return home


def size(folder: Path) -> int:
    """Return how many bytes the files of a folder have."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def estimated(folder: Path) -> int:
    """Return how many bytes it was said that a run would leave, before it began."""
    from atlasjax.runs.estimate import estimate
    from atlasjax.runs.unit import kept

    return sum(estimate(folder / "nothing", kept(folder)).stages.values())


def as_line(value: Any) -> str:
    """Return JSON in one line."""
    return json.dumps(value)
