"""Targets: the one number of each image that an explanation is of.

"Why this answer?" needs an answer that is a number: the logit of a class, how far one class lies
above another, a unit, a direction of a layer, or whatever a person computes from the outputs and
the layers. A target is data, so that two of the same make (another class, another channel) run the
same compiled code.
"""

import operator
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from atlasjax.errors import UserError, unknown
from atlasjax.planes import as_planes
from atlasjax.taps import Edit, Model, shapes

_Data = Array | np.ndarray  # under jit an array of JAX
Score = Callable[[Array, Mapping[str, Array], PyTree, Any], Float[Array, " b"]]


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["data"],
    meta_fields=["score", "layers", "settings"],
)
@dataclass(frozen=True)
class Target:
    """A number for each image, made by the functions of this module.

    Attributes:
        score: takes the output [b, ...], the values of `layers` as planes [b, rows, columns,
            channels], the data and the settings; returns one number for each image. A function of a
            module, so that equal targets compile once.
        layers: those it looks at.
        data: arrays whose leading axis is that of the images, or of length 1 for all alike.
        settings: whatever else it depends on, hashable.
    """

    score: Score
    layers: tuple[str, ...] = ()
    data: PyTree = ()
    settings: Hashable = ()


def evaluate(
    target: Target,
    model: Model,
    images: Float[Array, "b h w c"],
    edits: Mapping[str, Edit] | None = None,
) -> Float[Array, " b"]:
    """Return the target of each image, where some layers are edited on the way.

    Args:
        target: what is asked for.
        model: a callable pytree `model(images, tap)`.
        images: as the model takes them.
        edits: for each layer to change a function from its value, as a plane [b, rows, columns,
            channels], to the new one.

    Returns:
        One number for each image. It is differentiable by the images and by what the edits put in.

    Raises:
        UserError: a layer that the model does not tap.

    >>> toy = lambda images, tap: tap("double", 2 * images).sum((1, 2))
    >>> evaluate(class_logit(0), toy, jnp.ones((2, 2, 2, 1)))
    Array([8., 8.], dtype=float32)
    >>> evaluate(class_logit(0), toy, jnp.ones((2, 2, 2, 1)), {"double": jnp.zeros_like})
    Array([0., 0.], dtype=float32)
    """
    return evaluate_all((target,), model, images, edits)[:, 0]


def evaluate_all(
    targets: Sequence[Target],
    model: Model,
    images: Float[Array, "b h w c"],
    edits: Mapping[str, Edit] | None = None,
) -> Float[Array, "b targets"]:
    """Return several targets of each image, computed by running the network once.

    Args:
        targets: what is asked for, at least one.
        model: as for `evaluate`.
        images: likewise.
        edits: likewise.

    Raises:
        UserError: a layer that the model does not tap.

    >>> toy = lambda images, tap: images.sum((1, 2))
    >>> evaluate_all([class_logit(0), class_logit(1)], toy, jnp.array([[[[5.0, 3.0]]]]))
    Array([[5., 3.]], dtype=float32)
    """
    edits, seen, every = edits or {}, {}, []
    wanted = dict.fromkeys(name for target in targets for name in target.layers)

    def tap(name: str, value: Array) -> Array:
        every.append(name)
        if name in edits:
            value = edits[name](value)
        if name in wanted:
            seen[name] = value
        return value

    output = as_planes(model)(images, tap)
    for name in (*wanted, *edits):
        if name not in every:
            raise unknown("layer", name, every)
    parts = [
        one.score(output, {name: seen[name] for name in one.layers}, one.data, one.settings)
        for one in targets
    ]
    return jnp.stack(parts, 1)


def class_logit(index: int | Sequence[int] | Int[np.ndarray, " b"]) -> Target:
    """Return the logit of a class.

    Args:
        index: of the class; one for each image, or one for all.

    >>> class_logit(3).data
    _Logits(classes=array([[3, 3]], dtype=int32), weight=array([[1., 0.]], dtype=float32))
    """
    return _logits(index, index, (1.0, 0.0))


