"""The path of a training: principal directions of its checkpoints, and where each lies in them."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from atlasjax.errors import UserError
from atlasjax.landscape.directions import Direction
from atlasjax.landscape.weights import matched, weights_of
from atlasjax.taps import Model


class Trajectory(NamedTuple):
    """A training seen in a few directions.

    Attributes:
        directions: of length 1, at right angles.
        coordinates: of every checkpoint along each; the network that is looked at is at 0.
        explained: the share of the checkpoints' variance along each direction.
        aside: how far each checkpoint is from the plane of the directions, as a share of how far it
            is from the network.
    """

    directions: tuple[Direction, ...]
    coordinates: Float[np.ndarray, "checkpoints directions"]
    explained: Float[np.ndarray, " directions"]
    aside: Float[np.ndarray, " checkpoints"]


def principal(
    model: Model, checkpoints: Sequence[Model], count: int = 2, *, biases: bool = False
) -> Trajectory:
    r"""Return the principal directions of a training, and its path in them.

    They are those of the rows $\theta_i - \theta_n$, centred as PCA does; the path is the rows
    themselves, projected.

    Args:
        model: the network that the surface is drawn around, as a rule the last of them.
        checkpoints: networks of the same shapes, in their order; more than there are directions.
        count: how many directions.
        biases: whether arrays of one axis take part; as in the paper's code they do not.

    Returns:
        The directions, the path in them, and what they leave out.

    Raises:
        UserError: too few checkpoints, of other shapes, or all the same.

    Source: Li et al. 2018, section 7.

    >>> import jax
    >>> at = lambda *w: jax.tree_util.Partial(lambda w, x, tap: x @ w, jnp.array([w]))
    >>> found = principal(at(0.0, 0.0), [at(2.0, 4.0), at(1.0, 1.0), at(0.0, 0.0)])
    >>> np.round(np.linalg.norm(found.coordinates, axis=1), 4).tolist()
    [4.4721, 1.4142, 0.0]
    """
    if count < 1 or len(checkpoints) <= count:
        raise UserError(
            f"{len(checkpoints)} checkpoints for {count} directions: there must be more of them"
        )
    weights = weights_of(model)
    used = [
        t and (biases or v.ndim > 1) for v, t in zip(weights.values, weights.trained, strict=True)
    ]
    rows = [
        _row(weights.values, matched(weights, c, f"checkpoint {i + 1}"), used)
        for i, c in enumerate(checkpoints)
    ]
    gram = np.array([[_dot(a, b) for b in rows] for a in rows])
    centred = gram - gram.mean(0) - gram.mean(1)[:, None] + gram.mean()
    values, vectors = np.linalg.eigh(centred)
    values, vectors = values[::-1][:count], vectors[:, ::-1][:, :count]
    # What is at the level of rounding is no direction.
    if values[-1] <= 1e-6 * max(np.trace(gram), 1e-30):
        raise UserError(f"the checkpoints lie in fewer than {count} directions: give other ones")
    mixes = (vectors - vectors.mean(0)) / np.sqrt(values)
    directions = tuple(_mixed(rows, mix, weights.values) for mix in mixes.T)
    coordinates = gram @ mixes
    length = np.diag(gram)
    rest = np.maximum(length - np.square(coordinates).sum(1), 0)
    aside = np.sqrt(rest / np.maximum(length, 1e-30))
    return Trajectory(directions, coordinates, values / np.trace(centred), aside)


def _row(
    here: Sequence[Array], there: Sequence[Array], used: Sequence[bool]
) -> list[np.ndarray | None]:
    return [
        np.asarray(b, np.float64) - np.asarray(a, np.float64) if use else None
        for a, b, use in zip(here, there, used, strict=True)
    ]


def _dot(a: Sequence[np.ndarray | None], b: Sequence[np.ndarray | None]) -> float:
    pairs = zip(a, b, strict=True)
    return sum(float(np.vdot(x, y)) for x, y in pairs if x is not None and y is not None)


def _mixed(
    rows: Sequence[Sequence[np.ndarray | None]], mix: np.ndarray, like: Sequence[Array]
) -> Direction:
    def one(i: int, value: Array) -> Array:
        parts = [m * part for m, row in zip(mix, rows, strict=True) if (part := row[i]) is not None]
        return jnp.asarray(sum(parts), value.dtype) if parts else jnp.zeros_like(value)

    return tuple(one(i, value) for i, value in enumerate(like))
