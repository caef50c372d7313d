"""A traced program in, an equal one out whose operations are fast in both directions.

What is known here are operations, not networks: windowed maxima and sums, convolutions, and the
order of a value's axes. Whatever is not known is left as it is.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn
from jaxtyping import Array

from atlasjax.marks import marked_name
from atlasjax.operations import POINTWISE
from atlasjax.programs import CALLS, bind, follow, inside
from atlasjax.rewriting.convolution import Convolution, convolve
from atlasjax.rewriting.held import Held, alike, along, held, ordered, released
from atlasjax.rewriting.maxima import Line, maximum
from atlasjax.taps import Tap
from atlasjax.windows import Windows, pooling_windows

Rule = Callable[[JaxprEqn, list[Held]], Held | None]


def evaluate(
    program: ClosedJaxpr, arrays: Sequence[Any], tap: Tap, *, platform: str
) -> list[Array]:
    """Compute a program by faster operations, calling the tap at its marks.

    Args:
        program: as traced.
        arrays: what it is given.
        tap: see `atlasjax.taps`.
        platform: where it is computed: "cpu", "gpu".
    """
    given = [held(array) for array in arrays]
    made = _run(program.jaxpr, program.consts, given, tap, platform)
    return [released(value) for value in made]


def _run(
    jaxpr: Jaxpr, consts: Sequence[Any], given: Sequence[Held], tap: Tap, platform: str
) -> list[Held]:
    def step(equation: JaxprEqn, values: list[Held]) -> list[Held]:
        name = marked_name(equation)
        if name is not None:
            return [held(tap(name, released(values[0])))]
        return _step(equation, values, tap, platform)

    return list(map(follow(jaxpr, consts, given, held, step), jaxpr.outvars))


def _step(equation: JaxprEqn, given: list[Held], tap: Tap, platform: str) -> list[Held]:
    name, inner = equation.primitive.name, inside(equation)
    if name == "conv_general_dilated":
        found = _convolution(equation, given, platform)
    elif platform != "cpu":
        found = None
    elif (windows := pooling_windows(equation)) is not None:
        found = _pooling(windows, given[0])
    else:
        found = _RULES.get(name, _pointwise)(equation, given)
    if found is not None:
        return [found]
    if inner is not None and name in CALLS:
        return _run(inner.jaxpr, inner.consts, given, tap, platform)
    return [held(array) for array in bind(equation, [released(one) for one in given])]


def _pointwise(equation: JaxprEqn, given: list[Held]) -> Held | None:
    if equation.primitive.name not in POINTWISE or len(equation.outvars) != 1:
        return None
    arrays, order = alike(given)
    return Held(bind(equation, arrays)[0], order)


def _convolution(equation: JaxprEqn, given: list[Held], platform: str) -> Held | None:
    settings = equation.params
    dims: lax.ConvDimensionNumbers = settings["dimension_numbers"]
    usual = settings["batch_group_count"] == 1 and set(settings["lhs_dilation"]) <= {1}
    if not usual or len(dims.lhs_spec) != 4:
        return None
    strides = settings["window_strides"]
    if platform == "gpu" and set(strides) == {1}:
        return None
    rows, columns = settings["padding"]
    how = Convolution(
        tuple(strides),
        (tuple(rows), tuple(columns)),
        tuple(settings["rhs_dilation"]),
        settings["feature_group_count"],
        settings["precision"],
        settings["preferred_element_type"],
    )
    (batch, channels, *places), (out, into, *window) = dims.lhs_spec, dims.rhs_spec
    x = ordered(given[0], (batch, *places, channels))
    kernel = ordered(given[1], (*window, into, out))
    made = convolve(jnp.asarray(x), jnp.asarray(kernel), how, platform)
    batch, channels, *places = dims.out_spec
    return Held(made, (batch, *places, channels))


def _pooling(windows: Windows, given: Held) -> Held | None:
    """Return maxima over windows, axis after axis; None where windows have holes."""
    if set(windows.dilation) != {1}:
        return None
    array = given.array
    # The last axis first: then the first of equal entries is the first in reading order.
    for axis in sorted(range(len(given.order)), key=lambda i: -given.order[i]):
        size, stride = (one[given.order[axis]] for one in (windows.size, windows.strides))
        before, after = windows.padding[given.order[axis]]
        if size == stride == 1 and not before and not after:
            continue
        count = (array.shape[axis] + before + after - size) // stride + 1
        # What is beyond the last window is in none.
        after = (count - 1) * stride + size - array.shape[axis] - before
        array = maximum(array, Line(axis, size, stride, before, after, count))
    return Held(array, given.order)


def _transposed(equation: JaxprEqn, given: list[Held]) -> Held:
    permutation = list(equation.params["permutation"])
    return Held(given[0].array, tuple(permutation.index(axis) for axis in given[0].order))


def _joined(equation: JaxprEqn, given: list[Held]) -> Held:
    arrays, order = alike(given)
    return Held(lax.concatenate(arrays, order.index(equation.params["dimension"])), order)


def _padded(equation: JaxprEqn, given: list[Held]) -> Held:
    (x, fill), edges = given, equation.params["padding_config"]
    return Held(lax.pad(x.array, fill.array, along(edges, x.order)), x.order)


def _sliced(equation: JaxprEqn, given: list[Held]) -> Held:
    (x,), settings = given, equation.params
    strides = settings["strides"] or (1,) * len(x.order)
    parts = (settings["start_indices"], settings["limit_indices"], strides)
    return Held(lax.slice(x.array, *(along(part, x.order) for part in parts)), x.order)


def _spread(equation: JaxprEqn, given: list[Held]) -> Held | None:
    """Return a value that is repeated along axes of length 1."""
    (x, *others), shape = given, equation.params["shape"]
    axes = tuple(range(len(shape)))
    if others or tuple(equation.params["broadcast_dimensions"]) != axes:
        return None
    return Held(lax.broadcast_in_dim(x.array, along(shape, x.order), axes), x.order)


def _rectified(equation: JaxprEqn, given: list[Held]) -> Held | None:
    """Return `jax.nn.relu` in any order: traced, it has the shape of what it was traced for."""
    inner = inside(equation)
    made_of = "" if inner is None else str(getattr(inner.jaxpr.debug_info, "func_src_info", ""))
    name, _, place = made_of.partition(" at ")
    if name != "relu" or "jax/_src/nn/" not in place.replace("\\", "/") or len(given) != 1:
        return None
    return Held(jax.nn.relu(given[0].array), given[0].order)


_RULES: dict[str, Rule] = {
    "broadcast_in_dim": _spread,
    "concatenate": _joined,
    "custom_jvp_call": _rectified,
    "pad": _padded,
    "slice": _sliced,
    "transpose": _transposed,
}
