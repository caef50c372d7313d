"""What a network sees of an image as few numbers: activations along directions, pooled over it."""

from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from atlasjax.errors import UserError, unknown
from atlasjax.planes import as_planes
from atlasjax.taps import Model, as_pytree

POOLS = ("max", "mean")


class Features(NamedTuple):
    """Images as a tree sees them.

    Attributes:
        value: of every direction, pooled over each image.
        position: where each is greatest, as row and column of the layer.
        logits: of the network.
    """

    value: Float[np.ndarray, "n directions"]
    position: Int[np.ndarray, "n directions 2"]
    logits: Float[np.ndarray, "n classes"]

    def answers(self, classes: Iterable[int]) -> Int[np.ndarray, " n"]:
        """Return which of some classes the network gives each image, by their logits alone."""
        chosen = np.array(list(classes))
        return chosen[self.logits[:, chosen].argmax(1)]


def pooled(
    model: Model,
    layer: str,
    directions: Float[Any, "directions channels"],
    images: Iterable[Any],
    *,
    pool: str = "max",
    cosine: bool = False,
) -> Features:
    """Return a layer's activations along directions, pooled over each image, with the logits.

    Args:
        model: a model with taps.
        layer: its name, of a layer with positions or of vectors.
        directions: one for each feature: the means of an atlas's cells, the directions of NMF's
            groups, rows of the identity for units.
        images: batches [b, h, w, c], in [0, 1] or bytes.
        pool: "max" or "mean" over positions.
        cosine: divide by the length of activation and direction, so that a feature says how much an
            activation looks like it rather than how strong it is.

    Returns:
        One row for each image.

    Raises:
        UserError: no such layer or pool, no images, or directions of other channels.

    >>> toy = lambda x, tap: tap("a", x).mean((1, 2))
    >>> found = pooled(toy, "a", np.eye(3), [np.ones((2, 4, 4, 3), np.float32)])
    >>> found.value.tolist(), found.answers([0, 2]).tolist()
    ([[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]], [0, 0])
    """
    if pool not in POOLS:
        raise unknown("pool", pool, POOLS)
    along = np.asarray(directions, np.float32)
    seen, parts = as_pytree(as_planes(model)), []
    for batch in images:
        parts.append(jax.device_get(_pooled(seen, batch, along, layer, pool, cosine)))
    if not parts:
        raise UserError("no images: give at least one batch")
    return Features(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _pooled_of(value: Array, along: Array, pool: str, cosine: bool) -> tuple[Array, Array]:
    if value.shape[-1] != along.shape[1]:
        raise UserError(f"directions of {along.shape[1]} channels for a layer of {value.shape[-1]}")
    if cosine:
        value = value / jnp.maximum(jnp.linalg.norm(value, axis=-1, keepdims=True), 1e-12)
        along = along / jnp.maximum(jnp.linalg.norm(along, axis=-1, keepdims=True), 1e-12)
    rows, columns = value.shape[1:3] if value.ndim == 4 else (1, 1)
    score = value.reshape(len(value), rows * columns, -1) @ along.T
    place = score.argmax(1)
    found = score.max(1) if pool == "max" else score.mean(1)
    return found, jnp.stack([place // columns, place % columns], axis=-1)


@partial(jax.jit, static_argnums=(3, 4, 5))
def _pooled(
    model: Model, images: Array, along: Array, layer: str, pool: str, cosine: bool
) -> tuple[Array, Array, Array]:
    is_float = jnp.issubdtype(images.dtype, jnp.floating)
    x = images if is_float else images.astype(jnp.float32) / 255
    kept: dict[str, Array] = {}

    def record(name: str, value: Array) -> Array:
        kept[name] = value
        return value

    logits = model(x, record)
    if layer not in kept:
        raise unknown("layer", layer, kept)
    value, place = _pooled_of(kept[layer].astype(jnp.float32), along, pool, cosine)
    return value, place, logits
