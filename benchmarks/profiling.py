"""Where the time of a compiled program goes, by kind of operation.

JAX's profiler says how long each operation of XLA took; what kind it is, the program as XLA
compiled it tells. So the programs are written to a folder while they are compiled.
"""

import collections
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

KINDS = {
    "convolutions": ("conv_general_dilated",),
    "products (1x1 convolutions)": ("dot_general",),
    "resampling (gather, scatter)": ("gather", "scatter-add", "scatter"),
    "Fourier transforms": ("fft",),
}
REST = "one pass over memory each: pooling, LRN, rectifiers, Adam"
NAMED = re.compile(r"\s*(?:ROOT )?%?([\w.\-]+) = .*?op_name=\"([^\"]*)\"")
CONTAINERS = ("while", "call", "conditional")


def write_programs() -> Path:
    """Have XLA write its programs to a new folder; to be called before JAX starts."""
    folder = tempfile.mkdtemp(prefix="programs-")
    flags = f"--xla_dump_to={folder} --xla_dump_hlo_as_text"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
    return Path(folder)


def seconds_by_kind(run: Callable[[], object], programs: Path) -> dict[str, float]:
    """Run something once under the profiler, and add up what each kind of operation took.

    Of several threads each adds its own time.
    """
    import jax

    with tempfile.TemporaryDirectory() as trace:
        with jax.profiler.trace(trace):
            run()
        file = next(Path(trace).rglob("*.xplane.pb"))
        planes = jax.profiler.ProfileData.from_file(str(file)).planes
        events = [(e.name, e.duration_ns) for p in planes for line in p.lines for e in line.events]
    kinds = _kinds(programs)
    total: collections.Counter[str] = collections.Counter()
    for name, duration in events:
        if name in kinds and name.split(".")[0] not in CONTAINERS:
            total[kinds[name]] += duration / 1e9
    return dict(total.most_common())


def gradient_flops(model: Any, layer: str, side: int, icons: int = 1) -> float:
    """Return how much a network's gradient is for a batch of icons, as XLA counts it.

    In the program as it is before XLA changes it, for which nothing is compiled. It is counted for
    the CPU, since XLA's other backends count what is compiled alone.
    """
    import jax
    import numpy as np

    import atlasjax as ax
    from atlasjax.taps import as_pytree

    def score(images: jax.Array, model: Any) -> jax.Array:
        return ax.capture(model, images, [layer])[layer].sum()

    images = jax.ShapeDtypeStruct((icons, side, side, 3), np.float32)
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), as_pytree(model))
    with jax.default_device(jax.devices("cpu")[0]):
        cost = jax.jit(jax.grad(score)).lower(images, shapes).cost_analysis()
    assert cost is not None, "XLA counts for CPUs"
    return float(cost["flops"])


def kernels(run: Callable[[], Any], steps: int, most: int = 15) -> dict[str, Any]:
    """Run something once under the profiler, and return where the time of a GPU goes.

    Args:
        run: begins it.
        steps: how many it takes.
        most: how many kernels to name, those that take longest in all.

    Returns:
        How many kernels a step are launched, for which share of the time one was at work, how long
        a step took, and the milliseconds of a step that each of the largest took.
    """
    import jax

    with tempfile.TemporaryDirectory() as trace:
        with jax.profiler.trace(trace):
            jax.block_until_ready(run())
        file = next(Path(trace).rglob("*.xplane.pb"))
        planes = jax.profiler.ProfileData.from_file(str(file)).planes
        events = [
            (event.name, event.start_ns, event.duration_ns)
            for plane in planes
            if plane.name.startswith("/device:GPU")
            for line in plane.lines
            if line.name.startswith("Stream")
            for event in line.events
        ]
    total: collections.Counter[str] = collections.Counter()
    for name, _, duration in events:
        total[re.sub(r"[.\d]+$", "", name)[:80]] += duration
    whole = max(s + d for _, s, d in events) - min(s for _, s, _ in events)
    return {
        "kernels_per_step": len(events) / steps,
        "busy_share": sum(d for _, _, d in events) / whole,
        "step_ms": whole / steps / 1e6,
        "top": {name: found / steps / 1e6 for name, found in total.most_common(most)},
    }


def _kinds(programs: Path) -> dict[str, str]:
    """Return the kind of each operation of the largest program: the one that was waited for."""
    largest = max(programs.glob("*cpu_after_optimizations.txt"), key=lambda p: p.stat().st_size)
    found = {}
    for line in largest.read_text().splitlines():
        if named := NAMED.match(line):
            primitive = named[2].rpartition("/")[2]
            kind = (kind for kind, primitives in KINDS.items() if primitive in primitives)
            found[named[1]] = next(kind, REST)
    return found
