"""Traced programs: what those who rewrite one, equation by equation, have in common."""

from typing import Any

from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn

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
