"""A program made linear: what remains of a network when its nonlinearities are taken out of it.

A traced program goes in and a traced program comes out. Pointwise nonlinearities become the slope
that they have where they are open (rectifiers the identity), max pooling the average over the same
windows, normalization by kept statistics what it is, and local response normalization its scale for
a silent input. What does not depend on the input drops out where it is added (biases), and is
computed once, now, where it is multiplied by.

What has no such form is refused by name: a product of two values that both depend on the input, as
in attention, gates and normalization by an image's own statistics, has other weights for every
image.

Nothing is known of layers. Each value is followed through the equations with its linear part and
with the chain of pointwise equations that it came by, so that `x * sigmoid(x)` is seen as one
function of x, however it is written.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, jaxpr_as_fun

from atlasjax.errors import UserError
from atlasjax.operations import POINTWISE, PRODUCTS, linear_in
from atlasjax.programs import CALLS, DERIVED, bind, follow, inside, needed
from atlasjax.slopes import is_energy, open_slope
from atlasjax.windows import Windows, pooling_windows, window_sum

LARGEST = 10.0
"""The largest scale that a normalization may have for a silent input. Local response normalization
has about 1; normalization by an image's own variance has the inverse root of a small constant."""


class NoWeights(UserError):
    """What is computed has no linear part that holds for every input."""


class Unreached(UserError):
    """Nothing of the input reaches the result."""


def linearized(function: Callable[[Any], Any], like: Any) -> ClosedJaxpr:
    """Return the linear part of a function of one array as a program.

    Args:
        function: of an array to an array. What else it depends on is kept as constants.
        like: anything with the shape and type of the array.

    Returns:
        A program of the same shapes, linear in its input, to be run by `run`.

    Raises:
        NoWeights: there is no linear part that holds for every input; says which equation.
        Unreached: its result does not depend on its input.

    >>> program = linearized(lambda x: jax.nn.relu(3 * x - 1), jnp.zeros(2))
    >>> run(program, jnp.array([1.0, -1.0]))
    Array([ 3., -3.], dtype=float32)
    """
    closed = jax.make_jaxpr(function)(jax.ShapeDtypeStruct(like.shape, like.dtype))

    def tangent(x: Any) -> Any:
        (made,) = _run(closed.jaxpr, closed.consts, [_linear(x)], [True])
        made = _resolved(made)
        if made.tangent is None:
            raise _refused("what only squares of it reach") if made.silent else Unreached()
        return made.tangent

    return jax.make_jaxpr(tangent)(jax.ShapeDtypeStruct(like.shape, like.dtype))


def run(program: ClosedJaxpr, *arrays: Any) -> Any:
    """Return the first result of a program."""
    return jaxpr_as_fun(program)(*arrays)[0]


@dataclass(eq=False)
class _Value:
    """A value on the way through a program.

    Attributes:
        like: its shape and type.
        tangent: its linear part, where it is linear in the input.
        constant: computes it, where it does not depend on the input; then it has no linear part.
        silent: whether that is what it is for a silent input, on which it does depend.
        lineage: linear values of which this is a pointwise function, the nearest first.
        equation: the pointwise equation that made it.
        operands: of that equation.
        largest: what it is the largest of, entry by entry.
        straight: it, made linear, where that was done already.
    """

    like: Any
    tangent: Any = None
    constant: Callable[[], Any] | None = None
    silent: bool = False
    lineage: tuple["_Value", ...] = ()
    equation: JaxprEqn | None = None
    operands: Sequence["_Value"] = ()
    largest: tuple[Any, ...] = ()
    straight: "_Value | None" = None
    _known: list[Any] = field(default_factory=list)

    def array(self) -> Any:
        """Return the value of a constant, computed once and never traced."""
        assert self.constant is not None
        if not self._known:
            with jax.ensure_compile_time_eval():
                self._known.append(self.constant())
        return self._known[0]

    @property
    def depends(self) -> bool:
        """Whether it depends on the input in a way that is followed."""
        return self.constant is None


def _linear(tangent: Any, lineage: tuple[_Value, ...] = (), **more: Any) -> _Value:
    value = _Value(jax.typeof(tangent), tangent, **more)
    value.lineage = (value, *lineage)
    return value


def _constant(array: Any) -> _Value:
    if isinstance(array, Tracer):
        raise UserError("a network is made linear outside of jax.jit: its weights must be numbers")
    return _Value(jax.typeof(array), constant=lambda: array)


def _run(
    jaxpr: Jaxpr, consts: Sequence[Any], given: Sequence[_Value], wanted: Sequence[bool]
) -> list[_Value]:
    """Follow the values through a program; those that are not wanted may be anything."""
    kept = needed(jaxpr, wanted)
    used = iter([used for _, used in kept])
    read = follow(
        jaxpr,
        consts,
        given,
        _constant,
        lambda equation, values: _step(equation, values, next(used)),
        [equation for equation, _ in kept],
    )
    nothing = _Value(None)
    return [read(a) if w else nothing for a, w in zip(jaxpr.outvars, wanted, strict=True)]


def _step(equation: JaxprEqn, given: list[_Value], used: list[bool]) -> list[_Value]:
    """Follow the values through an equation."""
    name, inner = equation.primitive.name, inside(equation)
    if not any(one.depends for one in given):
        return _folded(equation, given)
    windows = pooling_windows(equation)
    if windows is not None:  # as many count as there are: what lies outside is not averaged over
        tangent = _resolved(given[0]).tangent
        return [_linear(window_sum(tangent, windows) / _count(tangent, windows))]
    if inner is not None and name in (*CALLS, *DERIVED):
        return _run(inner.jaxpr, inner.consts, given, used)
    if name == "reduce_max":
        axes = equation.params["axes"]
        return [_linear(_resolved(given[0]).tangent.mean(axes))]
    if name in POINTWISE:
        return [_pointwise(equation, given)]
    return _spread(equation, [_resolved(one) for one in given])


