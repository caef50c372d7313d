"""Operators that take every entry by itself: arithmetic, comparisons, nonlinearities."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from atlasjax.adapters.aten.types import Number, common_type, floating, together


def unary(function: Callable[[Array], Array]) -> Callable[..., Array]:
    """Return the operator that applies a function of floats."""

    def apply(x: Any) -> Array:
        return function(floating(x))

    return apply


def binary(function: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    """Return the operator that applies a function of two arrays after promotion."""

    def apply(x: Any, y: Any) -> Array:
        return function(*together(x, y))

    return apply


def add(x: Any, y: Any, alpha: Any = 1) -> Array:
    """Return `x + alpha y`."""
    x, y = together(x, y)
    return jnp.logical_or(x, y) if x.dtype == bool else x + _scaled(y, alpha)


def sub(x: Any, y: Any, alpha: Any = 1) -> Array:
    """Return `x - alpha y`."""
    x, y = together(x, y)
    return x - _scaled(y, alpha)


def rsub(x: Any, y: Any, alpha: Any = 1) -> Array:
    """Return `y - alpha x`."""
    return sub(y, x, alpha)


def div(x: Any, y: Any, rounding_mode: str | None = None) -> Array:
    """Return the quotient, a float unless it is rounded ("floor", "trunc")."""
    x, y = together(x, y)
    if rounding_mode is None:
        return floating(x) / floating(y)
    if rounding_mode == "floor":
        return jnp.floor_divide(x, y)
    whole = jnp.issubdtype(x.dtype, jnp.integer)
    return jax.lax.div(*jnp.broadcast_arrays(x, y)) if whole else jnp.trunc(x / y)


def power(x: Any, exponent: Any) -> Array:
    """Return `x ** exponent`; a whole number as exponent is multiplied out, exact below zero."""
    if isinstance(exponent, int | float) and hasattr(x, "dtype"):
        x = jnp.asarray(x).astype(common_type(x, exponent))
        if float(exponent).is_integer():
            return jax.lax.integer_pow(x, int(exponent))
        return jnp.sqrt(x) if exponent == 0.5 else jnp.power(x, jnp.asarray(exponent, x.dtype))
    return jnp.power(*together(x, exponent))


def addcmul(x: Array, y: Array, z: Array, value: Any = 1) -> Array:
    """Return `x + value y z`."""
    return add(x, jnp.multiply(*together(y, z)), value)


def addcdiv(x: Array, y: Array, z: Array, value: Any = 1) -> Array:
    """Return `x + value y / z`."""
    return add(x, div(y, z), value)


def lerp(x: Array, end: Array, weight: Any) -> Array:
    """Return `x + weight (end - x)`."""
    x, end, weight = together(x, end, weight)
    return x + weight * (end - x)


def clamp(x: Array, min: Any = None, max: Any = None) -> Array:
    """Return x between the bounds; as in PyTorch a bound that is reached passes its gradient."""
    low, high = min, max
    if low is not None:
        x, low = together(x, low)
        x = jnp.where(x < low, low, x)
    if high is not None:
        x, high = together(x, high)
        x = jnp.where(x > high, high, x)
    return x


def hardtanh(x: Array, min_val: Number = -1.0, max_val: Number = 1.0) -> Array:
    """Return x between the bounds, without a gradient where one is reached."""
    low, high = jnp.asarray(min_val, x.dtype), jnp.asarray(max_val, x.dtype)
    return jnp.where(x <= low, low, jnp.where(x >= high, high, x))


def gelu(x: Array, approximate: str = "none") -> Array:
    """Return `x Phi(x)`, exact or by the hyperbolic tangent."""
    if approximate == "tanh":
        return jax.nn.gelu(x)
    # As PyTorch has it; JAX's own takes erfc, which is as good here and takes longer.
    return 0.5 * x * (1 + jax.lax.erf(math.sqrt(0.5) * x))


def leaky_relu(x: Array, negative_slope: Number = 0.01) -> Array:
    """Return x, times the slope below zero."""
    return jnp.where(x > 0, x, x * jnp.asarray(negative_slope, x.dtype))


def prelu(x: Array, weight: Array) -> Array:
    """Return x, times the slope of its channel below zero."""
    slopes = weight.reshape((1, -1) + (1,) * (x.ndim - 2)) if x.ndim > 1 else weight
    return jnp.where(x > 0, x, slopes * x)


def elu(x: Array, alpha: Number = 1.0, scale: Number = 1.0, input_scale: Number = 1.0) -> Array:
    """Return `scale x` above zero, `scale alpha (exp(input_scale x) - 1)` below."""
    # The exponential is never taken of what is large: its infinity would spoil the gradient.
    below = jnp.expm1(jnp.where(x > 0, 0, x) * input_scale) * alpha
    return jnp.where(x > 0, x, below) * scale


def softplus(x: Array, beta: Number = 1.0, threshold: Number = 20.0) -> Array:
    """Return `log(1 + exp(beta x)) / beta`, and x itself beyond the threshold."""
    return jnp.where(x * beta > threshold, x, jax.nn.softplus(x * beta) / beta)


def hardsigmoid(x: Array) -> Array:
    """Return `clip(x / 6 + 1 / 2, 0, 1)`."""
    return hardtanh(x + 3, 0.0, 6.0) / 6


def hardswish(x: Array) -> Array:
    """Return `x clip(x + 3, 0, 6) / 6`."""
    return x * hardsigmoid(x)


def threshold(x: Array, threshold: Number, value: Number) -> Array:
    """Return x where it exceeds the threshold, else the value."""
    return jnp.where(x > threshold, x, jnp.asarray(value, x.dtype))


def softshrink(x: Array, lambd: Number = 0.5) -> Array:
    """Return x moved towards zero by `lambd`."""
    return jnp.where(x > lambd, x - lambd, jnp.where(x < -lambd, x + lambd, jnp.zeros_like(x)))


def hardshrink(x: Array, lambd: Number = 0.5) -> Array:
    """Return x where it is further than `lambd` from zero, else zero."""
    return jnp.where(jnp.abs(x) > lambd, x, jnp.zeros_like(x))


def glu(x: Array, dim: int = -1) -> Array:
    """Return one half times the logistic function of the other."""
    half, gate = jnp.split(x, 2, dim)
    return half * jax.nn.sigmoid(gate)


def where(condition: Array, x: Any, y: Any) -> Array:
    """Return x where the condition holds, else y."""
    x, y = together(x, y)
    rank = max(condition.ndim, x.ndim, y.ndim)
    condition, x, y = (
        v if v.ndim in (0, rank) else v.reshape((1,) * (rank - v.ndim) + v.shape)
        for v in (condition.astype(bool), x, y)
    )
    return jnp.where(condition, x, y)


def masked_fill(x: Array, mask: Array, value: Any) -> Array:
    """Return x with the value where the mask holds."""
    return where(mask, jnp.asarray(value).astype(x.dtype), x)


def remainder(x: Any, y: Any) -> Array:
    """Return what the division leaves, of the divisor's sign."""
    return jnp.remainder(*together(x, y))


