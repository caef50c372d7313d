"""SmoothGrad: the gradient averaged over noisy copies of the image."""

import jax
from jaxtyping import Array, Float, Int, Key

from atlasjax.errors import UserError
from atlasjax.saliency.looks import Slopes, slopes
from atlasjax.saliency.passes import CHUNK, run
from atlasjax.saliency.pixels import channels_joined
from atlasjax.saliency.versions import Versions, at_least, image_keys
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

    >>> import jax.numpy as jnp
    >>> from atlasjax.targets import class_logit
    >>> toy = lambda images, tap: (images**2).sum((1, 2))
    >>> half = jnp.full((1, 2, 2, 1), 0.5)
    >>> round(float(smoothgrad(toy, half, class_logit(0), key=jax.random.key(0))[0, 0, 0]), 3)
    1.0
    """
    settings = {"samples": samples, "noise": noise, "signed": signed}
    own = {"key": image_keys(key, len(images))}
    return run(smoothgrad_versions, model, images, target, settings, own, chunk)


def smoothgrad_versions(
    image: Float[Array, "h w c"],
    *,
    key: Key[Array, ""],
    samples: int = 25,
    noise: float | int = 0.15,
    signed: bool = False,
) -> Versions:
    """Return `smoothgrad` as what it does with one image."""
    at_least("samples", samples)
    if noise < 0:
        raise UserError(f"noise {noise}: must be at least 0")
    reach = noise * (image.max() - image.min())

    def make(number: Int[Array, ""]) -> tuple[Float[Array, "h w c"], tuple[()]]:
        drawn = jax.random.normal(jax.random.fold_in(key, number), image.shape, image.dtype)
        return image + reach * drawn, ()

    def add(number: Array, kept: tuple[()], found: Slopes) -> Float[Array, "h w c"]:
        return found.gradient / samples

    return Versions(samples, slopes, make, add, lambda mean: channels_joined(mean, signed))
