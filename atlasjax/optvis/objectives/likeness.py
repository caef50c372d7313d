"""Objectives of likeness: what brings a layer to the activations of a given image.

All of it (`match`), with what is there exaggerated (`caricature`), or without regard to where
things are (`style`). The activations come from `atlasjax.capture`.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from atlasjax.errors import UserError, unknown
from atlasjax.optvis.objectives import measures
from atlasjax.optvis.objectives.core import Objective, Seen, Shapes
from atlasjax.optvis.objectives.parts import (
    Values,
    activations,
    by_position,
    check_has_positions,
    check_value,
    check_vector,
    cosine_power,
    per_unit,
)

LOSSES = ("l2", "l1", "cosine")


def match(layer: str, value: Values, loss: str = "l2") -> Objective:
    """Return the objective of inverting features: minus the distance to a given activation.

    With v the given activation, and means over all positions and channels:
    `l2`: `-mean (a - v)^2`; `l1`: `-mean |a - v|`; `cosine`: `-mean_p (1 - cos(a_p, v_p))`.

    Args:
        layer: of shape [h, w, c] or [c].
        value: the activation, of the layer's shape; or with n units first. Its number of axes says
            which: one or three for one unit, two or four for n.
        loss: "l2", "l1" or "cosine".

    Returns:
        The objective; at most 0, up to rounding. `check` refuses values of another shape than the
        layer's.

    Raises:
        UserError: a value that cannot be, or an unknown loss.

    Source: Mahendran and Vedaldi, "Understanding deep image representations by inverting them",
    2015, section 3, with the mean in place of their norm.

    >>> from atlasjax.optvis.objectives.core import evaluate, take
    >>> seen = Seen(jnp.ones((1, 1, 1, 3)), {"fc": jnp.asarray([[3.0, 4.0]])})
    >>> evaluate(take(match("fc", np.array([3.0, 0.0])), 0), seen)
    Array([-8.], dtype=float32)
    """
    if loss not in LOSSES:
        raise unknown("loss", loss, LOSSES)
    ndim = 1 if np.ndim(value) < 3 else 3
    data = per_unit(f"the activation of layer {layer!r}", value, ndim, np.float32)
    return Objective(_match, (layer,), data, (layer, loss), _check_match)


def _match(seen: Seen, data: Any, settings: Any) -> Float[Array, " frames"]:
    layer, loss = settings
    value = activations(seen, layer)
    target = jnp.broadcast_to(data, value.shape)
    if loss == "cosine":
        return measures.cosine(by_position(value), by_position(target)).mean(1) - 1.0
    distance = jnp.square if loss == "l2" else jnp.abs
    return -distance(value - target).reshape(len(value), -1).mean(1)


def _check_match(shapes: Shapes, objective: Objective) -> None:
    check_value(shapes, objective.layers[0], objective.data)


def caricature(
    layer: str, value: Values, power: float | int = 1.0, floor: float | int = 0.1
) -> Objective:
    """Return the objective of exaggerating what a layer finds in a given image.

    `mean_p (a_p . v_p / s) max(floor, cos(a_p, v_p))^power`, where v is the given activation, p
    goes over the positions, and `s = sqrt(mean_p |v_p|^2)`. Positions count by how strong they are
    in the given image; its overall strength does not matter.

    Args:
        layer: of shape [h, w, c].
        value: the activation, [h, w, c]; or [n, h, w, c], one for each unit.
        power: how much being in the direction counts over going far; 0 gives the plain product.
        floor: the least cosine that is used, in (0, 1].

    Returns:
        The objective. `check` refuses values of another shape than the layer's.

    Raises:
        UserError: a value, a power or a floor that cannot be, or a value that is zero everywhere.

    Source: the name is that of the library that came with Olah et al., "The Building Blocks of
    Interpretability", Distill 2018; the cosine after Carter et al. 2019, "Feature visualization".

    >>> from atlasjax.optvis.objectives.core import evaluate, take
    >>> seen = Seen(jnp.ones((1, 1, 1, 3)), {"conv": jnp.full((1, 2, 2, 1), 3.0)})
    >>> evaluate(take(caricature("conv", np.full((2, 2, 1), 7.0)), 0), seen)
    Array([3.], dtype=float32)
    """
    settings = (layer, *cosine_power(power, floor))
    what = f"the activation of layer {layer!r}"
    target = per_unit(what, value, 3, np.float32)
    length = np.linalg.norm(target, axis=-1)
    overall = np.sqrt(np.square(length).mean((1, 2), keepdims=True))
    if not overall.all():
        raise UserError(f"{what}: is zero everywhere, so there is nothing to exaggerate")
    data = (target, length / overall)
    return Objective(_caricature, (layer,), data, settings, _check_caricature)


def _caricature(seen: Seen, data: Any, settings: Any) -> Float[Array, " frames"]:
    (target, weight), (layer, power, floor) = data, settings
    value = activations(seen, layer)
    rows = value.reshape(-1, value.shape[-1])
    targets = jnp.broadcast_to(target, value.shape).reshape(rows.shape)
    scores = measures.direction(rows, targets, power, floor)
    scores = scores.reshape(value.shape[:-1]) * weight[None]
    return scores.mean((1, 2))


def _check_caricature(shapes: Shapes, objective: Objective) -> None:
    check_has_positions(shapes, objective.layers[0])
    check_value(shapes, objective.layers[0], objective.data[0])


def gram_matrix(value: Float[Array, "*batch h w c"]) -> Float[Array, "*batch c c"]:
    """Return how channels go together over all positions: `G = mean_p a_p a_p'`.

    Args:
        value: activations of a layer with positions.

    Returns:
        A symmetric matrix for each of the batch.

    Source: Gatys et al., "Image style transfer using convolutional neural networks", 2016,
    section 2.2, divided by the number of positions so that it does not grow with the image.

    >>> gram_matrix(jnp.ones((2, 2, 1)))
    Array([[1.]], dtype=float32)
    """
    rows = value.reshape(*value.shape[:-3], -1, value.shape[-1])
    return jnp.swapaxes(rows, -1, -2) @ rows / rows.shape[-2]


def style(layer: str, gram: Values) -> Objective:
    """Return the objective of a style: minus the distance to a given Gram matrix.

    `-mean (G - T)^2` over the c x c entries, with G the layer's `gram_matrix` and T the given one.

    Args:
        layer: of shape [h, w, c].
        gram: what `gram_matrix` says of the image with the style, [c, c]; or [n, c, c].

    Returns:
        The objective; at most 0. `check` refuses matrices that do not fit the layer.

    Raises:
        UserError: an array that is not a square matrix, or one for each unit.

    Source: Gatys et al. 2016, equation 4, up to its factor of 1/4.

    >>> from atlasjax.optvis.objectives.core import evaluate, take
    >>> seen = Seen(jnp.ones((1, 1, 1, 3)), {"conv": jnp.full((1, 2, 2, 1), 3.0)})
    >>> evaluate(take(style("conv", np.full((1, 1), 7.0)), 0), seen)
    Array([-4.], dtype=float32)
    """
    data = per_unit(f"the Gram matrix of layer {layer!r}", gram, 2, np.float32)
    if data.shape[1] != data.shape[2]:
        raise UserError(
            f"the Gram matrix of layer {layer!r} has shape {list(data.shape[1:])}; "
            "it must be square, with a row for each channel"
        )
    return Objective(_style, (layer,), data, layer, _check_style)


def _style(seen: Seen, data: Any, layer: Any) -> Float[Array, " frames"]:
    grams = gram_matrix(by_position(activations(seen, layer))[:, :, None])
    return -jnp.square(grams - data[None]).mean((1, 2))


def _check_style(shapes: Shapes, objective: Objective) -> None:
    check_has_positions(shapes, objective.layers[0])
    check_vector(shapes, objective.layers[0], objective.data, "row of the Gram matrix")
