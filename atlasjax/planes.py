"""Planes: layers of any shape seen as rows and columns of positions.

An atlas looks at positions, and layers do not all have them in the same way. A convolution's value
is a plane as it is, [b, h, w, c]. A transformer's is a list of tokens [b, n, c]: those of the
patches in reading order, and before them a few that stand for no place, such as the class token and
registers. What comes after a pooling is one vector for each image, [b, c], a plane of one position.
Attention [b, heads, n, n] is of tokens too: of each it says how much it reads of all others.

Functions that need positions look through `as_planes`, so that any model can be given to them as it
is. `capture`, `intervene`, `head` and `layers` show values as the model makes them, unless they are
given `as_planes(model)`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Shaped

from atlasjax.taps import Model, Tap, as_pytree, identity

MOST = 16  # tokens before the patches; networks in use have at most one of class and 16 registers
CLASS, REGISTERS = "/class", "/registers"
"""What is added to a layer's name for its first token, and for others before the patches."""


def division(tokens: int) -> tuple[int, int, int]:
    """Return how many tokens stand before the patches, and the patches' rows and columns.

    The patches are the largest square that there are tokens for. Where more than `MOST` would be
    left over, or as many as there are patches, these are no patches of a square image, and all of
    them stand in one column.

    Args:
        tokens: how many there are.

    >>> division(197), division(201), division(49)
    ((1, 14, 14), (5, 14, 14), (0, 7, 7))
    >>> division(3), division(8), division(650)
    ((0, 3, 1), (0, 8, 1), (0, 650, 1))
    """
    side = math.isqrt(tokens)
    before = tokens - side * side
    if tokens < 4 or before > MOST or before >= side * side:
        return 0, tokens, 1
    return before, side, side


def plane(value: Shaped[Array, "..."]) -> Shaped[Array, "..."]:
    """Return a layer's value as a plane [b, rows, columns, channels].

    Args:
        value: [b, h, w, c], which is a plane; [b, n, c], of which the patches' tokens are the
            plane; or [b, c], which is one position. Others have no positions and stay as they are.

    >>> plane(jnp.zeros((2, 197, 8))).shape, plane(jnp.zeros((2, 10))).shape
    ((2, 14, 14, 8), (2, 1, 1, 10))
    """
    if value.ndim == 2:
        return value[:, None, None]
    if value.ndim == 3:
        before, rows, columns = division(value.shape[1])
        return value[:, before:].reshape(len(value), rows, columns, value.shape[2])
    return value


def back(value: Shaped[Array, "..."], changed: Shaped[Array, "..."]) -> Shaped[Array, "..."]:
    """Return a layer's value with another plane in place of its own.

    Args:
        value: the layer's.
        changed: of the shape of `plane(value)`.

    Returns:
        Of the shape of `value`; tokens before the patches are those of `value`.

    >>> value = jnp.arange(5.0).reshape(1, 5, 1)
    >>> back(value, 10 * plane(value)).ravel().tolist()
    [0.0, 10.0, 20.0, 30.0, 40.0]
    """
    if value.ndim == 3:
        before = division(value.shape[1])[0]
        patches = changed.reshape(len(value), -1, value.shape[2])
        return jnp.concatenate([value[:, :before], patches], 1) if before else patches
    return changed.reshape(value.shape)


def is_attention(name: str, shape: Sequence[int]) -> bool:
    """Whether a layer's value is attention, [b, heads, n, n], and not a plane [b, h, w, c].

    A plane has such a shape only where images are not square and channels as many as columns, so
    that the name must tell as well.

    Args:
        name: the layer's; of attention it has "att" in it, as in "blocks.0.attention" or "attn".
        shape: with the batch.

    >>> is_attention("blocks.0.attn", (1, 3, 145, 145)), is_attention("mixed4c", (1, 14, 14, 14))
    (True, False)
    """
    square = len(shape) == 4 and shape[2] == shape[3] != shape[1]
    return square and "att" in name.casefold()


def as_planes(model: Model, *, vectors: bool = True) -> Model:
    """Return the model with a tap that sees planes, whatever the shape of its layers.

    A layer NAME with tokens before its patches shows the first of them as a layer NAME/class, of
    one position, and where there are more the others as NAME/registers, [b, 1, k, c]. Attention is
    shown as tokens that read, whose channels are what each head reads of every token: [b, n,
    heads n]. Values that are no planes, such as one number for each image, are shown as they are.

    Args:
        model: a callable pytree `model(images, tap)`; or one that shows planes already.
        vectors: whether values [b, c] are shown as planes of one position; as they are if not.

    Returns:
        A callable pytree `model(images, tap)` with the same leaves and the same output.

    >>> from atlasjax.taps import layers
    >>> def model(images, tap):
    ...     tokens = tap("tokens", images.reshape(-1, 16, 3)[:, :5])
    ...     return tap("mean", tokens.mean(1))
    >>> layers(as_planes(model), (4, 4, 3))
    {'tokens': (2, 2, 3), 'tokens/class': (1, 1, 3), 'mean': (1, 1, 3)}
    """
    if isinstance(model, Planes):
        return Planes(model.model, model.vectors or vectors)
    return Planes(as_pytree(model), vectors)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Planes:
    """What `as_planes` returns.

    Attributes:
        model: the model as it is.
        vectors: whether vectors are shown as planes.
    """

    model: Any
    vectors: bool = field(default=True, metadata={"static": True})

    def __call__(self, images: Float[Array, "batch h w c"], tap: Tap = identity) -> Array:
        """Return the model's output, calling `tap` on the planes of its values."""

        def shown(name: str, value: Array) -> Array:
            if value.ndim == 2 and not self.vectors:
                return tap(name, value)
            if is_attention(name, value.shape):
                return _heads_first(shown(name, _readers_first(value)), value)
            value = back(value, tap(name, plane(value)))
            before = division(value.shape[1])[0] if value.ndim == 3 else 0
            return _first(tap, name, value, before) if before else value

        return self.model(images, shown)


def _readers_first(value: Shaped[Array, "b heads n n"]) -> Shaped[Array, "b n heads_n"]:
    batch, heads, tokens, _ = value.shape
    return value.swapaxes(1, 2).reshape(batch, tokens, heads * tokens)


def _heads_first(
    changed: Shaped[Array, "b n heads_n"], value: Shaped[Array, "b heads n n"]
) -> Shaped[Array, "b heads n n"]:
    batch, heads, tokens, _ = value.shape
    return changed.reshape(batch, tokens, heads, tokens).swapaxes(1, 2)


def _first(tap: Tap, name: str, value: Array, before: int) -> Array:
    """Show the tokens before the patches to the tap, and put back what it returns."""
    parts = [tap(name + CLASS, value[:, None, :1])]
    if before > 1:
        parts.append(tap(name + REGISTERS, value[:, None, 1:before]))
    return jnp.concatenate([*(part[:, 0] for part in parts), value[:, before:]], 1)
