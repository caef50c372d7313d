"""Types and ranks by PyTorch's rules, so that no operator leaves promotion to JAX."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

Number = int | float
_RANKS = ((jnp.bool_, 0), (jnp.integer, 1), (jnp.floating, 2), (jnp.complexfloating, 3))


def canonical(dtype: Any) -> np.dtype:
    """Return the type that JAX has for one of NumPy's: of 32 bits, where 64 are not enabled.

    Args:
        dtype: anything that NumPy takes for a type, or one of JAX's own ("bfloat16").

    >>> canonical("int64").name, canonical("bfloat16").name
    ('int32', 'bfloat16')
    """
    return np.dtype(jax.dtypes.canonicalize_dtype(jnp.dtype(dtype)))


def together(*values: Any) -> list[Array]:
    """Return arrays of one type and, but for numbers, of one rank.

    PyTorch's rules: the highest kind (truth, integer, float) decides; within it arrays decide
    before arrays without axes, and these before Python's numbers.

    Args:
        *values: arrays and numbers.

    >>> [v.dtype.name for v in together(jnp.ones(2, jnp.bfloat16), 0.5, jnp.ones((), jnp.float32))]
    ['bfloat16', 'bfloat16', 'bfloat16']
    >>> [v.dtype.name for v in together(jnp.ones(2, jnp.int32), 0.5)]
    ['float32', 'float32']
    """
    dtype = common_type(*values)
    rank = max(np.ndim(v) for v in values)
    return [_raised(jnp.asarray(v).astype(dtype), rank) for v in values]


def common_type(*values: Any) -> np.dtype:
    """Return the type that PyTorch gives to a sum of the values.

    Args:
        *values: arrays and numbers.

    >>> common_type(jnp.ones(2, jnp.int32), True).name
    'int32'
    """
    arrays = [v for v in values if hasattr(v, "dtype")]
    numbers = [v for v in values if not hasattr(v, "dtype")]
    best: np.dtype | None = None
    groups = (
        [a.dtype for a in arrays if a.ndim],
        [a.dtype for a in arrays if not a.ndim],
        [_number_type(n) for n in numbers],
    )
    for group in groups:
        if group:
            with jax.numpy_dtype_promotion("standard"):
                dtype = np.dtype(jnp.result_type(*group))
            if best is None or _kind(dtype) > _kind(best):
                best = dtype
    assert best is not None
    return best


def floating(value: Any) -> Array:
    """Return the value as a float: integers as 32 bits, floats as they are.

    >>> floating(jnp.ones(2, jnp.int32)).dtype.name
    'float32'
    """
    value = jnp.asarray(value)
    return value if jnp.issubdtype(value.dtype, jnp.inexact) else value.astype(jnp.float32)


def axis_of(axis: int, rank: int) -> int:
    """Return an axis counted from the front.

    >>> axis_of(-1, 4)
    3
    """
    return axis % max(rank, 1)


def axes_of(axes: Any, rank: int) -> tuple[int, ...]:
    """Return axes counted from the front; none given, or none at all, means every one.

    >>> axes_of([-1], 3), axes_of(None, 2), axes_of([], 2)
    ((2,), (0, 1), (0, 1))
    """
    if axes is None or (not isinstance(axes, int) and not len(axes)):
        return tuple(range(rank))
    return tuple(axis_of(a, rank) for a in ([axes] if isinstance(axes, int) else axes))


def channelwise(vector: Array, rank: int, axis: int = 1) -> Array:
    """Return a vector [c] with axes of length one around it, so that it stands on `axis`.

    >>> channelwise(jnp.ones(3), 4).shape
    (1, 3, 1, 1)
    """
    return vector.reshape([-1 if a == axis else 1 for a in range(rank)])


def _number_type(number: Any) -> np.dtype:
    if isinstance(number, bool):
        return np.dtype(bool)
    return canonical("int64") if isinstance(number, int) else np.dtype(np.float32)


def _kind(dtype: np.dtype) -> int:
    return next(rank for kind, rank in _RANKS if jnp.issubdtype(dtype, kind))


def _raised(value: Array, rank: int) -> Array:
    return (
        value
        if value.ndim in (0, rank)
        else value.reshape((1,) * (rank - value.ndim) + value.shape)
    )
