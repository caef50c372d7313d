"""Groups: an image's activations as a sum of few parts, each a direction with a map of its own.

Positions and channels cut a layer along its axes, whatever is in the image. Non-negative factors
cut it along what the image shows: `A = M D + rest`, with a row of A for each position, M >= 0 the
maps and D the directions. One factor is often one thing, such as an ear, wherever it is.

Where a layer goes below zero, as in transformers, `A = A+ - A-` is parted into what is above and
what is below, the factors of both side by side are found, and a group's direction is the difference
of its two halves. Maps stay at least 0.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from atlasjax.blocks.effects import Effects
from atlasjax.errors import UserError
from atlasjax.factors import one_sided


class Groups(NamedTuple):
    """The groups of one image or several, those first that hold most of the activation.

    Attributes:
        map: how strong each is at every position, at least 0, in units of the activation.
        direction: of each, of length 1.
        unexplained: the part of each image's squared norm that the groups leave.
    """

    map: Float[np.ndarray, "b rows columns n"]
    direction: Float[np.ndarray, "n c"]
    unexplained: Float[np.ndarray, " b"]


def groups(
    value: Float[Array | np.ndarray, "b rows columns c"], count: int, key: Key[Array, ""]
) -> Groups:
    """Find the groups that images share; for groups of its own, give one image.

    Args:
        value: a layer's activations, as planes.
        count: how many groups; of those that nothing is left for, maps are 0.
        key: what the factorization starts from.

    Returns:
        The groups, those first that hold most of the squared norm.

    Raises:
        UserError: no group at all, or activations that are all 0 or not finite.

    Source: Olah et al., "The Building Blocks of Interpretability", Distill 2018; the factorization
    is scikit-learn's (coordinate descent, started from singular vectors).

    >>> import jax
    >>> value = np.array([[[[3.0, 0.0], [0.0, 1.0]]]])
    >>> found = groups(value, 2, jax.random.key(0))
    >>> found.map.round(2).tolist(), found.direction.round(2).tolist()
    ([[[[3.0, 0.0], [0.0, 1.0]]]], [[1.0, 0.0], [0.0, 1.0]])
    """
    value = np.asarray(value, np.float32)
    if count < 1:
        raise UserError(f"{count} groups: must be at least 1")
    if not np.isfinite(value).all() or not value.any():
        raise UserError("no groups of activations that are all 0 or not finite")
    rows = value.reshape(-1, value.shape[-1])
    maps, directions = one_sided(rows, count, key)
    length = np.linalg.norm(directions, axis=1)
    maps, directions = maps * length, directions / np.maximum(length, 1e-12)[:, None]
    order = np.argsort(-np.square(maps).sum(0), kind="stable")
    maps, directions = maps[:, order], directions[order]
    rest = np.square(rows - maps @ directions).reshape(len(value), -1).sum(1)
    whole = np.square(rows).reshape(len(value), -1).sum(1)
    unexplained = np.clip(rest / np.maximum(whole, 1e-30), 0, 1)
    return Groups(maps.reshape(*value.shape[:3], count), directions, unexplained)


def group_effects(
    found: Effects,
    maps: Float[Array | np.ndarray, "b rows columns n"],
    directions: Float[Array | np.ndarray, "n c"],
) -> Float[Array, "b targets n"]:
    """Return what each group does to every target: the effects of its share of every neuron.

    Args:
        found: what `effects` returned for the same images and layer.
        maps: of the groups.
        directions: likewise. With those of `groups`, the effects of all groups and that of what
            they leave add up to the effect of the layer.

    >>> found = Effects(jnp.ones((1, 1, 1, 2)), jnp.ones((1, 1, 1, 1, 2)), jnp.ones((1, 1)))
    >>> group_effects(found, jnp.full((1, 1, 1, 1), 3.0), jnp.array([[1.0, 0.0]]))
    Array([[[3.]]], dtype=float32)
    """
    maps, directions = jnp.asarray(maps), jnp.asarray(directions)
    return jnp.einsum("btrck,brcn,nk->btn", found.gradient, maps, directions)


def group_parts(
    maps: Float[Array | np.ndarray, "b rows columns n"],
    directions: Float[Array | np.ndarray, "n c"],
) -> Float[Array, "b n rows columns c"]:
    """Return the groups as parts of the layer, as `outputs` takes them.

    Args:
        maps: of the groups.
        directions: likewise.

    >>> group_parts(np.ones((1, 2, 2, 3)), np.ones((3, 8))).shape
    (1, 3, 2, 2, 8)
    """
    return jnp.einsum("brcn,nk->bnrck", jnp.asarray(maps), jnp.asarray(directions))


def match(
    first: Float[np.ndarray, "n c"], second: Float[np.ndarray, "m c"]
) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """Find which groups of two images are the same, one to one, by the cosines of directions.

    Args:
        first: directions of one image's groups.
        second: directions of another's.

    Returns:
        Which of the first belong to which of the second, as many as the fewer, so that the sum of
        their cosines is largest, and the cosines.

    >>> first, second, cosine = match(np.eye(2), np.array([[0.0, 2.0], [1.0, 0.0]]))
    >>> first.tolist(), second.tolist(), cosine.tolist()
    ([0, 1], [1, 0], [1.0, 1.0])
    """
    from scipy.optimize import linear_sum_assignment

    def of_length_1(rows: np.ndarray) -> np.ndarray:
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)

    cosine = of_length_1(first) @ of_length_1(second).T
    rows, columns = linear_sum_assignment(-cosine)
    return rows, columns, cosine[rows, columns]