def difference(
    first: int | Sequence[int] | Int[np.ndarray, " b"],
    second: int | Sequence[int] | Int[np.ndarray, " b"],
) -> Target:
    """Return how far the logit of the first class lies above that of the second.

    Args:
        first: index of a class; one for each image, or one for all.
        second: likewise.

    >>> toy = lambda images, tap: images.sum((1, 2))
    >>> evaluate(difference(0, 2), toy, jnp.array([[[[5.0, 0.0, 3.0]]]]))
    Array([2.], dtype=float32)
    """
    return _logits(first, second, (1.0, -1.0))


def unit(layer: str, channel: int, position: tuple[int, int] | None = None) -> Target:
    """Return the value of a channel: at one position, or its mean over all of them.

    Args:
        layer: as `planes.as_planes` shows it.
        channel: from 0 up.
        position: row and column; all positions by default.

    >>> toy = lambda images, tap: tap("double", 2 * images).sum((1, 2))
    >>> evaluate(unit("double", 0), toy, jnp.ones((1, 2, 2, 1)))
    Array([2.], dtype=float32)
    """
    return Target(_unit, (layer,), _indices(channel), position)


def direction(
    layer: str, vector: Float[Array | np.ndarray, " c"], position: tuple[int, int] | None = None
) -> Target:
    """Return the scalar product of a layer's value with a vector, at a position or on average.

    Args:
        layer: as `planes.as_planes` shows it.
        vector: of as many numbers as the layer has channels.
        position: row and column; all positions by default.

    >>> toy = lambda images, tap: tap("same", images).sum((1, 2))
    >>> evaluate(direction("same", np.array([1.0, -1.0])), toy, jnp.array([[[[5.0, 3.0]]]]))
    Array([2.], dtype=float32)
    """
    return Target(_direction, (layer,), np.asarray(vector, np.float32)[None], position)


def scalar(function: Callable[..., Array], of: Iterable[str] = ()) -> Target:
    """Return any number of the output and of some layers.

    Args:
        function: takes the output [b, ...] and a dictionary of the layers' values as planes;
            returns [b]. It must be differentiable where gradients are asked for.
        of: the layers that it looks at.

    >>> entropy = scalar(lambda logits, of: jax.scipy.special.entr(jax.nn.softmax(logits)).sum(-1))
    >>> toy = lambda images, tap: images.sum((1, 2))
    >>> evaluate(entropy, toy, jnp.zeros((1, 1, 1, 2))).round(3)
    Array([0.693], dtype=float32)
    """
    return Target(_scalar, tuple(of), settings=function)


def as_target(target: Any) -> Target:
    """Return what a person means by a target.

    Args:
        target: a `Target`; the index of a class; two of them, for their difference; a unit, such as
            `"mixed4c:379"`; or a function of the output and no layers.

    Raises:
        UserError: anything else.

    >>> as_target("mixed4c:379").layers
    ('mixed4c',)
    >>> as_target("mixed4c")
    Traceback (most recent call last):
    atlasjax.errors.UserError: target 'mixed4c': a unit is written LAYER:CHANNEL, such as mixed4c:0
    """
    if isinstance(target, Target):
        return target
    if isinstance(target, str):
        layer, _, channel = target.rpartition(":")
        if not layer or not channel.isdigit():
            raise UserError(
                f"target {target!r}: a unit is written LAYER:CHANNEL, such as {layer or target}:0"
            )
        return unit(layer, int(channel))
    if isinstance(target, tuple) and len(target) == 2:
        return difference(*target)
    if callable(target):
        return scalar(cast(Any, target))
    try:
        return class_logit(operator.index(cast(Any, target)))
    except TypeError:
        raise UserError(
            f"target {target!r}: must be a class's index, two of them, LAYER:CHANNEL, a function "
            "of the output, or what atlasjax.targets makes"
        ) from None


def check_target(target: Target, model: Model, shape: tuple[int, int, int]) -> None:
    """Refuse a target that the network does not have, before anything is computed.

    Args:
        target: what is asked for.
        model: a callable pytree `model(images, tap)`.
        shape: [h, w, c] of its images.

    Raises:
        UserError: a class, layer, channel or position that is not there, a vector of another
            length, or a target that is not one number for each image.

    >>> toy = lambda images, tap: tap("double", 2 * images).sum((1, 2))
    >>> check_target(unit("double", 7), toy, (2, 2, 3))
    Traceback (most recent call last):
    atlasjax.errors.UserError: channel 7 of double: must be from 0 to 2
    """
    check_targets([target], model, shape)


