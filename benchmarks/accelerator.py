"""What a chip does with icons, collection, attribution and an atlas, against its own rates.

    python benchmarks/accelerator.py [DATA] [--quick] [--json] [--limit SECONDS] [--out FOLDER]

Everything is of GoogLeNet's mixed4c. DATA is a folder with bvlc_googlenet/weights.safetensors and
imagenet_sample/; what is not there is made up, random weights and coloured squares. The chip's own
rates come first, a product of large matrices in each precision and a copy in its memory; then icons
by batch and precision, with the share of those rates that they reach; collection and attribution;
and an atlas of four levels, with its report and its page.

It prints what it finds as it goes, and takes less than eight minutes on one GPU. What there is no
time for within `--limit` is left out, and said so; so is the rest where it is interrupted. With
`--out` the results are in FOLDER/accelerator.json after every measurement, and as a table in
FOLDER/accelerator.md at the end. `--only` names the sections to measure.
"""

import argparse
import functools
import json
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import accelerator_table
import accelerator_work as work
import chip
import jax
import profiling

import atlasjax as ax
from atlasjax.parallel import divide_cpu

LIMIT = 450.0  # s, of which a part is left for what cannot be foreseen
SHARE = 0.5  # of the time that icons may take, of many batches and precisions
SECTIONS = ("chip", "icons", "collection", "attribution", "atlas")


class CutOff(BaseException):
    """The time is over, or somebody ended it."""


class Bench:
    """The results so far, and the time that is left.

    Attributes:
        results: as JSON can hold them, by section.
        failed: measurements that failed.
    """

    def __init__(self, limit: float, out: Path | None):
        self.ends, self.limit, self.out = time.perf_counter() + limit, limit, out
        self.results: dict[str, Any] = {}
        self.failed: list[str] = []

    @property
    def left(self) -> float:
        return self.ends - time.perf_counter()

    def say(self, line: str) -> None:
        print(f"[{self.limit - self.left:6.1f} s] {line}", flush=True)

    def measure(self, section: str, name: str, needs: float, found: Callable[[], Any]) -> bool:
        """Measure one thing, print it and keep it; say so where there is no time, or it fails."""
        if self.left < needs:
            self.say(f"{section} {name}: left out, since its share of the time is over")
            self.results.setdefault("left_out", []).append(f"{section} {name}".strip())
            return False
        began = time.perf_counter()
        try:
            row = found()
        except Exception as error:  # such as too little memory: the rest is measured nevertheless
            traceback.print_exc()
            self.failed.append(f"{section} {name}: {type(error).__name__}")
            self.results["failed"] = self.failed
            row = None
        took = time.perf_counter() - began
        if row is not None:
            row = {"name": name, **row, "peak_gib": chip.peak(), "measured_in": took}
            self.results.setdefault(section, []).append(row)
            self.say(f"{section} {name}: {accelerator_table.line(row)}")
        self.keep()
        return row is not None

    def keep(self) -> None:
        work.write(self.out, "accelerator.json", work.as_json(self.results))


def measure_chip(bench: Bench, task: work.Task) -> None:
    for precision in chip.precisions():
        n = task.size.matrix if precision != chip.FLOAT32 else task.size.matrix // 2
        bench.measure(
            "chip",
            precision,
            5,
            lambda p=precision, n=n: {"tflop_per_second": chip.product_rate(n, p)},
        )
    bench.measure("chip", "memory", 5, lambda: {"gb_per_second": chip.copy_rate(task.size.copied)})


def measure_icons(bench: Bench, task: work.Task, share: float) -> None:
    """Measure icons by batch and precision, the most telling first, and where their time goes.

    They take at most a share of the time that is left.
    """
    what = (task.model, task.size.layer, task.size.icon_side)
    bench.measure("gradient", "", 5, lambda: {"flops": profiling.gradient_flops(*what)})
    (counted,) = bench.results.get("gradient", [{"flops": None}])
    rates = {row["name"]: row.get("tflop_per_second") for row in bench.results.get("chip", [])}
    until, longest = bench.left * (1 - share), 10.0
    first: list[Callable[[], Any]] = []  # which the profile is of

    def one(batch: int, precision: str) -> dict[str, Any]:
        row, run = work.icons(task, batch, precision)
        if counted["flops"]:
            rate = row["tflop_per_second"] = counted["flops"] * row["icon_steps_per_second"] / 1e12
            if rates.get(precision):
                row["share_of_chip"] = rate / rates[precision]
        if not first:
            first.append(run)
        return row

    for batch, precision in task.size.icons:
        if precision in chip.precisions():
            began = time.perf_counter()
            found = functools.partial(one, batch, precision)
            bench.measure("icons", f"{batch} {precision}", until + longest, found)
            longest = max(longest, time.perf_counter() - began)
    if first and jax.default_backend() != "cpu":
        bench.measure("kernels", "", 10, lambda: profiling.kernels(first[0], task.size.steps))


def measure_images(bench: Bench, task: work.Task, section: str) -> None:
    run = {"collection": work.collection, "attribution": work.attribution}[section]
    needs = 10 if task.size is work.QUICK else 30
    for batch in task.size.images:
        bench.measure(section, str(batch), needs, functools.partial(run, task, batch))
    if section == "collection":
        bench.measure(section, "decoding", 10, lambda: work.reading(task))


def measure_atlas(bench: Bench, task: work.Task) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            bench.measure("atlas", "", 40, lambda: work.atlas(task, Path(folder)))
        except CutOff:
            bench.results["atlas_cut_off"] = work.stages(Path(folder))
            bench.say(f"the atlas so far: {bench.results['atlas_cut_off']}")
            raise


def run(bench: Bench, task: work.Task, sections: list[str]) -> None:
    if "chip" in sections:
        measure_chip(bench, task)
    if "icons" in sections:
        measure_icons(bench, task, SHARE if set(sections) - {"chip", "icons"} else 0.9)
    for section in ("collection", "attribution"):
        if section in sections:
            measure_images(bench, task, section)
    if "atlas" in sections:
        measure_atlas(bench, task)


def cut_off(number: int, frame: Any) -> None:
    del frame
    raise CutOff(signal.Signals(number).name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--quick", action="store_true", help="a tiny network, in seconds on a CPU")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds for all")
    parser.add_argument("--out", type=Path, help="folder for accelerator.json and accelerator.md")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    chosen = parser.parse_args()
    divide_cpu()  # as the command line does
    bench = Bench(chosen.limit, chosen.out)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, cut_off)
    signal.setitimer(signal.ITIMER_REAL, chosen.limit)
    try:
        task = work.open_task(chosen.data, work.QUICK if chosen.quick else work.FULL)
        bench.results |= {"machine": chip.machine(), "given": task.given, "quick": chosen.quick}
        bench.say(f"{accelerator_table.line(bench.results['machine'])}; {task.given}")
        run(bench, task, chosen.only)
    except CutOff as why:
        bench.results["cut_off"] = str(why)
        bench.say(f"cut off by {why}: what is missing was not measured")
    except ax.UserError as error:
        sys.exit(f"accelerator.py: {error}")
    signal.setitimer(signal.ITIMER_REAL, 0)
    bench.results["seconds"] = bench.limit - bench.left
    bench.keep()
    table = accelerator_table.table(bench.results)
    work.write(bench.out, "accelerator.md", table + "\n")
    print(table, flush=True)
    if chosen.json:
        print(json.dumps(json.loads(work.as_json(bench.results))), flush=True)
    if bench.failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