def _bitwise(logical: Callable, bits: Callable) -> Callable[..., Array]:
    def apply(x: Any, y: Any) -> Array:
        x, y = together(x, y)
        return logical(x, y) if x.dtype == bool else bits(x, y)

    return apply


def _scaled(x: Array, alpha: Any) -> Array:
    return x if isinstance(alpha, int) and alpha == 1 else x * jnp.asarray(alpha).astype(x.dtype)


def _as_is(function: Callable[[Array], Array]) -> Callable[..., Array]:
    return lambda x: function(jnp.asarray(x))


def _truth(function: Callable[[Array, Array], Array]) -> Callable[..., Array]:
    return lambda x, y: function(jnp.asarray(x).astype(bool), jnp.asarray(y).astype(bool))


_FLOATS: dict[str, Callable[[Array], Array]] = {
    "acos": jnp.arccos, "asin": jnp.arcsin, "atan": jnp.arctan, "ceil": jnp.ceil, "cos": jnp.cos,
    "cosh": jnp.cosh, "erf": jax.lax.erf, "erfc": jax.lax.erfc, "erfinv": jax.lax.erf_inv,
    "exp": jnp.exp, "exp2": jnp.exp2, "expm1": jnp.expm1, "floor": jnp.floor,
    "frac": lambda x: x - jnp.trunc(x), "log": jnp.log, "log10": jnp.log10, "log1p": jnp.log1p,
    "log2": jnp.log2, "log_sigmoid": jax.nn.log_sigmoid,
    "mish": lambda x: x * jnp.tanh(jax.nn.softplus(x)),
    "reciprocal": lambda x: 1 / x, "round": jnp.round, "rsqrt": jax.lax.rsqrt,
    "selu": partial(elu, alpha=1.6732632423543772, scale=1.0507009873554805),
    "sigmoid": jax.nn.sigmoid, "silu": lambda x: x * jax.nn.sigmoid(x), "sin": jnp.sin,
    "sinh": jnp.sinh, "sqrt": jnp.sqrt,
    "tan": jnp.tan, "tanh": jnp.tanh, "trunc": jnp.trunc,
}  # fmt: skip