def check_targets(targets: Iterable[Target], model: Model, shape: tuple[int, int, int]) -> None:
    """Refuse targets as `check_target` does, and look at the network only once for all.

    Args:
        targets: what is asked for.
        model: a callable pytree `model(images, tap)`.
        shape: [h, w, c] of its images.

    Raises:
        UserError: as `check_target`.

    >>> check_targets([class_logit(0)], lambda images, tap: images.sum((1, 2)), (2, 2, 3))
    """
    output, found, _ = shapes(as_planes(model), shape)
    for target in targets:
        _check(target, output, found)


def _check(target: Target, output: Any, found: Mapping[str, Any]) -> None:
    """Refuse a target that a network does not have, by the shapes of what it gives for an image."""
    for layer in target.layers:
        if layer not in found:
            raise unknown("layer", layer, found)
    if target.score is _logit:
        if len(output.shape) != 2:
            raise UserError(f"no logits: the network's output is {list(output.shape[1:])}")
        for index in np.ravel(target.data.classes).tolist():
            if not 0 <= index < output.shape[1]:
                raise UserError(f"class {index}: must be from 0 to {output.shape[1] - 1}")
    if target.score in (_unit, _direction):
        _check_place(target, found[target.layers[0]].shape[1:])
    count = max([1, *map(len, jax.tree.leaves(target.data))])

    def many(one: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((count, *one.shape[1:]), one.dtype)

    each = jax.eval_shape(
        lambda output, seen: target.score(output, seen, target.data, target.settings),
        many(output),
        {layer: many(found[layer]) for layer in target.layers},
    )
    if each.shape != (count,):
        raise UserError(
            f"the target of {count} images has shape {list(each.shape)}: "
            "must be one number for each image"
        )


def _check_place(target: Target, shape: tuple[int, ...]) -> None:
    (layer,), (rows, columns, channels) = target.layers, shape
    if target.score is _unit and not 0 <= (index := int(np.asarray(target.data)[0])) < channels:
        raise UserError(f"channel {index} of {layer}: must be from 0 to {channels - 1}")
    if target.score is _direction and target.data.shape[1] != channels:
        raise UserError(
            f"a vector of {target.data.shape[1]} numbers for {layer}, which has {channels} channels"
        )
    place: Any = target.settings
    if place is not None and not (0 <= place[0] < rows and 0 <= place[1] < columns):
        raise UserError(f"position {place} of {layer}: it has {rows} rows and {columns} columns")


def _indices(index: Any) -> Int[np.ndarray, " b"]:
    return np.atleast_1d(np.asarray(index, np.int32))


class _Logits(NamedTuple):
    """Two classes and what each counts; so that classes and differences are of one make."""

    classes: _Data
    weight: _Data


def _logits(first: Any, second: Any, weight: tuple[float, float]) -> Target:
    pair = np.stack(np.broadcast_arrays(_indices(first), _indices(second)), 1)
    each = np.broadcast_to(np.array(weight, np.float32), pair.shape)
    return Target(_logit, data=_Logits(pair, each))


def _logit(output: Array, seen: Mapping[str, Array], data: _Logits, settings: Hashable) -> Array:
    del seen, settings
    each = jnp.broadcast_to(data.classes, (len(output), 2))
    return (jnp.take_along_axis(output, each, 1) * data.weight).sum(1)


def _unit(
    output: Array, seen: Mapping[str, Array], channel: _Data, position: tuple[int, int] | None
) -> Array:
    del output
    (value,) = seen.values()
    here = _at(value, position)
    each = jnp.broadcast_to(channel, here.shape[:1])
    return jnp.take_along_axis(here, each[:, None], 1)[:, 0]


def _direction(
    output: Array, seen: Mapping[str, Array], vector: _Data, position: tuple[int, int] | None
) -> Array:
    del output
    (value,) = seen.values()
    return (_at(value, position) * vector).sum(1)


def _scalar(
    output: Array, seen: Mapping[str, Array], data: tuple[()], function: Callable[..., Array]
) -> Array:
    del data
    return function(output, seen)


def _at(value: Float[Array, "b rows columns c"], position: tuple[int, int] | None) -> Array:
    return value.mean((1, 2)) if position is None else value[:, position[0], position[1]]
