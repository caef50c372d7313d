"""Taps: the one way of looking into a network, and of reaching into it.

A model is any callable pytree `model(images, tap) -> logits`. Inside, every value worth looking at
passes through `tap(name, value)`, which returns a value of the same shape. Which function is passed
as the tap decides what happens: recording it is capture, replacing it gives the head, editing it is
an intervention. There are no hooks to register and nothing global, so all of it composes with
`jax.jit`, `jax.grad` and `jax.jvp`; and because XLA deletes what a result does not need, capturing
a layer costs the network up to that layer, and a head costs what follows it.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from atlasjax.errors import UserError, unknown


@runtime_checkable
class Tap(Protocol):
    """What a model calls on each of its named values; returns the value to go on with."""

    def __call__(self, name: str, value: Array, /) -> Array:
        """Return the value that the model continues with in place of `value`."""
        ...


@runtime_checkable
class Model(Protocol):
    """A callable pytree from images in [0, 1] to logits, which shows its inside to a tap."""

    def __call__(self, images: Float[Array, "batch h w c"], tap: Tap, /) -> Array:
        """Return the logits, calling `tap` on every named value on the way."""
        ...


Edit = Callable[[Array], Array]


def as_pytree(model: Model) -> Model:
    """Return the model as a value that `jax.jit` takes as an argument.

    Modules are pytrees already; a plain function becomes one without leaves.

    Args:
        model: any callable `model(images, tap)`.

    Returns:
        The model itself, or a `jax.tree_util.Partial` of it.

    >>> jax.tree.leaves(as_pytree(lambda x, tap: x))
    []
    """
    is_leaf = jax.tree.structure(model) == jax.tree.structure(0)
    return jax.tree_util.Partial(model) if is_leaf else model


def identity(name: str, value: Array) -> Array:
    """Leave every value as it is: the tap of a plain forward pass."""
    del name
    return value


def capture(
    model: Model, images: Float[Array, "batch h w c"], names: Iterable[str]
) -> dict[str, Array]:
    """Return the values of the named layers for these images.

    Under `jit` the cost is that of the network up to the last of them.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: a batch as the model takes it; for the models here RGB in [0, 1].
        names: layers, as `layers` lists them.

    Returns:
        One entry for each name, in the order asked for.

    Raises:
        UserError: a name that the model does not tap, or taps twice.

    >>> toy = lambda x, tap: tap("double", 2 * x).sum((1, 2, 3))
    >>> capture(toy, jnp.ones((1, 2, 2, 1)), ["double"])["double"].max()
    Array(2., dtype=float32)
    """
    wanted = list(names)
    seen: dict[str, Array] = {}
    every: list[str] = []

    def record(name: str, value: Array) -> Array:
        every.append(name)
        if name in wanted:
            if name in seen:
                raise _twice(name)
            seen[name] = value
        return value

    model(images, record)
    for name in wanted:
        if name not in seen:
            raise unknown("layer", name, every)
    return {name: seen[name] for name in wanted}


def intervene(
    model: Model, images: Float[Array, "batch h w c"], edits: Mapping[str, Edit]
) -> Array:
    """Return the logits with some layers edited on the way.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: a batch as the model takes it.
        edits: for each layer to change, a function from its value to the new one, of the same
            shape: ablation, steering, patching.

    Returns:
        The logits after all the edits.

    Raises:
        UserError: a name that the model does not tap, or taps twice, or an edit that changes the
            shape.

    >>> toy = lambda x, tap: tap("double", 2 * x).sum((1, 2, 3))
    >>> intervene(toy, jnp.ones((1, 2, 2, 1)), {"double": jnp.zeros_like})
    Array([0.], dtype=float32)
    """
    every: list[str] = []

    def edit(name: str, value: Array) -> Array:
        every.append(name)
        if name not in edits:
            return value
        if every.count(name) > 1:
            raise _twice(name)
        new = edits[name](value)
        if new.shape != value.shape:
            raise UserError(
                f"the edit of layer {name!r} returned shape {list(new.shape)}; "
                f"it must keep the layer's shape {list(value.shape)}"
            )
        return new.astype(value.dtype)

    logits = model(images, edit)
    for name in edits:
        if name not in every:
            raise unknown("layer", name, every)
    return logits


def head(
    model: Model, layer: str, image_shape: tuple[int, int, int] = (224, 224, 3)
) -> Callable[[Float[Array, "batch *layer"]], Array]:
    """Return the rest of the network as a function of one layer's value.

    For a network that passes everything through the layer, `head(model, l)(capture(model, x, [l])
    [l])` equals `model(x)`. Branches that go around the layer see a black image.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: the layer to start from, as `layers` lists it.
        image_shape: the [h, w, c] of the images for which the layer has the given size.

    Returns:
        A function from the layer's value [batch, ...] to the logits. Under `jit` it costs what
        follows the layer: everything before is dead code. It raises `UserError` where the value
        does not have the shape that the layer has for `image_shape`.

    >>> toy = lambda x, tap: tap("double", 2 * x).sum((1, 2, 3))
    >>> head(toy, "double", (2, 2, 1))(jnp.ones((1, 2, 2, 1)))
    Array([4.], dtype=float32)
    """

    def rest(value: Float[Array, "batch *layer"]) -> Array:
        black = jnp.zeros((value.shape[0], *image_shape), jnp.float32)

        def replace(old: Array) -> Array:
            if old.shape != value.shape:
                raise UserError(
                    f"layer {layer!r} has shape {list(old.shape)} for images {list(image_shape)}, "
                    f"but was given {list(value.shape)}"
                )
            return value

        return intervene(model, black, {layer: replace})

    return rest


def layers(
    model: Model, image_shape: tuple[int, int, int] = (224, 224, 3)
) -> dict[str, tuple[int, ...]]:
    """List every tapped value with its shape, without computing anything.

    Args:
        model: a callable pytree `model(images, tap)`.
        image_shape: the [h, w, c] of the images to ask about.

    Returns:
        For each name, in the order of the computation, the shape without the batch.

    Raises:
        UserError: a name that the model taps twice, so that it would not say which is meant.

    >>> layers(lambda x, tap: tap("double", 2 * x).sum((1, 2, 3)), (2, 2, 1))
    {'double': (2, 2, 1)}
    """
    _, found, twice = shapes(model, image_shape)
    for name in twice:
        raise _twice(name)
    return {name: tuple(value.shape[1:]) for name, value in found.items()}


class Shapes(NamedTuple):
    """What a network gives for one image, in shapes and types, with the batch of 1.

    Attributes:
        output: of the network.
        tapped: by name, in the order of the computation; of a name tapped twice the last.
        twice: names that are.
    """

    output: Any
    tapped: dict[str, jax.ShapeDtypeStruct]
    twice: tuple[str, ...]


def shapes(model: Model, image_shape: tuple[int, int, int]) -> Shapes:
    """Return shape and type of what a network gives for one image, and of its tapped values.

    A network is traced once for every size of images: asking again costs next to nothing.

    Args:
        model: a callable pytree `model(images, tap)`.
        image_shape: the [h, w, c] of the image.

    >>> output, found, _ = shapes(lambda x, tap: tap("double", 2 * x).sum((1, 2)), (2, 2, 3))
    >>> output.shape, found["double"].shape
    ((1, 3), (1, 2, 2, 3))
    """
    images = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
    # The model is an argument, so that one whose weights are shapes alone will do.
    output, found, twice = _shown.eval_shape(as_pytree(model), images)
    return Shapes(output, dict(found), tuple(twice))


@jax.jit
def _shown(model: Model, images: Array) -> tuple[Array, OrderedDict, OrderedDict]:
    """Return the output, all tapped values in order, and those whose names came before."""
    found: OrderedDict[str, Array] = OrderedDict()
    twice: OrderedDict[str, Array] = OrderedDict()

    def record(name: str, value: Array) -> Array:
        if name in found:
            twice[name] = value
        found[name] = value
        return value

    return model(images, record), found, twice


def _twice(name: str) -> UserError:
    return UserError(f"the model taps the name {name!r} twice; names must be unique")
