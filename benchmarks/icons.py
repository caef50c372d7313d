"""How fast icons are drawn, beside the same work in other libraries, in one run.

    python benchmarks/icons.py DATA [--quick] [--json] [--profile]

DATA is a folder with bvlc_googlenet/weights.safetensors and imagenet_sample/. The work is 16 icons
of 96 px for mixed4c of GoogLeNet, with the objective and the transforms of atlases. The peers need
`pip install '.[bench]'`; without it, the library is measured alone. Everybody draws in turn, round
after round; the medians over the rounds are compared.

`--profile` says where the time of a step goes instead, operation by operation.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import atlasjax as ax
from atlasjax import data, models
from atlasjax.models.inception_v1 import InceptionV1
from atlasjax.parallel import divide_cpu
from benchmarks import profiling

LAYER, ICONS, SIZE, PHOTOGRAPHS = "mixed4c", 16, 96, 64
OURS, TUNED, LAST, LUCENT = "atlasjax", "PyTorch, tuned", "PyTorch, tuned, NHWC", "Lucent"
Loop = Callable[[int], float]


def task(model: InceptionV1, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return directions that photographs have at the layer, and its whitening matrix."""
    source = data.open_images(folder, limit=PHOTOGRAPHS)
    capture = jax.jit(lambda m, x: ax.capture(m, x, [LAYER])[LAYER])
    found = [
        np.asarray(capture(model, batch.images.astype(np.float32) / 255))
        for batch in data.batches(source, 16)
    ]
    values = np.concatenate(found)
    every = values.reshape(-1, values.shape[-1])
    middle = values[:ICONS, values.shape[1] // 2, values.shape[2] // 2]
    return middle, ax.whitening(ax.second_moment(every), 0.5).astype(np.float32)


def ours(model: InceptionV1, directions: np.ndarray, whitening: np.ndarray) -> Loop:
    keys = jax.random.split(jax.random.key(0), ICONS)

    def run(steps: int) -> float:
        draw = drawers.setdefault(steps, drawer(steps))
        began = time.perf_counter()
        draw(directions, keys)
        return time.perf_counter() - began

    def drawer(steps: int) -> Callable:
        settings = ax.IconSettings(size=SIZE, steps=steps, batch=ICONS)
        return ax.icon_drawer(model, LAYER, settings, whitening)

    drawers: dict[int, Callable] = {}
    return run


def peers(weights: Path, directions: np.ndarray, whitening: np.ndarray) -> dict[str, Loop]:
    """Return the other libraries' loops: none where they are not installed."""
    try:
        import torch  # pyright: ignore[reportMissingImports]

        from benchmarks.peers import icons_torch
        from benchmarks.peers.googlenet_torch import GoogLeNet
    except ModuleNotFoundError as error:
        print(f"no {error.name}: pip install '.[bench]' for the peers", file=sys.stderr)
        return {}
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(0)
    layer = LAYER.removeprefix("mixed")
    found = {
        name: icons_torch.tuned(
            GoogLeNet(weights), layer, directions, whitening, SIZE, channels_last=last
        )
        for name, last in ((TUNED, False), (LAST, True))
    }
    try:
        found[LUCENT] = icons_torch.lucent(GoogLeNet(weights), layer, directions, SIZE)
    except (ImportError, RuntimeError) as error:  # torchvision made for another PyTorch
        print(f"Lucent cannot be imported: {error}", file=sys.stderr)
    return found


def measure(loops: dict[str, Loop], steps: dict[str, int], rounds: int) -> dict[str, float]:
    """Return the icon-steps a second of each, the median over rounds in which all take turns."""
    rates: dict[str, list[float]] = {name: [] for name in loops}
    for name, loop in loops.items():  # compiles, and lets libraries choose their kernels
        loop(steps[name])
    for _ in range(rounds):
        for name, loop in loops.items():
            rates[name].append(ICONS * steps[name] / loop(steps[name]))
    return {name: statistics.median(found) for name, found in rates.items()}


def show(rates: dict[str, float], first: float) -> dict[str, float]:
    ratios = {name: rates[OURS] / rate for name, rate in rates.items()}
    print(f"{ICONS} icons of {SIZE} px, {LAYER} of GoogLeNet, {len(os.sched_getaffinity(0))} cores")
    print(f"{'':<24}{'icon-steps/s':>14}{'atlasjax is':>16}")
    for name, rate in rates.items():
        print(f"{name:<24}{rate:>14.1f}{ratios[name]:>13.2f} x")
    print(f"first step of a render, with its compilation: {first:.1f} s")
    return ratios


def first_step(model: InceptionV1, directions: np.ndarray, whitening: np.ndarray) -> float:
    """Return the seconds until a batch of one step is there, nothing being compiled before."""
    settings = ax.IconSettings(size=SIZE, steps=1, batch=ICONS)
    began = time.perf_counter()
    draw = ax.icon_drawer(model, LAYER, settings, whitening)
    draw(directions, jax.random.split(jax.random.key(0), ICONS))
    return time.perf_counter() - began


def show_profile(model: InceptionV1, programs: Path, *what: np.ndarray) -> dict[str, float]:
    """Say where the time of a step goes; return the milliseconds of each kind of operation."""
    steps, loop = 32, ours(model, *what)
    loop(steps)
    seconds = profiling.seconds_by_kind(lambda: loop(steps), programs)
    each = {kind: 1e3 * found / steps / jax.device_count() for kind, found in seconds.items()}
    print(f"a step of {ICONS} icons on {jax.device_count()} devices, in ms on each of them")
    for kind, ms in each.items():
        print(f"{kind:<60}{ms:>8.1f}")
    print(f"{'all':<60}{sum(each.values()):>8.1f}")
    gflop = profiling.gradient_flops(model, LAYER, SIZE, ICONS) / 1e9
    rate = gflop / sum(each[kind] for kind in each if kind.startswith(("conv", "prod"))) * 1e3
    print(
        f"{gflop:.1f} GFLOP a step, so convolutions and products run at {rate:.0f} GFLOP a second"
    )
    return each | {"gflop": gflop}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--quick", action="store_true", help="a quarter of the steps, 2 rounds")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--profile", action="store_true", help="where the time of a step goes")
    chosen = parser.parse_args()
    weights = chosen.data / "bvlc_googlenet" / "weights.safetensors"
    programs = profiling.write_programs() if chosen.profile else None
    divide_cpu()  # as the command line does
    try:
        model = models.load("googlenet", weights)
        directions, whitening = task(model, chosen.data / "imagenet_sample")
    except ax.UserError as error:
        sys.exit(f"icons.py: {error}")
    if programs is not None:
        each = show_profile(model, programs, directions, whitening)
        if chosen.json:
            print(json.dumps({"milliseconds": each}))
        return
    first = first_step(model, directions, whitening)
    loops = {OURS: ours(model, directions, whitening)} | peers(weights, directions, whitening)
    long, short = (8, 2) if chosen.quick else (32, 4)
    steps = {name: short if name == LUCENT else long for name in loops}
    rates = measure(loops, steps, 2 if chosen.quick else 5)
    ratios = show(rates, first)
    if chosen.json:
        print(json.dumps({"rate": rates, "ratio": ratios, "first_step_seconds": first}))


if __name__ == "__main__":
    main()
