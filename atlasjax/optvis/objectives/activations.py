"""Objectives that look for single parts of a layer: neurons, channels, classes, all of it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from atlasjax.optvis.objectives.core import LOGITS, Objective, Seen, Shapes
from atlasjax.optvis.objectives.parts import (
    Indices,
    Places,
    activations,
    at,
    by_position,
    check_channels,
    check_index,
    check_position,
    fault,
    per_unit,
)


def neuron(layer: str, channel: Indices, position: Places = None) -> Objective:
    """Return the objective of one neuron: its activation, `a[row, column, channel]`.

    Args:
        layer: of shape [h, w, c]; or [c], which has no positions, and then the neuron is a channel.
        channel: from 0 to c - 1; or n of them, one for each unit.
        position: (row, column), or [n, 2]; by default the centre, [h // 2, w // 2].

    Returns:
        The objective. `check` refuses channels and positions that the layer does not have.

    Raises:
        UserError: arrays with too many axes.

    Source: Olah et al., "Feature Visualization", Distill 2017, "Optimization objectives".

    >>> from atlasjax.optvis.objectives.core import evaluate, take
    >>> seen = Seen(jnp.ones((1, 1, 1, 3)), {"conv": jnp.arange(8.0).reshape(1, 2, 2, 2)})
    >>> evaluate(take(neuron("conv", 1), 0), seen)
    Array([7.], dtype=float32)
    """
    place = None if position is None else per_unit("position", position, 1, np.int32)
    data = (per_unit("channel", channel, 0, np.int32), place)
    return Objective(_neuron, (layer,), data, layer, _check_neuron)


def _neuron(seen: Seen, data: Any, layer: Any) -> Float[Array, " frames"]:
    channel, position = data
    return at(activations(seen, layer), position)[:, channel]


def _check_neuron(shapes: Shapes, objective: Objective) -> None:
    channel, position = objective.data
    check_index(shapes, objective.layers[0], channel)
    check_position(shapes, objective.layers[0], position)


def channel(layer: str, channel: Indices) -> Objective:
    """Return the objective of one channel: its mean over all positions.

    Args:
        layer: of shape [h, w, c]; or [c], which is taken as it is.
        channel: from 0 to c - 1; or n of them, one for each unit.

    Returns:
        The objective. `check` refuses channels that the layer does not have.

    Raises:
        UserError: an array with too many axes.

    Source: Olah et al. 2017, "Optimization objectives".

    >>> from atlasjax.optvis.objectives.core import evaluate, take
    >>> seen = Seen(jnp.ones((1, 1, 1, 3)), {"conv": jnp.arange(8.0).reshape(1, 2, 2, 2)})
    >>> evaluate(take(channel("conv", 1), 0), seen)
    Array([4.], dtype=float32)
    """
    return Objective(
        _channel, (layer,), per_unit("channel", channel, 0, np.int32), layer, _check_channel
    )


def _channel(seen: Seen, data: Any, layer: Any) -> Float[Array, " frames"]:
    return by_position(activations(seen, layer))[:, :, data].mean(1)


def _check_channel(shapes: Shapes, objective: Objective) -> None:
    check_index(shapes, objective.layers[0], objective.data)


def deep_dream(layer: str) -> Objective:
    """Return the objective of whatever is there already: the mean square of a layer.

    Args:
        layer: of any shape.

    Returns:
        The objective.

    Source: Mordvintsev et al., "Inceptionism", 2015.

    >>> from atlasjax.optvis.objectives.core import evaluate
    >>> seen = Seen(jnp.ones((1, 1, 1, 3)), {"conv": jnp.full((1, 2, 2, 2), 3.0)})
    >>> evaluate(deep_dream("conv"), seen)
    Array([9.], dtype=float32)
    """
    return Objective(_deep_dream, (layer,), settings=layer)


def _deep_dream(seen: Seen, data: Any, layer: Any) -> Float[Array, " frames"]:
    del data
    value = activations(seen, layer)
    return jnp.square(value).reshape(len(value), -1).mean(1)


def class_logit(index: Indices) -> Objective:
    """Return the objective of a class: the logit, before the softmax.

    Args:
        index: of the class, from 0; or n of them, one for each unit.

    Returns:
        The objective. `check` refuses classes that the output does not have.

    Raises:
        UserError: an array with too many axes.

    Source: Simonyan et al., "Deep inside convolutional networks", 2014, section 2.

    >>> from atlasjax.optvis.objectives.core import evaluate, take
    >>> seen = Seen(jnp.ones((1, 1, 1, 3)), {"logits": jnp.asarray([[1.0, 2.0]])})
    >>> evaluate(take(class_logit(1), 0), seen)
    Array([2.], dtype=float32)
    """
    return Objective(
        _class_logit, (LOGITS,), per_unit("class", index, 0, np.int32), check=_check_class
    )


def _class_logit(seen: Seen, data: Any, settings: Any) -> Float[Array, " frames"]:
    del settings
    return activations(seen, LOGITS)[:, data]


def log_probability(index: Indices) -> Objective:
    """Return the objective of a class against all others: `log softmax(logits)[index]`.

    Unlike the logit it is also made larger by making every other class less likely.

    Args:
        index: of the class, from 0; or n of them, one for each unit.

    Returns:
        The objective; at most 0. `check` refuses classes that the output does not have.

    Raises:
        UserError: an array with too many axes.

    Source: Olah et al. 2017, "Optimization objectives", where it is called class probability.

    >>> from atlasjax.optvis.objectives.core import evaluate, take
    >>> seen = Seen(jnp.ones((1, 1, 1, 3)), {"logits": jnp.zeros((1, 2))})
    >>> jnp.exp(evaluate(take(log_probability(1), 0), seen)).round(4)
    Array([0.5], dtype=float32)
    """
    return Objective(
        _log_probability, (LOGITS,), per_unit("class", index, 0, np.int32), check=_check_class
    )


def _log_probability(seen: Seen, data: Any, settings: Any) -> Float[Array, " frames"]:
    del settings
    return jax.nn.log_softmax(activations(seen, LOGITS))[:, data]


def _check_class(shapes: Shapes, objective: Objective) -> None:
    check_channels(shapes, LOGITS)
    if len(shapes[LOGITS]) != 1:
        raise fault(shapes, LOGITS, "it must have shape [classes] for a class to be chosen")
    check_index(shapes, LOGITS, objective.data, "class")
