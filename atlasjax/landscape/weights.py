"""The weights of a network as arrays in a row, and the network again from other arrays."""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from atlasjax.errors import UserError
from atlasjax.taps import Model, as_pytree

# What Flax, Keras, PyTorch and Equinox call what they measure and do not train.
STATISTICS = re.compile(r"batch_stats|(running|moving)_(mean|var)|\b(mean|var)\b|BatchStat")


class Weights(NamedTuple):
    """A network's arrays of floating point.

    Attributes:
        values: the arrays.
        names: where each is in the network, such as "conv2d0.kernel".
        rebuild: makes the network of other arrays of the same shapes.
    """

    values: tuple[Array, ...]
    names: tuple[str, ...]
    rebuild: Callable[[Sequence[Array]], Model]

    @property
    def trained(self) -> tuple[bool, ...]:
        """Tell of each whether it is trained, as the statistics of batches are not."""
        return tuple(not STATISTICS.search(name) for name in self.names)


def weights_of(model: Model) -> Weights:
    """Return a network's weights.

    Args:
        model: a callable pytree `model(images, tap)`.

    Raises:
        UserError: it has none, as a plain function has not.

    >>> import atlasjax as ax
    >>> weights_of(ax.models.load("inception_v1_tiny")).names[:2]
    ('classifier.bias', 'classifier.kernel')
    >>> weights_of(lambda images, tap: images.mean((1, 2)))
    Traceback (most recent call last):
    atlasjax.errors.UserError: this network has no weights to move...
    """
    found, structure = jax.tree_util.tree_flatten_with_path(as_pytree(model))
    leaves = [leaf for _, leaf in found]
    which = [i for i, leaf in enumerate(leaves) if _is_weight(leaf)]
    if not which:
        raise UserError(
            "this network has no weights to move: a plain function hides them; give a pytree, such "
            "as atlasjax.adapt makes of a network in Flax, Equinox, Keras or PyTorch, or "
            "jax.tree_util.Partial(function, weights)"
        )

    def rebuild(values: Sequence[Array]) -> Model:
        changed = list(leaves)
        for i, value in zip(which, values, strict=True):
            changed[i] = value
        return jax.tree.unflatten(structure, changed)

    names = tuple(_name(found[i][0]) for i in which)
    return Weights(tuple(jnp.asarray(leaves[i]) for i in which), names, rebuild)


def moved(
    values: Sequence[Array], directions: Sequence[Sequence[Array]], point: Any
) -> tuple[Array, ...]:
    """Return weights moved along directions, theta + sum_k a_k d_k.

    Args:
        values: the weights.
        directions: one array for each weight, in each.
        point: how far along each direction.

    >>> moved([jnp.ones(1)], [[jnp.ones(1)], [jnp.full(1, 10.0)]], jnp.array([2.0, 0.5]))
    (Array([8.], dtype=float32),)
    """

    def one(value: Array, *along: Array) -> Array:
        steps = (point[k].astype(value.dtype) * d for k, d in enumerate(along))
        return sum(steps, start=value)

    return tuple(one(value, *along) for value, *along in zip(values, *directions, strict=True))


def matched(weights: Weights, model: Model, what: str) -> tuple[Array, ...]:
    """Return the weights of another network, if it is made like this one.

    Args:
        weights: of this network.
        model: the other.
        what: what messages call the other.

    Raises:
        UserError: it has other arrays, or of other shapes.
    """
    other = weights_of(model)
    if other.names != weights.names:
        count = f"{len(other.names)} arrays of weights for {len(weights.names)}"
        raise UserError(f"{what} is of another network: it has {count}, or under other names")
    for name, value, there in zip(weights.names, weights.values, other.values, strict=True):
        if value.shape != there.shape:
            raise UserError(
                f"{what} is of another network: {name} has shape {list(there.shape)}, "
                f"not {list(value.shape)}"
            )
    return other.values


def _is_weight(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | np.ndarray) and jnp.issubdtype(leaf.dtype, jnp.floating)


def _name(path: tuple[Any, ...]) -> str:
    parts = [
        str(getattr(key, "name", getattr(key, "key", getattr(key, "idx", key)))) for key in path
    ]
    if parts and parts[-1] in ("value", "raw_value"):  # inside a variable of Flax
        parts = parts[:-1]
    return ".".join(parts)
