"""Facets: the same neuron, drawn by way of a chosen theme.

A neuron can answer to faces, to text and to buildings. Which of them a visualization shows is
chosen with a linear probe at an earlier layer, that tells the theme's images from others.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from atlasjax.errors import UserError, unknown
from atlasjax.optvis.objectives.core import (
    LOGITS,
    Objective,
    Seen,
    Shapes,
    check,
    evaluate,
    network,
    shapes_for,
    spread,
    units,
)
from atlasjax.optvis.objectives.parts import (
    Values,
    activations,
    check_channels,
    check_value,
    check_vector,
    per_unit,
)
from atlasjax.taps import Model, as_pytree


def facet(layer: str, direction: Values, gradient: Values | None = None) -> Objective:
    """Return the term that leads an objective through a facet: `w . (a * g)`.

    Here a are the activations of an earlier layer, w is the facet's direction in it, and g is how
    the objective changes with them; the sum goes over all positions and channels. Add it to the
    objective: `neuron("mixed5a", 7) + 0.1 * facet("mixed4a", w, g)`.

    The article takes the gradient anew in each step, `f(a) + w . (a * df/da)`. Here g is fixed: the
    mean gradient over example images, from `facet_gradient`, which linearizes the network once.
    Without g the term is the probe alone, `w . a`, which the article found to work less well.

    Args:
        layer: of shape [h, w, c], or [c], before those of the objective.
        direction: w: [c] for all positions alike, or [h, w, c]; or either with n units first.
        gradient: g, of any of these shapes; 1 by default.

    Returns:
        The objective. `check` refuses what does not fit the layer.

    Raises:
        UserError: arrays that cannot be, or that do not fit each other.

    Source: Goh et al., "Multimodal Neurons in Artificial Neural Networks", Distill 2021, appendix
    "Faceted feature visualization".

    >>> from atlasjax.optvis.objectives.core import take
    >>> seen = Seen(jnp.ones((1, 1, 1, 3)), {"conv": jnp.full((1, 2, 2, 2), 3.0)})
    >>> evaluate(take(facet("conv", np.array([1.0, 0.0])), 0), seen)
    Array([12.], dtype=float32)
    """
    weight = _directions(f"the facet in layer {layer!r}", direction)
    if gradient is not None:
        slope = _directions(f"the gradient in layer {layer!r}", gradient)
        weight = _product(layer, weight, slope)
    return Objective(_facet, (layer,), weight, layer, _check_facet)


def _facet(seen: Seen, data: Any, layer: Any) -> Float[Array, " frames"]:
    value = activations(seen, layer)
    return (value * jnp.broadcast_to(data, value.shape)).reshape(len(value), -1).sum(1)


def _check_facet(shapes: Shapes, objective: Objective) -> None:
    layer, weight = objective.layers[0], objective.data
    check_channels(shapes, layer)
    (check_vector if weight.ndim == 2 else check_value)(shapes, layer, weight)


def _directions(what: str, value: Any) -> np.ndarray:
    return per_unit(what, value, 1 if np.ndim(value) < 3 else 3, np.float32)


def _product(layer: str, weight: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Multiply directions [n, c] or [n, h, w, c], whichever of the two each of them has."""
    shapes = f"{list(weight.shape)} and {list(slope.shape)}"
    if weight.ndim != slope.ndim:
        flat, full = sorted((weight, slope), key=np.ndim)
        weight, slope = flat[:, None, None], full
    try:
        return weight * slope
    except ValueError:
        raise UserError(
            f"the facet and the gradient in layer {layer!r} have shapes {shapes}, units first; "
            "they must agree in units, or one have 1, and in channels and positions"
        ) from None


