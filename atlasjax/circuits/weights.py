"""Weights between units: the kernel that the path between two layers has when it is made linear.

Units of neighbouring layers are joined by a kernel. Units further apart are joined by many: through
bottlenecks, branches, residuals and pooling. Made linear, the path is a convolution again, and the
derivative of one target position by what it sees of the source is its kernel.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr
from jaxtyping import Array, Float, Int

from atlasjax.circuits.path import Path, linear_path
from atlasjax.errors import UserError
from atlasjax.linearized import run
from atlasjax.taps import Model

AT_A_TIME = 16  # units whose weights are found by one pass: memory grows with them


def weights_between(
    model: Model,
    source: str,
    target: str,
    *,
    units: Sequence[int] | None = None,
    image_shape: Sequence[int] | None = None,
) -> Float[np.ndarray, "out in h w"]:
    """Return the weights between the units of two layers, as if all between were linear.

    Rectifiers are the identity, max pooling the average over the same windows, normalization as in
    inference (local response normalization the scale of a silent input), and everything else on the
    way is multiplied through. Biases have no part in it. The kernel is that of a cross-correlation,
    `y[o, p] = sum_iu w[o, i, u] x[i, s p + u]`, so that neighbouring convolutions give their very
    kernels. It is that of the central position; at the border of an image padding cuts it.

    Args:
        model: a callable pytree `model(images, tap)`.
        source: a layer, as `planes.as_planes` shows it; or "image", whose units are its colours.
        target: a later layer.
        units: of the target; all by default.
        image_shape: see `linear_path`. Where a target position sees all of the source, as logits
            do, the weights are those for images of this size.

    Returns:
        For each unit of the target and each of the source the kernel between them.

    Raises:
        UserError: a layer or a unit that is not there, a target that the source does not reach, or
            a path that has no weights of its own: attention, gates, and normalization by an image's
            own statistics (layer, group and instance normalization).

    Source: Voss et al., "Visualizing weights", Distill 2021, whose expanded weights these are.

    >>> def toy(images, tap):
    ...     x = tap("twice", 2 * images)
    ...     return tap("shifted", jax.nn.relu(3 * x[:, 1:] - x[:, :-1] - 7)).mean((1, 2))
    >>> weights_between(toy, "twice", "shifted")[0, 0].tolist()
    [[-1.0], [3.0]]
    """
    return path_weights(linear_path(model, source, target, image_shape), units)


def path_weights(path: Path, units: Sequence[int] | None = None) -> Float[np.ndarray, "o in h w"]:
    """Return the weights of a path that was made linear already.

    Args:
        path: what `linear_path` returned.
        units: of the target; all by default.

    Raises:
        UserError: a unit that is not there.
    """
    wanted = chosen_units(units, path.target[2])
    width = min(AT_A_TIME, max(len(wanted), 1))
    filled = np.resize(wanted, -(-len(wanted) // width) * width).reshape(-1, width)
    found = _transposed(path)
    parts = [np.asarray(found(path.program.consts, jnp.asarray(part))) for part in filled]
    return np.concatenate(parts)[: len(wanted)]


def chosen_units(units: Sequence[int] | None, count: int) -> Int[np.ndarray, " n"]:
    """Return the units asked for, all by default.

    Raises:
        UserError: one that is not there, or none.

    >>> chosen_units([7], 4)
    Traceback (most recent call last):
    atlasjax.errors.UserError: unit 7: must be from 0 to 3
    """
    wanted = np.arange(count) if units is None else np.asarray(units, np.int32).reshape(-1)
    for unit in wanted.tolist():
        if not 0 <= unit < count:
            raise UserError(f"unit {unit}: must be from 0 to {count - 1}")
    if not len(wanted):
        raise UserError("no units: give at least one")
    return wanted.astype(np.int32)


def _transposed(path: Path) -> Any:
    """Return what finds the weights of some units at the centre, compiled."""
    (given,), (made,) = path.program.in_avals, path.program.out_avals
    (row, column), (top, left) = path.window.centre, path.window.start
    height, width = path.window.size

    @jax.jit
    def found(consts: Any, units: Int[Array, " n"]) -> Float[Array, "n in h w"]:
        program = ClosedJaxpr(path.program.jaxpr, consts)
        pull = jax.linear_transpose(lambda x: run(program, x), given)

        def one(unit: Array) -> Array:
            asked = jnp.zeros(made.shape, made.dtype).at[0, row, column, unit].set(1)
            slope = pull(asked)[0][0, top : top + height, left : left + width]
            return jnp.moveaxis(slope, -1, 0).astype(jnp.float32)

        return jax.vmap(one)(units)

    return found
