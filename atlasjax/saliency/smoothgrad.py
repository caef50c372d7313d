"""SmoothGrad: the gradient averaged over noisy copies of the image."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from atlasjax.errors import UserError
from atlasjax.saliency.passes import (
    CHUNK,
    Passes,
    at_least,
    channels_joined,
    gradients,
    image_keys,
    run,
    sample_keys,
)
from atlasjax.taps import Model
from atlasjax.targets import Target


def smoothgrad(
    model: Model,
    images: Float[Array, "b h w c"],
    target: Target,
    *,
    key: Key[Array, "..."],
    samples: int = 25,
    noise: float | int = 0.15,
    signed: bool = False,
    chunk: int = CHUNK,
) -> Float[Array, "b h w"]:
    """Return the mean gradient of noisy copies of each image, its magnitude.

    `max_c |mean_s d target / d x_c (x + noise_s)|`; where `signed`, the sum over the channels.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: as the model takes them.
        target: what is asked for.
        key: one for all images, of which each makes its own by its number; or one for each.
        samples: noisy copies.
        noise: standard deviation, as a part of the image's range.
        signed: whether the channels are summed, instead of the largest magnitude taken.
        chunk: copies that pass through the network at a time.

    Returns:
        One map for each image.

    Raises:
        UserError: no samples, or negative noise.

    Source: Smilkov et al. 2017, "SmoothGrad: removing noise by adding noise".

    >>> from atlasjax.targets import class_logit
    >>> toy = lambda images, tap: (images**2).sum((1, 2))
    >>> half = jnp.full((1, 2, 2, 1), 0.5)
    >>> float(smoothgrad(toy, half, class_logit(0), key=jax.random.key(0))[0, 0, 0])
    1.0
    """
    options = {"samples": samples, "noise": noise, "signed": signed}
    return run(
        smoothgrad_passes(model, images, target, key=key, **options), chunk, model, images, target
    )


def smoothgrad_passes(
    model: Model,
    images: Float[Array, "b h w c"],
    target: Target,
    *,
    key: Key[Array, "..."],
    samples: int = 25,
    noise: float | int = 0.15,
    signed: bool = False,
) -> Passes:
    """Return `smoothgrad` as passes through the network."""
    at_least("samples", samples)
    if noise < 0:
        raise UserError(f"noise {noise}: must be at least 0")
    keys = image_keys(key, len(images))

    def each(numbers: Array, real: Array) -> Array:
        copies = images[None] + noise * _noise(keys, numbers, images)
        return jnp.einsum("k,kbhwc->bhwc", real, gradients(model, copies, target))

    return Passes(samples, each, lambda total: channels_joined(total / samples, signed))


def _noise(
    keys: Key[Array, " b"], numbers: Array, images: Float[Array, "b h w c"]
) -> Float[Array, "k b h w c"]:
    """Return the noise of some copies, whose standard deviation is the range of each image."""
    reach = images.max((1, 2, 3), keepdims=True) - images.min((1, 2, 3), keepdims=True)

    def draw(key: Key[Array, ""]) -> Float[Array, "h w c"]:
        return jax.random.normal(key, images.shape[1:], images.dtype)

    return jax.vmap(jax.vmap(draw))(sample_keys(keys, numbers)) * reach[None]
