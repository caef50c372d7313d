"""Which value of a graph is the output of which module: the names of the taps.

Every node of an exported graph knows the calls that it was made in, outermost first. A call's
output is the last of its values that is used outside of it. The first call of a module has the
module's own dotted name, later ones (a rectifier that is used twice) have ":1", ":2", ... behind
it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Calls = tuple[str, ...]


def module_of(node: Any) -> str:
    """Return the dotted name of the innermost module that a node belongs to; "" at the root."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    return stack[-1][0] if stack else ""


def tap_names(nodes: Sequence[Any], batch: Any) -> dict[str, tuple[str, ...]]:
    """Return for each node that is a module's output the names to show it under.

    Args:
        nodes: a graph's nodes, in order.
        batch: how many images there are, as PyTorch has it: a number or a symbol.

    Returns:
        For each such node's name the names of its taps, the innermost module's first.
    """
    inside: dict[Calls, list[Any]] = {}
    names: dict[Calls, str] = {}
    for node in nodes:
        calls: Calls = ()
        for key, (name, _) in (node.meta.get("nn_module_stack") or {}).items():
            calls = (*calls, key)
            if name:
                inside.setdefault(calls, []).append(node)
                names.setdefault(calls, name)
    unique = _unique(names)
    taps: dict[str, tuple[str, ...]] = {}
    for calls in sorted(inside, key=len, reverse=True):
        output = _output(inside[calls], batch)
        if output is not None:
            taps[output.name] = (*taps.get(output.name, ()), unique[calls])
    return taps


def turned(shape: Sequence[Any], image: Sequence[Any]) -> bool:
    """Return whether a value of four dimensions is [b, h, w, c] rather than [b, c, h, w].

    The two axes that stand to each other as rows and columns of the image are the places.

    Args:
        shape: of the value.
        image: of the network's input, [b, c, h, w].

    >>> turned((1, 56, 56, 96), (1, 3, 224, 224)), turned((1, 96, 56, 56), (1, 3, 224, 224))
    (True, False)
    """
    _, first, second, third = (_size(n) for n in shape)
    rows, columns = (_size(n) for n in image[2:])

    def alike(h: int, w: int) -> bool:
        # Within a place, since odd sizes are halved to one side or the other.
        return abs(h * columns - w * rows) <= (max(rows, columns) if rows != columns else 0)

    return alike(first, second) and not alike(second, third)


def hints(shape: Sequence[Any]) -> tuple[int, ...]:
    """Return the sizes that symbols stood for when the graph was made."""
    return tuple(_size(n) for n in shape)


def _size(n: Any) -> int:
    if isinstance(n, int):
        return n
    hint = getattr(n.node, "hint", None)
    return int(hint) if hint is not None else 0


def _unique(names: Mapping[Calls, str]) -> dict[Calls, str]:
    count: dict[str, int] = {}
    unique: dict[Calls, str] = {}
    for calls, name in names.items():
        n = count.get(name, 0)
        unique[calls] = f"{name}:{n}" if n else name
        count[name] = n + 1
    return unique


def _output(nodes: Sequence[Any], batch: Any) -> Any:
    """Return the last value for each image that is used outside of the call."""
    own = set(nodes)
    for node in reversed(nodes):
        value = node.meta.get("val")
        shape = getattr(value, "shape", ())
        # A symbol is compared by its name, since comparing it would ask what it stands for.
        shown = len(shape) > 0 and str(shape[0]) == str(batch) and value.dtype.is_floating_point
        if shown and any(user not in own for user in node.users):
            return node
    return None
