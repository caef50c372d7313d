"""Max pooling with a fast gradient, and with one that all that is in a window has a share of."""

from jaxtyping import Array, Float

from atlasjax.rewriting.maxima import GRADIENTS, Line, maximum


def max_pool(
    x: Float[Array, "batch h w c"],
    window: int,
    stride: int,
    padding: str = "ceil",
    gradient: str = "max",
) -> Float[Array, "batch oh ow c"]:
    r"""Take the maximum over windows: `y[i] = max(x[s i - p : s i - p + k])` in each direction.

    Computed along columns, then along rows. With "max" the gradient of a window's output goes to
    its maximum, the first in reading order of those that tie, as in other libraries. With "relaxed"
    every entry has a share of it, $w_j / \sum_k w_k$ with $w_j = \max(x_j, 0)^2$, so that those
    which come close to the maximum are told as well. That is no derivative, but often a better
    direction for an image to go.

    Args:
        x: the input.
        window: side k of the window, in positions.
        stride: distance s between windows, in positions.
        padding: "ceil" starts at the first entry and rounds the output's size up (Caffe); "same"
            pads both sides so that the output has `ceil(size / stride)` entries (TensorFlow).
        gradient: "max" or "relaxed".

    Returns:
        The pooled array; the same for both gradients.

    Source: relaxed gradients after Olah et al., "The Building Blocks of Interpretability", Distill
    2018, whose attribution smooths max pooling.

    >>> import jax.numpy as jnp
    >>> max_pool(jnp.arange(16.0).reshape(1, 4, 4, 1), 3, 2)[0, :, :, 0]
    Array([[10., 11.],
           [14., 15.]], dtype=float32)
    """
    if gradient not in GRADIENTS:
        raise ValueError(f"gradient {gradient!r}: must be 'max' or 'relaxed'")
    for axis in (2, 1):
        size = x.shape[axis]
        x = maximum(x, Line(axis, window, stride, *_reach(size, window, stride, padding), gradient))
    return x


def _reach(size: int, window: int, stride: int, padding: str) -> tuple[int, int, int]:
    """Return how far windows reach out before and after, and how many there are."""
    if padding == "ceil":
        before = 0
        count = -(-max(size - window, 0) // stride) + 1
    elif padding == "same":
        count = -(-size // stride)
        before = max((count - 1) * stride + window - size, 0) // 2
    else:
        raise ValueError(f"padding {padding!r}: must be 'ceil' or 'same'")
    return before, max((count - 1) * stride + window - size - before, 0), count