_PAIRS: dict[str, Callable[[Array, Array], Array]] = {
    "atan2": jnp.arctan2, "eq": jnp.equal, "floor_divide": jnp.floor_divide, "fmod": jnp.fmod,
    "ge": jnp.greater_equal, "gt": jnp.greater, "le": jnp.less_equal, "lt": jnp.less,
    "max.other": jnp.maximum, "maximum": jnp.maximum, "min.other": jnp.minimum,
    "minimum": jnp.minimum, "mul": jnp.multiply, "multiply": jnp.multiply, "ne": jnp.not_equal,
    "remainder": jnp.remainder,
}  # fmt: skip

_GIVEN: dict[str, Callable[..., Array]] = {
    "add": add, "addcdiv": addcdiv, "addcmul": addcmul,
    "celu": lambda x, alpha=1.0: elu(x, alpha, 1.0, 1 / alpha), "clamp": clamp,
    "clamp_max": lambda x, max: clamp(x, None, max), "clamp_min": clamp,
    "clip": clamp, "div": div, "divide": div, "elu": elu, "gelu": gelu, "glu": glu,
    "hardshrink": hardshrink, "hardsigmoid": hardsigmoid, "hardswish": hardswish,
    "hardtanh": hardtanh, "leaky_relu": leaky_relu, "lerp": lerp, "masked_fill": masked_fill,
    "pow": power, "prelu": prelu,
    "_prelu_kernel": lambda x, weight: where(x > 0, x, jnp.multiply(*together(x, weight))),
    "relu6": lambda x: hardtanh(x, 0.0, 6.0), "rsub": rsub, "softplus": softplus,
    "softshrink": softshrink, "sub": sub, "subtract": sub, "threshold": threshold,
    "true_divide": div, "where": where,
    "abs": _as_is(jnp.abs), "bitwise_not": _as_is(jnp.bitwise_not), "isinf": _as_is(jnp.isinf),
    "isnan": _as_is(jnp.isnan), "logical_not": _as_is(jnp.logical_not), "neg": _as_is(jnp.negative),
    "relu": _as_is(jax.nn.relu), "sign": _as_is(jnp.sign), "square": _as_is(jnp.square),
    "bitwise_and": _bitwise(jnp.logical_and, jnp.bitwise_and),
    "bitwise_or": _bitwise(jnp.logical_or, jnp.bitwise_or),
    "bitwise_xor": _bitwise(jnp.logical_xor, jnp.bitwise_xor),
    "__and__": _bitwise(jnp.logical_and, jnp.bitwise_and),
    "__or__": _bitwise(jnp.logical_or, jnp.bitwise_or),
    "logical_and": _truth(jnp.logical_and), "logical_or": _truth(jnp.logical_or),
    "logical_xor": _truth(jnp.logical_xor),
}  # fmt: skip

OPERATORS: dict[str, Callable[..., Any]] = {
    f"aten.{name}": operator
    for table in (
        {name: unary(function) for name, function in _FLOATS.items()},
        {name: binary(function) for name, function in _PAIRS.items()},
        _GIVEN,
    )
    for name, operator in table.items()
}
