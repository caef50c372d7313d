"""Program: a graph of PyTorch's as steps in JAX, and what runs it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from atlasjax.errors import UserError
from atlasjax.taps import Tap


class Ref(NamedTuple):
    """The value of another step, as an argument."""

    name: str


class Write(NamedTuple):
    """What a step overwrites.

    Attributes:
        target: the value that it is given to overwrite.
        base: the value whose memory that shows.
        views: every value that shows the memory, with the views that lead to it from `base`.
    """

    target: str
    base: str
    views: "tuple[tuple[str, tuple[Step, ...]], ...]"


class Step(NamedTuple):
    """One operator at work.

    Attributes:
        name: of its value.
        operator: as PyTorch names it.
        function: what computes it; None where nothing here does.
        args: its arguments, with `Ref` for values.
        kwargs: likewise.
        module: the innermost module that it belongs to; empty for the network itself.
        taps: names under which its value is shown, the innermost module's first.
        write: what it overwrites, if anything.
    """

    name: str
    operator: str
    function: Callable[..., Any] | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    module: str
    taps: tuple[str, ...] = ()
    write: Write | None = None


@dataclass(frozen=True, eq=False)
class Program:
    """A graph, translated.

    Attributes:
        steps: what it computes, in order.
        inputs: for each value that is an array of the network, that array's name.
        constants: arrays that the graph itself holds, by the name of their value.
        image: the name of the value that the images are.
        dtype: what type the images have in it.
        returned: what it returns, with `Ref` for values.
        fits: whether it holds for inputs of some shape.
        channels_last: names of tapped values [b, h, w, c].
        shape: the inputs it takes, for messages; "any" where a size is free.
    """

    steps: tuple[Step, ...]
    inputs: Mapping[str, str]
    constants: Mapping[str, np.ndarray]
    image: str
    dtype: np.dtype
    returned: Any
    fits: Callable[[tuple[int, ...]], bool]
    channels_last: frozenset[str]
    shape: tuple[int | str, ...]


def run(program: Program, variables: Mapping[str, Array], x: Array, tap: Tap) -> Any:
    """Return what the network returns, calling `tap` on what every module returns.

    Args:
        program: the graph.
        variables: the network's arrays, by name.
        x: its input.
        tap: called with the modules' names.

    Raises:
        UserError: an operator with arguments that its translation does not know.
    """
    values: dict[str, Any] = {name: jnp.asarray(v) for name, v in program.constants.items()}
    values |= {name: variables[of] for name, of in program.inputs.items()}
    values[program.image] = x.astype(program.dtype)
    for step in program.steps:
        value = _computed(step, values)
        for name in step.taps:
            value = tap(name, value)
        values[step.name] = value
        if step.write is not None:
            values |= _overwritten(step.write, value, values)
    return given(program.returned, values)


def given(tree: Any, values: Mapping[str, Any]) -> Any:
    """Return arguments with the values in place of the references to them.

    >>> given([Ref("x"), slice(None, Ref("y")), 3], {"x": 1, "y": 2})
    [1, slice(None, 2, None), 3]
    """
    if isinstance(tree, Ref):
        return values[tree.name]
    if isinstance(tree, list | tuple):
        return type(tree)([given(t, values) for t in tree])
    if isinstance(tree, dict):
        return {key: given(t, values) for key, t in tree.items()}
    if isinstance(tree, slice):
        return slice(*(given(t, values) for t in (tree.start, tree.stop, tree.step)))
    return tree


def _overwritten(write: Write, value: Array, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the new values of all that shows the memory in which `value` was written."""
    old, base = values[write.target], values[write.base]
    value = jnp.broadcast_to(value.astype(old.dtype), old.shape)
    paths = dict(write.views)
    path = paths[write.target]
    if path:
        with jax.ensure_compile_time_eval():
            places = jnp.arange(base.size).reshape(base.shape)
            places = np.asarray(_along(path, places, values)).reshape(-1)
        value = base.reshape(-1).at[places].set(value.reshape(-1)).reshape(base.shape)
    return {name: _along(views, value, values) for name, views in paths.items()}


def _along(path: tuple[Step, ...], value: Any, values: Mapping[str, Any]) -> Any:
    """Return what the views along a path show of a value."""
    for view in path:
        assert view.function is not None
        args = given(view.args[1:], values)
        value = view.function(value, *args, **given(view.kwargs, values))
    return value


def _computed(step: Step, values: Mapping[str, Any]) -> Any:
    assert step.function is not None
    args, kwargs = given(step.args, values), given(step.kwargs, values)
    try:
        return step.function(*args, **kwargs)
    except Exception as error:  # of whatever kind: the user is to know which operator it was
        where = f" (in module {step.module!r})" if step.module else ""
        line = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UserError(
            f"PyTorch operator {step.operator!r}{where} is not translated for its arguments: {line}"
        ) from error
