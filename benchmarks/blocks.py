"""How long the building blocks take on a photograph, and how far their effects add up.

    python benchmarks/blocks.py IMAGE --class A --against B [--network NAME] [--layer LAYER]
        [--weights PATH] [--quick] [--json]

Of one layer: the change of the target when the layer is silenced, what effects by each method add
up to, how much groups leave unexplained, and the seconds of each step, compiled and run, and then
run again. Without an image, of a generated wok and the bundled network.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import atlasjax as ax
from atlasjax import models
from atlasjax.data.scenes import CLASSES, draw_scene
from atlasjax.parallel import divide_cpu
from atlasjax.targets import Target, difference
from atlasjax.vis.settings import fitted

GROUPS = 6


def timed(function: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what a function gives, and the seconds of its first and its second run."""
    began = time.perf_counter()
    found = jax.block_until_ready(function())
    first = time.perf_counter() - began
    jax.block_until_ready(function())
    return found, first, time.perf_counter() - began - first


def measured(
    model: Any, layer: str, image: np.ndarray, target: Target, quick: bool
) -> dict[str, Any]:
    key, images, blocks = jax.random.key(0), jnp.asarray(image)[None], ax.blocks
    found, seconds, told = None, {}, {}
    for method in ("gradient", "path", "stochastic"):

        def explain(method: str = method) -> Any:
            return blocks.effects(model, layer, images, [target], key, method=method)

        found, *seconds[f"effects, {method}"] = timed(explain)
        told[method] = float(blocks.positions(found).effect.sum())
    assert found is not None
    told["change"] = float(found.change[0, 0])
    groups, *seconds["groups"] = timed(lambda: blocks.groups(found.activation, GROUPS, key))
    told["unexplained"] = float(groups.unexplained[0])
    _, *seconds["flow"] = timed(lambda: blocks.flow_between_positions(model, layer, layer, images))
    settings = blocks.GridSettings(steps=8) if quick else blocks.GridSettings()
    draw: dict[str, Callable[[], Any]] = {
        "grid": lambda: blocks.activation_grid(model, layer, image, key, settings).image,
        "icons of groups": lambda: blocks.icons(
            model, layer, groups.direction, key, steps=settings.steps
        ),
    }
    for name, function in draw.items():
        _, *seconds[name] = timed(function)
    return {"seconds": seconds, **told}


def main() -> None:
    divide_cpu()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("image", type=Path, nargs="?")
    parser.add_argument("--class", dest="first", type=int, default=CLASSES.index("wok"))
    parser.add_argument("--against", type=int, default=CLASSES.index("frying pan"))
    parser.add_argument("--network", default=models.SCENES)
    parser.add_argument("--layer", default="mixed4d")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--quick", action="store_true", help="8 steps of drawing")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    try:
        model = models.load(chosen.network, chosen.weights)
        image = draw_scene("wok", 1, 22).image / np.float32(255)
        if chosen.image:
            image = fitted(ax.vis.read_image(chosen.image), 224)
    except ax.UserError as error:
        sys.exit(f"blocks.py: {error}")
    target = difference(chosen.first, chosen.against)
    found = measured(model, chosen.layer, image, target, chosen.quick)
    for name, (first, again) in found["seconds"].items():
        print(f"{name:<20} {first:6.1f} s, again {again:6.1f} s")
    print(f"target: {found['change']:+.2f} by the whole layer")
    for method in ("gradient", "path", "stochastic"):
        print(f"effects by {method:<12} add up to {found[method]:+.2f}")
    print(f"{GROUPS} groups leave {found['unexplained']:.1%} of the squared norm")
    if chosen.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
