"""Arithmetic of sizes: in JAX a shape is known while tracing, so all of it is plain Python."""

import math
import operator
from collections.abc import Callable
from typing import Any

_PYTHON = (
    "add", "and_", "eq", "floordiv", "ge", "getitem", "gt", "le", "lt", "mod", "mul", "ne", "neg",
    "not_", "or_", "pow", "sub", "truediv",
)  # fmt: skip


def nothing(*_: Any, **__: Any) -> None:
    """Return nothing: what asserts something of sizes has been asserted by the export."""
    return


OPERATORS: dict[str, Callable[..., Any]] = {
    **{f"operator.{name}": getattr(operator, name) for name in _PYTHON},
    **{f"math.{name}": getattr(math, name) for name in ("ceil", "floor", "sqrt", "trunc")},
    "builtins.max": max,
    "builtins.min": min,
    "builtins.round": round,
    "torch.sym_float": float,
    "torch.sym_int": int,
    "torch.sym_ite": lambda condition, yes, no: yes if condition else no,
    "torch.sym_max": max,
    "torch.sym_min": min,
    "torch.sym_not": operator.not_,
    "torch.sym_sqrt": math.sqrt,
    "torch._sym_sqrt": math.sqrt,
    "torch.sym_sum": sum,
    "aten.sym_size": lambda x, dim: x.shape[dim],
    "aten.sym_numel": lambda x: x.size,
    "aten._assert_scalar": nothing,
    "aten._assert_tensor_metadata": nothing,
    "aten._assert_async": nothing,
    "aten.sym_constrain_range": nothing,
    "aten.sym_constrain_range_for_size": nothing,
}
