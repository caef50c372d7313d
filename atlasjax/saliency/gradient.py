"""Gradients of the target by the pixels, alone and times the image: one pass back."""

from jaxtyping import Array, Float

from atlasjax.saliency.looks import slopes
from atlasjax.saliency.passes import run
from atlasjax.saliency.pixels import channels_joined
from atlasjax.saliency.versions import Versions, once
from atlasjax.taps import Model
from atlasjax.targets import Target


def gradient(
    model: Model, images: Float[Array, "b h w c"], target: Target, *, signed: bool = False
) -> Float[Array, "b h w"]:
    """Return how much each pixel changes the target: the gradient's magnitude.

    `max_c |d target / d x_c|`, the field's convention; where `signed`, `sum_c d target / d x_c`.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: as the model takes them.
        target: what is asked for.
        signed: whether the channels are summed, instead of the largest magnitude taken.

    Returns:
        One map for each image, in units of the target for a change of the pixel from black to
        white.

    Source: Simonyan, Vedaldi and Zisserman 2014, "Deep inside convolutional networks".

    >>> import jax.numpy as jnp
    >>> from atlasjax.targets import class_logit
    >>> toy = lambda images, tap: images.sum((1, 2)) * jnp.array([[1.0, -2.0]])
    >>> float(gradient(toy, jnp.ones((1, 1, 1, 2)), class_logit(1))[0, 0, 0])
    2.0
    """
    return run(gradient_versions, model, images, target, {"signed": signed}, chunk=None)


def gradient_versions(image: Float[Array, "h w c"], *, signed: bool = False) -> Versions:
    """Return `gradient` as what it does with one image."""
    return once(image, slopes, lambda found: channels_joined(found.gradient, signed))


def gradient_times_input(
    model: Model, images: Float[Array, "b h w c"], target: Target
) -> Float[Array, "b h w"]:
    """Return what each pixel adds to the target, to first order: `sum_c x_c d target / d x_c`.

    The image is taken as it is, in [0, 1]: black is what is compared with.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: as the model takes them.
        target: what is asked for.

    Returns:
        One signed map for each image, in units of the target; channels are summed.

    Source: Shrikumar et al. 2016, "Not just a black box".

    >>> import jax.numpy as jnp
    >>> from atlasjax.targets import class_logit
    >>> toy = lambda images, tap: 3 * images.sum((1, 2))
    >>> float(gradient_times_input(toy, jnp.full((1, 1, 1, 1), 2.0), class_logit(0))[0, 0, 0])
    6.0
    """
    return run(gradient_times_input_versions, model, images, target, {}, chunk=None)


def gradient_times_input_versions(image: Float[Array, "h w c"]) -> Versions:
    """Return `gradient_times_input` as what it does with one image."""
    return once(image, slopes, lambda found: channels_joined(image * found.gradient, signed=True))
