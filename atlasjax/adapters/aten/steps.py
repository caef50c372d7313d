"""Steps: the nodes of an exported graph, and what those that overwrite do to views.

PyTorch overwrites values in place, and what is a view of the same memory changes with them. Here
all values stay what they are, so a write makes new ones: of the array that holds the memory, and of
every view of it so far.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from atlasjax.adapters.aten.modules import module_of
from atlasjax.adapters.aten.program import Ref, Step, Write
from atlasjax.adapters.aten.table import found, table
from atlasjax.adapters.aten.types import canonical

# Views or copies, as the memory happens to lie.
_UNSURE = frozenset(
    f"aten.{name}"
    for name in ("contiguous", "flatten", "reshape", "reshape_as", "to", "type_as", "unflatten")
)


def steps_of(nodes: Sequence[Any], taps: dict[str, tuple[str, ...]]) -> tuple[Step, ...]:
    """Return the steps that a graph's nodes stand for.

    Args:
        nodes: of a `torch.fx` graph, in order.
        taps: for each node's name the names of its taps.
    """
    operators = table()
    steps: list[Step] = []
    base: dict[str, str] = {}  # the value whose memory each one shows
    path: dict[str, tuple[Step, ...]] = {}  # and the views that lead from there to it
    for node in nodes:
        base[node.name], path[node.name] = node.name, ()
        if node.op not in ("call_function", "get_attr"):
            continue
        called, written, seen = _name(node), written_by(node), viewed_by(node)
        step = Step(
            name=node.name,
            operator=called,
            function=found(called, operators),
            args=plain(tuple(node.args)),
            kwargs=plain(dict(node.kwargs)),
            module=module_of(node),
            taps=taps.get(node.name, ()),
        )
        if written is not None:
            base[node.name], path[node.name] = base[written.name], path[written.name]
            members = [name for name, of in base.items() if of == base[written.name]]
            views = tuple((name, path[name]) for name in members)
            step = step._replace(write=Write(written.name, base[written.name], views))
        elif seen is not None:
            base[node.name], path[node.name] = base[seen.name], (*path[seen.name], step)
        steps.append(step)
    return tuple(steps)


def unsure(program_steps: Sequence[Step]) -> bool:
    """Return whether something is overwritten of which a copy, perhaps, is used as well.

    Args:
        program_steps: of a whole graph.
    """
    return any(
        view.operator.rsplit(".", 1)[0] in _UNSURE
        for step in program_steps
        if step.write is not None
        for _, path in step.write.views
        for view in path
    )


def written_by(node: Any) -> Any:
    """Return the node whose value this one overwrites, or None."""
    schema = getattr(node.target, "_schema", None)
    for i, argument in enumerate(schema.arguments if schema is not None else ()):
        if argument.alias_info is not None and argument.alias_info.is_write:
            return node.args[i] if i < len(node.args) else node.kwargs.get(argument.name)
    return None


def viewed_by(node: Any) -> Any:
    """Return the node whose memory this one shows in another way, or None."""
    first = node.args[0] if node.args and hasattr(node.args[0], "meta") else None
    if _name(node) == "operator.getitem":
        return first
    schema = getattr(node.target, "_schema", None)
    aliased = schema is not None and any(a.alias_info is not None for a in schema.arguments[:1])
    return first if aliased else None


def dtype_of(dtype: Any) -> np.dtype:
    """Return JAX's type for one of PyTorch's.

    >>> dtype_of("torch.float16").name
    'float16'
    """
    return canonical(str(dtype).removeprefix("torch."))


def plain(tree: Any) -> Any:
    """Return arguments without anything of PyTorch's in them.

    Args:
        tree: arguments of a node; other nodes become `Ref`, types those of JAX.
    """
    import torch

    if isinstance(tree, torch.fx.Node):
        return Ref(tree.name)
    if isinstance(tree, torch.dtype):
        return dtype_of(tree)
    if isinstance(tree, torch.device | torch.layout | torch.memory_format):
        return None
    if isinstance(tree, list | tuple):
        return (list if isinstance(tree, list) else tuple)(plain(t) for t in tree)
    if isinstance(tree, dict):
        return {key: plain(t) for key, t in tree.items()}
    if isinstance(tree, slice):
        return slice(plain(tree.start), plain(tree.stop), plain(tree.step))
    return tree


def _name(node: Any) -> str:
    """Return an operator's name: "aten.add.Tensor", "operator.mul", "math.ceil"."""
    target = node.target
    if node.op == "get_attr" or hasattr(target, "_schema"):
        return str(target)
    module = str(getattr(target, "__module__", "")).removeprefix("_")
    return f"{module}.{getattr(target, '__name__', target)}"
