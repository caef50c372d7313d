"""Convolutions and products with weights, values [batch, channels, ...places]."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from atlasjax.adapters.aten.types import Number, channelwise

Sizes = int | Sequence[int]


def each(value: Sizes, places: int) -> tuple[int, ...]:
    """Return one number for each place: one given for all is repeated.

    >>> each(3, 2), each([3], 2), each([1, 2], 2)
    ((3, 3), (3, 3), (1, 2))
    """
    values = (value,) if isinstance(value, int) else tuple(value)
    return values * places if len(values) == 1 else values


def convolution(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    transposed: bool = False,
    output_padding: Sizes = 0,
    groups: int = 1,
) -> Array:
    """Return the convolution, or, transposed, the gradient of one with respect to its inputs."""
    places = weight.ndim - 2
    if x.ndim == places + 1:  # a single image, without a batch
        rest = (bias, stride, padding, dilation, transposed, output_padding, groups)
        return convolution(x[None], weight, *rest)[0]
    stride, dilation = each(stride, places), each(dilation, places)
    reach = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
    borders = _borders(padding, reach)
    ones = (1,) * places
    if transposed:
        # Each input spreads over what the plain convolution would have gathered it from.
        extra = each(output_padding, places)
        borders = [(r - b[0], r - b[1] + e) for r, b, e in zip(reach, borders, extra, strict=True)]
        weight = _turned(weight, groups)
        y = _conv(x, weight, ones, borders, stride, dilation, groups)
    else:
        y = _conv(x, weight, stride, borders, ones, dilation, groups)
    return y if bias is None else y + channelwise(bias, y.ndim)


def transposed(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Array:
    """Return the transposed convolution."""
    return convolution(x, weight, bias, stride, padding, dilation, True, output_padding, groups)


def plain(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Array:
    """Return the convolution."""
    return convolution(x, weight, bias, stride, padding, dilation, groups=groups)


def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """Return `x weight^T + bias`."""
    y = jnp.matmul(x, weight.T)
    return y if bias is None else y + channelwise(bias, y.ndim, y.ndim - 1)


def addmm(bias: Array, x: Array, y: Array, beta: Any = 1, alpha: Any = 1) -> Array:
    """Return `beta bias + alpha x y`."""
    product = x @ y
    product = product if alpha == 1 else product * alpha
    bias = bias if beta == 1 else bias * beta
    return product + bias.reshape((1,) * (product.ndim - bias.ndim) + bias.shape)


def matmul(x: Array, y: Array) -> Array:
    """Return the product of the last two axes, the others broadcast."""
    if min(x.ndim, y.ndim) > 1 and x.ndim != y.ndim:
        rank = max(x.ndim, y.ndim)
        x, y = (v.reshape((1,) * (rank - v.ndim) + v.shape) for v in (x, y))
    return jnp.matmul(x, y)


def einsum(equation: str, operands: Sequence[Array], path: Any = None) -> Array:
    """Return Einstein's sum."""
    del path
    return jnp.einsum(equation.replace(" ", ""), *operands)


def attention(
    query: Array,
    key: Array,
    value: Array,
    attn_mask: Array | None = None,
    dropout_p: Number = 0.0,
    is_causal: bool = False,
    scale: Number | None = None,
    enable_gqa: bool = False,
) -> Array:
    """Return `softmax(query key^T scale + mask) value`, of the last two axes [places, features]."""
    del dropout_p  # no network here is in training
    if enable_gqa:
        key, value = (jnp.repeat(v, query.shape[-3] // v.shape[-3], -3) for v in (key, value))
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    scores = matmul(query * jnp.asarray(scale, query.dtype), jnp.swapaxes(key, -1, -2))
    if is_causal:
        attn_mask = jnp.tril(jnp.ones(scores.shape[-2:], bool))
    if attn_mask is not None:
        mask = attn_mask.reshape((1,) * (scores.ndim - attn_mask.ndim) + attn_mask.shape)
        if mask.dtype == bool:
            scores = jnp.where(mask, scores, -jnp.inf)
        else:
            scores = scores + mask.astype(scores.dtype)
    return matmul(jax.nn.softmax(scores, -1), value)


def _conv(
    x: Array,
    weight: Array,
    stride: Sequence[int],
    borders: Sequence[tuple[int, int]],
    spread: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Array:
    letters = "DHW"[3 - len(stride) :]
    return jax.lax.conv_general_dilated(
        x,
        weight,
        stride,
        borders,
        lhs_dilation=spread,
        rhs_dilation=dilation,
        dimension_numbers=(f"NC{letters}", f"OI{letters}", f"NC{letters}"),
        feature_group_count=groups,
    )


def _borders(padding: Sizes | str, reach: Sequence[int]) -> list[tuple[int, int]]:
    if padding == "valid":
        return [(0, 0) for _ in reach]
    if padding == "same":  # PyTorch puts the odd one behind
        return [(r // 2, r - r // 2) for r in reach]
    assert not isinstance(padding, str)
    return [(p, p) for p in each(padding, len(reach))]


def _turned(weight: Array, groups: int) -> Array:
    """From [in, out / groups, ...] to [out, in / groups, ...], turned round in space."""
    inside, out, *places = weight.shape
    grouped = weight.reshape(groups, inside // groups, out, *places)
    swapped = jnp.swapaxes(grouped, 1, 2).reshape(groups * out, inside // groups, *places)
    return jnp.flip(swapped, tuple(range(2, swapped.ndim)))


_plain = {f"aten.conv{n}d": plain for n in (1, 2, 3)}
_turn = {f"aten.conv_transpose{n}d": transposed for n in (1, 2, 3)}

OPERATORS: dict[str, Callable[..., Any]] = {
    **_plain,
    **_turn,
    "aten.convolution": convolution,
    "aten._convolution": lambda *a, **k: convolution(*a[:9], **k),
    "aten.linear": linear,
    "aten.addmm": addmm,
    "aten.baddbmm": addmm,
    "aten.matmul": matmul,
    "aten.mm": matmul,
    "aten.bmm": matmul,
    "aten.mv": matmul,
    "aten.dot": matmul,
    "aten.einsum": einsum,
    "aten.scaled_dot_product_attention": attention,
    "aten._scaled_dot_product_flash_attention_for_cpu": (
        lambda q, k, v, dropout_p=0.0, is_causal=False, attn_mask=None, scale=None: (
            attention(q, k, v, attn_mask, dropout_p, is_causal, scale),
            None,
        )
    ),
}