def _count(tangent: Any, windows: Windows) -> Any:
    """Return how many entries each window has: now, as XLA takes seconds to fold it."""
    along = zip(tangent.shape, windows.size, windows.strides, windows.padding, strict=True)
    shape = [n if (size, step, *pad) != (1, 1, 0, 0) else 1 for n, size, step, pad in along]
    with jax.ensure_compile_time_eval():
        return window_sum(jnp.ones(shape, tangent.dtype), windows)


def _folded(equation: JaxprEqn, given: list[_Value]) -> list[_Value]:
    """Return the results of an equation of constants, to be computed where they are asked for."""
    every: list[Any] = []

    def result(index: int) -> Any:
        if not every:
            every.extend(bind(equation, [one.array() for one in given]))
        return every[index]

    silent = any(one.silent for one in given)
    return [
        _Value(variable.aval, constant=lambda i=i: result(i), silent=silent)
        for i, variable in enumerate(equation.outvars)
    ]


def _pointwise(equation: JaxprEqn, given: list[_Value]) -> _Value:
    """Follow values through an equation that takes every entry by itself."""
    dependent = [one for one in given if one.depends]
    first, *others = (one.lineage for one in dependent)
    shared = tuple(one for one in first if all(one in other for other in others))
    straight = all(one.tangent is not None for one in dependent) and _is_linear(equation, given)
    if not straight and shared and not any(one.silent for one in given):
        like = equation.outvars[0].aval
        return _Value(like, lineage=shared, equation=equation, operands=given)
    given = [_resolved(one) for one in given]
    if equation.primitive.name == "max" and all(one.depends for one in given):
        largest = tuple(t for one in given for t in one.largest or (one.tangent,))
        return _linear(sum(largest[1:], largest[0]) / len(largest), largest=largest)
    (made,) = _spread(equation, given, shared)
    made.equation, made.operands = equation, given
    return made


def _is_linear(equation: JaxprEqn, given: Sequence[_Value]) -> bool:
    """Whether an equation is linear in those of its operands that depend on the input."""
    name = equation.primitive.name
    where = [i for i, one in enumerate(given) if one.depends]
    made = equation.outvars[0].aval.dtype  # pyright: ignore[reportAttributeAccessIssue]
    if not jnp.issubdtype(made, jnp.inexact):
        return False
    joint = name in PRODUCTS and len(where) > 1
    return not joint and set(where) <= set(linear_in(name, len(given)))


def _spread(
    equation: JaxprEqn, given: list[_Value], lineage: tuple[_Value, ...] = ()
) -> list[_Value]:
    """Apply an equation that is linear in what depends on the input to the linear parts."""
    name = equation.primitive.name
    if not any(one.depends for one in given):
        return _folded(equation, given)
    if not _is_linear(equation, given):
        raise _refused(name)
    added = () if name in PRODUCTS else linear_in(name, len(given))
    arrays = []
    for i, one in enumerate(given):
        if one.depends:
            arrays.append(one.tangent)
        elif i in added and not one.silent:  # what is added has no part in what is linear
            arrays.append(jnp.zeros(one.like.shape, one.like.dtype))
        else:
            arrays.append(_factor(one, name))
    return [_linear(array, lineage) for array in bind(equation, arrays)]


def _factor(one: _Value, name: str) -> Any:
    """Return a constant that linear parts are multiplied by, or chosen by."""
    array = one.array()
    if one.silent:
        scale = np.abs(np.asarray(array, float))
        scale = 1 / np.maximum(scale, 1e-30) if name == "div" else scale
        if name not in ("mul", "div") or not scale.max() <= LARGEST:
            raise _refused("a normalization by an image's own statistics")
    return array


def _resolved(value: _Value) -> _Value:
    """Return a value that is linear, or a constant, in place of a pointwise function of one."""
    if not value.depends or value.tangent is not None:
        return value
    if value.straight is None:
        value.straight = _straightened(value)
    return value.straight


def _straightened(value: _Value) -> _Value:
    root, *_ = value.lineage
    with jax.ensure_compile_time_eval():

        def curve(t: Any) -> Any:
            return _replayed(value, {id(root): t})

        slope = open_slope(curve, root.like)
        if slope is None and is_energy(curve, root.like):
            silent = curve(jnp.zeros(root.like.shape, root.like.dtype))
            return _Value(value.like, constant=lambda: silent, silent=True)
    if slope is None:
        assert value.equation is not None
        raise _refused(value.equation.primitive.name)
    tangent = root.tangent
    if slope.ndim or slope != 1:
        tangent = tangent * jnp.broadcast_to(slope, tangent.shape)
    tangent = jnp.broadcast_to(tangent, value.like.shape).astype(value.like.dtype)
    return _linear(tangent)


def _replayed(value: _Value, known: dict[int, Any]) -> Any:
    """Compute a pointwise function again, of what is given for the value it starts from."""
    if not value.depends:
        return value.array()
    if id(value) not in known:
        assert value.equation is not None
        arrays = [_replayed(one, known) for one in value.operands]
        known[id(value)] = bind(value.equation, arrays)[0]
    return known[id(value)]


def _refused(what: str) -> NoWeights:
    return NoWeights(
        f"no weights: on the way is {what}, which has no linear part that holds for every image, "
        "as in attention, gates, and normalization by an image's own statistics; "
        "gradients on images of yours have their average (circuits.gradient_by_use)"
    )
