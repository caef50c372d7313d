"""How fast the page is: first picture, frames while dragging, memory while touring all layers.

    python benchmarks/viewer.py [--quick] [--json] [--keep FOLDER]

A generated atlas of 4 layers x (10, 20, 40, 80), every cell filled, is opened from disk in headless
Chromium, without a graphics card.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from atlasjax.atlas.level import Level
from atlasjax.page.export import export

LAYERS = ("mixed3b", "mixed4c", "mixed4d", "mixed5b")
GRIDS = (10, 20, 40, 80)
CLASSES, ICON = 1000, 96
BOUNDS = {"first_picture_ms": 1000, "drag_median_ms": 17, "drag_95th_ms": 34, "memory_mib": 600}
# Where to drag: what is shown, and how the address says so.
PLACES = {
    "whole map": "",
    "closer": "&at=0.5,0.5,2.2",
    "finest level": "&at=0.5,0.5,5",
    "single icons": "&at=0.5,0.5,14",
    "all of the finest": "&grid={finest}",
    "shaded by two classes": "&at=0.5,0.5,2.2&class=3&versus=7",
    "sized by density": "&at=0.5,0.5,2.2&density=1",
}


def levels(layers: tuple[str, ...], grids: tuple[int, ...]) -> dict[tuple[str, int], Level]:
    """Generate an atlas: soft blobs of colour as icons, and classes that peak at places."""
    rng = np.random.default_rng(0)
    pool = icons(rng, 256)
    peaks = rng.uniform(0, 1, (CLASSES, 2)).astype(np.float32)
    made = {}
    for layer in layers:
        for grid in grids:
            y, x = (axis.ravel() for axis in np.mgrid[:grid, :grid])
            places = (np.stack([x, y], -1) + 0.5).astype(np.float32) / grid
            away = ((places[:, None] - peaks) ** 2).sum(-1)
            effect = 4 * np.exp(-away / 0.02) - 1
            icon = pool[rng.integers(0, len(pool), len(x))]
            cosine = rng.uniform(0.4, 0.9, len(x)).astype(np.float32)
            count = rng.integers(6, 400, len(x))
            direction = np.ones((len(x), 1), np.float32)
            made[layer, grid] = Level(x, y, count, direction, cosine, effect, icon)
    return made


def icons(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw icons as hard to compress as real ones: waves of every direction, in colour."""
    y, x = np.mgrid[:ICON, :ICON] / ICON
    waves = rng.normal(size=(count, 24, 3, 3)).astype(np.float32)
    image = np.zeros((count, ICON, ICON, 3), np.float32)
    for i in range(24):
        frequency = 2 + i
        a, b, phase = (waves[:, i, 0, j, None, None] for j in range(3))
        wave = np.sin(frequency * (a * x + b * y) * 3 + phase * 6)
        image += wave[..., None] * waves[:, i, 1, None, None] / np.sqrt(frequency)
    return np.clip(128 + 34 * image, 0, 255).astype(np.uint8)


@contextmanager
def browser() -> Iterator[Any]:
    """Start headless Chromium."""
    from playwright.sync_api import sync_playwright

    found = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    path = os.environ.get("ATLASJAX_CHROMIUM") or next(filter(None, found), None)
    if path is None:
        sys.exit("no chromium on the path, nor in ATLASJAX_CHROMIUM")
    arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=arguments)
        yield started
        started.close()


def first_picture(started: Any, address: str, times: int) -> float:
    """Return how long it takes from the start to the first picture, in ms: the median."""
    taken = []
    for _ in range(times):
        page = started.new_page(viewport={"width": 1280, "height": 800})
        page.goto(address)
        mark = "performance.getEntriesByName('atlas-first-picture')[0]"
        page.wait_for_function(mark)
        taken.append(page.evaluate(f"{mark}.startTime"))
        page.close()
    return statistics.median(taken)


RECORD = """() => {
  window.frames_ = [];
  let before = performance.now();
  const step = (now) => {
    window.frames_.push(now - before);
    before = now;
    window.recording_ = requestAnimationFrame(step);
  };
  window.recording_ = requestAnimationFrame(step);
}"""


