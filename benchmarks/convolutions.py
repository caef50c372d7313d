"""First convolutions of networks: as XLA has them, and as a rewritten network has them.

    python benchmarks/convolutions.py [--quick] [--json]

For each, how long its value takes, and its value with the gradient by the image, in turn and each
the median of a few rounds.
"""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import rich.box
import rich.console
import rich.table
from jax import lax

from atlasjax.parallel import divide_cpu
from atlasjax.rewriting.convolution import Convolution, convolve


class First(NamedTuple):
    """A convolution that a network begins with."""

    name: str
    side: int
    window: int
    stride: int
    results: int


FIRSTS = (
    First("7x7, 32 channels, 96 px (scenes)", 96, 7, 2, 32),
    First("7x7, 64 channels, 224 px (GoogLeNet, ResNet)", 224, 7, 2, 64),
    First("3x3, 32 channels, 224 px (MobileNet, EfficientNet)", 224, 3, 2, 32),
    First("3x3, 32 channels, 32 px (small networks)", 32, 3, 1, 32),
)
IMAGES = 16


def of_xla(x: Any, w: Any, how: Convolution) -> Any:
    names = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, w, how.strides, how.padding, dimension_numbers=names)


def compiled(function: Callable, how: Convolution, gradient: bool) -> Callable:
    if not gradient:
        return jax.jit(lambda x, w: function(x, w, how))
    return jax.jit(jax.grad(lambda x, w: jnp.sin(function(x, w, how)).sum()))


def seconds(functions: list[Callable], arguments: tuple[Any, Any], rounds: int) -> list[float]:
    """Return the median of each, measured in turn."""
    for function in functions:
        function(*arguments).block_until_ready()
    took: list[list[float]] = [[] for _ in functions]
    for _ in range(rounds):
        for own, function in zip(took, functions, strict=True):
            began = time.perf_counter()
            function(*arguments).block_until_ready()
            own.append(time.perf_counter() - began)
    return [float(np.median(own)) for own in took]


def measured(first: First, rounds: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.random((IMAGES, first.side, first.side, 3)), jnp.float32)
    shape = (first.window, first.window, 3, first.results)
    w = jnp.asarray(rng.normal(size=shape) / np.sqrt(np.prod(shape[:3])), jnp.float32)
    around = first.window - first.stride
    edge = (around // 2, around - around // 2)
    how = Convolution((first.stride, first.stride), (edge, edge))
    row: dict[str, Any] = {"name": first.name}
    for gradient in (False, True):
        both = [compiled(f, how, gradient) for f in (of_xla, convolve)]
        theirs, ours = seconds(both, (x, w), rounds)
        kind = "gradient" if gradient else "value"
        row |= {f"{kind}_xla": 1e3 * theirs / IMAGES, kind: 1e3 * ours / IMAGES}
        row[f"{kind}_ratio"] = theirs / ours
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    divide_cpu(1)
    rows = [measured(first, 1 if chosen.quick else 15) for first in FIRSTS]
    head = ("first convolution", "value, ms", "of XLA", "ratio", "gradient, ms", "of XLA", "ratio")
    table = rich.table.Table(*head, box=rich.box.SIMPLE_HEAD)
    for row in rows:
        cells = []
        for kind in ("value", "gradient"):
            cells += [
                f"{row[kind]:.3f}",
                f"{row[f'{kind}_xla']:.3f}",
                f"{row[f'{kind}_ratio']:.2f}",
            ]
        table.add_row(row["name"], *cells)
    rich.console.Console(highlight=False, width=120).print(table)
    if chosen.json:
        print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    main()
