"""Operators that move entries about, or lay them out anew, without computing."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from atlasjax.adapters.aten.types import axis_of, together


def same(x: Any, *_: Any, **__: Any) -> Any:
    """Return x: what memory layouts, gradients and training are about has no part in its value."""
    return x


def cast(x: Array, dtype: Any = None, *_: Any, **__: Any) -> Array:
    """Return x as the given type."""
    x = jnp.asarray(x)
    return x if dtype is None else x.astype(dtype)


def view(x: Array, *shape: Any) -> Array:
    """Return x in another shape, with the entries in their order; -1 is worked out."""
    sizes = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
    return x.reshape(tuple(sizes))


def flatten(x: Array, start_dim: int = 0, end_dim: int = -1) -> Array:
    """Return x with a range of axes as one."""
    start, end = axis_of(start_dim, x.ndim), axis_of(end_dim, x.ndim)
    return x.reshape(*x.shape[:start], int(np.prod(x.shape[start : end + 1])), *x.shape[end + 1 :])


def unflatten(x: Array, dim: int, sizes: Sequence[int]) -> Array:
    """Return x with one axis as several."""
    dim = axis_of(dim, x.ndim)
    sizes = list(sizes)
    if -1 in sizes:
        sizes[sizes.index(-1)] = x.shape[dim] // -int(np.prod(sizes))
    return x.reshape(*x.shape[:dim], *sizes, *x.shape[dim + 1 :])


def permute(x: Array, dims: Sequence[int]) -> Array:
    """Return x with its axes in another order."""
    return x.transpose([axis_of(d, x.ndim) for d in dims])


def swap(x: Array, dim0: int = 0, dim1: int = -1) -> Array:
    """Return x with two axes exchanged."""
    return jnp.swapaxes(x, dim0, dim1)


def transpose(x: Array) -> Array:
    """Return the transpose of a matrix; what has fewer axes stays as it is."""
    return x.T if x.ndim == 2 else x


def expand(x: Array, size: Sequence[int], **_: Any) -> Array:
    """Return x repeated along axes of length one and along new ones; -1 leaves an axis."""
    lead = len(size) - x.ndim
    sizes = [x.shape[i - lead] if n == -1 else n for i, n in enumerate(size)]
    return jnp.broadcast_to(x.reshape((1,) * lead + x.shape), sizes)


def repeat(x: Array, repeats: Sequence[int]) -> Array:
    """Return x laid side by side along each axis."""
    return jnp.tile(x, tuple(repeats))


def squeeze(x: Array, dims: Any = None) -> Array:
    """Return x without its axes of length one, or without those named."""
    if dims is None:
        return jnp.squeeze(x)
    named = {axis_of(d, x.ndim) for d in ([dims] if isinstance(dims, int) else dims)}
    return jnp.squeeze(x, tuple(d for d in sorted(named) if x.shape[d] == 1))


def unsqueeze(x: Array, dim: int) -> Array:
    """Return x with a new axis of length one."""
    return jnp.expand_dims(x, dim)


def cat(tensors: Sequence[Array], dim: int = 0) -> Array:
    """Return arrays one behind the other; PyTorch leaves out what is empty and has one axis."""
    kept = [t for t in tensors if t.shape != (0,)]
    return jnp.concatenate(together(*kept), dim) if kept else tensors[0]


def stack(tensors: Sequence[Array], dim: int = 0) -> Array:
    """Return arrays along a new axis."""
    return jnp.stack(together(*tensors), dim)


def split(x: Array, split_size: int | Sequence[int], dim: int = 0) -> tuple[Array, ...]:
    """Return pieces of one size, the last perhaps shorter, or of the sizes given."""
    length = x.shape[axis_of(dim, x.ndim)]
    if isinstance(split_size, int):
        ends = list(range(split_size, length, split_size))
    else:
        ends = np.cumsum(split_size)[:-1].tolist()
    return tuple(jnp.split(x, ends, dim))


def chunk(x: Array, chunks: int, dim: int = 0) -> tuple[Array, ...]:
    """Return at most so many pieces of one size, the last perhaps shorter."""
    length = x.shape[axis_of(dim, x.ndim)]
    return split(x, -(-length // chunks), dim)


def unbind(x: Array, dim: int = 0) -> tuple[Array, ...]:
    """Return the slices along an axis."""
    return tuple(jnp.moveaxis(x, dim, 0))


def take_slice(
    x: Array, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Array:
    """Return a slice along an axis; what lies beyond its ends is clipped."""
    index: list[Any] = [slice(None)] * x.ndim
    index[axis_of(dim, x.ndim)] = slice(start, end, step)
    return x[tuple(index)]


def narrow(x: Array, dim: int, start: int, length: int) -> Array:
    """Return a slice of a given length."""
    return take_slice(x, dim, start, start + length)


def select(x: Array, dim: int, index: int) -> Array:
    """Return one slice, without the axis."""
    axis = axis_of(dim, x.ndim)
    return jax.lax.index_in_dim(x, index, axis, keepdims=False)


def flip(x: Array, dims: Sequence[int]) -> Array:
    """Return x backwards along the axes."""
    return jnp.flip(x, tuple(dims))


def roll(x: Array, shifts: Any, dims: Any = ()) -> Array:
    """Return x turned round along the axes."""
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    return jnp.roll(x, shifts, dims) if dims else jnp.roll(x, shifts[0])


def constant_pad(x: Array, pad: Sequence[int], value: Any = 0) -> Array:
    """Return x in a border of one value; a border below zero cuts off."""
    return jax.lax.pad(x, jnp.asarray(value).astype(x.dtype), [(*w, 0) for w in _widths(x, pad)])


def reflection_pad(x: Array, padding: Sequence[int]) -> Array:
    """Return x in a border of its own reflection."""
    return _padded(x, padding, "reflect")


def replication_pad(x: Array, padding: Sequence[int]) -> Array:
    """Return x in a border of its outermost values."""
    return _padded(x, padding, "edge")


def pad(x: Array, pad: Sequence[int], mode: str = "constant", value: Any = None) -> Array:
    """Return x in a border of one of PyTorch's kinds."""
    if mode == "constant":
        return constant_pad(x, pad, 0 if value is None else value)
    return _padded(x, pad, {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode])


