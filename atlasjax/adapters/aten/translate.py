"""Translate: from a program that `torch.export` has made to one of JAX."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from atlasjax.adapters.aten.modules import hints, module_of, tap_names, turned
from atlasjax.adapters.aten.program import Program, Ref, Step
from atlasjax.adapters.aten.table import found, table
from atlasjax.adapters.aten.types import canonical
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
    last = frozenset(
        name
        for node in nodes
        for name in taps.get(node.name, ())
        if of_image.ndim == 4 and node.meta["val"].ndim == 4
        if turned(node.meta["val"].shape, of_image.shape)
    )
    return Program(
        steps=_steps(nodes, taps),
        inputs={**signature.inputs_to_parameters, **signature.inputs_to_buffers},
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


def dtype_of(dtype: Any) -> np.dtype:
    """Return JAX's type for one of PyTorch's."""
    return canonical(str(dtype).removeprefix("torch."))


def overwrites(exported: Any) -> bool:
    """Return whether values are overwritten that are seen through others as well.

    What PyTorch does in place is here a new value under the old names. That holds as long as no
    view of the old one is used afterwards.
    """
    nodes = list(exported.graph.nodes)
    at = {node: i for i, node in enumerate(nodes)}
    family: dict[Any, Any] = {}
    same: dict[Any, Any] = {}
    for i, node in enumerate(nodes):
        written, seen = _written(node), _viewed(node)
        base = written if written is not None else seen
        family[node] = node if base is None else family[base]
        same[node] = node if written is None else same[written]
        if written is not None and any(
            family[other] is family[node] and same[other] is not same[node] and at[user] > i
            for other in nodes[:i]
            for user in other.users
        ):
            return True
    return False


def _steps(nodes: Sequence[Any], taps: dict[str, tuple[str, ...]]) -> tuple[Step, ...]:
    operators = table()
    steps: list[Step] = []
    names: dict[str, tuple[str, ...]] = {}
    for node in nodes:
        if node.op not in ("call_function", "get_attr"):
            continue
        called = _name(node)
        written = _written(node)
        also = () if written is None else names.get(written.name, (written.name,))
        names[node.name] = (*also, node.name)
        for name in also:
            names[name] = names[node.name]
        steps.append(
            Step(
                name=node.name,
                operator=called,
                function=found(called, operators),
                args=_plain(tuple(node.args)),
                kwargs=_plain(dict(node.kwargs)),
                module=module_of(node),
                taps=taps.get(node.name, ()),
                also=also,
            )
        )
    return tuple(steps)


def _name(node: Any) -> str:
    """Return an operator's name: "aten.add.Tensor", "operator.mul", "math.ceil"."""
    target = node.target
    if node.op == "get_attr" or hasattr(target, "_schema"):
        return str(target)
    module = str(getattr(target, "__module__", "")).removeprefix("_")
    return f"{module}.{getattr(target, '__name__', target)}"


def _schema(node: Any) -> Any:
    return getattr(node.target, "_schema", None)


def _written(node: Any) -> Any:
    """Return the node whose value this one overwrites, or None."""
    schema = _schema(node)
    for i, argument in enumerate(schema.arguments if schema is not None else ()):
        if argument.alias_info is not None and argument.alias_info.is_write:
            return node.args[i] if i < len(node.args) else node.kwargs.get(argument.name)
    return None


def _viewed(node: Any) -> Any:
    """Return the node whose value this one shows in another way, or None."""
    if _name(node) == "operator.getitem":
        return node.args[0] if hasattr(node.args[0], "meta") else None
    schema = _schema(node)
    for i, argument in enumerate(schema.arguments if schema is not None else ()):
        if argument.alias_info is not None and i < len(node.args) and hasattr(node.args[i], "meta"):
            return node.args[i]
    return None


def _plain(tree: Any) -> Any:
    """Return arguments without anything of PyTorch's in them."""
    import torch

    if isinstance(tree, torch.fx.Node):
        return Ref(tree.name)
    if isinstance(tree, torch.dtype):
        return dtype_of(tree)
    if isinstance(tree, torch.device | torch.layout | torch.memory_format):
        return None
    if isinstance(tree, list | tuple):
        return (list if isinstance(tree, list) else tuple)(_plain(t) for t in tree)
    if isinstance(tree, dict):
        return {key: _plain(t) for key, t in tree.items()}
    if isinstance(tree, slice):
        return slice(_plain(tree.start), _plain(tree.stop), _plain(tree.step))
    return tree


def _returned(exported: Any, output: Any) -> Any:
    """Return the structure that the network returns, records as dicts of their fields."""
    from torch.export.graph_signature import OutputKind
    from torch.utils._pytree import tree_unflatten

    specs = exported.graph_signature.output_specs
    leaves = [
        _plain(value)
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
    names = {"L": _Sizes(shape), "math": math, "Max": max, "Min": min, "float": float, "int": int}
    try:
        return bool(eval(guard, {"__builtins__": {}}, names))
    except Exception:  # a condition that is not understood is one that does not hold
        return False
