"""Windowed maxima along one axis, with a fast gradient, and one that all of a window shares.

XLA's gradient of a windowed maximum is a scatter, which takes a CPU longer than a convolution. A
maximum over a square is one along rows and then one along columns, and the gradient of each of
those is a single pass, in which every input looks at the two or so windows that it is in.
"""

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from atlasjax.rewriting.linear import transposes

GRADIENTS = ("max", "relaxed")


class Line(NamedTuple):
    """How windows lie along one axis.

    Attributes:
        axis: which one.
        window: entries of a window.
        stride: entries from one window to the next.
        before: how many the first window reaches out at the beginning.
        after: how many the last reaches out at the end; below 0, how many are in no window.
        windows: how many there are.
        gradient: one of `GRADIENTS`.
    """

    axis: int
    window: int
    stride: int
    before: int
    after: int
    windows: int
    gradient: str = "max"


def maximum(x: Float[Array, "..."], line: Line) -> Float[Array, "..."]:
    """Return the maximum of each window along one axis: `y[i] = max(x[s i - p : s i - p + k])`.

    Args:
        x: the values.
        line: how the windows lie.

    >>> maximum(jnp.arange(4.0), Line(0, 2, 2, 0, 0, 2))
    Array([1., 3.], dtype=float32)
    """

    def plain(x: Array) -> Array:
        return functools.reduce(jnp.maximum, _entries(x, line, -jnp.inf))

    def derivative(primals: tuple[Array], tangents: tuple[Any]) -> tuple[Array, Any]:
        return function(primals[0]), _push(primals[0], tangents[0], line=line)

    function = jax.custom_jvp(plain)
    function.defjvp(derivative)
    return function(x)


def _pushed(x: Array, change: Array, *, line: Line) -> Array:
    """Return what a change of the input does to the output."""
    entries, changes = list(_entries(x, line, -jnp.inf)), _entries(change, line, 0.0)
    parts = [_given(i, entries, c, line) for i, c in enumerate(changes)]
    return functools.reduce(jnp.add, parts)


def _pulled(x: Array, change: Array, *, line: Line) -> Array:
    """Return what a change of the output asks of the input: the transpose of `_pushed`.

    Put as many entries before the input as fill whole strides with those that windows reach out.
    Input `s q + r` is then in the windows `q + b - m` for all m with `r + s m < k`, where b is the
    number of whole strides before it, so inputs with the same r all look at windows in one way.

    On a CPU what is compared is read from one place. XLA would else read an input's neighbours
    there and compute the input itself anew, rounded by what it is fused with: of two that tie, as
    those of an earlier maximum do, both could be the greater, or neither. On a GPU no such case was
    found, and icons would take a tenth longer.
    """
    axis, s = line.axis, line.stride
    size = x.shape[axis]
    b, left = divmod(line.before, s)
    q = -(-(size + left) // s)
    most = (line.window - 1) // s
    change = _padded(change, axis, max(most - b, 0), max(q + b - line.windows, 0), 0.0)
    x = _padded(x, axis, most * s + left, (q + most) * s - size - left, -jnp.inf)
    x = lax.platform_dependent(x, cpu=lax.optimization_barrier, default=lambda x: x)
    x = x.reshape(*x.shape[:axis], q + 2 * most, s, *x.shape[axis + 1 :])
    same = [lax.index_in_dim(x, r, axis + 1, keepdims=False) for r in range(s)]

    def at(values: Array, start: int) -> Array:
        return lax.slice_in_dim(values, start, start + q, axis=axis)

    def asked(r: int) -> Array:
        parts = []
        for m in range(len(range(r, line.window, s))):
            entries = [at(same[i % s], most - m + i // s) for i in range(line.window)]
            parts.append(_given(r + s * m, entries, at(change, max(most, b) - m), line))
        return functools.reduce(jnp.add, parts, jnp.zeros_like(at(same[r], most)))

    whole = jnp.stack([asked(r) for r in range(s)], axis + 1)
    whole = whole.reshape(*whole.shape[:axis], q * s, *whole.shape[axis + 2 :])
    return lax.slice_in_dim(whole, left, left + size, axis=axis)


def _given(i: int, entries: list[Array], change: Array, line: Line) -> Array:
    """Return what one entry of every window is given of what the window is given."""
    if line.gradient == "relaxed":
        # The least weight keeps the sum of a silent window above 0.
        weights = [jnp.square(jnp.maximum(entry, 0)) + 1e-12 for entry in entries]
        return change * weights[i] / functools.reduce(jnp.add, weights)
    own = entries[i]
    first = [own > other for other in entries[:i]] + [own >= other for other in entries[i + 1 :]]
    return jnp.where(functools.reduce(jnp.logical_and, first), change, 0) if first else change


def _entries(x: Array, line: Line, outside: float) -> Iterator[Array]:
    """Yield the first entry of every window, then the second of each, and so on."""
    x = _padded(x, line.axis, line.before, line.after, outside)
    end = (line.windows - 1) * line.stride + 1
    for i in range(line.window):
        yield lax.slice_in_dim(x, i, i + end, line.stride, axis=line.axis)


def _padded(x: Array, axis: int, before: int, after: int, outside: float) -> Array:
    edges = [(0, 0, 0)] * x.ndim
    edges[axis] = (before, after, 0)
    return lax.pad(x, jnp.asarray(outside, x.dtype), edges)


_push, _pull = transposes("max_pool", _pushed, _pulled)
