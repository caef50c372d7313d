"""The layers that Flax does not have, written so that their gradients are fast on every backend.

Feature visualization spends its time in input gradients, and XLA's CPU backend has slow ones for
two layers of the Inception family: max pooling (its gradient is a scatter) and local response
normalization (a windowed sum and a power). Both have forms made only of slices, maxima and matrix
products, equal to the usual ones to rounding, which is what stands here.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float


def max_pool(
    x: Float[Array, "batch h w c"], window: int, stride: int, padding: str = "ceil"
) -> Float[Array, "batch oh ow c"]:
    r"""Take the maximum over windows: `y[i] = max(x[s i - p : s i - p + k])` in each direction.

    Computed as a maximum over shifted slices, first along rows, then along columns. Where several
    entries tie, the gradient is shared among them.

    Args:
        x: the input.
        window: side k of the window, in positions.
        stride: distance s between windows, in positions.
        padding: "ceil" starts at the first entry and rounds the output's size up (Caffe); "same"
            pads both sides so that the output has `ceil(size / stride)` entries (TensorFlow).

    Returns:
        The pooled array.

    >>> max_pool(jnp.arange(16.0).reshape(1, 4, 4, 1), 3, 2)[0, :, :, 0]
    Array([[10., 11.],
           [14., 15.]], dtype=float32)
    """
    for axis in (1, 2):
        before, after, out = _pool_padding(x.shape[axis], window, stride, padding)
        lowest = jnp.array(-jnp.inf, x.dtype)
        edges = [(0, 0, 0)] * x.ndim
        edges[axis] = (before, after, 0)
        padded = lax.pad(x, lowest, edges)
        end = (out - 1) * stride + 1
        slices = [lax.slice_in_dim(padded, i, i + end, stride, axis=axis) for i in range(window)]
        x = slices[0]
        for other in slices[1:]:
            x = jnp.maximum(x, other)
    return x


def _pool_padding(size: int, window: int, stride: int, padding: str) -> tuple[int, int, int]:
    """Return the entries to add before and after, and the size that comes out."""
    if padding == "ceil":
        before = 0
        out = -(-max(size - window, 0) // stride) + 1
    elif padding == "same":
        out = -(-size // stride)
        before = max((out - 1) * stride + window - size, 0) // 2
    else:
        raise ValueError(f"padding {padding!r}: must be 'ceil' or 'same'")
    after = max((out - 1) * stride + window - size - before, 0)
    return before, after, out


def local_response_norm(
    x: Float[Array, "batch h w c"],
    size: int = 5,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
) -> Float[Array, "batch h w c"]:
    r"""Divide each channel by the energy of its neighbours.

    `y_c = x_c / (k + alpha / size * sum_{|j - c| <= size // 2} x_j^2)^beta`

    The sum over neighbouring channels is a product with a banded matrix of ones.

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
    channels = np.arange(x.shape[-1])
    band = (np.abs(channels[:, None] - channels[None, :]) <= size // 2).astype(np.float32)
    energy = jnp.square(x) @ jnp.asarray(band, x.dtype)
    scale = k + alpha / size * energy
    if beta == 0.75:  # a general power is several times slower than two roots
        root = lax.rsqrt(scale)
        return x * (root * jnp.sqrt(root))
    return x * scale**-beta


def conv_general_dilated(
    inputs: Float[Array, "batch h w c"], kernel: Float[Array, "kh kw c d"], *args: Any, **rest: Any
) -> Float[Array, "batch oh ow d"]:
    """Convolve as `jax.lax.conv_general_dilated` does, with a fast gradient inside loops on CPUs.

    The gradient with respect to the input is a convolution whose kernel has its channels swapped.
    XLA's CPU backend brings such kernels into its fast order everywhere but in the body of a loop,
    where an optimization spends all its time. Here the swap is part of the program, so that the
    gradient's kernel is in order from the start. Elsewhere this is the plain function.

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

    if jax.default_backend() != "cpu":
        return plain(inputs, kernel)
    dims = rest["dimension_numbers"]
    out, into, *spatial = dims.rhs_spec
    swapped = rest | {"dimension_numbers": dims._replace(rhs_spec=(into, out, *spatial))}
    conv = jax.custom_jvp(plain)

    def derivative(primals: tuple[Array, Array], tangents: tuple[Any, Any]) -> tuple[Array, Any]:
        x, w = primals
        dx, dw = (None if isinstance(t, SymbolicZero) else t for t in tangents)
        y = conv(x, w)
        # Transposing this for the gradient swaps the channels back.
        by_x = 0 if dx is None else lax.conv_general_dilated(dx, w.swapaxes(2, 3), *args, **swapped)
        by_w = 0 if dw is None else plain(x, dw)
        return y, by_x + by_w

    conv.defjvp(derivative, symbolic_zeros=True)
    return conv(inputs, kernel)
