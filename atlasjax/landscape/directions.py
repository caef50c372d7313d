"""Directions in the space of a network's weights: random ones, and those between checkpoints."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from atlasjax.errors import UserError, unknown
from atlasjax.landscape.weights import matched, weights_of
from atlasjax.taps import Model

Direction = tuple[Array, ...]
"""One array for each of the network's weights, in the order of `weights_of`."""

NORMALIZATIONS = ("filter", "layer", "none")
TINY = 1e-10  # as in the paper's code


def random(
    model: Model,
    key: Key[Array, ""],
    *,
    normalization: str = "filter",
    biases: bool = False,
    filters: str | None = None,
) -> Direction:
    r"""Return a random direction, each of its filters as long as the network's own.

    With filter normalization $d_{ij} \leftarrow d_{ij} \|\theta_{ij}\| / \|d_{ij}\|$ for the j-th
    filter of the i-th layer, a filter being what makes one output channel. Scaling one layer up and
    the next one down, which changes nothing in a network of rectifiers, then leaves the surface
    as it is, so that the surfaces of two networks can be compared. As in the paper biases and the
    parameters of normalization are not moved, which is all that has one axis.

    Args:
        model: the network.
        key: of the Gaussian noise.
        normalization: "filter", "layer" (whole arrays in place of filters) or "none".
        biases: move arrays of one axis as well; each is one filter.
        filters: which axis counts the filters. By default it is the first of arrays that are called
            "weight", as in PyTorch and Equinox, and the last of others, as in Flax and Keras.

    Returns:
        The direction.

    Raises:
        UserError: a network without weights, or no such normalization.

    Source: Li et al. 2018, section 4.

    >>> model = jax.tree_util.Partial(lambda w, x, tap: x @ w, jnp.array([[3.0, 0.0], [4.0, 1.0]]))
    >>> (d,) = random(model, jax.random.key(0))
    >>> jnp.round(jnp.linalg.norm(d, axis=0), 4).tolist()
    [5.0, 1.0]
    """
    if normalization not in NORMALIZATIONS:
        raise unknown("normalization", normalization, NORMALIZATIONS)
    if filters not in (None, "first", "last"):
        raise UserError(f"filters={filters!r}: 'first', 'last', or None to go by the names")
    weights = weights_of(model)
    keys = jax.random.split(key, len(weights.values))

    def one(value: Array, name: str, trained: bool, key: Key[Array, ""]) -> Array:
        if not trained or (value.ndim < 2 and not biases):
            return jnp.zeros_like(value)
        noise = jax.random.normal(key, value.shape, value.dtype)
        if normalization == "none":
            return noise
        axes = None if normalization == "layer" else _within(value.ndim, name, filters)
        return noise * (_norm(value, axes) / (_norm(noise, axes) + TINY))

    each = zip(weights.values, weights.names, weights.trained, keys, strict=True)
    return tuple(one(*of) for of in each)


def between(model: Model, other: Model) -> Direction:
    """Return the direction from one network to another: at 1 the surface is at the other.

    All arrays of floating point take part, so that this is so.

    Args:
        model: the network at 0.
        other: a network of the same shapes, such as another checkpoint of its training.

    Raises:
        UserError: networks of other shapes.

    >>> network = lambda w: jax.tree_util.Partial(lambda w, x, tap: x @ w, w)
    >>> between(network(jnp.ones((1, 1))), network(jnp.full((1, 1), 3.0)))
    (Array([[2.]], dtype=float32),)
    """
    weights = weights_of(model)
    there = matched(weights, other, "the other network")
    return tuple(b - a for a, b in zip(weights.values, there, strict=True))


def _within(ndim: int, name: str, filters: str | None) -> tuple[int, ...] | None:
    """Return the axes inside a filter: all but the one that counts them."""
    if ndim < 2:
        return None
    first = filters == "first" or (filters is None and name.endswith("weight"))
    return tuple(range(1, ndim)) if first else tuple(range(ndim - 1))


def _norm(value: Array, axes: tuple[int, ...] | None) -> Array:
    return jnp.sqrt(jnp.square(value).sum(axes, keepdims=True))
