"""The table of all operators that are translated."""

from collections.abc import Callable, Mapping
from typing import Any

from atlasjax.adapters.aten import (
    convolution,
    elementwise,
    indexing,
    normalization,
    pooling,
    reductions,
    shapes,
    symbols,
)


def table() -> dict[str, Callable[..., Any]]:
    """Return every operator by its name.

    >>> sorted(n for n in table() if n.startswith("aten.max."))
    ['aten.max.dim', 'aten.max.other']
    """
    topics = (
        convolution,
        elementwise,
        indexing,
        normalization,
        pooling,
        reductions,
        shapes,
        symbols,
    )
    return {name: operator for topic in topics for name, operator in topic.OPERATORS.items()}


def found(name: str, operators: Mapping[str, Callable[..., Any]]) -> Callable[..., Any] | None:
    """Return the operator of a name such as "aten.add.Tensor", or None.

    One for the overload comes before one for all of them; what PyTorch does in place ("add_") is
    here a new value.

    >>> found("aten.relu_.default", table()) is found("aten.relu.default", table())
    True
    """
    packet, _, overload = name.rpartition(".") if name.count(".") > 1 else (name, "", "")
    plain = packet.removesuffix("_") if not packet.endswith("__") else packet
    for each in (name, f"{plain}.{overload}", packet, plain):
        if each in operators:
            return operators[each]
    return None
