"""Pooling and resizing, values [batch, channels, ...places]."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from atlasjax.adapters.aten.convolution import Sizes, each
from atlasjax.adapters.aten.types import Number


def max_pool(
    x: Array,
    kernel_size: Sizes,
    stride: Sizes = (),
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Array:
    """Return the maximum of each window; of several the first takes the gradient, as in PyTorch.

    One axis after the other and by shifted slices, since on CPUs XLA takes ten times as long for
    the gradient of its own windows.
    """
    windows = _windows(x, kernel_size, stride, padding, ceil_mode)
    dilation = each(dilation, len(windows))
    # The last axis first: then the first of equal entries is the first in PyTorch's order.
    for place in reversed(range(len(windows))):
        kernel, step, before, _ = windows[place]
        axis = x.ndim - len(windows) + place
        reach = dilation[place] * (kernel - 1)
        out = _length(x.shape[axis], reach + 1, step, before, ceil_mode)
        need = (out - 1) * step + reach + 1
        border = (before, need - x.shape[axis] - before)
        x = _maximum(x, axis, kernel, step, dilation[place], border, out)
    return x


@partial(jax.jit, static_argnums=(1, 2, 3, 4, 5, 6))
def _maximum(
    x: Array, axis: int, kernel: int, step: int, dilation: int, border: tuple[int, int], out: int
) -> Array:
    """Return the maximum along one axis: one program, in which others find it."""
    x = _bordered(x, axis, *border, -jnp.inf)
    ends = range(0, dilation * kernel, dilation)
    slices = [jax.lax.slice_in_dim(x, at, at + (out - 1) * step + 1, step, axis) for at in ends]
    most = slices[0]
    for other in slices[1:]:
        most = jnp.where(most >= other, most, other)
    return most


def avg_pool(
    x: Array,
    kernel_size: Sizes,
    stride: Sizes = (),
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """Return the mean of each window; the border counts, unless told otherwise."""
    windows = _windows(x, kernel_size, stride, padding, ceil_mode)
    lead = x.ndim - len(windows)
    divisor = np.ones((1,) * x.ndim)
    for place, (kernel, step, before, out) in enumerate(windows):
        axis, size = lead + place, x.shape[lead + place]
        need = (out - 1) * step + kernel
        x = _bordered(x, axis, before, need - size - before, 0.0)
        start = np.arange(out) * step - before
        end = np.minimum(start + kernel, size + before)  # what the ceiling adds never counts
        if not count_include_pad:
            start, end = np.maximum(start, 0), np.minimum(end, size)
        divisor = divisor * (end - start).reshape([-1 if a == axis else 1 for a in range(x.ndim)])
    kernels, steps = (1,) * lead, (1,) * lead
    kernels += tuple(w[0] for w in windows)
    steps += tuple(w[1] for w in windows)
    zero = np.zeros((), x.dtype)
    total = jax.lax.reduce_window(x, zero, jax.lax.add, kernels, steps, "valid")
    return total / jnp.asarray(divisor_override or divisor, x.dtype)


def adaptive_avg_pool(x: Array, output_size: Sizes) -> Array:
    """Return the means over as many windows as asked for, which cover the places evenly."""
    for axis, out in _targets(x, output_size):
        x = _along(x, axis, _means(x.shape[axis], out))
    return x


def adaptive_max_pool(x: Array, output_size: Sizes) -> tuple[Array, None]:
    """Return the maxima over as many windows as asked for."""
    for axis, out in _targets(x, output_size):
        size = x.shape[axis]
        parts = [
            jax.lax.slice_in_dim(x, i * size // out, -(-(i + 1) * size // out), axis=axis)
            for i in range(out)
        ]
        x = jnp.concatenate([p.max(axis, keepdims=True) for p in parts], axis)
    return x, None


def nearest(
    x: Array, output_size: Any = None, *scales: Any, half: bool = False, **named: Any
) -> Array:
    """Return the values at the nearest places of a grid of another size."""
    sizes, factors = _resized(x, output_size, scales or tuple(named.values()))
    for axis, (size, factor) in enumerate(zip(sizes, factors, strict=True), 2):
        old = x.shape[axis]
        ratio = 1 / factor if factor else old / size
        # PyTorch counts in float32.
        place = (np.arange(size, dtype=np.float32) + np.float32(0.5 * half)) * np.float32(ratio)
        x = jnp.take(x, np.minimum(np.floor(place).astype(np.int32), old - 1), axis)
    return x


def linear(
    x: Array, output_size: Any = None, align_corners: bool = False, *scales: Any, **named: Any
) -> Array:
    """Return values between the places, linear along each axis."""
    sizes, factors = _resized(x, output_size, scales or tuple(named.values()))
    for axis, (size, factor) in enumerate(zip(sizes, factors, strict=True), 2):
        old = x.shape[axis]
        if align_corners:
            place = np.arange(size) * ((old - 1) / max(size - 1, 1))
        else:
            ratio = 1 / factor if factor else old / size
            place = np.maximum((np.arange(size) + 0.5) * ratio - 0.5, 0)
        low = np.minimum(np.floor(place).astype(int), old - 1)
        high, part = np.minimum(low + 1, old - 1), place - low
        weights = np.zeros((size, old))
        np.add.at(weights, (np.arange(size), low), 1 - part)
        np.add.at(weights, (np.arange(size), high), part)
        x = _along(x, axis, weights)
    return x


def pixel_shuffle(x: Array, upscale_factor: int) -> Array:
    """Return groups of channels laid out as blocks of places."""
    r, (*lead, c, h, w) = upscale_factor, x.shape
    x = x.reshape(*lead, c // r**2, r, r, h, w)
    n = len(lead)
    x = x.transpose(*range(n + 1), n + 3, n + 1, n + 4, n + 2)
    return x.reshape(*lead, c // r**2, h * r, w * r)


def pixel_unshuffle(x: Array, downscale_factor: int) -> Array:
    """Return blocks of places laid out as groups of channels."""
    r, (*lead, c, h, w) = downscale_factor, x.shape
    x = x.reshape(*lead, c, h // r, r, w // r, r)
    n = len(lead)
    x = x.transpose(*range(n + 1), n + 2, n + 4, n + 1, n + 3)
    return x.reshape(*lead, c * r**2, h // r, w // r)


def _windows(
    x: Array, kernel_size: Sizes, stride: Sizes, padding: Sizes, ceil_mode: bool
) -> list[tuple[int, int, int, int]]:
    """Return kernel, step, border and number of windows for each place."""
    places = 1 if isinstance(kernel_size, int) else len(kernel_size)
    if not isinstance(kernel_size, int) and places == 1:
        places = max(x.ndim - 2, 1)
    kernel = each(kernel_size, places)
    step = each(stride, places) if isinstance(stride, int) or len(stride) else kernel
    before = each(padding, places)
    sizes = x.shape[x.ndim - places :]
    return [
        (k, s, b, _length(n, k, s, b, ceil_mode))
        for k, s, b, n in zip(kernel, step, before, sizes, strict=True)
    ]


def _length(size: int, reach: int, step: int, border: int, ceil_mode: bool) -> int:
    room = size + 2 * border - reach
    if not ceil_mode:
        return room // step + 1
    out = -(-room // step) + 1
    # A window that would begin behind the border is none.
    return out - 1 if (out - 1) * step >= size + border else out


def _bordered(x: Array, axis: int, before: int, after: int, value: Number) -> Array:
    widths = [(0, 0, 0)] * x.ndim
    widths[axis] = (before, after, 0)
    return x if not before and not after else jax.lax.pad(x, jnp.asarray(value, x.dtype), widths)


def _targets(x: Array, output_size: Sizes) -> list[tuple[int, int]]:
    sizes = [output_size] if isinstance(output_size, int) else list(output_size)
    lead = x.ndim - len(sizes)
    return [(lead + i, x.shape[lead + i] if n is None else n) for i, n in enumerate(sizes)]


def _means(size: int, out: int) -> np.ndarray:
    weights = np.zeros((out, size))
    for i in range(out):
        start, end = i * size // out, -(-(i + 1) * size // out)
        weights[i, start:end] = 1 / (end - start)
    return weights


def _along(x: Array, axis: int, weights: np.ndarray) -> Array:
    """Return the product with weights [out, in] along one axis."""
    if weights.shape[0] == 1 and np.ptp(weights) == 0:
        return x.mean(axis, keepdims=True)
    if weights.shape[0] == weights.shape[1] and np.array_equal(weights, np.eye(len(weights))):
        return x
    return jnp.moveaxis(jnp.tensordot(x, jnp.asarray(weights, x.dtype), ((axis,), (1,))), -1, axis)


def _resized(x: Array, size: Any, scales: Sequence[Any]) -> tuple[list[int], list[Any]]:
    """Return sizes and factors, from any of the two ways in which PyTorch gives them."""
    places = x.ndim - 2
    given = [s for s in scales if s is not None]
    flat = [v for s in given for v in (s if isinstance(s, list | tuple) else [s])]
    factors: list[Any] = flat if len(flat) == places else [None] * places
    if size is not None:
        return list(size), factors
    return [int(n * f) for n, f in zip(x.shape[2:], factors, strict=True)], factors


OPERATORS: dict[str, Callable[..., Any]] = {
    "aten._adaptive_avg_pool2d": adaptive_avg_pool,
    "aten._adaptive_avg_pool3d": adaptive_avg_pool,
    "aten.pixel_shuffle": pixel_shuffle,
    "aten.pixel_unshuffle": pixel_unshuffle,
    "aten.adaptive_avg_pool1d": adaptive_avg_pool,
    "aten.adaptive_max_pool1d": adaptive_max_pool,
}
for _n, _kind in ((1, "linear1d"), (2, "bilinear2d"), (3, "trilinear3d")):
    OPERATORS |= {
        f"aten.max_pool{_n}d": max_pool,
        f"aten.max_pool{_n}d_with_indices": lambda *a, **k: (max_pool(*a, **k), None),
        f"aten.avg_pool{_n}d": avg_pool,
        f"aten.adaptive_avg_pool{_n}d": adaptive_avg_pool,
        f"aten.adaptive_max_pool{_n}d": adaptive_max_pool,
        f"aten.upsample_nearest{_n}d": nearest,
        f"aten._upsample_nearest_exact{_n}d": lambda *a, **k: nearest(*a, half=True, **k),
        f"aten.upsample_{_kind}": linear,
    }
