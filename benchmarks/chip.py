"""A chip, measured: what it is, its own rates, and what a compiled program asks of it."""

import collections
import contextlib
import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

FLOAT32, TF32, BFLOAT16 = "float32", "tf32", "bfloat16"
PRODUCTS = {FLOAT32: "float32", TF32: "tensorfloat32", BFLOAT16: "tensorfloat32"}
"""How products of float32 are computed in each precision; bfloat16 has few that are left."""
CONTROL = ("parameter", "get-tuple-element", "tuple", "bitcast", "constant", "while", "conditional")
BODY = re.compile(r"body=%?([\w.\-]+)")
CALL = re.compile(r" call\(.*to_apply=%?([\w.\-]+)")
OPERATION = re.compile(r"\s*(?:ROOT )?%?[\w.\-]+ = .*? ([a-z][a-z0-9\-]*)\(")


def precisions() -> tuple[str, ...]:
    """Return those that the chip tells apart: tf32 is a mode of GPUs."""
    return (FLOAT32, BFLOAT16) if jax.default_backend() == "cpu" else (FLOAT32, TF32, BFLOAT16)


@contextlib.contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Have JAX compute products of float32 as a precision has it."""
    with jax.default_matmul_precision(PRODUCTS[precision]):
        yield


def machine() -> dict[str, Any]:
    """Return what there is to say of the machine."""
    device = jax.devices()[0]
    return {
        "kind": device.device_kind,
        "platform": device.platform,
        "devices": jax.local_device_count(),
        "memory_gib": in_gib((device.memory_stats() or {}).get("bytes_limit")),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "jax": jax.__version__,
    }


def peak() -> float | None:
    """Return the most GiB of the first device that were in use so far; None if it does not tell."""
    return in_gib((jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use"))


def in_gib(count: int | None) -> float | None:
    return None if count is None else round(count / 2**30, 2)


def product_rate(n: int, precision: str) -> float:
    """Return the TFLOP a second of a product of two matrices n x n of random numbers."""
    dtype = np.float32 if precision != BFLOAT16 else jnp.bfloat16
    a, b = (jax.random.normal(jax.random.key(i), (n, n), dtype) for i in range(2))
    with computing_in(precision):
        product = jax.jit(lambda a, b: a @ b)
        return 2 * n**3 / seconds(lambda: product(a, b)) / 1e12


def copy_rate(count: int) -> float:
    """Return the GB a second at which float32 is read and written, both counted."""
    values = jax.random.normal(jax.random.key(0), (count,))
    add = jax.jit(lambda x: x + 1)
    return 2 * 4 * count / seconds(lambda: add(values)) / 1e9


def seconds(run: Callable[[], Any], rounds: int = 3, least: float = 0.1) -> float:
    """Return the seconds that something takes on the device, begun again before it is waited for.

    The median of some rounds, each of so many runs that it takes `least` seconds, after one to warm
    up.
    """
    jax.block_until_ready(run())
    began = time.perf_counter()
    jax.block_until_ready(run())
    count = max(int(least / max(time.perf_counter() - began, 1e-6)), 1)
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        last = run()
        for _ in range(count - 1):
            last = run()  # not in a list, which would keep all of them in memory
        jax.block_until_ready(last)
        found.append((time.perf_counter() - began) / count)
    return statistics.median(found)


class Program(NamedTuple):
    """A compiled program.

    Attributes:
        run: calls it.
        trace_seconds: how long JAX took to write it down.
        compile_seconds: how long XLA took to compile it.
        temporary_gib: memory besides what it is given and returns.
        kernels: operations in the largest of its loops, or in the whole where there is none.
    """

    run: Callable[..., Any]
    trace_seconds: float
    compile_seconds: float
    temporary_gib: float | None
    kernels: int


def compiled(function: Callable[..., Any], *args: Any) -> Program:
    """Compile a function for some arguments, and say what that took."""
    began = time.perf_counter()
    lowered = jax.jit(function).lower(*args)
    traced = time.perf_counter()
    program = lowered.compile()
    done = time.perf_counter()
    memory = program.memory_analysis()
    temporary = in_gib(getattr(memory, "temp_size_in_bytes", None))
    count = kernels(program.as_text() or "")
    return Program(program, traced - began, done - traced, temporary, count)


def kernels(text: str) -> int:
    """Return how many operations stand in the body of a program's largest loop.

    Each is at least one kernel on a GPU. What XLA sets apart to be launched at once counts too.
    """
    counts: collections.Counter[str] = collections.Counter()
    calls: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if line.endswith("{") and not line.startswith(" "):
            name = line.split()[0].lstrip("%")
        elif called := CALL.search(line):
            calls.setdefault(name, []).append(called[1])
        elif (found := OPERATION.match(line)) and found[1] not in CONTROL:
            counts[name] += 1

    def whole(name: str) -> int:
        return counts[name] + sum(whole(inner) for inner in calls.get(name, []))

    return max(map(whole, set(BODY.findall(text))), default=whole("ENTRY"))
