"""Versions: what a method looks at of an image, what it asks of each, and what it makes of it."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, PyTree

from atlasjax.errors import UserError
from atlasjax.saliency.looks import Look
from atlasjax.targets import Target


class Versions(NamedTuple):
    """What a method does with one image.

    Attributes:
        total: how many versions of the image it looks at.
        look: what it asks the network of each.
        make: from the number of a version to it, [h, w, c], and whatever `add` is to know of it.
        add: takes a number, what `make` told of it and what `look` found of it; returns arrays,
            which are summed over all versions.
        finish: from the sums to the result.
    """

    total: int
    look: Look
    make: Callable[[Int[Array, ""]], tuple[Float[Array, "h w c"], PyTree]]
    add: Callable[[Int[Array, ""], PyTree, PyTree], PyTree]
    finish: Callable[[PyTree], Any]


def once(image: Float[Array, "h w c"], look: Look, finish: Callable[[PyTree], Any]) -> Versions:
    """Return a method that looks at the image itself, once.

    Args:
        image: it.
        look: what is asked of the network.
        finish: from what is found to the result.
    """
    return Versions(1, look, lambda number: (image, ()), lambda number, kept, found: found, finish)


class Recipe(NamedTuple):
    """A method with its settings: hashable, so that it is compiled once for all images.

    Attributes:
        function: takes an image [h, w, c], and by name the settings and what is the image's own;
            returns its `Versions`.
        settings: those that all images have in common.
    """

    function: Callable[..., Versions]
    settings: tuple[tuple[str, Hashable], ...] = ()

    def of(self, image: Float[Array, "h w c"], own: Mapping[str, Array]) -> Versions:
        """Return what is done with an image."""
        return self.function(image, **dict(self.settings), **own)


class Items(NamedTuple):
    """What a method is applied to: images with their targets.

    Attributes:
        images: as the model takes them.
        targets: of one make; their data [items, targets, ...].
        own: by the names of the method's arguments, what is each item's own.
    """

    images: Float[Array | np.ndarray, "items h w c"]
    targets: Target
    own: Mapping[str, Any]


def plan(recipe: Recipe, items: Items) -> Versions:
    """Return how many versions of an image a method looks at, and how; nothing is computed.

    Args:
        recipe: the method.
        items: what it is applied to.
    """
    found = []

    def see(image: Array, own: Mapping[str, Array]) -> tuple[()]:
        found.append(recipe.of(image, own))
        return ()

    jax.eval_shape(see, *jax.tree.map(lambda leaf: leaf[0], (items.images, items.own)))
    return found[0]


def image_keys(key: Key[Array, "..."], count: int) -> Key[Array, " b"]:
    """Return a key for each image, which depends on its number alone.

    Args:
        key: one for all images, which are numbered from 0; or one for each already.
        count: how many images there are.

    >>> image_keys(jax.random.key(0), 3).shape
    (3,)
    """
    if key.ndim:
        return key
    return jax.vmap(lambda number: jax.random.fold_in(key, number))(jnp.arange(count))


def at_least(name: str, value: int, least: int = 1) -> None:
    """Refuse a setting that is too small.

    >>> at_least("samples", 0)
    Traceback (most recent call last):
    atlasjax.errors.UserError: samples 0: must be at least 1
    """
    if value < least:
        raise UserError(f"{name} {value}: must be at least {least}")
