"""Entries at computed places: tables, gathering, scattering, and new arrays to write into."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from atlasjax.adapters.aten.types import Number, axis_of, canonical, common_type


def embedding(weight: Array, indices: Array, *_: Any, **__: Any) -> Array:
    """Return a row of the table for each index."""
    return jnp.take(weight, indices, axis=0)


def index(x: Array, indices: Sequence[Array | None]) -> Array:
    """Return the entries at the indices, which count for the first axes; None takes all."""
    return x[_places(indices)]


def index_put(
    x: Array, indices: Sequence[Array | None], values: Array, accumulate: bool = False
) -> Array:
    """Return x with values at the indices, added where `accumulate`."""
    at = x.at[_places(indices)]
    values = values.astype(x.dtype)
    shape = jax.eval_shape(lambda: x[_places(indices)]).shape
    values = jnp.broadcast_to(
        values.reshape((1,) * (len(shape) - values.ndim) + values.shape), shape
    )
    return at.add(values) if accumulate else at.set(values)


def index_select(x: Array, dim: int, index: Array) -> Array:
    """Return the slices at the indices."""
    return jnp.take(x, jnp.atleast_1d(index), axis=dim)


def gather(x: Array, dim: int, index: Array, **_: Any) -> Array:
    """Return along an axis the entry that each index names."""
    places = jnp.meshgrid(*(jnp.arange(n) for n in index.shape), indexing="ij")
    places[axis_of(dim, x.ndim)] = index
    return x[tuple(places)]


def scatter(x: Array, dim: int, index: Array, source: Any) -> Array:
    """Return x with entries of the source where each index says, along an axis."""
    places = jnp.meshgrid(*(jnp.arange(n) for n in index.shape), indexing="ij")
    places[axis_of(dim, x.ndim)] = index
    if hasattr(source, "ndim") and source.ndim:
        source = source[tuple(slice(0, n) for n in index.shape)]
    return x.at[tuple(places)].set(jnp.asarray(source).astype(x.dtype))


def slice_scatter(
    x: Array, source: Array, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Array:
    """Return x with the source in a slice."""
    at: list[Any] = [slice(None)] * x.ndim
    at[axis_of(dim, x.ndim)] = slice(start, end, step)
    return x.at[tuple(at)].set(source.astype(x.dtype))


def select_scatter(x: Array, source: Array, dim: int, index: int) -> Array:
    """Return x with the source in one slice."""
    at: list[Any] = [slice(None)] * x.ndim
    at[axis_of(dim, x.ndim)] = index
    return x.at[tuple(at)].set(source.astype(x.dtype))


def copy(x: Array, source: Any, *_: Any) -> Array:
    """Return the source in the shape and type of x."""
    source = jnp.asarray(source).astype(x.dtype)
    return jnp.broadcast_to(source.reshape((1,) * (x.ndim - source.ndim) + source.shape), x.shape)


def full(size: Sequence[int], value: Any, dtype: Any = None, **_: Any) -> Array:
    """Return an array of one value."""
    return jnp.full(tuple(size), value, dtype or common_type(value))


def full_like(x: Array, value: Any, dtype: Any = None, **_: Any) -> Array:
    """Return an array of one value, of the shape and type of x."""
    return jnp.full(x.shape, value, dtype or x.dtype)


def new_full(x: Array, size: Sequence[int], value: Any, dtype: Any = None, **_: Any) -> Array:
    """Return an array of one value, of the type of x."""
    return jnp.full(tuple(size), value, dtype or x.dtype)


def arange(start: Any, end: Any = None, step: Any = 1, dtype: Any = None, **_: Any) -> Array:
    """Return the numbers from a start up to an end."""
    start, end = (0, start) if end is None else (start, end)
    return jnp.arange(start, end, step, dtype or common_type(start, end, step))


def linspace(start: Any, end: Any, steps: int, dtype: Any = None, **_: Any) -> Array:
    """Return numbers at even distances, both ends included."""
    return jnp.linspace(start, end, steps, dtype=dtype or jnp.float32)


def scalar_tensor(value: Any, dtype: Any = None, **_: Any) -> Array:
    """Return a number as an array without axes."""
    return jnp.asarray(value, dtype or jnp.float32)


def eye(n: int, m: int | None = None, dtype: Any = None, **_: Any) -> Array:
    """Return the identity matrix."""
    return jnp.eye(n, n if m is None else m, dtype=dtype or jnp.float32)


def one_hot(x: Array, num_classes: int = -1) -> Array:
    """Return ones where the class is, as whole numbers."""
    return jax.nn.one_hot(x, num_classes, dtype=canonical("int64"))


def meshgrid(tensors: Sequence[Array], indexing: str = "ij") -> tuple[Array, ...]:
    """Return the coordinates of a grid."""
    return tuple(jnp.meshgrid(*tensors, indexing=indexing))


def _places(indices: Sequence[Array | None]) -> tuple[Any, ...]:
    # Numbers without an axis are arrays to PyTorch as well, which is what JAX makes of them.
    return tuple(slice(None) if i is None else i for i in indices)


def _filled(make: Callable[..., Array], value: Number) -> Callable[..., Array]:
    return lambda *a, dtype=None, **k: make(*a, value, dtype=dtype or _float(make), **k)


def _float(make: Callable[..., Array]) -> Any:
    return jnp.float32 if make is full else None


OPERATORS: dict[str, Callable[..., Any]] = {
    "aten.embedding": embedding,
    "aten.index": index,
    "aten.index_put": index_put,
    "aten._unsafe_index": index,
    "aten.index_select": index_select,
    "aten.gather": gather,
    "aten.take_along_dim": lambda x, indices, dim: gather(x, dim, indices),
    "aten.scatter.src": scatter,
    "aten.scatter.value": scatter,
    "aten.slice_scatter": slice_scatter,
    "aten.select_scatter": select_scatter,
    "aten.copy": copy,
    "aten.fill": copy,
    "aten.zero": jnp.zeros_like,
    "aten.full": full,
    "aten.full_like": full_like,
    "aten.new_full": new_full,
    "aten.zeros": _filled(full, 0),
    "aten.ones": _filled(full, 1),
    "aten.empty": _filled(full, 0),
    "aten.zeros_like": _filled(full_like, 0),
    "aten.ones_like": _filled(full_like, 1),
    "aten.empty_like": _filled(full_like, 0),
    "aten.new_zeros": _filled(new_full, 0),
    "aten.new_ones": _filled(new_full, 1),
    "aten.new_empty": _filled(new_full, 0),
    "aten.arange": arange,
    "aten.linspace": linspace,
    "aten.scalar_tensor": scalar_tensor,
    "aten.eye": eye,
    "aten.one_hot": one_hot,
    "aten.meshgrid": meshgrid,
}
