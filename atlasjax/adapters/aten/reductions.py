"""Operators that make one entry of many: sums, means, extremes, sortings."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from atlasjax.adapters.aten.types import axes_of, canonical, floating


class Sorted(NamedTuple):
    """Values and where they stood, as PyTorch returns both."""

    values: Array
    indices: Array


def total(x: Array, dim: Any = None, keepdim: bool = False, dtype: Any = None, **_: Any) -> Array:
    """Return the sum; of truths and small integers a large integer."""
    return jnp.sum(_summable(x, dtype), axes_of(dim, x.ndim), keepdims=keepdim)


def mean(x: Array, dim: Any = None, keepdim: bool = False, dtype: Any = None, **_: Any) -> Array:
    """Return the mean."""
    return jnp.mean(_cast(x, dtype), axes_of(dim, x.ndim), keepdims=keepdim)


def var(
    x: Array,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> Array:
    """Return the variance, by default with one degree of freedom taken off."""
    if isinstance(dim, bool):  # var(x, unbiased)
        dim, unbiased = None, dim
    taken = int(unbiased) if correction is None else correction
    return jnp.var(x, axes_of(dim, x.ndim), ddof=taken, keepdims=keepdim)


def corrected(x: Array, dim: Any = None, *, correction: Any = 1, keepdim: bool = False) -> Array:
    """Return the variance with some degrees of freedom taken off."""
    taken = 1 if correction is None else correction
    return jnp.var(x, axes_of(dim, x.ndim), ddof=taken, keepdims=keepdim)


def amax(x: Array, dim: Any = (), keepdim: bool = False) -> Array:
    """Return the maximum."""
    return jnp.max(x, axes_of(dim, x.ndim), keepdims=keepdim)


def amin(x: Array, dim: Any = (), keepdim: bool = False) -> Array:
    """Return the minimum."""
    return jnp.min(x, axes_of(dim, x.ndim), keepdims=keepdim)


def argmax(x: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """Return where the maximum stands, the first of several."""
    return jnp.argmax(x, dim, keepdims=keepdim).astype(canonical("int64"))


def argmin(x: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """Return where the minimum stands, the first of several."""
    return jnp.argmin(x, dim, keepdims=keepdim).astype(canonical("int64"))


def max_along(x: Array, dim: int, keepdim: bool = False) -> Sorted:
    """Return the maxima along an axis and where they stand."""
    return _at(x, argmax(x, dim, True), dim, keepdim)


def min_along(x: Array, dim: int, keepdim: bool = False) -> Sorted:
    """Return the minima along an axis and where they stand."""
    return _at(x, argmin(x, dim, True), dim, keepdim)


def topk(x: Array, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Sorted:
    """Return the k largest or smallest along an axis, in order, and where they stand."""
    del sorted
    moved = jnp.moveaxis(x, dim, -1)
    values, places = jax.lax.top_k(moved if largest else -moved, k)
    values, places = (jnp.moveaxis(v, -1, dim) for v in (values, places))
    return Sorted(values if largest else -values, places.astype(canonical("int64")))


def sort(x: Array, dim: int = -1, descending: bool = False, **_: Any) -> Sorted:
    """Return the entries in order along an axis, and where they stood."""
    places = jnp.argsort(x, dim, descending=descending).astype(canonical("int64"))
    return Sorted(jnp.take_along_axis(x, places, dim), places)


def cumsum(x: Array, dim: int, dtype: Any = None) -> Array:
    """Return the sums so far along an axis."""
    return jnp.cumsum(_summable(x, dtype), dim)


def product(x: Array, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Array:
    """Return the product."""
    return jnp.prod(_summable(x, dtype), axes_of(dim, x.ndim), keepdims=keepdim)


def norm(
    x: Array, ord: Any = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Array:
    """Return the norm of some order along the axes."""
    order = 2.0 if ord is None else float(ord)
    x, axes = _cast(floating(x), dtype), axes_of(dim, x.ndim)
    if order == float("inf"):
        return jnp.abs(x).max(axes, keepdims=keepdim)
    if order == 2.0:
        square = jnp.square(x).sum(axes, keepdims=keepdim)
        # The root has no slope at zero; PyTorch gives the norm of nothing the gradient zero.
        safe = jnp.where(square > 0, square, 1)
        return jnp.where(square > 0, jnp.sqrt(safe), 0)
    if order == 1.0:
        return jnp.abs(x).sum(axes, keepdims=keepdim)
    return jnp.power(jnp.power(jnp.abs(x), order).sum(axes, keepdims=keepdim), 1 / order)


def logsumexp(x: Array, dim: Any, keepdim: bool = False) -> Array:
    """Return the logarithm of the sum of exponentials."""
    return jax.nn.logsumexp(x, axes_of(dim, x.ndim), keepdims=keepdim)


def _at(x: Array, places: Array, dim: int, keepdim: bool) -> Sorted:
    values = jnp.take_along_axis(x, places, dim)
    both = (values, places) if keepdim else (values.squeeze(dim), places.squeeze(dim))
    return Sorted(*both)


def _cast(x: Array, dtype: Any) -> Array:
    return x if dtype is None else x.astype(dtype)


def _summable(x: Array, dtype: Any) -> Array:
    if dtype is None and not jnp.issubdtype(x.dtype, jnp.inexact):
        dtype = canonical("int64")
    return _cast(x, dtype)


OPERATORS: dict[str, Callable[..., Any]] = {
    "aten.sum": total,
    "aten.mean": mean,
    "aten.var": var,
    "aten.var.correction": corrected,
    "aten.std": lambda *a, **k: jnp.sqrt(var(*a, **k)),
    "aten.std.correction": lambda *a, **k: jnp.sqrt(corrected(*a, **k)),
    "aten.var_mean": lambda x, dim=None, *a, keepdim=False, **k: (
        var(x, dim, *a, keepdim=keepdim, **k),
        mean(x, None if isinstance(dim, bool) else dim, keepdim),
    ),
    "aten.var_mean.correction": lambda x, dim=None, keepdim=False, **k: (
        corrected(x, dim, keepdim=keepdim, **k),
        mean(x, dim, keepdim),
    ),
    "aten.amax": amax,
    "aten.amin": amin,
    "aten.max": amax,
    "aten.min": amin,
    "aten.max.dim": max_along,
    "aten.min.dim": min_along,
    "aten.argmax": argmax,
    "aten.argmin": argmin,
    "aten.topk": topk,
    "aten.sort": sort,
    "aten.argsort": lambda x, dim=-1, descending=False: sort(x, dim, descending).indices,
    "aten.cumsum": cumsum,
    "aten.prod": product,
    "aten.any": lambda x, dim=None, keepdim=False: jnp.any(
        x, axes_of(dim, x.ndim), keepdims=keepdim
    ),
    "aten.all": lambda x, dim=None, keepdim=False: jnp.all(
        x, axes_of(dim, x.ndim), keepdims=keepdim
    ),
    "aten.linalg_vector_norm": norm,
    "aten.norm.ScalarOpt_dim": norm,
    "aten.logsumexp": logsumexp,
}
