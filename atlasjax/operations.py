"""What is known of the equations of traced programs: which are pointwise, and which linear."""

from collections.abc import Sequence

POINTWISE = {
    *("abs", "acos", "acosh", "add", "add_any", "and", "asin", "asinh", "atan", "atan2", "atanh"),
    *("cbrt", "ceil", "clamp", "convert_element_type", "copy", "copy_p", "cos", "cosh", "div"),
    *("eq", "erf", "erf_inv", "erfc", "exp", "exp2", "expm1", "floor", "ge", "gt", "integer_pow"),
    *("is_finite", "le", "log", "log1p", "logistic", "lt", "max", "min", "mul", "name", "ne"),
    *("neg", "not", "or", "pow", "reduce_precision", "rem", "round", "rsqrt", "select_n", "sign"),
    *("sin", "sinh", "sqrt", "square", "stop_gradient", "sub", "tan", "tanh", "xor"),
}
"""Equations that take every entry by itself."""

_EVERY = None
_LINEAR: dict[str, tuple[int, ...] | None] = {  # in which of its operands an equation is linear
    **dict.fromkeys(("add", "add_any", "concatenate", "neg", "pad", "sub"), _EVERY),
    **dict.fromkeys(("broadcast_in_dim", "convert_element_type", "copy", "copy_p"), (0,)),
    **dict.fromkeys(("cumsum", "div", "dynamic_slice", "expand_dims", "gather", "name"), (0,)),
    **dict.fromkeys(("optimization_barrier", "sharding_constraint"), _EVERY),
    **dict.fromkeys(("reduce_precision", "reduce_sum", "reduce_window_sum", "reshape"), (0,)),
    **dict.fromkeys(("rev", "slice", "split", "squeeze", "stop_gradient", "transpose"), (0,)),
    **dict.fromkeys(("dynamic_update_slice",), (0, 1)),
    **dict.fromkeys(("scatter", "scatter-add"), (0, 2)),
}
PRODUCTS = ("conv_general_dilated", "dot_general", "mul")
"""Equations of two operands that are linear in each of them, but not in both together."""


def linear_in(name: str, count: int) -> Sequence[int]:
    """Return in which of its operands an equation is linear, each taken by itself.

    Args:
        name: of its primitive.
        count: how many operands it has.

    >>> list(linear_in("add", 2)), list(linear_in("div", 2)), list(linear_in("exp", 1))
    ([0, 1], [0], [])
    """
    if name in PRODUCTS:
        return range(count)
    if name == "select_n":
        return range(1, count)
    linear = _LINEAR.get(name, ())
    return range(count) if linear is None else linear
