"""Objectives for several frames of one unit: the only ones in which frames know of one another.

A unit's frames are optimized together: as a set that should differ (`diversity`), as a sequence
that should change slowly (`alignment`), from one objective to another (`interpolate`), or each for
its own (`per_frame`).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from atlasjax.errors import UserError
from atlasjax.optvis.objectives.core import Objective, Seen, Shapes, check, evaluate
from atlasjax.optvis.objectives.likeness import gram_matrix
from atlasjax.optvis.objectives.parts import (
    Numbers,
    activations,
    by_position,
    check_has_positions,
    per_unit,
)


def diversity(layer: str) -> Objective:
    """Return the objective of differing from the unit's other frames.

    Frame a is scored by `-mean_{b != a} cos(G_a, G_b)`, with G the layer's Gram matrices, each read
    as one long vector. Add it to what the frames have in common:
    `channel("mixed4c", 7) + 0.5 * diversity("mixed4a")`.

    Args:
        layer: of shape [h, w, c].

    Returns:
        The objective, in [-1, 1]. `check` refuses layers without positions. Evaluating it raises
        `UserError` for a unit of one frame.

    Source: Olah et al., "Feature Visualization", Distill 2017, "Diversity", with the mean in place
    of the sum.

    >>> value = jnp.asarray([[3.0, 0.0], [5.0, 0.0]])[:, None, None]
    >>> evaluate(diversity("conv"), Seen(jnp.ones((2, 1, 1, 3)), {"conv": value}))
    Array([-1., -1.], dtype=float32)
    """
    return Objective(_diversity, (layer,), settings=layer, check=_check_diversity)


def _diversity(seen: Seen, data: Any, layer: Any) -> Float[Array, " frames"]:
    del data
    frames = _several(seen, "diversity")
    alike = _likeness(by_position(activations(seen, layer)))
    others = 1.0 - jnp.eye(frames, dtype=alike.dtype)
    return -(alike * others).sum(1) / (frames - 1)


def _likeness(rows: Float[Array, "n positions c"]) -> Float[Array, "n n"]:
    """Return the cosines between the Gram matrices of all pairs, 0 for those that are 0.

    With more channels than positions, the product of two Gram matrices A'A and B'B is had without
    them, as the squared norm of AB'.
    """
    # The cosine does not depend on their lengths, so that neither do its gradients.
    most = jax.lax.stop_gradient(jnp.abs(rows).max((1, 2), keepdims=True))
    rows = rows / jnp.where(most > 0, most, 1)
    if rows.shape[1] < rows.shape[2]:
        product = jnp.square(jnp.einsum("apc,bqc->abpq", rows, rows)).sum((2, 3))
    else:
        grams = gram_matrix(rows[:, :, None]).reshape(len(rows), -1)
        product = grams @ grams.T
    square = jnp.diagonal(product)
    length = jnp.sqrt(jnp.where(square > 0, square, 1))
    return product / (length[:, None] * length[None])


def _check_diversity(shapes: Shapes, objective: Objective) -> None:
    check_has_positions(shapes, objective.layers[0])


def alignment(layer: str | None = None, decay: Numbers = 2.0) -> Objective:
    """Return the objective of changing slowly along the unit's frames.

    Frame a is scored by `-sum_{b != a} decay^-|a - b| mean (x_a - x_b)^2`, where x are the
    activations of a layer or the images: things stay where they are while they change.

    Args:
        layer: of any shape; None for the images themselves.
        decay: by how much frames count less with each step between them, above 1; or n of them.

    Returns:
        The objective, at most 0, to be added. Evaluating it raises `UserError` for a unit of one
        frame.

    Raises:
        UserError: a decay of 1 or less.

    Source: Mordvintsev et al., "Differentiable Image Parameterizations", Distill 2018, "Aligned
    feature visualization interpolation", where frames also share parameters.

    >>> from atlasjax.optvis.objectives.core import take
    >>> images = jnp.stack([jnp.zeros((2, 2, 3)), jnp.ones((2, 2, 3)), jnp.ones((2, 2, 3))])
    >>> evaluate(take(alignment(), 0), Seen(images, {}))
    Array([-0.75, -0.5 , -0.25], dtype=float32)
    """
    data = per_unit("decay", decay, 0, np.float32)
    if not (data > 1).all():
        raise UserError(f"decay {data.min():g}: must be above 1")
    return Objective(_alignment, () if layer is None else (layer,), data, layer)


def _alignment(seen: Seen, data: Any, layer: Any) -> Float[Array, " frames"]:
    frames = _several(seen, "alignment")
    value = jnp.asarray(seen.images, jnp.float32) if layer is None else activations(seen, layer)
    rows = value.reshape(frames, -1)
    scores = jnp.zeros(frames)
    for apart in range(1, frames):
        cost = jnp.square(rows[apart:] - rows[:-apart]).mean(1) / data ** float(apart)
        scores = scores.at[apart:].add(-cost).at[:-apart].add(-cost)
    return scores


def interpolate(first: Objective, second: Objective) -> Objective:
    """Return the objective that leads from one to another along the unit's frames.

    Frame k of n is scored by `(1 - t) first + t second`, with `t = k / (n - 1)`; a single frame by
    `first` alone.

    Args:
        first: what the first frame is optimized for.
        second: what the last frame is optimized for.

    Returns:
        The objective. `check` checks both.

    Source: Olah et al. 2017, "The space of feature visualizations".

    >>> from atlasjax.optvis.objectives.core import constant, take
    >>> both = take(interpolate(constant(0.0), constant(8.0)), 0)
    >>> evaluate(both, Seen(jnp.ones((3, 1, 1, 3)), {}))
    Array([0., 4., 8.], dtype=float32)
    """
    return _together(_interpolate, (first, second))


def _interpolate(seen: Seen, data: Any, settings: Any) -> Float[Array, " frames"]:
    del settings
    t = jnp.linspace(0.0, 1.0, len(seen.images), dtype=jnp.float32)
    return (1 - t) * evaluate(data[0], seen) + t * evaluate(data[1], seen)


def per_frame(*objectives: Objective) -> Objective:
    """Return the objective that gives every frame of a unit one of its own: frame k gets the k-th.

    Args:
        objectives: as many as there are frames.

    Returns:
        The objective. `check` checks all of them. Evaluating it raises `UserError` for a unit with
        another number of frames.

    Raises:
        UserError: no objectives.

    >>> from atlasjax.optvis.objectives.core import constant, take
    >>> each = take(per_frame(constant(5.0), constant(7.0)), 0)
    >>> evaluate(each, Seen(jnp.ones((2, 1, 1, 3)), {}))
    Array([5., 7.], dtype=float32)
    """
    if not objectives:
        raise UserError("per_frame: needs one objective for each frame, but was given none")
    return _together(_per_frame, objectives)


def _per_frame(seen: Seen, data: Any, settings: Any) -> Float[Array, " frames"]:
    del settings
    if len(data) != len(seen.images):
        raise UserError(
            f"per_frame: {len(data)} objectives for units of {len(seen.images)} frames; "
            "there must be one for each frame"
        )
    return jnp.stack([evaluate(part, seen)[k] for k, part in enumerate(data)])


def _together(score: Any, parts: tuple[Objective, ...]) -> Objective:
    layers = tuple(dict.fromkeys(name for part in parts for name in part.layers))
    return Objective(score, layers, parts, check=_check_each)


def _check_each(shapes: Shapes, objective: Objective) -> None:
    for part in objective.data:
        check(part, shapes)


def _several(seen: Seen, what: str) -> int:
    """Return the number of frames, of which there must be at least two."""
    if len(seen.images) < 2:
        raise UserError(f"{what}: compares the frames of a unit; each has 1, and needs at least 2")
    return len(seen.images)
