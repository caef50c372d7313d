"""Marks: names put on values inside a program, where a tap could not be called.

A module may stand inside `vmap`, `jit` or `remat`, whose values no function outside may see. So
what it returns is marked only: a mark is an identity with a name. The whole call is then traced to
a jaxpr and evaluated outside of all transformations, and there the tap is called at each mark. A
compiled program has no trace of marks: what is left of them becomes nothing.
"""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Primitive, Var
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array

from atlasjax.taps import Tap

# What only wraps a program is unwrapped where it holds marks. Not so loops and branches, which have
# no single value to show, nor functions with derivatives of their own, which would be lost.
_WRAPPERS = ("jit", "pjit", "closed_call", "checkpoint", "remat", "remat2")


def mark(name: str, value: Array, *, single: bool = False) -> Array:
    """Return the value, marked to be tapped under this name by `tapped`.

    Args:
        name: what the tap will be told.
        value: any array.
        single: whether the value belongs to a single example, so that a `vmap` around it makes it
            the batch that is to be tapped, new axes first. Other values are of whole batches; in a
            `vmap` they are parts of something, and their marks are dropped.

    >>> jax.jit(lambda x: 2 * mark("x", x))(1.0)
    Array(2., dtype=float32, weak_type=True)
    """
    return _mark.bind(value, name=name, single=single)


def mark_first(name: str, returned: Any, *, single: bool = False) -> Any:
    """Mark the first floating-point array of whatever a module returned.

    Args:
        name: as of `mark`.
        returned: an array, or any pytree.
        single: as of `mark`.

    Returns:
        The same, with the mark.
    """
    leaves, tree = jax.tree.flatten(returned)
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jnp.floating):
            leaves[i] = mark(name, leaf, single=single)
            return tree.unflatten(leaves)
    return returned


@functools.cache
def marking(kind: type, name: str, *, single: bool = False) -> type:
    """Return a class of modules whose `__call__` marks what it returns, for one module of a copy.

    It is the same each time, for libraries never forget a class of modules.

    Args:
        kind: the class that the module has.
        name: as of `mark`.
        single: as of `mark`.

    >>> class Double:
    ...     def __call__(self, x): return 2 * x
    >>> marked = marking(Double, "double")()
    >>> tapped(marked, lambda name, value: value + 1)(1.0)
    Array(3., dtype=float32, weak_type=True)
    """

    @functools.wraps(kind.__call__)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return mark_first(name, kind.__call__(self, *args, **kwargs), single=single)

    return type(kind)(kind.__name__, (kind,), {"__call__": call, "__module__": kind.__module__})


Evaluate = Callable[[ClosedJaxpr, Sequence[Any], Tap], list[Any]]
"""From a program, what it is given and a tap to its results, the tap called at its marks."""


def marked_name(equation: JaxprEqn) -> str | None:
    """Return the name that an equation marks its value by; None where it is no mark.

    >>> [marked_name(one) for one in jax.make_jaxpr(lambda x: mark("a", 2 * x))(1.0).eqns]
    [None, 'a']
    """
    return equation.params["name"] if equation.primitive is _mark else None


def tapped(
    function: Callable[..., Any],
    tap: Tap,
    key: object = None,
    evaluate: Evaluate | None = None,
) -> Callable[..., Any]:
    """Return the function with `tap` called on every marked value, and on what goes on from it.

    Marks inside `jit` and `remat` are found, and `remat` around them is given up, for a value that
    is shown is kept. Marks inside of loops, branches and functions with derivatives of their own
    are dropped.

    Args:
        function: a pure function of pytrees of arrays, to such. One of `jax.jit` is traced once for
            arguments that are alike.
        tap: called with name and value, in the order of the computation.
        key: what traces of jitted parts may be kept for; by itself if not given. Those that were
            made elsewhere, maybe without marks, are not used.
        evaluate: what computes the program; by default as it is.

    Returns:
        A function of the same arguments.

    >>> doubled = lambda name, value: 2 * value
    >>> tapped(jax.vmap(lambda x: mark("x", x, single=True) + 1), doubled)(jnp.ones(2))
    Array([3., 3.], dtype=float32)
    """
    key = object() if key is None else key

    def run(*arguments: Any) -> Any:
        leaves, tree = jax.tree.flatten(arguments)

        def traced(key: object) -> tuple[ClosedJaxpr, Any]:
            with _context(key):
                return _kept(function, arguments, len(leaves)) or jax.make_jaxpr(
                    lambda *new: function(*tree.unflatten(new)), return_shape=True
                )(*leaves)

        program, shapes = traced(key)
        if _repeats(program.jaxpr, set()):
            # Two modules that are alike share a trace, which has the names of the first.
            program, shapes = traced(_Unlike())
        made = (evaluate or _evaluate)(program, leaves, tap)
        return jax.tree.unflatten(jax.tree.structure(shapes), made)

    return run


