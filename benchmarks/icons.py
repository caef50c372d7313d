"""How fast icons are drawn, beside the same work in other libraries, in one run.

    python benchmarks/icons.py DATA [--network NAME ...] [--quick] [--json] [--profile]

DATA is a folder with bvlc_googlenet/weights.safetensors and imagenet_sample/. The work is 16 icons
of 96 px for mixed4c of GoogLeNet, with the objective and the transforms of atlases. The peers need
`pip install '.[bench]'`; without it, the library is measured alone. Everybody draws in turn, round
after round; the medians over the rounds are compared.

`--network` takes others, or several: efficientnet_lite0, resnet50, convnext_tiny, vit_b_16 (of 224
px). They are PyTorch's, and come here by `ax.adapt`; in PyTorch they stop at the same layer. Where
no weights are installed they are random.

`--profile` says where the time of a step goes instead, operation by operation.
"""

import argparse
import copy
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import atlasjax as ax
from atlasjax import data, models
from atlasjax.parallel import divide_cpu
from benchmarks import profiling

LAYER, ICONS, SIZE, PHOTOGRAPHS = "mixed4c", 16, 96, 64
GOOGLENET = "googlenet"
OURS, AS_WRITTEN = "atlasjax", "atlasjax, as written"
TUNED, LAST, LUCENT = "PyTorch, tuned", "PyTorch, tuned, NHWC", "Lucent"
Loop = Callable[[int], float]


class Subject(NamedTuple):
    """What is drawn.

    Attributes:
        name: of the network.
        model: it.
        layer: whose directions are drawn.
        side: px of the icons.
        peers: the same in PyTorch, see `peers.networks`; None where that is not installed.
    """

    name: str
    model: Any
    layer: str
    side: int
    peers: Any


def subject(name: str, weights: Path) -> Subject:
    try:
        from benchmarks.peers import networks
    except ModuleNotFoundError as error:
        print(f"no {error.name}: pip install '.[bench]' for the peers", file=sys.stderr)
        if name != GOOGLENET:
            sys.exit(f"icons.py: {name} needs {error.name}")
        return Subject(name, models.load(GOOGLENET, weights), LAYER, SIZE, None)
    if name not in networks.NAMES:
        sys.exit(f"icons.py: no network {name!r}; there are {', '.join(networks.NAMES)}")
    found = networks.network(name, weights)
    return Subject(name, found.model, found.layer, found.side, found)


