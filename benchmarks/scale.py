"""What a million activations take: time and memory, from ten thousand on.

    python benchmarks/scale.py [--quick] [--json] [--sizes N ...] [--section NAME ...]
        [--method NAME ...] [--data FILE]

Sections:

    layout      a map, by `umap` as atlasjax does it, by `jax`, and up to 100,000 by `umap-learn` as
                it is shipped, without a seed and on all cores
    neighbors   the 50 nearest of each, by `faiss` as atlasjax uses it, by usearch and pynndescent
                as they are shipped, where they are installed, and by comparing all with all; and
                the share of the true ones that is found
    stages      the rest of a run with 1,000 attributions to each: `collected` (with the second
                moment), `whitened`, `attributed`, `binned` by four grids, `reported` with the
                examples chosen; of each the seconds, and those that a million would take

The activations are generated: clusters on a curved sheet of six dimensions, seen by 512 neurons
with noise, which are silent below 0. They lie in a file, of which every size reads the start. Each
size and method is a process of its own, so that the most memory it ever held is its own: what it
maps of the file is counted as well. Trustworthiness and continuity are by cosines, of 3,000 of the
activations with 15 neighbours.

`--method jax` needs no more than JAX, NumPy, SciPy and scikit-learn where there is an accelerator.
`--data FILE.npy` keeps the activations there, or takes those that are there.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import scale_layout
import scale_neighbors
import scale_stages
from numpy.lib import format as npy

SIZES, QUICK = (10_000, 50_000, 100_000, 1_000_000), (1_000, 3_000)
# Modules with METHODS, COLUMNS and `measure`.
SECTIONS = {"layout": scale_layout, "neighbors": scale_neighbors, "stages": scale_stages}
CHANNELS, SHEET, CLUSTERS = 512, 6, 300
AT_A_TIME = 10_000  # activations
GIB = 2**30


def generated(first: int, count: int) -> np.ndarray:
    """Return activations of a range, the same whatever else is generated."""
    fixed = np.random.default_rng(0)
    middle = fixed.normal(0, 1.5, (CLUSTERS, SHEET))
    into, phase = fixed.normal(0, 0.5, (SHEET, CHANNELS)), fixed.uniform(0, 2 * np.pi, CHANNELS)
    random = np.random.default_rng([1, first])
    cluster = random.integers(0, CLUSTERS, count)
    place = middle[cluster] + random.normal(0, 0.6, (count, SHEET))
    noise = random.normal(0, 0.3, (count, CHANNELS))
    return np.maximum(np.sin(place @ into + phase) + noise, 0).astype(np.float32)


def write(path: Path, count: int) -> None:
    """Write so many activations to a file, a part at a time."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (count, CHANNELS)}
    with path.open("wb") as file:
        npy.write_array_header_2_0(file, header)
        for first in range(0, count, AT_A_TIME):
            file.write(generated(first, min(AT_A_TIME, count - first)).data)


@contextmanager
def activations(path: Path | None, count: int) -> Iterator[Path]:
    """Give a file of so many activations at least."""
    with tempfile.TemporaryDirectory() as folder:
        own = path or Path(folder) / "activations.npy"
        if not own.exists() or len(np.load(own, mmap_mode="r")) < count:
            write(own, count)
        yield own


def peak() -> int:
    """Return the most bytes of memory that this process has held."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def alone(section: str, method: str, count: int, path: Path) -> dict[str, Any]:
    """Measure in a process of its own."""
    own = [sys.executable, __file__, "--alone", section, method, str(count), "--data", str(path)]
    done = subprocess.run(own, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        return {"failed": f"exit status {done.returncode}"}
    return json.loads(done.stdout.splitlines()[-1])


def measure(section: str, method: str, count: int, path: Path) -> dict[str, Any]:
    """Measure in this process."""
    rows = np.load(path, mmap_mode="r")[:count]
    found = SECTIONS[section].measure(method, rows)
    return {"failed": "not installed"} if found is None else found | {"gib": peak() / GIB}


def line(row: dict[str, Any], columns: dict[str, str]) -> str:
    """Return a row of a table for people."""
    head = f"{row['count']:>10,}  {row['method']:<12}"
    if "failed" in row:
        return f"{head}{row['failed']}"
    return head + "".join(f"{format(row[name], how):>17}" for name, how in columns.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="a few thousand activations")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--sizes", type=int, nargs="+", help="numbers of activations")
    parser.add_argument("--section", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--method", nargs="+", help="those to measure; all by default")
    parser.add_argument("--data", type=Path, help="file of the activations")
    parser.add_argument("--alone", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.alone:
        section, method, count = chosen.alone
        print(json.dumps(measure(section, method, int(count), chosen.data)))
        return
    sizes = chosen.sizes or (QUICK if chosen.quick else SIZES)
    result: dict[str, list[dict[str, Any]]] = {}
    with activations(chosen.data, max(sizes)) as path:
        for name in chosen.section:
            section = SECTIONS[name]
            columns = section.COLUMNS | {"gib": ".2f"}
            print(f"{name}\n{'activations':>10}  {'method':<11}", end="")
            print("".join(f"{column:>17}" for column in columns))
            for count in sizes:
                for method, most in section.METHODS.items():
                    if count > most or (chosen.method and method not in chosen.method):
                        continue
                    row = {"count": count, "method": method} | alone(name, method, count, path)
                    result.setdefault(name, []).append(row)
                    print(line(row, columns), flush=True)
    if chosen.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
