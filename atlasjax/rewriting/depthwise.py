"""Depthwise convolutions, each channel by itself, as sums of shifted images.

XLA computes a convolution of as many groups as channels one number after another on a CPU, which
takes up to fifty times as long as the same sum written out: that becomes one pass over memory. Its
gradient is such a sum as well, one for each pixel of a stride.
"""

import functools
import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

from atlasjax.rewriting.linear import transposes

MOST = 49  # shifts that are written out: a kernel of 7 x 7

Pair = tuple[int, int]


class Shifts(NamedTuple):
    """How a kernel moves over an image.

    Attributes:
        stride: between neighbouring places of the result, for rows and columns.
        padding: zeros before and behind, likewise; below 0, how many are left out.
        dilation: between neighbouring places of the kernel, likewise.
        size: rows and columns of the image.
    """

    stride: Pair
    padding: tuple[Pair, Pair]
    dilation: Pair
    size: Pair


def depthwise(
    x: Float[Array, "b h w c"], kernel: Float[Array, "kh kw c"], shifts: Shifts
) -> Float[Array, "b oh ow c"]:
    """Return `y[p] = sum over t of kernel[t] x[stride p + dilation t - padding]`.

    Args:
        x: the images.
        kernel: a kernel for each channel.
        shifts: how it moves.

    >>> ones = jnp.ones((1, 3, 3, 2))
    >>> shifts = Shifts((1, 1), ((1, 1), (1, 1)), (1, 1), (3, 3))
    >>> depthwise(ones, ones[0], shifts)[0, :, :, 1].tolist()
    [[4.0, 6.0, 4.0], [6.0, 9.0, 6.0], [4.0, 6.0, 4.0]]
    """

    def plain(x: Array, kernel: Array) -> Array:
        return _summed(kernel[None], x, shifts=shifts)

    def derivative(primals: tuple[Array, Array], tangents: tuple[Any, Any]) -> tuple[Array, Any]:
        (x, kernel), (dx, dkernel) = primals, tangents
        y = function(x, kernel)
        by_x = 0 if isinstance(dx, SymbolicZero) else _push(kernel[None], dx, shifts=shifts)
        by_kernel = 0 if isinstance(dkernel, SymbolicZero) else plain(x, dkernel)
        return y, by_x + by_kernel

    function = jax.custom_jvp(plain)
    function.defjvp(derivative, symbolic_zeros=True)
    return function(x, kernel)


def _places(kernel: Array) -> list[Pair]:
    rows, columns = kernel.shape[-3:-1]
    return list(itertools.product(range(rows), range(columns)))


def _weight(kernel: Array, place: Pair) -> Array:
    """Return the weights of one place, for all rows and columns of the images of each kernel."""
    return kernel[:, place[0], place[1]][:, None, None]


def _summed(kernel: Array, x: Array, *, shifts: Shifts) -> Array:
    """Return the sum over all places of the kernel [1 or b, kh, kw, c]."""
    padded = lax.pad(
        x, jnp.zeros((), x.dtype), [(0, 0, 0), *((*p, 0) for p in shifts.padding), (0, 0, 0)]
    )
    window = kernel.shape[1:3]
    parts = []
    for place in _places(kernel):
        start = [d * t for d, t in zip(shifts.dilation, place, strict=True)]
        reach = [d * (k - 1) for d, k in zip(shifts.dilation, window, strict=True)]
        end = [n - r + s for n, r, s in zip(padded.shape[1:3], reach, start, strict=True)]
        b, c = len(x), x.shape[3]
        part = lax.slice(padded, (0, *start, 0), (b, *end, c), (1, *shifts.stride, 1))
        parts.append(part * _weight(kernel, place))
    return _whole(functools.reduce(jnp.add, parts))


def _whole(x: Array) -> Array:
    """Return a sum of shifted images as it is, closed to what follows.

    Where a normalization follows, XLA would take the sum into its kernel for that, which wants each
    of the shifted images written out. A rounding to the precision that numbers have anyway changes
    nothing, and no such kernel has it.
    """
    kind = jnp.finfo(x.dtype)
    return lax.reduce_precision(x, kind.nexp, kind.nmant)


def _asked(kernel: Array, change: Array, *, shifts: Shifts) -> Array:
    """Return what a change of the result asks of the images: the transpose of `_summed`.

    Input `s q + r` is in the results `q + (r + padding - dilation t) / s` of all places t of the
    kernel for which that is a whole number, so pixels of the same r all look at results in one way.
    """
    counts = [-(-n // s) for n, s in zip(shifts.size, shifts.stride, strict=True)]
    rows = []
    for first in range(shifts.stride[0]):
        columns = [
            _phase(kernel, change, (first, second), counts, shifts)
            for second in range(shifts.stride[1])
        ]
        rows.append(columns[0] if len(columns) == 1 else _woven(columns, 2))
    whole = rows[0] if len(rows) == 1 else _woven(rows, 1)
    return _whole(whole[:, : shifts.size[0], : shifts.size[1]])


def _phase(kernel: Array, change: Array, phase: Pair, counts: list[int], shifts: Shifts) -> Array:
    """Return what is asked of one pixel of each stride."""
    found = []  # the places of the kernel, and how far away the results are
    for place in _places(kernel):
        at = [
            divmod(r + before - d * t, s)
            for r, (before, _), d, t, s in zip(
                phase, shifts.padding, shifts.dilation, place, shifts.stride, strict=True
            )
        ]
        if not any(left for _, left in at):
            found.append((place, [away for away, _ in at]))
    size = (len(change), *counts, change.shape[3])
    if not found:
        return jnp.zeros(size, change.dtype)
    low = [min(away[axis] for _, away in found) for axis in (0, 1)]
    high = [max(away[axis] for _, away in found) for axis in (0, 1)]
    edges = [
        (-least, most + n - have, 0)
        for least, most, n, have in zip(low, high, counts, change.shape[1:3], strict=True)
    ]
    padded = lax.pad(change, jnp.zeros((), change.dtype), [(0, 0, 0), *edges, (0, 0, 0)])
    parts = []
    for place, away in found:
        start = [a - least for a, least in zip(away, low, strict=True)]
        end = [s + n for s, n in zip(start, counts, strict=True)]
        part = lax.slice(padded, (0, *start, 0), (len(change), *end, change.shape[3]))
        parts.append(part * _weight(kernel, place))
    return functools.reduce(jnp.add, parts)


def _woven(parts: list[Array], axis: int) -> Array:
    """Return arrays whose entries take turns along an axis."""
    whole = jnp.stack(parts, axis + 1)
    return whole.reshape(*whole.shape[:axis], -1, *whole.shape[axis + 2 :])


_push, _pull = transposes("depthwise", _summed, _asked, shared=1)
