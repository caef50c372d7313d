"""Looks: what a method asks the network of an image, which several methods share.

A look is a function of a model, images and a target, that returns arrays whose leading axis is that
of the images. It is hashable, and compiled once for all methods that have it.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from atlasjax.errors import UserError
from atlasjax.planes import as_planes
from atlasjax.rectifiers import guided
from atlasjax.taps import Model, as_pytree, capture
from atlasjax.targets import Target, evaluate

Look = Callable[[Model, Float[Array, "b h w c"], Target], PyTree]


class Slopes(NamedTuple):
    """What the target is, and how it changes with the pixels.

    Attributes:
        score: the target.
        gradient: of the target by the pixels.
    """

    score: Float[Array, " b"]
    gradient: Float[Array, "b h w c"]


class LayerSlopes(NamedTuple):
    """What a layer is, and how the target changes with it.

    Attributes:
        value: of the layer, as a plane.
        slope: gradient of the target by the layer.
    """

    value: Float[Array, "b rows columns k"]
    slope: Float[Array, "b rows columns k"]


def scores(model: Model, images: Float[Array, "b h w c"], target: Target) -> Float[Array, " b"]:
    """Return the target of each image.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: as the model takes them.
        target: what is asked for.

    >>> from atlasjax.targets import class_logit
    >>> toy = lambda images, tap: images.sum((1, 2))
    >>> scores(toy, jnp.ones((1, 2, 2, 1)), class_logit(0))
    Array([4.], dtype=float32)
    """
    return evaluate(target, model, images)


def slopes(model: Model, images: Float[Array, "b h w c"], target: Target) -> Slopes:
    """Return the target of each image, and its gradient by the pixels.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: as the model takes them.
        target: what is asked for.

    >>> from atlasjax.targets import class_logit
    >>> toy = lambda images, tap: (images**2).sum((1, 2))
    >>> found = slopes(toy, jnp.full((1, 1, 1, 1), 3.0), class_logit(0))
    >>> float(found.score[0]), float(found.gradient[0, 0, 0, 0])
    (9.0, 6.0)
    """

    def total(images: Array) -> tuple[Array, Array]:
        found = evaluate(target, model, images)
        return found.sum(), found

    gradient, score = jax.grad(total, has_aux=True)(images)
    return Slopes(score, gradient)


class AtLayer(NamedTuple):
    """A look at a layer: its value, and the gradient of the target by it.

    Attributes:
        layer: one with positions, as `planes.as_planes` shows it.

    >>> from atlasjax.targets import class_logit
    >>> toy = lambda images, tap: tap("double", 2 * images).sum((1, 2))
    >>> AtLayer("double")(toy, jnp.ones((1, 2, 1, 1)), class_logit(0)).value.ravel()
    Array([2., 2.], dtype=float32)
    """

    layer: str

    def __call__(
        self, model: Model, images: Float[Array, "b h w c"], target: Target
    ) -> LayerSlopes:
        """Return the layer, and the gradient of each image's target by it."""
        shape = jax.eval_shape(
            lambda m, x: capture(as_planes(m), x, [self.layer])[self.layer],
            as_planes(model),
            images,
        ).shape
        if len(shape) != 4 or shape[1] * shape[2] == 1:
            raise UserError(
                f"layer {self.layer!r} has no rows and columns of positions to make a map of"
            )

        def score(change: Array) -> tuple[Array, Array]:
            seen = []

            def shift(value: Array) -> Array:
                seen.append(value)
                return value + change.astype(value.dtype)

            return evaluate(target, model, images, {self.layer: shift}).sum(), seen[0]

        gradient, value = jax.grad(score, has_aux=True)(jnp.zeros(shape, jnp.float32))
        return LayerSlopes(value.astype(jnp.float32), gradient)


class GuidedAtLayer(NamedTuple):
    """A look at a layer, and the guided gradient of the target by the pixels.

    Attributes:
        layer: one with positions, as `planes.as_planes` shows it.
    """

    layer: str

    def __call__(
        self, model: Model, images: Float[Array, "b h w c"], target: Target
    ) -> tuple[LayerSlopes, Float[Array, "b h w c"]]:
        """Return the layer with the gradient by it, and the guided gradient by the pixels."""
        return AtLayer(self.layer)(model, images, target), guided_gradient(model, images, target)


def guided_gradient(
    model: Model, images: Float[Array, "b h w c"], target: Target
) -> Float[Array, "b h w c"]:
    """Return guided backpropagation: the gradient, of which rectifiers pass on what is positive.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: as the model takes them.
        target: what is asked for.

    Raises:
        UserError: a network without rectifiers.

    >>> from atlasjax.targets import class_logit
    >>> toy = lambda images, tap: -jax.nn.relu(images).sum((1, 2))
    >>> float(guided_gradient(toy, jnp.ones((1, 1, 1, 1)), class_logit(0))[0, 0, 0, 0])
    0.0
    """
    run = guided(lambda m, t, x: evaluate(t, m, x))
    return jax.grad(lambda x: run(as_pytree(model), target, x).sum())(images)
