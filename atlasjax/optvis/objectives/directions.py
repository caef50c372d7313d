"""Objectives that look for directions: what several neurons of a layer say together.

A direction is a vector with one value for each channel. Its length never matters. With a whitening
matrix W, activations and directions are both multiplied by it before they are compared, so that
what all images share in a layer counts for less.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from atlasjax.errors import UserError
from atlasjax.optvis.objectives import measures
from atlasjax.optvis.objectives.core import Objective, Seen, Shapes
from atlasjax.optvis.objectives.parts import (
    Matrix,
    Places,
    Values,
    activations,
    at,
    by_position,
    check_channels,
    check_position,
    check_vector,
    cosine_power,
    fault,
    per_unit,
)


def direction(
    layer: str,
    vector: Values,
    *,
    power: float | int = 0.0,
    floor: float | int = 0.1,
    whiten: Matrix | None = None,
) -> Objective:
    """Return the objective of a direction everywhere: the mean over all positions p of its score.

    `mean_p (a_p . d / |d|) max(floor, cos(a_p, d))^power`

    Args:
        layer: of shape [h, w, c]; or [c], which is taken as it is.
        vector: the direction d, [c]; or [n, c], one for each unit.
        power: how much being in the direction counts over going far; 0 gives the plain product.
        floor: the least cosine that is used, in (0, 1].
        whiten: [c, c]; `a whiten` and `d whiten` take the places of a and d.

    Returns:
        The objective. `check` refuses directions that do not have the layer's number of channels.

    Raises:
        UserError: a vector, a matrix, a power or a floor that cannot be.

    Source: Olah et al. 2017, "The space of feature visualizations"; the power after Carter et al.,
    "Activation Atlas", Distill 2019, "Feature visualization".

    >>> from atlasjax.optvis.objectives.core import evaluate, take
    >>> seen = Seen(jnp.ones((1, 1, 1, 3)), {"conv": jnp.full((1, 2, 2, 2), 3.0)})
    >>> evaluate(take(direction("conv", np.array([0.0, 5.0])), 0), seen)
    Array([3.], dtype=float32)
    """
    settings = (layer, *cosine_power(power, floor))
    data = _whitened(layer, vector, 1, whiten)
    return Objective(_direction, (layer,), data, settings, _check_direction)


def _direction(seen: Seen, data: Any, settings: Any) -> Float[Array, " frames"]:
    (target, whiten), (layer, power, floor) = data, settings
    value = _times(by_position(activations(seen, layer)), whiten)
    rows = value.reshape(-1, value.shape[-1])
    scores = measures.direction(rows, jnp.broadcast_to(target, rows.shape), power, floor)
    return scores.reshape(value.shape[:2]).mean(1)


def _check_direction(shapes: Shapes, objective: Objective) -> None:
    check_vector(shapes, objective.layers[0], objective.data[0])


def direction_neuron(
    layer: str,
    vector: Values,
    position: Places = None,
    power: float | int = 4.0,
    floor: float | int = 0.1,
    whiten: Matrix | None = None,
) -> Objective:
    """Return the objective of a direction at one position; an atlas draws its cells with it.

    `(a . d / |d|) max(floor, cos(a, d))^power`, where a is the activation at the position.

    Args:
        layer: of shape [h, w, c]; or [c], which has no positions.
        vector: the direction d, [c]; or [n, c], one for each unit.
        position: (row, column), or [n, 2]; by default the centre, [h // 2, w // 2].
        power: how much being in the direction counts over going far; 0 gives the plain product.
        floor: the least cosine that is used, in (0, 1].
        whiten: [c, c]; `a whiten` and `d whiten` take the places of a and d.

    Returns:
        The objective. `check` refuses directions and positions that do not fit the layer.

    Raises:
        UserError: a vector, a position, a matrix, a power or a floor that cannot be.

    Source: Carter et al. 2019, "Feature visualization".

    >>> from atlasjax.optvis.objectives.core import evaluate, take
    >>> seen = Seen(jnp.ones((1, 1, 1, 3)), {"conv": jnp.full((1, 2, 2, 2), 3.0)})
    >>> evaluate(take(direction_neuron("conv", np.array([0.0, 5.0]), power=2), 0), seen).round(4)
    Array([1.5], dtype=float32)
    """
    settings = (layer, *cosine_power(power, floor))
    place = None if position is None else per_unit("position", position, 1, np.int32)
    data = (*_whitened(layer, vector, 1, whiten), place)
    return Objective(_at_position, (layer,), data, settings, _check_at_position)


def _at_position(seen: Seen, data: Any, settings: Any) -> Float[Array, " frames"]:
    (target, whiten, position), (layer, power, floor) = data, settings
    value = _times(at(activations(seen, layer), position), whiten)
    target = jnp.broadcast_to(target, value.shape)
    return measures.direction(value, target, power, floor)


def _check_at_position(shapes: Shapes, objective: Objective) -> None:
    check_vector(shapes, objective.layers[0], objective.data[0])
    check_position(shapes, objective.layers[0], objective.data[2])


def cosine(
    layer: str, vector: Values, position: Places = None, whiten: Matrix | None = None
) -> Objective:
    """Return the measure of how much of a position is a direction: `a . d / (|a| |d|)`.

    It says how well a finished image does. As an objective by itself it is answered by faint
    activations: `direction_neuron` is meant for that.

    Args:
        layer: of shape [h, w, c]; or [c], which has no positions.
        vector: the direction d, [c]; or [n, c], one for each unit.
        position: (row, column), or [n, 2]; by default the centre, [h // 2, w // 2].
        whiten: [c, c]; `a whiten` and `d whiten` take the places of a and d.

    Returns:
        The objective, in [-1, 1]; 0 where either is zero. `check` refuses what does not fit.

    Raises:
        UserError: a vector, a position or a matrix that cannot be.

    Source: Carter et al. 2019, "Feature visualization".

    >>> from atlasjax.optvis.objectives.core import evaluate, take
    >>> seen = Seen(jnp.ones((1, 1, 1, 3)), {"fc": jnp.asarray([[3.0, 4.0]])})
    >>> evaluate(take(cosine("fc", np.array([0.0, 5.0])), 0), seen)
    Array([0.8], dtype=float32)
    """
    place = None if position is None else per_unit("position", position, 1, np.int32)
    data = (*_whitened(layer, vector, 1, whiten), place)
    return Objective(_cosine, (layer,), data, layer, _check_at_position)


def _cosine(seen: Seen, data: Any, layer: Any) -> Float[Array, " frames"]:
    target, whiten, position = data
    value = _times(at(activations(seen, layer), position), whiten)
    return measures.cosine(value, jnp.broadcast_to(target, value.shape))


def mean_cosine(layer: str, vector: Values, whiten: Matrix | None = None) -> Objective:
    """Return the measure of how much of a whole layer is a direction: its mean cosine.

    `mean_p a_p . d / (|a_p| |d|)`, over all positions p.

    Args:
        layer: of shape [h, w, c]; or [c], which is taken as it is.
        vector: the direction d, [c]; or [n, c], one for each unit.
        whiten: [c, c]; `a whiten` and `d whiten` take the places of a and d.

    Returns:
        The objective, in [-1, 1]; silent positions count as 0. `check` refuses what does not fit.

    Raises:
        UserError: a vector or a matrix that cannot be.

    Source: Carter et al. 2019, "Feature visualization".

    >>> from atlasjax.optvis.objectives.core import evaluate, take
    >>> seen = Seen(jnp.ones((1, 1, 1, 3)), {"conv": jnp.asarray([[[[3.0, 4.0], [0.0, 1.0]]]])})
    >>> evaluate(take(mean_cosine("conv", np.array([0.0, 5.0])), 0), seen)
    Array([0.9], dtype=float32)
    """
    return Objective(
        _mean_cosine, (layer,), _whitened(layer, vector, 1, whiten), layer, _check_direction
    )


def _mean_cosine(seen: Seen, data: Any, layer: Any) -> Float[Array, " frames"]:
    target, whiten = data
    value = _times(by_position(activations(seen, layer)), whiten)
    return measures.cosine(value, jnp.broadcast_to(target, value.shape)).mean(1)


def tensor_direction(
    layer: str,
    value: Values,
    *,
    power: float | int = 0.0,
    floor: float | int = 0.1,
    whiten: Matrix | None = None,
) -> Objective:
    """Return the objective of a direction that differs from position to position.

    `(A . D / |D|) max(floor, cos(A, D))^power`, where A and D are the layer and the given tensor,
    each read as one long vector. Where their heights or widths differ, they are laid upon each
    other with [h // 2, w // 2] of both at the same place, and only what overlaps counts.

    Args:
        layer: of shape [h, w, c].
        value: the direction D, [h2, w2, c]; or [n, h2, w2, c], one for each unit.
        power: how much being in the direction counts over going far; 0 gives the plain product.
        floor: the least cosine that is used, in (0, 1].
        whiten: [c, c]; every position of A and D is multiplied by it.

    Returns:
        The objective. `check` refuses a tensor that does not have the layer's number of channels.

    Raises:
        UserError: a tensor, a matrix, a power or a floor that cannot be.

    Source: Olah et al., "The Building Blocks of Interpretability", Distill 2018.

    >>> from atlasjax.optvis.objectives.core import evaluate, take
    >>> seen = Seen(jnp.ones((1, 1, 1, 3)), {"conv": jnp.full((1, 4, 4, 1), 3.0)})
    >>> evaluate(take(tensor_direction("conv", np.ones((2, 2, 1))), 0), seen)
    Array([6.], dtype=float32)
    """
    settings = (layer, *cosine_power(power, floor))
    data = _whitened(layer, value, 3, whiten)
    return Objective(_tensor, (layer,), data, settings, _check_tensor)


def _tensor(seen: Seen, data: Any, settings: Any) -> Float[Array, " frames"]:
    (target, whiten), (layer, power, floor) = data, settings
    value = activations(seen, layer)
    sizes = [min(pair) for pair in zip(value.shape[1:3], target.shape[:2], strict=True)]
    rows, columns = _middle(value.shape[1:3], sizes)
    value = _times(value[:, rows, columns], whiten).reshape(len(value), -1)
    target = target[_middle(target.shape[:2], sizes)].reshape(-1)
    target = jnp.broadcast_to(target, value.shape)
    return measures.direction(value, target, power, floor)


def _check_tensor(shapes: Shapes, objective: Objective) -> None:
    layer, value = objective.layers[0], objective.data[0]
    check_channels(shapes, layer)
    if len(shapes[layer]) != 3:
        raise fault(shapes, layer, "a tensor direction needs a layer of shape [h, w, c]")
    check_vector(shapes, layer, value)


def _middle(sizes: Any, taken: list[int]) -> tuple[slice, ...]:
    """Return where `taken` positions of each axis lie, so that centres lie upon each other."""
    starts = [size // 2 - part // 2 for size, part in zip(sizes, taken, strict=True)]
    return tuple(slice(start, start + part) for start, part in zip(starts, taken, strict=True))


def _whitened(
    layer: str, vector: Any, ndim: int, whiten: Any
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return directions, multiplied by the matrix, and the matrix, both with the units first."""
    target = per_unit(f"the direction in layer {layer!r}", vector, ndim, np.float32)
    if whiten is None:
        return target, None
    channels, matrix = target.shape[-1], np.asarray(whiten, np.float32)
    if matrix.shape != (channels, channels):
        raise UserError(
            f"the whitening for layer {layer!r} has shape {list(matrix.shape)}; for directions of "
            f"{channels} values it must have [{channels}, {channels}]"
        )
    return np.matmul(target, matrix), per_unit("whitening", matrix, 2, np.float32)


def _times(value: Float[Array, "*places c"], whiten: Any) -> Float[Array, "*places c"]:
    return value if whiten is None else value @ whiten
