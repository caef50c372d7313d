"""Slices: one activation, cut into neurons, positions or channels.

A layer's value is a cube of numbers. A neuron is one of them; a position is a column of all
channels; a channel is a sheet of all positions. Each has a magnitude, and an effect on every
target, which is the sum of its neurons' effects.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from atlasjax.blocks.effects import Effects


class Slices(NamedTuple):
    """A layer cut into slices.

    Attributes:
        magnitude: of each slice: the value of a neuron, the norm of others.
        effect: what each does to every target.
    """

    magnitude: Float[Array, "b *slices"]
    effect: Float[Array, "b targets *slices"]


def neurons(found: Effects) -> Slices:
    """Return every neuron by itself.

    Args:
        found: what `effects` returned.

    >>> found = Effects(jnp.ones((1, 1, 1, 2)), jnp.ones((1, 1, 1, 1, 2)), jnp.ones((1, 1)))
    >>> neurons(found).effect.shape
    (1, 1, 1, 1, 2)
    """
    return Slices(found.activation, found.gradient * found.activation[:, None])


def positions(found: Effects) -> Slices:
    """Return positions: all channels at one place of the image.

    Args:
        found: what `effects` returned.

    >>> found = Effects(jnp.ones((1, 1, 1, 2)), jnp.ones((1, 1, 1, 1, 2)), jnp.ones((1, 1)))
    >>> positions(found).effect
    Array([[[[2.]]]], dtype=float32)
    """
    norm = jnp.linalg.norm(found.activation, axis=-1)
    return Slices(norm, jnp.einsum("btrck,brck->btrc", found.gradient, found.activation))


def channels(found: Effects) -> Slices:
    """Return channels: one detector at all places of the image.

    Args:
        found: what `effects` returned.

    >>> found = Effects(jnp.ones((1, 1, 1, 2)), jnp.ones((1, 1, 1, 1, 2)), jnp.ones((1, 1)))
    >>> channels(found).effect
    Array([[[1., 1.]]], dtype=float32)
    """
    norm = jnp.sqrt(jnp.square(found.activation).sum((1, 2)))
    return Slices(norm, jnp.einsum("btrck,brck->btk", found.gradient, found.activation))
