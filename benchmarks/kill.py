"""What is left of a run that is killed, whose disk is full, or whose files are damaged: the same.

    python benchmarks/kill.py [--times 25] [--quick] [--json] [--only PART ...]

A small run is made undisturbed. Then it is made again and again, in four parts: `kills` by SIGKILL
at random moments of all its stages; `moments` at which it writes its files, of which it is killed
at some; `disk`, on disks that are too small; and `damage`, once for each file that it left, which
is cut in half, changed in one bit, emptied or deleted. Each time the same command goes on, and what
it ends with is compared byte by byte with the undisturbed run, but for records of time. A fifth
part, `chain`, is one run that is killed again and again, at one of those moments each time.

The run is of a small GoogLeNet, laid out by principal components in place of UMAP; with --quick it
is of a network of two products of matrices. A full disk needs the right to mount one, and is left
out without it. The exit status is 1 where anything differs.
"""

import argparse
import collections
import contextlib
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kill_work as work

PARTS = ("kills", "moments", "disk", "damage", "chain")
WAYS = ("truncated", "flipped", "emptied", "deleted")
SEED = 0
SHARES = (0.05, 0.3, 0.6, 0.9)  # of what the finished folder takes: disks that are too small
PAGES = 2  # kills of a chain while the page is written, which is written anew each time
SPARE = 4 << 20  # bytes beside it, for what the file system itself takes


class Trial:
    """A run that ended undisturbed, and those that are compared with it."""

    def __init__(self, folder: Path, quick: bool, seed: int, twice: bool):
        self.folder, self.random = folder, random.Random(seed)
        self.arguments = work.prepare(folder, quick)
        self.whole, tell = folder / "whole", folder / "moments.txt"
        ended = self._undisturbed(tell)
        if twice:  # with programs that are compiled
            ended = self._undisturbed(tell)
        self.seconds, self.moments = ended.seconds, tell.read_text().splitlines()
        self.expected = work.content(self.whole / work.OUT)

    def _undisturbed(self, tell: Path) -> work.Ended:
        tell.unlink(missing_ok=True)
        _empty(self.whole)
        ended = work.run(self.arguments, self.whole, within=work.killed_at(None, tell))
        if ended.status:
            sys.exit(f"kill.py: the undisturbed run failed:\n{ended.said}")
        return ended

    def goes_on(self, home: Path) -> tuple[list[str], str]:
        """Run the same command in a folder; return which files are unlike, and what it said."""
        ended = work.run(self.arguments, home)
        if ended.status:
            return [f"exit status {ended.status}: {ended.said[-300:]}"], ended.said
        return work.unlike(home / work.OUT, self.expected), ended.said


def kills(trial: Trial, times: int) -> dict[str, Any]:
    """Kill runs at random times, one in each of as many parts of the work that a run is."""
    stages: collections.Counter[str] = collections.Counter()
    wrong, landed = [], 0
    for number in range(times):
        home = _empty(trial.folder / "killed")
        moment = trial.seconds * (number + trial.random.random()) / times
        ended = work.run(trial.arguments, home, after=moment)
        landed += ended.status < 0
        stages[work.stage_of(home / work.OUT)] += 1
        unlike, _ = trial.goes_on(home)
        wrong += [f"after {moment:.2f} s of work: {name}" for name in unlike]
    return {"kills": times, "landed": landed, "stages": dict(stages), "unlike": wrong}


def moments(trial: Trial, times: int) -> dict[str, Any]:
    """Kill runs where they write files, at as many moments of all of them."""
    stages: collections.Counter[str] = collections.Counter()
    wrong, total = [], len(trial.moments)
    for number in range(times):
        home = _empty(trial.folder / "moment")
        at = int(total * (number + trial.random.random()) / times)
        ended = work.run(trial.arguments, home, within=work.killed_at(at))
        assert ended.status == -9, ended
        stages[work.stage_of(home / work.OUT)] += 1
        unlike, _ = trial.goes_on(home)
        wrong += [f"at {at} of {total}, {trial.moments[at]}: {name}" for name in unlike]
    return {"kills": times, "of": total, "stages": dict(stages), "unlike": wrong}


