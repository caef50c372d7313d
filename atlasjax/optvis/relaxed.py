"""Max pooling found in what a network computes, with a gradient that all of a window shares.

The gradient of a maximum goes to one entry of each window alone, and to another as soon as two
change places. What is near the maximum has then no effect at all, which is true of the function and
misleading of the network. So attribution may look through a smoother pooling: the values stay those
of the maximum, and the gradient is that of a mean in which large entries count for more.

Pooling is found in the network's jaxpr, not by names, so that networks of any library are helped
alike: windowed maxima of XLA's, and maxima of shifted slices, as
`atlasjax.models.pooling` and networks of PyTorch have them.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import Jaxpr, JaxprEqn
from jaxtyping import Array, Float

from atlasjax.programs import CALLS, bind, follow, inside
from atlasjax.windows import Windows, joined, pooling_windows, window_sum

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


class _Value(NamedTuple):
    """A value on the way through a jaxpr.

    Attributes:
        array: itself.
        pooled: what it is a maximum of.
        windows: over which windows.
    """

    array: Any
    pooled: Any = None
    windows: Windows | None = None


def _run(jaxpr: Jaxpr, consts: Sequence[Any], given: Sequence[_Value]) -> list[_Value]:
    return list(map(follow(jaxpr, consts, given, _Value, _step), jaxpr.outvars))


def _step(equation: JaxprEqn, given: list[_Value]) -> list[_Value]:
    """Compute one equation."""
    program, windows = inside(equation), pooling_windows(equation)
    if windows is None and program is not None and equation.primitive.name in CALLS:
        return _run(program.jaxpr, program.consts, given)
    made = bind(equation, [one.array for one in given])
    if windows is None:
        return [_Value(array) for array in made]
    before, x = given[0], given[0].array
    both = None if before.windows is None else joined(before.windows, windows)
    if both is not None:  # along columns and then along rows: one pooling over both
        windows, x = both, before.pooled
    soft = _soft(x, windows)
    array = jax.lax.stop_gradient(made[0]) + (soft - jax.lax.stop_gradient(soft))
    return [_Value(array, x, windows)]


def _soft(x: Float[Array, "..."], windows: Windows) -> Float[Array, "..."]:
    # What lies outside is not averaged over: as many count as there are.
    return window_sum(jnp.square(x), windows) / (
        LEAST * window_sum(jnp.ones_like(x), windows) + window_sum(jnp.abs(x), windows)
    )