def _widths(x: Array, pad: Sequence[int]) -> list[tuple[int, int]]:
    """From PyTorch's order, the last axis first, to one pair for each axis."""
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
    return [(0, 0)] * (x.ndim - len(pairs)) + pairs[::-1]


def _padded(x: Array, pad: Sequence[int], mode: str) -> Array:
    widths = _widths(x, pad)
    outside = [(max(a, 0), max(b, 0)) for a, b in widths]
    inside = [slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, widths, strict=True)]
    return jnp.pad(x[tuple(inside)], outside, mode=mode)


_SAME = (
    "alias", "alias_copy", "clone", "contiguous", "dropout", "alpha_dropout",
    "feature_dropout", "feature_alpha_dropout", "lift", "lift_fresh", "lift_fresh_copy",
    "positive", "resolve_conj", "resolve_neg",
)  # fmt: skip

OPERATORS: dict[str, Callable[..., Any]] = {
    **{f"aten.{name}": same for name in _SAME},
    **{f"aten.{name}": view for name in ("view", "_unsafe_view", "reshape", "view_copy")},
    "aten._to_copy": cast,
    "aten.to.dtype": cast,
    "aten.to.dtype_layout": cast,
    "aten.to.device": lambda x, device=None, dtype=None, *_, **__: cast(x, dtype),
    "aten.to.other": lambda x, other, *_, **__: cast(x, other.dtype),
    "aten.type_as": lambda x, other: cast(x, other.dtype),
    "aten.view_as": lambda x, other: x.reshape(other.shape),
    "aten.reshape_as": lambda x, other: x.reshape(other.shape),
    "aten.expand_as": lambda x, other: expand(x, other.shape),
    "aten.native_dropout": lambda x, *_: (x, None),
    "aten.detach": jax.lax.stop_gradient,
    "aten.cat": cat,
    "aten.concat": cat,
    "aten.concatenate": cat,
    "aten.chunk": chunk,
    "aten.constant_pad_nd": constant_pad,
    "aten.expand": expand,
    "aten.expand_copy": expand,
    "aten.flatten": flatten,
    "aten.flip": flip,
    "aten.movedim": jnp.moveaxis,
    "aten.narrow": narrow,
    "aten.numpy_T": lambda x: x.T,
    "aten.pad": pad,
    "aten.permute": permute,
    "aten.permute_copy": permute,
    "aten.repeat": repeat,
    "aten.roll": roll,
    "aten.select": select,
    "aten.select_copy": select,
    "aten.slice": take_slice,
    "aten.slice_copy": take_slice,
    "aten.split": split,
    "aten.split_with_sizes": split,
    "aten.split_with_sizes_copy": split,
    "aten.squeeze": squeeze,
    "aten.squeeze_copy": squeeze,
    "aten.stack": stack,
    "aten.swapaxes": swap,
    "aten.t": transpose,
    "aten.tile": repeat,
    "aten.transpose": swap,
    "aten.mT": lambda x: swap(x, -2, -1),
    "aten.unbind": unbind,
    "aten.unflatten": unflatten,
    "aten.unsqueeze": unsqueeze,
    "aten.unsqueeze_copy": unsqueeze,
    **{f"aten.reflection_pad{n}d": reflection_pad for n in (1, 2, 3)},
    **{f"aten.replication_pad{n}d": replication_pad for n in (1, 2, 3)},
}
