"""Whether anything that is read can be made to fail other than by one clear line.

    python benchmarks/fuzz.py [--count N] [--quick] [--seed S] [--json]

N inputs of each kind (images, archives, arrays, weights, requests) are made at random, most of them
damaged: cut, flipped, overwritten, with claims that nothing holds or names that lead elsewhere.
Each is read as a user would have it read. It may be accepted, where what was made of it is then
checked, or refused in one line that can be printed. Anything else is wrong: another error, more
than ten seconds, other pixels than it has, a file that lies elsewhere. The number of an input is
its seed, so that `--seed` and `--count 1` try it again.
"""

import argparse
import json
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import fuzz_images
import fuzz_inputs
import numpy as np
import rich.box
import rich.console
import rich.table

import atlasjax as ax
from atlasjax.data import UnreadableImage

LONGEST = 10.0  # seconds
SHOWN = 20  # of what is wrong
Make = Callable[[np.random.Generator, Path], fuzz_images.Input]
MADE: dict[str, Make] = {
    "images": fuzz_images.images,
    "archives": fuzz_inputs.archives,
    "arrays": fuzz_inputs.arrays,
    "weights": fuzz_inputs.weights,
}


class Row(NamedTuple):
    """What came of the inputs of one kind.

    Attributes:
        kind: of input.
        tried: how many.
        accepted: were read, and right as far as can be known.
        refused: by one line.
        wrong: neither, each as "seed: what".
        slowest: seconds that one took.
    """

    kind: str
    tried: int
    accepted: int
    refused: int
    wrong: tuple[str, ...]
    slowest: float


def outcome(make: Make, seed: int, folder: Path) -> str:
    """Try one input; return "accepted", "refused" or what is wrong."""
    given = make(np.random.default_rng(seed), folder)
    try:
        return given.read() or "accepted"
    except (ax.UserError, UnreadableImage, fuzz_inputs.Refused) as error:
        line = str(error)
        if given.good:
            return f"refused, though it is as it should be: {line}"
        return "refused" if line.strip() and line.isprintable() else f"not one line: {line!r}"
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"


def tried(kind: str, make: Make, seeds: range) -> Row:
    counts: Counter[str] = Counter()
    wrong, slowest = [], 0.0
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            start = time.monotonic()
            came = outcome(make, seed, Path(folder))
            took = time.monotonic() - start
        slowest = max(slowest, took)
        if took > LONGEST:
            came = f"{came}, after {took:.0f} s"
        counts[came if came in ("accepted", "refused") else "wrong"] += 1
        if came not in ("accepted", "refused"):
            wrong.append(f"{seed}: {' '.join(came.split())[:300]}")
    return Row(
        kind, len(seeds), counts["accepted"], counts["refused"], tuple(wrong), round(slowest, 3)
    )


def of_kind(kind: str, seeds: range) -> Row:
    if kind != "requests":
        return tried(kind, MADE[kind], seeds)
    with tempfile.TemporaryDirectory() as folder:
        served = fuzz_inputs.served(Path(folder))
        try:
            return tried(kind, lambda random, _: fuzz_inputs.requests(random, served), seeds)
        finally:
            served.stop()


def show(rows: list[Row]) -> None:
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
    table.add_column("kind")
    for column in ("tried", "accepted", "refused by a line", "wrong", "slowest"):
        table.add_column(column, justify="right")
    for row in rows:
        numbers = (row.tried, row.accepted, row.refused, len(row.wrong))
        table.add_row(row.kind, *(f"{n:,}" for n in numbers), f"{row.slowest:.2f} s")
    console = rich.console.Console(highlight=False)
    console.print(table)
    for row in rows:
        for line in row.wrong[:SHOWN]:
            console.print(f"{row.kind} {line}", markup=False)


def main() -> None:
    kinds = [*MADE, "requests"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=2500, help="inputs of each kind")
    parser.add_argument("--quick", action="store_true", help="100 of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of the first input")
    parser.add_argument("--kind", choices=kinds, action="append", help="all by default")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    count = 100 if chosen.quick else chosen.count
    seeds = range(chosen.seed, chosen.seed + count)
    rows = [of_kind(kind, seeds) for kind in chosen.kind or kinds]
    show(rows)
    if chosen.json:
        print(json.dumps([row._asdict() for row in rows]))
    sys.exit(any(row.wrong for row in rows))


if __name__ == "__main__":
    main()
