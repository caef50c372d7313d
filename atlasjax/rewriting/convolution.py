"""Convolutions with a fast gradient, values [b, h, w, c] and kernels [kh, kw, c, d].

What XLA's CPU backend is slow at is written in another way: convolutions inside loops, whose
gradients have kernels out of order; strides; one place alone, which is a product of matrices; and
as many groups as channels.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

from atlasjax.rewriting.depthwise import MOST, Shifts, depthwise

PLATFORMS = ("cpu", "gpu")
"""Where any of this was measured to be faster."""

_DIMENSIONS = lax.ConvDimensionNumbers((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))
_SWAPPED = _DIMENSIONS._replace(rhs_spec=(2, 3, 0, 1))

Pair = tuple[int, int]


class Convolution(NamedTuple):
    """How a kernel moves over an image, as `jax.lax.conv_general_dilated` takes it.

    Attributes:
        strides: between neighbouring places of the result, for rows and columns.
        padding: zeros before and behind, likewise.
        dilation: between neighbouring places of the kernel, likewise.
        groups: of channels, each of which sees itself alone.
        precision: of the products.
        kind: type of the result; that of the input by default.
    """

    strides: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)
    groups: int = 1
    precision: Any = None
    kind: Any = None

    @property
    def plain(self) -> bool:
        """Whether every channel sees all others, and places of the kernel are neighbours."""
        return self.groups == 1 and self.dilation == (1, 1)


def convolve(
    x: Float[Array, "b h w c"],
    kernel: Float[Array, "kh kw i d"],
    how: Convolution,
    platform: str = "cpu",
) -> Float[Array, "b oh ow d"]:
    """Convolve as `jax.lax.conv_general_dilated` does, with a gradient that is fast there.

    The gradient with respect to the input is a convolution whose kernel has its channels swapped.
    XLA's CPU backend brings such kernels into its fast order everywhere but in the body of a loop,
    where an optimization spends all its time. Here the swap is part of the program, so that the
    gradient's kernel is in order from the start. A convolution with strides is differentiated as
    one without, over the pixels of each stride taken together as channels: neither XLA nor cuDNN
    has a fast kernel for the gradient of the other. On GPUs those with strides alone are changed,
    and elsewhere, where nothing was measured, this is the plain function.

    Args:
        x: the input.
        kernel: of which the third axis is of a group's channels.
        how: it moves.
        platform: where it is computed.

    >>> x, kernel = jnp.ones((1, 3, 3, 1)), jnp.ones((3, 3, 1, 1))
    >>> convolve(x, kernel, Convolution())
    Array([[[[9.]]]], dtype=float32)
    """
    if platform == "cpu":
        written = _written(x, kernel, how)
        if written is not None:
            return written
    if platform not in PLATFORMS or (platform == "gpu" and set(how.strides) == {1}):
        return _plain(x, kernel, how)
    return _with_fast_gradient(x, kernel, how, platform)


def _written(x: Array, kernel: Array, how: Convolution) -> Array | None:
    """Return a convolution that is no convolution once it is written out; None for others."""
    window = kernel.shape[:2]
    if how.kind not in (None, x.dtype):
        return None
    if how.groups == x.shape[3] == kernel.shape[3] > 1 and window[0] * window[1] <= MOST:
        shifts = Shifts(how.strides, how.padding, how.dilation, (x.shape[1], x.shape[2]))
        return depthwise(x, kernel[:, :, 0], shifts)
    inside = how.groups == 1 and how.padding == ((0, 0), (0, 0))
    if window == (1, 1) and inside:
        seen = x[:, :: how.strides[0], :: how.strides[1]]
        return jnp.tensordot(seen, kernel[0, 0], 1, precision=how.precision)
    if window == how.strides and inside and how.dilation == (1, 1):
        return _of_patches(x, kernel, how)
    return None


def _of_patches(x: Array, kernel: Array, how: Convolution) -> Array:
    """Return a convolution over patches that lie side by side, as a product of matrices."""
    (rows, columns), (b, h, w, c) = kernel.shape[:2], x.shape
    down, across = h // rows, w // columns
    parts = x[:, : down * rows, : across * columns].reshape(b, down, rows, across, columns, c)
    parts = parts.transpose(0, 1, 3, 2, 4, 5).reshape(b, down, across, -1)
    return jnp.tensordot(parts, kernel.reshape(-1, kernel.shape[3]), 1, precision=how.precision)


def _plain(
    x: Array, kernel: Array, how: Convolution, dims: lax.ConvDimensionNumbers = _DIMENSIONS
) -> Array:
    return lax.conv_general_dilated(
        x,
        kernel,
        how.strides,
        how.padding,
        rhs_dilation=how.dilation,
        dimension_numbers=dims,
        feature_group_count=how.groups,
        precision=how.precision,
        preferred_element_type=how.kind,
    )


def _with_fast_gradient(x: Array, kernel: Array, how: Convolution, platform: str) -> Array:
    if how.groups > 1:
        return _plain(x, kernel, how)
    value = _of_even_channels if platform == "cpu" else _plain

    def derivative(primals: tuple[Array, Array], tangents: tuple[Any, Any]) -> tuple[Array, Any]:
        (x, w), (dx, dw) = primals, tangents
        y = function(x, w)
        by_x = 0 if isinstance(dx, SymbolicZero) else _pushed(dx, w, how)
        by_w = 0 if isinstance(dw, SymbolicZero) else _plain(x, dw, how)
        return y, by_x + by_w

    function = jax.custom_jvp(lambda x, w: value(x, w, how))
    function.defjvp(derivative, symbolic_zeros=True)
    return function(x, kernel)


def _of_even_channels(x: Array, kernel: Array, how: Convolution) -> Array:
    """Convolve, with channels of zeros added where XLA's kernel for CPUs is slow without them.

    It is for an odd number of channels and 17 to 32 results, which is how many networks begin: RGB
    in, 32 channels out. With a fourth channel that is 2 to 4 times as fast, and up to 20 times.
    """
    channels, results = kernel.shape[2:]
    if channels % 2 and channels > 1 and 16 < results <= 32 and x.dtype == jnp.float32:
        more = (0, -channels % 4)
        x = jnp.pad(x, [(0, 0), (0, 0), (0, 0), more])
        kernel = jnp.pad(kernel, [(0, 0), (0, 0), more, (0, 0)])
    return _plain(x, kernel, how)


def _pushed(dx: Array, kernel: Array, how: Convolution) -> Array:
    """Return what a change of the input does, so written that its transpose is fast."""
    folded = _without_strides((dx.shape[1], dx.shape[2]), kernel, how)
    fold, kernel, how = (lambda x: x, kernel, how) if folded is None else folded
    # Transposing this for the gradient swaps the channels back.
    return _plain(fold(dx), kernel.swapaxes(2, 3), how, _SWAPPED)


_Folded = tuple[Callable[[Array], Array], Array, Convolution]


def _without_strides(size: Pair, kernel: Array, how: Convolution) -> _Folded | None:
    """Write a convolution with equal strides as one without, or say that it cannot be.

    Output j of a convolution with stride s reads inputs `s j + t - p`. Put a entries before the
    kernel so that p + a is a whole number of strides; then entry `t + a = s m + r` of it reads
    pixel r of stride `j + m - (p + a) / s`, and the pixels of a stride can be channels.

    Returns:
        What folds an input, the kernel and how it moves; None where there is nothing to fold.
    """
    stride = how.strides[0]
    if not how.plain or how.strides != (stride, stride) or stride == 1:
        return None
    window, (c, d) = kernel.shape[:2], kernel.shape[2:]
    front = [-before % stride for before, _ in how.padding]
    blocks = [-(-(k + a) // stride) for k, a in zip(window, front, strict=True)]
    back = [m * stride - k - a for m, k, a in zip(blocks, window, front, strict=True)]
    whole = jnp.pad(kernel, [*zip(front, back, strict=True), (0, 0), (0, 0)])
    whole = whole.reshape(blocks[0], stride, blocks[1], stride, c, d).transpose(0, 2, 1, 3, 4, 5)
    fill = [-n % stride for n in size]

    def fold(x: Array) -> Array:
        x = jnp.pad(x, [(0, 0), (0, fill[0]), (0, fill[1]), (0, 0)])
        rows, columns = (n // stride for n in x.shape[1:3])
        parts = x.reshape(len(x), rows, stride, columns, stride, c).transpose(0, 1, 3, 2, 4, 5)
        return parts.reshape(len(x), rows, columns, stride * stride * c)

    reach = _reach(size, window, how, front, blocks)
    kernel = whole.reshape(*blocks, stride * stride * c, d)
    return fold, kernel, how._replace(strides=(1, 1), padding=reach)


def _reach(
    size: Pair, window: Sequence[int], how: Convolution, front: list[int], blocks: list[int]
) -> tuple[Pair, Pair]:
    """Return the padding of a convolution whose strides are folded."""
    stride, found = how.strides[0], []
    for n, (before, after), k, a, m in zip(size, how.padding, window, front, blocks, strict=True):
        count = (n + before + after - k) // stride + 1
        low = (before + a) // stride
        found.append((low, count + m - 1 - low - -(-n // stride)))
    return found[0], found[1]