def drag(started: Any, address: str, rounds: int) -> list[float]:
    """Drag the map about; return the time between each frame and the next, in ms."""
    page = started.new_page(viewport={"width": 1280, "height": 800})
    page.goto(address)
    page.wait_for_timeout(1500)
    page.mouse.move(640, 400)
    page.mouse.down()
    page.evaluate(RECORD)
    for turn in range(rounds):
        for i in range(60):
            angle = 2 * np.pi * i / 60
            page.mouse.move(640 + 220 * np.sin(angle), 400 + 160 * np.sin(2 * angle + turn))
    taken = page.evaluate("() => { cancelAnimationFrame(window.recording_); return frames_ }")
    page.mouse.up()
    page.close()
    return taken[2:]


def tour(started: Any, address: str, layers: tuple[str, ...]) -> list[float]:
    """Go through all layers and zooms, four times.

    Returns:
        The largest memory of each time, in MiB, beyond that of an empty page.
    """
    page = started.new_page(viewport={"width": 1280, "height": 800})
    page.goto("about:blank")
    page.wait_for_timeout(500)
    empty = memory()
    peaks = []
    for _ in range(4):
        peak = 0.0
        for layer in layers:
            for zoom in (1, 2.2, 5, 14):
                for at in ("0.2,0.2", "0.5,0.5", "0.8,0.8"):
                    page.goto(f"{address}#layer={layer}&at={at},{zoom}")
                    page.wait_for_timeout(250)
                    peak = max(peak, memory())
        peaks.append(peak - empty)
    page.close()
    return peaks


def memory() -> float:
    """Return the memory of every process that this one started, in MiB, shared parts divided."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
    total, mine = 0, {os.getpid()}
    for pid in sorted(parents):
        ancestor = pid
        while ancestor in parents and ancestor not in mine:
            ancestor = parents[ancestor]
        if ancestor not in mine or pid in mine:
            continue
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += next(int(row.split()[1]) for row in rollup.splitlines() if "Pss:" in row)
        except (OSError, StopIteration):
            continue
    return total / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two layers, up to 40, fewer rounds")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--keep", type=Path, help="make the atlas here, or use the one that is")
    chosen = parser.parse_args()
    layers, grids = (LAYERS[:2], GRIDS[:3]) if chosen.quick else (LAYERS, GRIDS)
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.keep or Path(temporary) / "atlas"
        if not (folder / "atlas.json").is_file():
            names = [f"class {i}" for i in range(CLASSES)]
            began = time.perf_counter()
            made = levels(layers, grids)
            export(folder, made, {"name": "generated", "aligned": True}, names)
            cells = sum(len(level.x) for level in made.values())
            print(f"{cells:,} cells exported in {time.perf_counter() - began:.0f} s")
        found = measure(folder, layers, grids, quick=chosen.quick)
    if chosen.json:
        print(json.dumps(found))


def measure(
    folder: Path, layers: tuple[str, ...], grids: tuple[int, ...], *, quick: bool
) -> dict[str, Any]:
    address = (folder / "index.html").resolve().as_uri()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; bounds {BOUNDS}")
    with browser() as started:
        first = first_picture(started, address, 3 if quick else 7)
        print(f"{'first picture from disk':<24}{first:8.0f} ms")
        dragged = {}
        for name, asked in PLACES.items():
            where = f"{address}#layer={layers[0]}{asked.format(finest=grids[-1])}"
            taken = drag(started, where, 1 if quick else 4)
            low, high = statistics.median(taken), float(np.percentile(taken, 95))
            dragged[name] = {"median_ms": round(low, 2), "95th_ms": round(high, 2)}
            print(f"drag: {name:<24}median {low:6.1f} ms, 95th {high:6.1f} ms, {len(taken)} frames")
        peaks = tour(started, address, layers)
        told = ", ".join(f"{peak:.0f}" for peak in peaks)
        print(f"memory in four tours of all layers, beyond an empty page: {told} MiB")
    return {
        "first_picture_ms": round(first),
        "drag": dragged,
        "memory_mib": [round(peak) for peak in peaks],
        "bounds": BOUNDS,
    }


if __name__ == "__main__":
    main()
