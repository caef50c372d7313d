"""Translate: from a program that `torch.export` has made to one of JAX."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from atlasjax.adapters.aten.modules import hints, tap_names, turned
from atlasjax.adapters.aten.program import Program, Ref
from atlasjax.adapters.aten.steps import dtype_of, plain, steps_of
from atlasjax.adapters.aten.table import table
from atlasjax.errors import UserError, nearest


def translate(exported: Any, *, saved: bool = False) -> Program:
    """Return the program in JAX.

    Args:
        exported: a `torch.export.ExportedProgram`.
        saved: whether this program is all there is, so that it is believed about which sizes are
            free, even where it does not say under which conditions.

    Raises:
        UserError: several inputs.
    """
    signature = exported.graph_signature
    nodes = list(exported.graph.nodes)
    if len(signature.user_inputs) != 1:
        listed = ", ".join(map(str, signature.user_inputs))
        raise UserError(
            f"the program takes {len(signature.user_inputs)} inputs ({listed}), not one"
        )
    image = signature.user_inputs[0]
    of_image = next(n for n in nodes if n.name == image).meta["val"]
    taps = tap_names(nodes, of_image.shape[0])
    lifted = signature.inputs_to_lifted_tensor_constants
    held = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    used = {node.name for node in nodes if node.users}  # counters of batches are not
    last = frozenset(
        name
        for node in nodes
        for name in taps.get(node.name, ())
        if of_image.ndim == 4 and node.meta["val"].ndim == 4
        if turned(node.meta["val"].shape, of_image.shape)
    )
    return Program(
        steps=steps_of(nodes, taps),
        inputs={name: of for name, of in held.items() if name in used},
        constants={name: array(exported.constants[of]) for name, of in lifted.items()},
        image=image,
        dtype=dtype_of(of_image.dtype),
        returned=_returned(exported, nodes[-1]),
        fits=_fits(exported, of_image, saved),
        channels_last=last,
        shape=tuple(n if isinstance(n, int) else "any" for n in of_image.shape),
    )


def unknown_operators(program: Program) -> list[tuple[str, str]]:
    """Return operators that nothing here computes, each with a module that has it."""
    found_in: dict[str, str] = {}
    for step in program.steps:
        if step.function is None:
            found_in.setdefault(step.operator, step.module)
    return list(found_in.items())


def not_translated(unknown: Sequence[tuple[str, str]]) -> UserError:
    """Return the error for operators that nothing here computes, all in one line."""
    listed = ", ".join(f"{o!r}" + (f" (in module {m!r})" if m else "") for o, m in unknown)
    known = sorted(table())
    close = list(dict.fromkeys(n for o, _ in unknown for n in nearest(o, known, most=2)))
    several = "operators" if len(unknown) > 1 else "operator"
    are = "are" if len(unknown) > 1 else "is"
    like = f"; known are {', '.join(close)} and {len(known) - len(close)} others" if close else ""
    return UserError(f"PyTorch {several} {listed} {are} not translated yet{like}")


def array(tensor: Any) -> np.ndarray:
    """Return a tensor as an array of NumPy's, of a type that JAX has."""
    tensor = tensor.detach().cpu().resolve_conj().contiguous()
    dtype = dtype_of(tensor.dtype)
    if dtype.name == "bfloat16":  # NumPy has none of its own to go through
        tensor = tensor.float()
    return tensor.numpy().astype(dtype)


def _returned(exported: Any, output: Any) -> Any:
    """Return the structure that the network returns, records as dicts of their fields."""
    from torch.export.graph_signature import OutputKind
    from torch.utils._pytree import tree_unflatten

    specs = exported.graph_signature.output_specs
    leaves = [
        plain(value)
        for value, spec in zip(output.args[0], specs, strict=True)
        if spec.kind == OutputKind.USER_OUTPUT
    ]
    return _record(tree_unflatten(leaves, exported.call_spec.out_spec))


def _record(tree: Any) -> Any:
    if isinstance(tree, Ref):
        return tree
    if isinstance(tree, dict):
        return {key: _record(value) for key, value in tree.items()}
    if hasattr(tree, "_asdict"):
        return {key: _record(value) for key, value in tree._asdict().items()}
    if isinstance(tree, list | tuple):
        return tuple(_record(value) for value in tree)
    return tree


def _fits(exported: Any, image: Any, saved: bool) -> Callable[[tuple[int, ...]], bool]:
    """Return what tells whether the program holds for inputs of some shape."""
    sizes = list(image.shape)
    made_for = hints(image.shape)
    ranges = {str(symbol): r for symbol, r in exported.range_constraints.items()}
    guards = getattr(exported, "_guards_code", None)

    def size_fits(n: int, size: Any) -> bool:
        if isinstance(size, int):
            return n == size
        allowed = ranges.get(str(size))
        return allowed is None or bool(allowed.lower <= n <= allowed.upper)

    def fits(shape: tuple[int, ...]) -> bool:
        if len(shape) != len(sizes) or not all(map(size_fits, shape[1:], sizes[1:])):
            return False
        if isinstance(sizes[0], int) and shape[0] != sizes[0]:
            return False
        if guards is None:
            return saved or shape[1:] == made_for[1:]
        # One image is like many: export itself tells them apart only to save a broadcast.
        return all(_holds(g, (max(shape[0], 2), *shape[1:])) for g in guards)

    return fits


class _Sizes:
    """Stands for the input wherever a condition names it, `L['x'].size()[2]`."""

    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape

    def __getitem__(self, key: Any) -> "_Sizes":
        return self

    def size(self) -> tuple[int, ...]:
        return self.shape


def _holds(guard: str, shape: tuple[int, ...]) -> bool:
    names = {"L": _Sizes(shape), "math": math, "Max": max, "Min": min}
    names |= {f.__name__: f for f in (abs, float, int, max, min, pow, round)}
    try:
        return bool(eval(guard, {"__builtins__": {}}, names))
    except Exception:  # a condition that is not understood is one that does not hold
        return False