def chain(trial: Trial, times: int) -> dict[str, Any]:
    """Kill one run again and again, as it goes on from one file that it writes to the next."""
    names = trial.moments
    first = next(i for i, name in enumerate(names) if name.endswith(".npz"))
    page = next(i for i, name in enumerate(names) if name.endswith(".png"))
    home, landed = _empty(trial.folder / "chain"), 0
    stages: collections.Counter[str] = collections.Counter()
    each = (page - first) // max(times - PAGES, 1)  # about, of what is written but once
    for number in range(times):
        span = 2 * each if number < times - PAGES else len(names) - page
        at = first + trial.random.randrange(max(span, 1))
        landed += work.run(trial.arguments, home, within=work.killed_at(at)).status < 0
        stages[work.stage_of(home / work.OUT)] += 1
    unlike, _ = trial.goes_on(home)
    return {"kills": times, "landed": landed, "stages": dict(stages), "unlike": unlike}


def disk(trial: Trial, shares: tuple[float, ...]) -> dict[str, Any]:
    """Run on disks that are too small, which then become large enough."""
    said, wrong = [], []
    whole = work.size(trial.whole / work.OUT)
    for share in shares:
        home = _empty(trial.folder / "full")
        try:
            with mounted(home, int(whole * share)):
                ended = work.run(trial.arguments, home)
                said.append(ended.said.strip().splitlines()[-1] if ended.said.strip() else "")
                if ended.status != 2 or "free" not in said[-1]:
                    wrong.append(f"{share:.0%}: exit status {ended.status}: {ended.said[-300:]}")
                _mount("-o", f"remount,size={2 * whole + SPARE}", str(home))
                wrong += [f"{share:.0%}: {name}" for name in trial.goes_on(home)[0]]
        except PermissionError as error:
            return {"skipped": str(error)}
    return {"disks": len(shares), "said": said, "unlike": wrong}


def damage(trial: Trial, ways: tuple[str, ...], each: int | None) -> dict[str, Any]:
    """Damage every file that a run left, one at a time, or some of them in each way."""
    wrong, silent, count = [], [], 0
    names = [name for name in trial.expected if name != "checksums.sha256"]
    for way in ways:
        for name in names if each is None else trial.random.sample(names, min(each, len(names))):
            home = work.copied(trial.whole, trial.folder / "damaged")
            work.damage(home / work.OUT / name, way, trial.random.random())
            unlike, said = trial.goes_on(home)
            wrong += [f"{name} {way}: {other}" for other in unlike]
            silent += [] if name in said else [f"{name} {way}"]
            count += 1
    return {"files": len(names), "damaged": count, "not said": silent, "unlike": wrong}


@contextlib.contextmanager
def mounted(home: Path, size: int) -> Iterator[None]:
    """Mount a small disk of memory.

    Raises:
        PermissionError: this process may not.
    """
    _mount("-t", "tmpfs", "-o", f"size={max(size, 1 << 16)}", "tmpfs", str(home))
    try:
        yield
    finally:
        subprocess.run(["umount", str(home)], check=True)


def _mount(*arguments: str) -> None:
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise PermissionError("there is no mount here") from None
    if done.returncode:
        raise PermissionError(done.stderr.strip() or "mount failed")


def _empty(folder: Path) -> Path:
    work.shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--times", type=int, default=25, help="kills of each kind")
    parser.add_argument("--quick", action="store_true", help="a network that computes nothing long")
    parser.add_argument("--files", type=int, help="files that are damaged in each way; all of them")
    parser.add_argument("--only", nargs="+", choices=PARTS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kill-") as name:
        trial = Trial(Path(name), chosen.quick, chosen.seed, chosen.only != ["chain"])
        result: dict[str, Any] = {
            "seconds": round(trial.seconds, 2),
            "files": len(trial.expected),
            "bytes": work.size(trial.whole / work.OUT),
            "estimated": work.estimated(trial.whole / work.OUT),
        }
        print(
            f"an undisturbed run: {result['files']} files of {result['bytes']:,} bytes in "
            f"{result['seconds']} s of one core, {len(trial.moments)} moments of writing; "
            f"{result['estimated']:,} bytes were estimated",
            flush=True,
        )
        parts = {
            "kills": lambda: kills(trial, chosen.times),
            "moments": lambda: moments(trial, chosen.times),
            "disk": lambda: disk(trial, SHARES),
            "damage": lambda: damage(trial, WAYS, chosen.files),
            "chain": lambda: chain(trial, chosen.times),
        }
        for part in chosen.only or parts:
            result[part] = parts[part]()
            print(f"{part}: {result[part]}", flush=True)
    if chosen.json:
        print(work.as_line(result))
    sys.exit(any(result[part].get("unlike") for part in chosen.only or parts))


if __name__ == "__main__":
    main()
