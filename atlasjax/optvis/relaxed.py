"""Max pooling found in what a network computes, with a gradient that all of a window shares.

The gradient of a maximum goes to one entry of each window alone, and to another as soon as two
change places. What is near the maximum has then no effect at all, which is true of the function and
misleading of the network. So attribution may look through a smoother pooling: the values stay those
of the maximum, and the gradient is that of a mean in which large entries count for more.

Pooling is found in the network's jaxpr, not by names, so that networks of any library are helped
alike: windowed maxima of XLA's, and maxima of shifted slices, as
`atlasjax.models.pooling` and networks of PyTorch have them.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Jaxpr, JaxprEqn, Literal
from jaxtyping import Array, Float

from atlasjax.programs import CALLS, bind, inside

LEAST = 1e-2
"""What is added to the mean that is divided by, so that silent windows divide by more than 0."""


def relaxed_pooling(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function with the same values, whose max pooling has a relaxed gradient.

    In place of the maximum, `avg(x^2) / (LEAST + avg(|x|))` over each window is differentiated.

    Args:
        function: of arrays, or pytrees of them, to such.

    Source: Olah et al., "The Building Blocks of Interpretability", Distill 2018, and its notebooks.

    >>> from jax import lax
    >>> pool = lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (2,), (2,), "valid").sum()
    >>> jax.grad(relaxed_pooling(pool))(jnp.array([3.0, 2.0])).round(2)
    Array([0.68, 0.28], dtype=float32)
    """

    def soft(*args: Any) -> Any:
        closed, shape = jax.make_jaxpr(function, return_shape=True)(*args)
        given = [_Value(leaf) for leaf in jax.tree.leaves(args)]
        values = _run(closed.jaxpr, closed.consts, given)
        return jax.tree.unflatten(jax.tree.structure(shape), [value.array for value in values])

    return soft


_MAXIMUM = {"slice", "pad", "max", "ge", "select_n", "convert_element_type", "broadcast_in_dim"}
"""What a maximum of shifted slices is computed by."""


class _Windows(NamedTuple):
    """How windows lie, as `jax.lax.reduce_window` takes it."""

    size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]


class _Value(NamedTuple):
    """A value on the way through a jaxpr.

    Attributes:
        array: itself.
        pooled: what it is a maximum of.
        windows: over which windows.
    """

    array: Any
    pooled: Any = None
    windows: _Windows | None = None


def _run(jaxpr: Jaxpr, consts: Sequence[Any], given: Sequence[_Value]) -> list[_Value]:
    known: dict[Any, _Value] = {}

    def read(atom: Any) -> _Value:
        return _Value(atom.val) if isinstance(atom, Literal) else known[atom]

    known.update(zip(jaxpr.constvars, map(_Value, consts), strict=True))
    known.update(zip(jaxpr.invars, given, strict=True))
    for equation in jaxpr.eqns:
        found = _step(equation, [read(atom) for atom in equation.invars])
        known.update(zip(equation.outvars, found, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _step(equation: JaxprEqn, given: list[_Value]) -> list[_Value]:
    """Compute one equation."""
    program, windows = inside(equation), _windows(equation)
    if windows is None and program is not None and equation.primitive.name in CALLS:
        return _run(program.jaxpr, program.consts, given)
    made = bind(equation, [one.array for one in given])
    if windows is None:
        return [_Value(array) for array in made]
    before, x = given[0], given[0].array
    both = None if before.windows is None else _joined(before.windows, windows)
    if both is not None:  # along columns and then along rows: one pooling over both
        windows, x = both, before.pooled
    soft = _soft(x, windows)
    array = jax.lax.stop_gradient(made[0]) + (soft - jax.lax.stop_gradient(soft))
    return [_Value(array, x, windows)]


def _soft(x: Float[Array, "..."], windows: _Windows) -> Float[Array, "..."]:
    def total(values: Array) -> Array:
        return jax.lax.reduce_window(
            values,
            np.zeros((), x.dtype),
            jax.lax.add,
            windows.size,
            windows.strides,
            windows.padding,
            window_dilation=windows.dilation,
        )

    # What lies outside is not averaged over: as many count as there are.
    return total(jnp.square(x)) / (LEAST * total(jnp.ones_like(x)) + total(jnp.abs(x)))


def _windows(equation: JaxprEqn) -> _Windows | None:
    """Return over which windows an equation takes the maximum; None for others."""
    settings, name = equation.params, equation.primitive.name
    if name == "reduce_window_max" and set(settings["base_dilation"]) == {1}:
        keys = ("window_dimensions", "window_strides", "padding", "window_dilation")
        return _Windows(*(tuple(settings[key]) for key in keys))
    program = inside(equation)
    called = program if name in ("custom_jvp_call", *CALLS) else None
    if called is not None and len(called.jaxpr.invars) == 1:
        return _shifted(called.jaxpr)
    return None


def _shifted(jaxpr: Jaxpr) -> _Windows | None:
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
    return _Windows(size, strides, padding, dilation)


def _flat(jaxpr: Jaxpr) -> Iterator[JaxprEqn]:
    """Give the equations of a program and of those that it calls."""
    for equation in jaxpr.eqns:
        program = inside(equation)
        if program is not None and equation.primitive.name in CALLS:
            yield from _flat(program.jaxpr)
        else:
            yield equation


def _joined(first: _Windows, second: _Windows) -> _Windows | None:
    """Return the windows of two poolings, one after another along different axes."""
    if any(a > 1 and b > 1 for a, b in zip(first.size, second.size, strict=True)):
        return None
    which = [b > 1 for b in second.size]

    def chosen(one: tuple[Any, ...], other: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(o if w else f for f, o, w in zip(one, other, which, strict=True))

    return _Windows(*(chosen(a, b) for a, b in zip(first, second, strict=True)))