def task(of: Subject, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return directions that photographs have at the layer, and its whitening matrix."""
    model = ax.optimized(ax.as_planes(of.model))
    capture = jax.jit(lambda m, x: ax.capture(m, x, [of.layer])[of.layer])
    found = [np.asarray(capture(model, images)) for images in photographs(folder)]
    values = np.concatenate(found)
    every = values.reshape(-1, values.shape[-1])
    middle = values[:ICONS, values.shape[1] // 2, values.shape[2] // 2]
    return middle, ax.whitening(ax.second_moment(every), 0.5).astype(np.float32)


def photographs(folder: Path) -> Iterator[np.ndarray]:
    """Give photographs, a few at a time; noise where there are none."""
    if not folder.is_dir():
        print(f"no {folder}: directions are those of noise", file=sys.stderr)
        random = np.random.default_rng(0)
        yield from random.random((PHOTOGRAPHS // 16, 16, 224, 224, 3), np.float32)
        return
    source = data.open_images(folder, limit=PHOTOGRAPHS)
    for batch in data.batches(source, 16):
        yield batch.images.astype(np.float32) / 255


def ours(of: Subject, directions: np.ndarray, whitening: np.ndarray, as_written: bool) -> Loop:
    keys = jax.random.split(jax.random.key(0), ICONS)
    model = ax.as_written(of.model) if as_written else of.model

    def run(steps: int) -> float:
        draw = drawers.setdefault(steps, drawer(steps))
        began = time.perf_counter()
        draw(directions, keys)
        return time.perf_counter() - began

    def drawer(steps: int) -> Callable:
        settings = ax.IconSettings(size=of.side, steps=steps, batch=ICONS)
        return ax.icon_drawer(model, of.layer, settings, whitening)

    drawers: dict[int, Callable] = {}
    return run


def peers(of: Subject, directions: np.ndarray, whitening: np.ndarray) -> dict[str, Loop]:
    """Return the other libraries' loops: none where they are not installed."""
    if of.peers is None:
        return {}
    import torch  # pyright: ignore[reportMissingImports]

    from benchmarks.peers import icons_torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(0)
    found = {
        name: icons_torch.tuned(
            copy.deepcopy(of.peers.peer),
            of.peers.until,
            directions,
            whitening,
            of.side,
            channels_last=last,
        )
        for name, last in ((TUNED, False), (LAST, True))
    }
    if of.name != GOOGLENET:
        return found
    try:
        layer = of.layer.removeprefix("mixed")
        found[LUCENT] = icons_torch.lucent(of.peers.peer, layer, directions, of.side)
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


def show(of: Subject, rates: dict[str, float], first: float) -> dict[str, float]:
    ratios = {name: rates[OURS] / rate for name, rate in rates.items()}
    cores = len(os.sched_getaffinity(0))
    trained = f", {of.peers.weights} weights" if of.peers else ""
    print(f"{ICONS} icons of {of.side} px, {of.layer} of {of.name}{trained}, {cores} cores")
    print(f"{'':<24}{'icon-steps/s':>14}{'atlasjax is':>16}")
    for name, rate in rates.items():
        print(f"{name:<24}{rate:>14.1f}{ratios[name]:>13.2f} x")
    print(f"first step of a render, with its compilation: {first:.1f} s", flush=True)
    return ratios


def first_step(of: Subject, directions: np.ndarray, whitening: np.ndarray) -> float:
    """Return the seconds until a batch of one step is there, nothing being compiled before."""
    settings = ax.IconSettings(size=of.side, steps=1, batch=ICONS)
    began = time.perf_counter()
    draw = ax.icon_drawer(of.model, of.layer, settings, whitening)
    draw(directions, jax.random.split(jax.random.key(0), ICONS))
    return time.perf_counter() - began


def compared(of: Subject, folder: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """Draw with everybody, and print how fast each is."""
    directions, whitening = task(of, folder)
    first = first_step(of, directions, whitening)
    loops = {OURS: ours(of, directions, whitening, False)}
    if chosen.as_written:
        loops[AS_WRITTEN] = ours(of, directions, whitening, True)
    if not chosen.alone:
        loops |= peers(of, directions, whitening)
    long, short = (8, 2) if chosen.quick else (32, 4)
    steps = {name: short if name == LUCENT else long for name in loops}
    rates = measure(loops, steps, 2 if chosen.quick else 5)
    ratios = show(of, rates, first)
    return {"rate": rates, "ratio": ratios, "first_step_seconds": first}


def show_profile(of: Subject, programs: Path, folder: Path) -> dict[str, float]:
    """Say where the time of a step goes; return the milliseconds of each kind of operation."""
    steps, loop = 32, ours(of, *task(of, folder), False)
    loop(steps)
    seconds = profiling.seconds_by_kind(lambda: loop(steps), programs)
    each = {kind: 1e3 * found / steps / jax.device_count() for kind, found in seconds.items()}
    print(f"a step of {ICONS} icons on {jax.device_count()} devices, in ms on each of them")
    for kind, ms in each.items():
        print(f"{kind:<60}{ms:>8.1f}")
    print(f"{'all':<60}{sum(each.values()):>8.1f}")
    gflop = profiling.gradient_flops(of.model, of.layer, of.side, ICONS) / 1e9
    rate = gflop / sum(each[kind] for kind in each if kind.startswith(("conv", "prod"))) * 1e3
    print(
        f"{gflop:.1f} GFLOP a step, so convolutions and products run at {rate:.0f} GFLOP a second"
    )
    return each | {"gflop": gflop}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--network", nargs="+", default=[GOOGLENET], help="which, by name")
    parser.add_argument("--as-written", action="store_true", help="beside it, without rewriting")
    parser.add_argument("--alone", action="store_true", help="without the peers")
    parser.add_argument("--quick", action="store_true", help="a quarter of the steps, 2 rounds")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--profile", action="store_true", help="where the time of a step goes")
    chosen = parser.parse_args()
    weights = chosen.data / "bvlc_googlenet" / "weights.safetensors"
    folder = chosen.data / "imagenet_sample"
    programs = profiling.write_programs() if chosen.profile else None
    divide_cpu()  # as the command line does
    found = {}
    for name in chosen.network:
        try:
            of = subject(name, weights)
            if programs is None:
                found[name] = compared(of, folder, chosen)
            else:
                found[name] = {"milliseconds": show_profile(of, programs, folder)}
        except ax.UserError as error:
            sys.exit(f"icons.py: {error}")
    if chosen.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
