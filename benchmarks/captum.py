"""Saliency maps of GoogLeNet beside Captum's, in one run: seconds for each image, and ratios.

    python benchmarks/captum.py [--quick] [--json] [--methods NAME ...]

The network is torchvision's GoogLeNet with random weights, in PyTorch and by `ax.adapt` here.
Each method runs with the same settings in both, on the same images of 224 px, in turn, and the
median of the rounds counts, without compiling. Captum passes as many copies at a time as is fastest
of 1, 10 and all; for `all` it needs the memory of all. Then the largest difference of the maps, as
a part of their largest value; of SmoothGrad none, for its noise is another.

Needs Captum, PyTorch and torchvision: pip install captum torch torchvision.
"""

import argparse
import importlib.util
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

import atlasjax as ax
from atlasjax.parallel import divide_cpu

HELPERS = Path(__file__).resolve().parent.parent / "tests" / "helpers"
CLASS, WINDOW, STRIDE = 3, 64, 32
LAYER = "inception5b"


class Case(NamedTuple):
    """A method in both.

    Attributes:
        name: ours.
        settings: for ours.
        theirs: ways of theirs to do the same, by how many copies they pass at a time.
        joined: from their attributions [b, c, h, w] to a map.
        random: whether the noise is another.
    """

    name: str
    settings: dict[str, Any]
    theirs: dict[str, Callable[[Any], Any]]
    joined: Callable[[np.ndarray], np.ndarray]
    random: bool = False


def networks() -> tuple[Any, Any]:
    import torch

    torch.manual_seed(0)
    sys.path.append(str(HELPERS))
    from torch_networks import torchvision_models

    network = torchvision_models().googlenet(
        weights=None, aux_logits=False, transform_input=False, init_weights=False
    )
    for part in network.modules():
        if isinstance(part, torch.nn.Conv2d):  # else every layer is fainter, and rounding is all
            torch.nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
        if isinstance(part, torch.nn.ReLU):
            part.inplace = False  # Captum asks for it
    return network.eval(), ax.adapt(network)


def cases(network: Any, samples: int, steps: int) -> tuple[Case, ...]:
    captum: Any = importlib.import_module("captum.attr")
    saliency = captum.Saliency(network)
    smooth = captum.NoiseTunnel(saliency)
    integrated = captum.IntegratedGradients(network)
    cam = captum.LayerGradCam(network, getattr(network, LAYER))
    occlusion = captum.Occlusion(network)
    each = captum.InputXGradient(network)

    def interpolated(x: Any) -> Any:
        coarse = cam.attribute(x, CLASS, relu_attributions=True)
        return captum.LayerAttribution.interpolate(coarse, x.shape[2:], "bilinear")

    def noisy(x: Any, at_a_time: int) -> Any:
        return smooth.attribute(
            x,
            nt_samples=samples,
            nt_samples_batch_size=at_a_time,
            stdevs=0.15,
            target=CLASS,
            abs=False,
        )

    def along(x: Any, at_a_time: int) -> Any:
        return integrated.attribute(
            x, 0.0, CLASS, n_steps=steps, internal_batch_size=at_a_time * len(x)
        )

    def covered(x: Any, at_a_time: int) -> Any:
        return occlusion.attribute(
            x,
            (3, WINDOW, WINDOW),
            (3, STRIDE, STRIDE),
            0.0,
            CLASS,
            perturbations_per_eval=at_a_time,
        )

    def ways(run: Callable[[Any, int], Any], most: int) -> dict[str, Callable[[Any], Any]]:
        counts = sorted({1, min(10, most), most})
        return {str(count): lambda x, count=count: run(x, count) for count in counts}

    return (
        Case(
            "gradient",
            {},
            {"1": lambda x: saliency.attribute(x, CLASS, abs=False)},
            lambda found: np.abs(found).max(1),
        ),
        Case(
            "gradient_times_input",
            {},
            {"1": lambda x: each.attribute(x, CLASS)},
            lambda found: found.sum(1),
        ),
        Case(
            "smoothgrad",
            {"samples": samples},
            ways(noisy, samples),
            lambda found: np.abs(found).max(1),
            random=True,
        ),
        Case(
            "integrated_gradients", {"steps": steps}, ways(along, steps), lambda found: found.sum(1)
        ),
        Case("grad_cam", {}, {"1": interpolated}, lambda found: found[:, 0]),
        Case(
            "occlusion",
            {"window": WINDOW, "stride": STRIDE},
            ways(covered, 36),
            lambda found: found[:, 0],
        ),
    )


def timed(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def compare(case: Case, model: Any, images: np.ndarray, rounds: int) -> dict[str, Any]:
    """Run both in turn and return seconds for each image, their ratio, and how maps differ."""
    import torch

    x = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).requires_grad_()

    def ours() -> Any:
        settings = {case.name: case.settings}
        found = ax.saliency.saliency_maps(
            model, images, CLASS, methods=[case.name], layer=LAYER, settings=settings
        )
        return found[case.name]

    compiling = timed(ours)
    maps = ours()
    # As they are best: the way that is fastest when tried once.
    tried = {count: timed(lambda run=run: run(x)) for count, run in case.theirs.items()}
    count = min(tried, key=lambda count: tried[count])
    best = case.theirs[count]
    expected = case.joined(best(x).detach().numpy())
    seconds = [(timed(ours), timed(lambda: best(x))) for _ in range(rounds)]
    here, there = (statistics.median(side) / len(images) for side in zip(*seconds, strict=True))
    differ = float(np.abs(maps - expected).max() / np.abs(expected).max())
    return {
        "ours": here,
        "captum": there,
        "ratio": there / here,
        "captum_at_a_time": count,
        "difference": None if case.random else differ,
        "compiling": max(compiling - here * len(images), 0.0),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="few samples and steps, one round")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--methods", nargs="+", help="these alone")
    parser.add_argument("--images", type=int, default=2, help="images to explain")
    chosen = parser.parse_args()
    divide_cpu()
    # This file has the library's name and its folder comes first: it would be imported instead.
    sys.path = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).parent]
    absent = [n for n in ("captum", "torch", "torchvision") if importlib.util.find_spec(n) is None]
    if absent:
        sys.exit(f"captum.py: needs {', '.join(absent)}: pip install captum torch torchvision")
    network, model = networks()
    images = np.random.default_rng(0).random((chosen.images, 224, 224, 3), np.float32)
    samples, steps, rounds = (4, 4, 1) if chosen.quick else (25, 50, 3)
    found: dict[str, Any] = {}
    print(f"{'':<22} {'ours':>8} {'Captum':>8} {'ratio':>6} {'differ':>8}   s an image")
    known = {case.name: case for case in cases(network, samples, steps)}
    for name in chosen.methods or known:
        if name not in known:
            sys.exit(f"captum.py: no method {name!r}; there are {', '.join(known)}")
        case = known[name]
        row = found[case.name] = compare(case, model, images, rounds)
        differ = "" if row["difference"] is None else f"{row['difference']:.1e}"
        print(
            f"{case.name:<22} {row['ours']:>8.3f} {row['captum']:>8.3f} {row['ratio']:>6.2f} "
            f"{differ:>8}   Captum {row['captum_at_a_time']} at a time; "
            f"{row['compiling']:.0f} s of compiling",
            flush=True,
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"devices {jax.device_count()}, at most {peak:.1f} GiB for both libraries together")
    if chosen.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
