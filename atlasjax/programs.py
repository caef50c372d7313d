"""Traced programs: what those who rewrite one, equation by equation, have in common."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

V = TypeVar("V")  # what is known of a value

CALLS = ("jit", "pjit", "closed_call", "core_call", "checkpoint", "remat2")
"""Equations that do nothing but compute a program of their own."""

DERIVED = ("custom_jvp_call", "custom_vjp_call")
"""Those that do so with a derivative of their own."""


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


def follow(
    jaxpr: Jaxpr,
    consts: Sequence[Any],
    given: Sequence[V],
    constant: Callable[[Any], V],
    step: Callable[[JaxprEqn, list[V]], Sequence[V]],
    equations: Iterable[JaxprEqn] | None = None,
) -> Callable[[Any], V]:
    """Follow values of any kind through a program.

    Args:
        jaxpr: the program.
        consts: its constants.
        given: what it is given.
        constant: makes a value of a constant.
        step: from an equation and the values that it is given to those that it makes.
        equations: those that are followed, in order; all of them by default.

    Returns:
        What gives the value of a variable or a literal of the program.

    >>> import jax
    >>> program = jax.make_jaxpr(lambda x: 2 * x + x)(1.0)
    >>> step = lambda equation, values: [f"{equation.primitive.name}({', '.join(values)})"]
    >>> read = follow(program.jaxpr, [], ["x"], str, step)
    >>> read(program.jaxpr.outvars[0])
    'add(mul(2.0, x), x)'
    """
    known: dict[Any, V] = {}

    def read(atom: Any) -> V:
        return constant(atom.val) if isinstance(atom, Literal) else known[atom]

    known.update(zip(jaxpr.constvars, map(constant, consts), strict=True))
    known.update(zip(jaxpr.invars, given, strict=True))
    for equation in jaxpr.eqns if equations is None else equations:
        found = step(equation, [read(atom) for atom in equation.invars])
        known.update(zip(equation.outvars, found, strict=True))
    return read


class Name:
    """A value of a flat program.

    Attributes:
        aval: its shape and type.
    """

    def __init__(self, aval: Any):
        self.aval = aval


class Step(NamedTuple):
    """An equation of a flat program.

    Attributes:
        equation: it, whose own variables have no meaning here.
        operands: what it is given.
        results: what it makes.
    """

    equation: JaxprEqn
    operands: list[Name]
    results: list[Name]


def flat(program: ClosedJaxpr) -> tuple[list[Step], list[Name], list[Name]]:
    """Return a program's equations, with those of the programs that it calls in their places.

    Args:
        program: it.

    Returns:
        The equations, what the program is given, and what it returns.

    >>> import jax
    >>> steps, *_ = flat(jax.make_jaxpr(jax.jit(lambda x: jax.nn.relu(2 * x)))(1.0))
    >>> [step.equation.primitive.name for step in steps]
    ['mul', 'max']
    """
    steps: list[Step] = []
    given = [Name(one) for one in program.in_avals]
    return steps, given, _flatten(program.jaxpr, given, steps)


def _flatten(jaxpr: Jaxpr, given: list[Name], steps: list[Step]) -> list[Name]:
    known = dict(zip(jaxpr.invars, given, strict=True))
    known |= {one: Name(one.aval) for one in jaxpr.constvars}

    def read(atom: Any) -> Name:
        return Name(atom.aval) if isinstance(atom, Literal) else known[atom]

    for equation in jaxpr.eqns:
        operands, inner = [read(atom) for atom in equation.invars], inside(equation)
        if inner is not None and equation.primitive.name in (*CALLS, *DERIVED):
            results = _flatten(inner.jaxpr, operands, steps)
        else:
            results = [Name(one.aval) for one in equation.outvars]
            steps.append(Step(equation, operands, results))
        known.update(zip(equation.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]
