"""The layers that Flax does not have, written so that their gradients are fast on every backend.

Feature visualization spends its time in input gradients, and XLA's CPU backend has slow ones for
some layers of the Inception family: local response normalization (a windowed sum and a power), and
convolutions inside loops or with strides. What stands here is equal to the usual forms to rounding;
max pooling has a file of its own, `pooling`.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

from atlasjax.models.linear import transposes


def local_response_norm(
    x: Float[Array, "batch h w c"],
    size: int = 5,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
) -> Float[Array, "batch h w c"]:
    r"""Divide each channel by the energy of its neighbours.

    `y_c = x_c / (k + alpha / size * sum_{|j - c| <= size // 2} x_j^2)^beta`

    The sum is taken over shifted slices. It is its own transpose, which JAX is told: left to
    itself it turns each slice into a padding.

    Args:
        x: the input.
        size: number of channels in a window, odd.
        alpha: weight of the energy. Caffe divides it by `size`, and so does this function.
        beta: the power, positive.
        k: what is added, so that silent channels stay as they are.

    Returns:
        The normalized array.

    Source: Krizhevsky, Sutskever and Hinton 2012, section 3.3.

    >>> local_response_norm(jnp.full((1, 1, 1, 1), 2.0), size=1, alpha=0.75, beta=0.75)
    Array([[[[0.70710677]]]], dtype=float32)
    """
    scale = k + alpha / size * _window_sum(jnp.square(x), reach=size // 2)
    if beta == 0.75:  # a general power is several times slower than two roots
        root = lax.rsqrt(scale)
        return x * (root * jnp.sqrt(root))
    if beta == 0.5:
        return x * lax.rsqrt(scale)
    return x * scale**-beta


def _channel_sum(x: Array, *, reach: int) -> Array:
    """Sum every channel with those at most `reach` away."""
    edges = [(0, 0, 0)] * (x.ndim - 1) + [(reach, reach, 0)]
    padded = lax.pad(x, jnp.zeros((), x.dtype), edges)
    slices = [lax.slice_in_dim(padded, i, i + x.shape[-1], axis=-1) for i in range(2 * reach + 1)]
    return sum(slices[1:], slices[0])


_window_sum, _ = transposes("channel_sum", _channel_sum)


def conv_general_dilated(
    inputs: Float[Array, "batch h w c"], kernel: Float[Array, "kh kw c d"], *args: Any, **rest: Any
) -> Float[Array, "batch oh ow d"]:
    """Convolve as `jax.lax.conv_general_dilated` does, with a fast gradient on CPUs and GPUs.

    The gradient with respect to the input is a convolution whose kernel has its channels swapped.
    XLA's CPU backend brings such kernels into its fast order everywhere but in the body of a loop,
    where an optimization spends all its time. Here the swap is part of the program, so that the
    gradient's kernel is in order from the start. A convolution with strides is differentiated as
    one without, over the pixels of each stride taken together as channels: neither XLA nor cuDNN
    has a fast kernel for the gradient of the other. On GPUs those with strides alone are changed,
    and elsewhere, where nothing was measured, this is the plain function.

    Args:
        inputs: the input.
        kernel: height, width, input channels, output channels.
        args: as for `jax.lax.conv_general_dilated`: strides and padding.
        rest: likewise; the dimension numbers must be those of Flax, NHWC and HWIO.

    Returns:
        The convolved array.

    >>> x, w = jnp.ones((1, 3, 3, 1)), jnp.ones((3, 3, 1, 1))
    >>> dims = jax.lax.conv_dimension_numbers(x.shape, w.shape, ("NHWC", "HWIO", "NHWC"))
    >>> conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=dims)
    Array([[[[9.]]]], dtype=float32)
    """

    def plain(x: Array, w: Array) -> Array:
        return lax.conv_general_dilated(x, w, *args, **rest)

    backend = jax.default_backend()
    if backend not in ("cpu", "gpu") or (backend == "gpu" and set(args[0]) == {1}):
        return plain(inputs, kernel)
    dims = rest["dimension_numbers"]
    out, into, *spatial = dims.rhs_spec
    swapped = rest | {"dimension_numbers": dims._replace(rhs_spec=(into, out, *spatial))}
    conv = jax.custom_jvp(plain)

    def linear(dx: Array, w: Array) -> Array:
        size = tuple(dx.shape[1:3])
        folded = _without_strides(size, w, *args, **rest)
        if folded is None:
            # Transposing this for the gradient swaps the channels back.
            return lax.conv_general_dilated(dx, w.swapaxes(2, 3), *args, **swapped)
        fold, kernel, padding = folded
        rows = kernel.swapaxes(2, 3)
        return lax.conv_general_dilated(fold(dx), rows, (1, 1), padding, **swapped)

    def derivative(primals: tuple[Array, Array], tangents: tuple[Any, Any]) -> tuple[Array, Any]:
        x, w = primals
        dx, dw = (None if isinstance(t, SymbolicZero) else t for t in tangents)
        y = conv(x, w)
        by_x = 0 if dx is None else linear(dx, w)
        by_w = 0 if dw is None else plain(x, dw)
        return y, by_x + by_w

    conv.defjvp(derivative, symbolic_zeros=True)
    return conv(inputs, kernel)


_Folded = tuple[Callable[[Array], Array], Array, list[tuple[int, int]]]


def _without_strides(
    size: tuple[int, ...], kernel: Array, strides: Any, padding: Any, **rest: Any
) -> _Folded | None:
    """Write a convolution with equal strides as one without, or say that it cannot be.

    Output j of a convolution with stride s reads inputs `s j + t - p`. Put a entries before the
    kernel so that p + a is a whole number of strides; then entry `t + a = s m + r` of it reads
    pixel r of stride `j + m - (p + a) / s`, and the pixels of a stride can be channels.

    Returns:
        What folds an input, the kernel and the padding; None where there is nothing to fold.
    """
    dilated = (rest.get(name) for name in ("lhs_dilation", "rhs_dilation"))
    plain = (
        all(d is None or set(d) == {1} for d in dilated) and rest.get("feature_group_count") == 1
    )
    stride = strides[0]
    if not plain or set(strides) == {1} or len(set(strides)) > 1 or any(n % stride for n in size):
        return None
    window = kernel.shape[:2]
    edges = (
        lax.padtype_to_pads(size, window, strides, padding) if isinstance(padding, str) else padding
    )
    front = [-before % stride for before, _ in edges]
    blocks = [-(-(k + a) // stride) for k, a in zip(window, front, strict=True)]
    back = [m * stride - k - a for m, k, a in zip(blocks, window, front, strict=True)]
    whole = jnp.pad(kernel, [*zip(front, back, strict=True), (0, 0), (0, 0)])
    c, d = kernel.shape[2:]
    whole = whole.reshape(blocks[0], stride, blocks[1], stride, c, d).transpose(0, 2, 1, 3, 4, 5)

    def fold(x: Array) -> Array:
        rows, columns = (n // stride for n in size)
        parts = x.reshape(len(x), rows, stride, columns, stride, c).transpose(0, 1, 3, 2, 4, 5)
        return parts.reshape(len(x), rows, columns, stride * stride * c)

    reach = []
    for n, (before, after), k, a, m in zip(size, edges, window, front, blocks, strict=True):
        count = (n + before + after - k) // stride + 1
        low = (before + a) // stride
        reach.append((low, count + m - 1 - low - n // stride))
    return fold, whole.reshape(*blocks, stride * stride * c, d), reach
