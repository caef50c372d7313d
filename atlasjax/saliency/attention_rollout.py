"""Attention rollout: how attention carries patches to the class token, layer after layer."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from atlasjax.errors import UserError
from atlasjax.planes import Planes, division
from atlasjax.saliency.passes import run
from atlasjax.saliency.pixels import resized
from atlasjax.saliency.versions import Versions, once
from atlasjax.taps import Model, capture, layers
from atlasjax.targets import Target


def attention_rollout(
    model: Model,
    images: Float[Array, "b h w c"],
    target: Target,
    *,
    attention: Sequence[str] | None = None,
) -> Float[Array, "b h w"]:
    """Return how much of each patch reaches the class token, by the attention of all layers.

    The product of `(A_l + I) / 2` over the layers, where A_l is the attention averaged over the
    heads: its row for the class token, or the mean of all rows where there is none. It is the same
    for every target.

    Args:
        model: a callable pytree `model(images, tap)` that taps its attention.
        images: as the model takes them.
        target: not looked at.
        attention: names of the layers, in their order; by default what `attention_layers` finds.

    Returns:
        One map for each image, at least 0, resized to it by bilinear interpolation; heads are
        averaged.

    Raises:
        UserError: a network that taps no attention, or layers of different tokens.

    Source: Abnar and Zuidema 2020, "Quantifying attention flow in transformers".

    >>> def toy(images, tap):
    ...     tokens = tap("tokens", images.reshape(1, 4, 1))
    ...     mixed = tap("attention", jnp.full((1, 2, 4, 4), 0.25)).mean(1) @ tokens
    ...     return mixed.mean(1)
    >>> attention_rollout(toy, jnp.ones((1, 2, 2, 1)), Target(lambda *_: 0.0))
    Array([[[0.25, 0.25],
            [0.25, 0.25]]], dtype=float32)
    """
    names = None if attention is None else tuple(attention)
    settings = {"attention": names}
    return run(attention_rollout_versions, model, images, target, settings, chunk=None)


def attention_rollout_versions(
    image: Float[Array, "h w c"], *, attention: tuple[str, ...] | None = None
) -> Versions:
    """Return `attention_rollout` as what it does with one image."""
    return once(image, Rollout(attention), lambda found: resized(found, *image.shape[:2]))


class Rollout(NamedTuple):
    """A look at how much of each patch reaches the class token.

    Attributes:
        attention: names of the layers, in their order; or None for what `attention_layers` finds.
    """

    attention: tuple[str, ...] | None

    def __call__(
        self, model: Model, images: Float[Array, "b h w c"], target: Target
    ) -> Float[Array, "b rows columns"]:
        """Return it for each image; the target is not looked at."""
        return _reach(model, images, self.attention)


def _reach(
    model: Model, images: Float[Array, "b h w c"], attention: Sequence[str] | None
) -> Float[Array, "b rows columns"]:
    inner = model.model if isinstance(model, Planes) else model
    names = attention_layers(model, images.shape[1:]) if attention is None else list(attention)
    if not names:
        raise UserError(
            "attention rollout needs attention as taps [batch, heads, tokens, tokens], and the "
            "network has none: tap the softmax of each block, or use another method"
        )
    found = capture(inner, images, names)
    reach = None
    for name in names:
        mean = _heads_first(name, found[name]).mean(1).astype(jnp.float32)
        own = (mean + jnp.eye(mean.shape[-1])[None]) / 2
        own = own / own.sum(-1, keepdims=True)
        if reach is not None and reach.shape != own.shape:
            raise UserError(
                f"attention {name!r} is of {own.shape[-1]} tokens, and those before it of "
                f"{reach.shape[-1]}: rollout needs the same in every layer"
            )
        reach = own if reach is None else own @ reach
    assert reach is not None  # there is a name at least
    before, rows, columns = division(reach.shape[-1])
    first = reach[:, 0] if before else reach.mean(1)
    return first[:, before:].reshape(-1, rows, columns)


def attention_layers(model: Model, image_shape: Sequence[int]) -> list[str]:
    """Return the layers that are attention, by their shape, in the order of the computation.

    They are [heads, n, n], or [n, n, heads] where a library's channels come first, of as many
    tokens n as another layer [n, channels] has.

    Args:
        model: a callable pytree `model(images, tap)`.
        image_shape: the [h, w, c] of the images.

    >>> attention_layers(lambda images, tap: tap("double", 2 * images), (4, 4, 3))
    []
    """
    height, width, channels = image_shape
    inner = model.model if isinstance(model, Planes) else model
    shapes = layers(inner, (height, width, channels))
    tokens = {shape[0] for shape in shapes.values() if len(shape) == 2}
    return [
        name
        for name, shape in shapes.items()
        if len(shape) == 3
        and any(a == b and a in tokens and a > 1 for a, b in (shape[1:], shape[:2]))
    ]


def _heads_first(name: str, value: Array) -> Float[Array, "b heads n n"]:
    if value.ndim == 4 and value.shape[2] == value.shape[3]:
        return value
    if value.ndim == 4 and value.shape[1] == value.shape[2]:
        return jnp.moveaxis(value, -1, 1)
    raise UserError(
        f"attention {name!r} has shape {list(value.shape[1:])}: must be [heads, tokens, tokens]"
    )
