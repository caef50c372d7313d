"""Normalizations, in the way each network has them at rest."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from atlasjax.adapters.aten.types import Number, channelwise


def batch_norm(
    x: Array,
    weight: Array | None,
    bias: Array | None,
    running_mean: Array | None,
    running_var: Array | None,
    training: bool,
    momentum: Number,
    eps: Number,
    cudnn_enabled: bool = True,
) -> Array:
    """Return x normalized by the means and variances that were kept, or else by the batch's."""
    del momentum, cudnn_enabled
    if training or running_mean is None or running_var is None:
        axes = (0, *range(2, x.ndim))
        mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    else:
        mean, var = (channelwise(v, x.ndim) for v in (running_mean, running_var))
    y = (x - mean.astype(x.dtype)) * jax.lax.rsqrt(var.astype(x.dtype) + eps)
    return _affine(y, weight, bias)


def at_rest(
    x: Array, weight: Any, bias: Any, mean: Array, var: Array, momentum: Number, eps: Number
) -> tuple[Array, None, None]:
    """Return x normalized by the means and variances that were kept."""
    return batch_norm(x, weight, bias, mean, var, False, momentum, eps), None, None


def layer_norm(
    x: Array,
    normalized_shape: Sequence[int],
    weight: Array | None = None,
    bias: Array | None = None,
    eps: Number = 1e-5,
    cudnn_enable: bool = True,
) -> Array:
    """Return x normalized over its last axes."""
    del cudnn_enable
    y = _normalized(x, tuple(range(x.ndim - len(normalized_shape), x.ndim)), eps)
    lead = (1,) * (x.ndim - len(normalized_shape))
    y = y if weight is None else y * weight.reshape(lead + weight.shape)
    return y if bias is None else y + bias.reshape(lead + bias.shape)


def rms_norm(
    x: Array, normalized_shape: Sequence[int], weight: Array | None = None, eps: Any = None
) -> Array:
    """Return x divided by the root of its mean square over its last axes."""
    axes = tuple(range(x.ndim - len(normalized_shape), x.ndim))
    eps = float(jnp.finfo(x.dtype).eps) if eps is None else eps
    y = x * jax.lax.rsqrt(jnp.square(x).mean(axes, keepdims=True) + eps)
    return y if weight is None else y * weight.reshape((1,) * (x.ndim - weight.ndim) + weight.shape)


def group_norm(
    x: Array,
    num_groups: int,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: Number = 1e-5,
    cudnn_enabled: bool = True,
) -> Array:
    """Return x normalized over groups of channels and all places."""
    del cudnn_enabled
    grouped = x.reshape(x.shape[0], num_groups, -1)
    return _affine(_normalized(grouped, (2,), eps).reshape(x.shape), weight, bias)


def instance_norm(
    x: Array,
    weight: Array | None,
    bias: Array | None,
    running_mean: Array | None,
    running_var: Array | None,
    use_input_stats: bool,
    momentum: Number,
    eps: Number,
    cudnn_enabled: bool = True,
) -> Array:
    """Return x normalized over the places of each channel, or by the statistics that were kept."""
    if use_input_stats:
        return _affine(_normalized(x, tuple(range(2, x.ndim)), eps), weight, bias)
    rest = (running_mean, running_var, False, momentum, eps, cudnn_enabled)
    return batch_norm(x, weight, bias, *rest)


def softmax(x: Array, dim: int, dtype: Any = None, **_: Any) -> Array:
    """Return the softmax along an axis."""
    return jax.nn.softmax(_cast(x, dtype), dim)


def log_softmax(x: Array, dim: int, dtype: Any = None, **_: Any) -> Array:
    """Return the logarithm of the softmax along an axis."""
    return jax.nn.log_softmax(_cast(x, dtype), dim)


def native_layer_norm(
    x: Array, shape: Sequence[int], weight: Any, bias: Any, eps: Number
) -> tuple[Array, None, None]:
    """Return the layer norm, with places for statistics that nobody reads."""
    return layer_norm(x, shape, weight, bias, eps), None, None


def native_group_norm(
    x: Array, weight: Any, bias: Any, n: int, c: int, places: int, group: int, eps: Number
) -> tuple[Array, None, None]:
    """Return the group norm, with places for statistics that nobody reads."""
    del n, c, places
    return group_norm(x, group, weight, bias, eps), None, None


def _normalized(x: Array, axes: tuple[int, ...], eps: Number) -> Array:
    centred = x - x.mean(axes, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.square(centred).mean(axes, keepdims=True) + eps)


def _affine(y: Array, weight: Array | None, bias: Array | None) -> Array:
    y = y if weight is None else y * channelwise(weight, y.ndim)
    return y if bias is None else y + channelwise(bias, y.ndim)


def _cast(x: Array, dtype: Any) -> Array:
    return x if dtype is None or isinstance(dtype, bool) else x.astype(dtype)


OPERATORS: dict[str, Callable[..., Any]] = {
    "aten.batch_norm": batch_norm,
    "aten._native_batch_norm_legit_no_training": at_rest,
    "aten._native_batch_norm_legit.no_stats": lambda x, w, b, _, momentum, eps: (
        batch_norm(x, w, b, None, None, True, momentum, eps),
        None,
        None,
    ),
    "aten.layer_norm": layer_norm,
    "aten.native_layer_norm": native_layer_norm,
    "aten.rms_norm": rms_norm,
    "aten.group_norm": group_norm,
    "aten.native_group_norm": native_group_norm,
    "aten.instance_norm": instance_norm,
    "aten.softmax": softmax,
    "aten._softmax": softmax,
    "aten.log_softmax": log_softmax,
    "aten._log_softmax": log_softmax,
}