def _kept(
    function: Callable[..., Any], arguments: Sequence[Any], count: int
) -> tuple[ClosedJaxpr, Any] | None:
    """Return the program of a compiled function as JAX keeps it; None where there is none to keep.

    A function that closes over values which are being traced has them for further arguments.
    """
    if not isinstance(function, jax.stages.Wrapped):
        return None
    traced = function.trace(*arguments)
    program = traced.jaxpr
    return (program, traced.out_info) if len(program.jaxpr.invars) == count else None


class _Unlike:
    """What is unlike everything, itself included, and so is never found in a cache."""

    def __hash__(self) -> int:
        return next(_HASHES)

    def __eq__(self, other: object) -> bool:
        return False


def _evaluate(program: ClosedJaxpr, arguments: Iterable[Any], tap: Tap) -> list[Any]:
    """Evaluate a program operation by operation, calling the tap at its marks."""
    jaxpr = program.jaxpr
    values: dict[Var, Any] = dict(zip(jaxpr.constvars, program.consts, strict=True))
    values.update(zip(jaxpr.invars, arguments, strict=True))
    last = {v: i for i, eqn in enumerate(jaxpr.eqns) for v in _variables(eqn.invars)}
    kept = set(_variables(jaxpr.outvars))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else values[atom]

    for i, eqn in enumerate(jaxpr.eqns):
        results = _operate(eqn, [read(v) for v in eqn.invars], tap)
        values.update(zip(eqn.outvars, results, strict=True))
        # Outside of jit, a network would otherwise keep all its values until its end.
        for v in {*_variables(eqn.invars), *eqn.outvars} - kept:
            if last.get(v, i) == i:
                del values[v]
    return [read(v) for v in jaxpr.outvars]


def _variables(atoms: Iterable[Any]) -> list[Var]:
    return [v for v in atoms if not isinstance(v, Literal)]


def _operate(eqn: JaxprEqn, values: list[Any], tap: Tap) -> list[Any]:
    if eqn.primitive is _mark:
        return [tap(eqn.params["name"], values[0])]
    if eqn.primitive.name in _WRAPPERS and _marked(eqn):
        inner = eqn.params["jaxpr"] if "jaxpr" in eqn.params else eqn.params["call_jaxpr"]
        whole = inner if isinstance(inner, ClosedJaxpr) else ClosedJaxpr(inner, ())
        return _evaluate(whole, values, tap)
    settings = eqn.primitive.get_bind_params(eqn.params)
    # Before JAX 0.9, functions came apart from the other settings.
    functions, settings = settings if isinstance(settings, tuple) else ((), settings)
    with eqn.ctx.manager:
        made = eqn.primitive.bind(*functions, *values, **settings)
    return list(made) if eqn.primitive.multiple_results else [made]


def _marked(eqn: JaxprEqn) -> bool:
    return eqn.primitive is _mark or any(
        _marked(inner) for jaxpr in _programs(eqn.params.values()) for inner in jaxpr.eqns
    )


def _repeats(jaxpr: Jaxpr, seen: set[int]) -> bool:
    """Say whether a part with marks occurs more than once."""
    for eqn in jaxpr.eqns:
        if eqn.primitive.name in _WRAPPERS and _marked(eqn):
            for inner in _programs(eqn.params.values()):
                if id(inner) in seen or _repeats(inner, seen):
                    return True
                seen.add(id(inner))
    return False


def _programs(settings: Iterable[Any]) -> Iterator[Jaxpr]:
    for value in settings:
        if isinstance(value, ClosedJaxpr):
            yield value.jaxpr
        elif isinstance(value, Jaxpr):
            yield value
        elif isinstance(value, tuple | list):
            yield from _programs(value)


def _batched(values: Any, axes: Any, *, name: str, single: bool) -> tuple[Array, int]:
    if not single:
        return values[0], axes[0]
    return mark(name, jnp.moveaxis(values[0], axes[0], 0), single=True), 0


def _differentiated(primals: Any, tangents: Any, **settings: Any) -> tuple[Array, Any]:
    return _mark.bind(*primals, **settings), tangents[0]


_mark = Primitive("mark")
_mark.def_impl(lambda value, **_: value)
_mark.def_abstract_eval(lambda value, **_: value)
mlir.register_lowering(_mark, lambda _, value, **__: [value])
ad.primitive_jvps[_mark] = _differentiated
batching.primitive_batchers[_mark] = _batched
_context = jax.make_user_context(None)  # part of the key of every trace
_HASHES = itertools.count()
