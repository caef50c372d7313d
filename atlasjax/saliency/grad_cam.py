"""Grad-CAM: where a layer holds the channels that speak for the target."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from atlasjax.saliency.looks import AtLayer, GuidedAtLayer, LayerSlopes
from atlasjax.saliency.passes import run
from atlasjax.saliency.pixels import channels_joined, resized
from atlasjax.saliency.versions import Versions, once
from atlasjax.taps import Model
from atlasjax.targets import Target


def grad_cam(
    model: Model,
    images: Float[Array, "b h w c"],
    target: Target,
    *,
    layer: str,
    rectified: bool = True,
) -> Float[Array, "b h w"]:
    """Return the layer's channels, weighted by their mean gradient and summed.

    `max(sum_k w_k A_k, 0)` with `w_k = mean_ij d target / d A_kij`, resized to the images by
    bilinear interpolation.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: as the model takes them.
        target: what is asked for.
        layer: one with positions, as `planes.as_planes` shows it.
        rectified: whether what speaks against the target is left out, as in the article.

    Returns:
        One map for each image; the layer's channels are summed.

    Raises:
        UserError: a layer that the model does not tap, or that has a single position.

    Source: Selvaraju et al. 2017, "Grad-CAM: visual explanations from deep networks".

    >>> from atlasjax.targets import class_logit
    >>> toy = lambda images, tap: tap("double", 2 * images).sum((1, 2))
    >>> float(grad_cam(toy, jnp.ones((1, 2, 2, 1)), class_logit(0), layer="double")[0, 0, 0])
    2.0
    """
    settings = {"layer": layer, "rectified": rectified}
    return run(grad_cam_versions, model, images, target, settings, chunk=None)


def grad_cam_versions(
    image: Float[Array, "h w c"], *, layer: str, rectified: bool = True
) -> Versions:
    """Return `grad_cam` as what it does with one image."""
    return once(image, AtLayer(layer), lambda found: _cam(found, image, rectified))


def grad_cam_plus_plus(
    model: Model, images: Float[Array, "b h w c"], target: Target, *, layer: str
) -> Float[Array, "b h w"]:
    """Return the layer's channels, weighted by their positive gradients, and summed.

    `max(sum_k w_k A_k, 0)` with `w_k = sum_ij a_kij max(g_kij, 0)` and
    `a_kij = g_kij^2 / (2 g_kij^2 + g_kij^3 sum_ij A_kij)`, where g is the gradient of the target by
    the layer: the article's weights for `exp(target)`, less the factor that is common to a map.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: as the model takes them.
        target: what is asked for.
        layer: one with positions, as `planes.as_planes` shows it.

    Returns:
        One map for each image, at least 0; the layer's channels are summed.

    Raises:
        UserError: a layer that the model does not tap, or that has a single position.

    Source: Chattopadhay et al. 2018, "Grad-CAM++".

    >>> from atlasjax.targets import class_logit
    >>> toy = lambda images, tap: tap("same", images).sum((1, 2))
    >>> found = grad_cam_plus_plus(toy, jnp.ones((1, 2, 2, 1)), class_logit(0), layer="same")
    >>> float(found[0, 0, 0])
    0.666...
    """
    settings = {"layer": layer}
    return run(grad_cam_plus_plus_versions, model, images, target, settings, chunk=None)


def grad_cam_plus_plus_versions(image: Float[Array, "h w c"], *, layer: str) -> Versions:
    """Return `grad_cam_plus_plus` as what it does with one image."""

    def finish(found: LayerSlopes) -> Float[Array, "h w"]:
        value, slope = found
        below = 2 * slope**2 + slope**3 * value.sum((0, 1), keepdims=True)
        share = jnp.where(below != 0, slope**2 / jnp.where(below != 0, below, 1), 0)
        return _joined(value, (share * jax.nn.relu(slope)).sum((0, 1)), image, rectified=True)

    return once(image, AtLayer(layer), finish)


def guided_grad_cam(
    model: Model, images: Float[Array, "b h w c"], target: Target, *, layer: str
) -> Float[Array, "b h w"]:
    """Return Grad-CAM times guided backpropagation: fine lines where the layer says so.

    Guided backpropagation passes back through a rectifier only what is positive. Rectifiers are
    found in what the network computes, so that networks of any library will do.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: as the model takes them.
        target: what is asked for.
        layer: one with positions, as `planes.as_planes` shows it.

    Returns:
        One signed map for each image; channels are summed.

    Raises:
        UserError: a layer that the model does not tap, or that has a single position; or a network
            without rectifiers.

    Source: Selvaraju et al. 2017; Springenberg et al. 2015, "Striving for simplicity".

    >>> from atlasjax.targets import class_logit
    >>> toy = lambda images, tap: tap("on", jax.nn.relu(images - 0.5)).sum((1, 2))
    >>> float(guided_grad_cam(toy, jnp.ones((1, 2, 2, 1)), class_logit(0), layer="on")[0, 0, 0])
    0.5
    """
    settings = {"layer": layer}
    return run(guided_grad_cam_versions, model, images, target, settings, chunk=None)


def guided_grad_cam_versions(image: Float[Array, "h w c"], *, layer: str) -> Versions:
    """Return `guided_grad_cam` as what it does with one image."""

    def finish(found: tuple[LayerSlopes, Array]) -> Float[Array, "h w"]:
        at_layer, gradient = found
        return _cam(at_layer, image, True) * channels_joined(gradient, signed=True)

    return once(image, GuidedAtLayer(layer), finish)


def _cam(found: LayerSlopes, image: Float[Array, "h w c"], rectified: bool) -> Float[Array, "h w"]:
    return _joined(found.value, found.slope.mean((0, 1)), image, rectified)


def _joined(
    value: Float[Array, "rows columns k"],
    weight: Float[Array, " k"],
    image: Float[Array, "h w c"],
    rectified: bool,
) -> Float[Array, "h w"]:
    """Return the weighted sum of a layer's channels, in the size of the image."""
    found = value @ weight
    return resized(jax.nn.relu(found) if rectified else found, image.shape[0], image.shape[1])