def facet_gradient(
    model: Model, objective: Objective, layer: str, images: Float[Array, "examples h w c"]
) -> Float[Array, "units *layer"]:
    """Return how an objective changes with an earlier layer: the mean gradient over images.

    `g = mean_x d f(a(x)) / d a`, where a are the layer's activations and f is the objective.

    Args:
        model: a callable pytree `model(images, tap)`.
        objective: what is to be led through a facet; not one that compares frames.
        layer: an earlier layer than the objective's; where a later one is named, g is zero.
        images: examples of the facet, as the model takes them.

    Returns:
        g for each of the objective's units, for `facet`.

    Raises:
        UserError: a layer that does not exist, or an objective that does not fit the model.

    Source: Goh et al. 2021, appendix "Faceted feature visualization".

    >>> from atlasjax.optvis.objectives.activations import class_logit
    >>> model = lambda images, tap: 3 * tap("half", images / 2).sum((1, 2))
    >>> facet_gradient(model, class_logit(1), "half", jnp.ones((2, 1, 1, 3)))
    Array([[[[0., 3., 0.]]]], dtype=float32)
    """
    model = as_pytree(model)
    height, width, channels = images.shape[1:]
    shapes = shapes_for(model, (height, width, channels))
    tapped = [name for name in shapes if name != LOGITS]
    if layer not in tapped:
        raise unknown("layer", layer, tapped)
    check(objective, shapes)

    def score(moved: Array, part: Objective, model: Model, images: Array) -> Array:
        def move(name: str, value: Array) -> Array:
            return value + moved.astype(value.dtype) if name == layer else value

        return evaluate(part, Seen(images, network(model, images, part.layers, move))).sum()

    # The gradient at a shift of zero is the gradient at the activations themselves.
    still = jnp.zeros((len(images), *shapes[layer]), jnp.float32)
    n = units(objective)
    slope = jax.vmap(jax.grad(score), in_axes=(None, 0, None, None), axis_size=n)
    return jax.jit(slope)(still, spread(objective, n), model, images).mean(1)


def facet_direction(
    positive: Values, negative: Values, ridge: float | int | None = 1.0
) -> Float[np.ndarray, "..."]:
    """Return the direction that tells two sets of activations apart, of length 1.

    `w = (S + ridge t I)^-1 (m1 - m0)`, scaled to length 1: Fisher's linear discriminant, with m1
    and m0 the means of the sets, S the covariance within them and t its mean eigenvalue. The larger
    the ridge, the nearer w is to the difference of the means; `ridge=None` gives just that.

    Args:
        positive: activations of images of the facet, [n1, c] or [n1, h, w, c].
        negative: activations of other images, [n0, c] or [n0, h, w, c].
        ridge: above 0; small ones need many more images than there are values in an activation.

    Returns:
        w, of the shape of one activation.

    Raises:
        UserError: sets that are empty, of different shapes or with equal means, or a ridge that is
            not above 0.

    Source: Hastie et al., "The Elements of Statistical Learning", section 4.3.1; the article trains
    a logistic probe, for which there is no closed form.

    >>> facet_direction(np.array([[3.0, 1.0], [5.0, 1.0]]), np.array([[-4.0, 1.0]])).round(3)
    array([1., 0.], dtype=float32)
    """
    sets = [np.asarray(side, np.float64) for side in (positive, negative)]
    shape = sets[0].shape[1:]
    if any(side.size == 0 or side.ndim < 2 or side.shape[1:] != shape for side in sets):
        listed = " and ".join(str(list(side.shape)) for side in sets)
        raise UserError(
            f"sets of activations of shapes {listed}: both must have examples first, at least one, "
            "and agree in all other axes"
        )
    if ridge is not None and not (ridge > 0 and np.isfinite(ridge)):
        raise UserError(f"ridge {ridge}: must be above 0 and finite, or None")
    rows = [side.reshape(len(side), -1) for side in sets]
    apart = rows[0].mean(0) - rows[1].mean(0)
    found = apart if ridge is None else _discriminant(rows, apart, float(ridge))
    length = np.linalg.norm(found)
    if not (length > 0 and np.isfinite(length)):
        raise UserError(
            "sets of activations with equal or infinite means: nothing tells them apart"
        )
    return (found / length).reshape(shape).astype(np.float32)


def _discriminant(rows: list[np.ndarray], apart: np.ndarray, ridge: float) -> np.ndarray:
    """Return `(S + ridge t I)^-1 apart`, by way of whichever matrix is smaller."""
    within = np.concatenate([side - side.mean(0) for side in rows])
    count, size = within.shape
    damping = ridge * np.square(within).sum() / count / size
    if damping == 0:  # all examples of a set are alike, so that S is zero
        return apart
    if size <= count:
        return np.linalg.solve(within.T @ within / count + damping * np.eye(size), apart)
    # The Woodbury identity: a system of the examples in place of one of the values.
    inner = np.linalg.solve(within @ within.T + count * damping * np.eye(count), within @ apart)
    return (apart - within.T @ inner) / damping
