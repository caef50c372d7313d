"""Depthwise convolutions, each channel by itself, as sums of shifted images.

XLA computes a convolution of as many groups as channels one number after another on a CPU, which
takes up to fifty times as long as the same sum written out: that becomes one pass over memory.
"""

import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

MOST = 49  # shifts that are written out: a kernel of 7 x 7


def is_depthwise(x: Array, weight: Array, groups: int) -> bool:
    """Tell whether a convolution sees each channel by itself, by a kernel of few places.

    >>> is_depthwise(jnp.zeros((1, 8, 5, 5)), jnp.zeros((8, 1, 3, 3)), 8)
    True
    """
    alone = groups > 1 and groups == x.shape[1] == weight.shape[0]
    return alone and weight.ndim == 4 and weight[0, 0].size <= MOST


def depthwise(
    x: Float[Array, "b c h w"],
    weight: Float[Array, "c 1 kh kw"],
    stride: Sequence[int],
    borders: Sequence[tuple[int, int]],
    dilation: Sequence[int],
) -> Float[Array, "b c oh ow"]:
    """Return `sum over (i, j) of weight[:, i, j] x[.., stride p + dilation (i, j)]`.

    Args:
        x: the images.
        weight: a kernel for each channel.
        stride: between neighbouring places of the result, for rows and columns.
        borders: zeros put before and behind, likewise.
        dilation: between neighbouring places of the kernel, likewise.

    >>> ones = jnp.ones((1, 2, 3, 3))
    >>> depthwise(ones, ones[0, :, None], (1, 1), [(1, 1), (1, 1)], (1, 1))[0, 1].tolist()
    [[4.0, 6.0, 4.0], [6.0, 9.0, 6.0], [4.0, 6.0, 4.0]]
    """
    nothing = jnp.zeros((), x.dtype)
    padded = jax.lax.pad(x, nothing, [(0, 0, 0), (0, 0, 0), *((a, b, 0) for a, b in borders)])
    sides = padded.shape[2:]
    kernel = weight.shape[2:]
    reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    last = [s - r - 1 for s, r in zip(sides, reach, strict=True)]  # where the last place starts
    total = None
    for place in itertools.product(*map(range, kernel)):
        start = [d * p for d, p in zip(dilation, place, strict=True)]
        end = [s + e + 1 for s, e in zip(start, last, strict=True)]
        part = jax.lax.slice(padded, (0, 0, *start), (*x.shape[:2], *end), (1, 1, *stride))
        part = part * weight[None, :, 0, place[0], place[1], None, None]
        total = part if total is None else total + part
    assert total is not None, "a kernel has a place"
    return total
