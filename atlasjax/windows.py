"""Windows of max pooling, found in a traced program.

Networks write it in two ways: as XLA's windowed maximum, and as maxima of shifted slices along one
axis after another, as `atlasjax.models.pooling` and networks of PyTorch have them.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.extend.core import Jaxpr, JaxprEqn
from jaxtyping import Array, Float

from atlasjax.programs import CALLS, inside

_MAXIMUM = {"slice", "pad", "max", "ge", "select_n", "convert_element_type", "broadcast_in_dim"}
"""What a maximum of shifted slices is computed by."""


class Windows(NamedTuple):
    """How windows lie, as `jax.lax.reduce_window` takes it."""

    size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]


def window_sum(x: Float[Array, "..."], windows: Windows) -> Float[Array, "..."]:
    """Return the sum over each window; what lies outside counts as 0.

    >>> window_sum(jax.numpy.arange(4.0), Windows((2,), (2,), ((0, 0),), (1,)))
    Array([1., 5.], dtype=float32)
    """
    return jax.lax.reduce_window(
        x,
        np.zeros((), x.dtype),
        jax.lax.add,
        windows.size,
        windows.strides,
        windows.padding,
        window_dilation=windows.dilation,
    )


def pooling_windows(equation: JaxprEqn) -> Windows | None:
    """Return over which windows an equation takes the maximum; None for others."""
    settings, name = equation.params, equation.primitive.name
    if name == "reduce_window_max" and set(settings["base_dilation"]) == {1}:
        keys = ("window_dimensions", "window_strides", "padding", "window_dilation")
        return Windows(*(tuple(settings[key]) for key in keys))
    program = inside(equation)
    called = program if name in ("custom_jvp_call", *CALLS) else None
    if called is not None and len(called.jaxpr.invars) == 1:
        return _shifted(called.jaxpr)
    return None


def _shifted(jaxpr: Jaxpr) -> Windows | None:
    """Return over which windows along one axis a program takes the maximum of shifted slices."""
    equations = list(_flat(jaxpr))
    names = Counter(one.primitive.name for one in equations)
    slices = [one for one in equations if one.primitive.name == "slice"]
    pads = [one for one in equations if one.primitive.name == "pad"]
    chosen = names["max"] + names["select_n"]
    if set(names) - _MAXIMUM or len(slices) < 2 or len(pads) > 1 or chosen != len(slices) - 1:
        return None
    ndim = len(slices[0].params["start_indices"])
    edges = pads[0].params["padding_config"] if pads else ((0, 0, 0),) * ndim
    starts = np.array([one.params["start_indices"] for one in slices])
    moved = np.flatnonzero(np.ptp(starts, axis=0))
    if len(moved) != 1 or any(inner for *_, inner in edges):
        return None
    (axis,) = moved.tolist()
    first = sorted(starts[:, axis].tolist())
    apart = first[1] - first[0]
    if first != list(range(0, apart * len(slices), apart)):
        return None
    size = tuple(len(slices) if i == axis else 1 for i in range(ndim))
    strides = tuple(slices[0].params["strides"] or (1,) * ndim)
    # Beyond the last window nothing is looked at, where windows of the given padding may be more.
    taken = max(one.params["limit_indices"][axis] for one in slices)
    length = jaxpr.invars[0].aval.shape[axis]  # pyright: ignore[reportAttributeAccessIssue]
    before = edges[axis][0]
    padding = tuple((before, taken - before - length) if i == axis else (0, 0) for i in range(ndim))
    dilation = tuple(apart if i == axis else 1 for i in range(ndim))
    return Windows(size, strides, padding, dilation)


def _flat(jaxpr: Jaxpr) -> Iterator[JaxprEqn]:
    """Give the equations of a program and of those that it calls."""
    for equation in jaxpr.eqns:
        program = inside(equation)
        if program is not None and equation.primitive.name in CALLS:
            yield from _flat(program.jaxpr)
        else:
            yield equation


def joined(first: Windows, second: Windows) -> Windows | None:
    """Return the windows of two poolings, one after another along different axes."""
    if any(a > 1 and b > 1 for a, b in zip(first.size, second.size, strict=True)):
        return None
    which = [b > 1 for b in second.size]

    def chosen(one: tuple[Any, ...], other: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(o if w else f for f, o, w in zip(one, other, which, strict=True))

    return Windows(*(chosen(a, b) for a, b in zip(first, second, strict=True)))
