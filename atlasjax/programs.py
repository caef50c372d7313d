"""Traced programs: what those who rewrite one, equation by equation, have in common."""

from collections.abc import Sequence
from typing import Any

from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

CALLS = ("jit", "pjit", "closed_call", "core_call", "checkpoint", "remat2")
"""Equations that do nothing but compute a program of their own."""


def bind(equation: JaxprEqn, arrays: list[Any]) -> list[Any]:
    """Compute an equation as it is.

    Args:
        equation: of a program.
        arrays: what it is computed from.
    """
    settings = equation.primitive.get_bind_params(equation.params)
    made = equation.primitive.bind(*arrays, **settings)
    return list(made) if equation.primitive.multiple_results else [made]


def inside(equation: JaxprEqn) -> ClosedJaxpr | None:
    """Return the program that an equation calls; None where it calls none.

    >>> import jax
    >>> program = jax.make_jaxpr(jax.jit(lambda x: 2 * x))(1.0)
    >>> len(inside(program.eqns[0]).eqns)
    1
    """
    for parameter in ("jaxpr", "call_jaxpr"):
        found = equation.params.get(parameter)
        if isinstance(found, ClosedJaxpr):
            return found
        if isinstance(found, Jaxpr):
            return ClosedJaxpr(found, ())
    return None


def needed(jaxpr: Jaxpr, wanted: Sequence[bool]) -> list[tuple[JaxprEqn, list[bool]]]:
    """Return the equations that some results of a program need, in order.

    Args:
        jaxpr: the program.
        wanted: for each of its results, whether it is needed.

    Returns:
        Each equation, with which of its own results are needed.

    >>> import jax
    >>> program = jax.make_jaxpr(lambda x: (2 * x, x - 1))(1.0).jaxpr
    >>> [equation.primitive.name for equation, _ in needed(program, [True, False])]
    ['mul']
    """
    alive = {
        atom
        for atom, want in zip(jaxpr.outvars, wanted, strict=True)
        if want and not isinstance(atom, Literal)
    }
    kept = []
    for equation in reversed(jaxpr.eqns):
        used = [variable in alive for variable in equation.outvars]
        if any(used):
            kept.append((equation, used))
            alive.update(atom for atom in equation.invars if not isinstance(atom, Literal))
    return kept[::-1]
