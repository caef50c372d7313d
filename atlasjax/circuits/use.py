"""Weights by use: what weights between units come to on a person's images.

A large weight from a unit that never fires does nothing. So the weights are multiplied by how often
and how strongly their source fires. And weights made linear take every rectifier for open and every
pooling for a mean, which is not what images see: paths cancel in the sum of which never more than
one is open. So beside them stands their exact counterpart, the gradient at real activations,
averaged over images and positions, and how far the two agree.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from atlasjax.circuits.passes import batches, shape_of_images, values
from atlasjax.circuits.path import Window, between, linear_path, planes_of, shape_of
from atlasjax.circuits.weights import chosen_units
from atlasjax.errors import UserError
from atlasjax.linearized import NoWeights
from atlasjax.optvis.sizes import Shape
from atlasjax.rectifiers import unrectified
from atlasjax.taps import Model

UNITS = 4  # of the target whose gradients are found by one pass


class Firing(NamedTuple):
    """How units fire on some images.

    Attributes:
        often: the part of all positions of all images at which a unit is above 0.
        strength: its mean value there; 0 where it never is.
    """

    often: Float[np.ndarray, " c"]
    strength: Float[np.ndarray, " c"]


class Gradients(NamedTuple):
    """The gradient between the units of two layers at real activations, averaged.

    Attributes:
        slope: of each target unit, before its rectifier, by what it sees of each source unit.
        contribution: slope times activation, averaged: what the source does to the target.
        places: how many positions of how many images were averaged over.
    """

    slope: Float[np.ndarray, "out in h w"]
    contribution: Float[np.ndarray, "out in h w"]
    places: int


class Agreement(NamedTuple):
    """How far linear weights tell what gradients do, for every edge.

    Attributes:
        cosine: of the linear kernel with the averaged gradient; 1 where one is the other, scaled; 0
            where either is 0.
        same_sign: whether their sums have the same sign.
        rank: for each target unit the rank correlation of its edges' norms.
    """

    cosine: Float[np.ndarray, "out in"]
    same_sign: Bool[np.ndarray, "out in"]
    rank: Float[np.ndarray, " out"]


def firing(model: Model, layer: str, images: Float[Array | np.ndarray, "b h w c"]) -> Firing:
    """Return how often and how strongly the units of a layer fire.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: one with positions, as `planes.as_planes` shows it.
        images: as the model takes them.

    Raises:
        UserError: no such layer, or no images.

    >>> toy = lambda images, tap: tap("same", images).mean((1, 2))
    >>> firing(toy, "same", np.array([-2.0, 4.0], np.float32).reshape(1, 2, 1, 1))
    Firing(often=array([0.5], dtype=float32), strength=array([4.], dtype=float32))
    """
    rows, columns, _ = shape_of(planes_of(model, shape_of_images(images)), layer)
    value_of = values(model, layer)

    @jax.jit
    def counted(batch: Array, real: Array) -> tuple[Array, Array]:
        value = value_of(batch) * real
        return (value > 0).sum((0, 1, 2)), jnp.maximum(value, 0).sum((0, 1, 2))

    parts = [counted(*batch) for batch in batches(images)]
    count, total = (np.sum([np.asarray(p[i], np.float64) for p in parts], 0) for i in (0, 1))
    often = count / (len(images) * rows * columns)
    strength = total / np.maximum(count, 1)
    return Firing(often.astype(np.float32), strength.astype(np.float32))


def weighted_by_use(
    weights: Float[np.ndarray, "out in h w"], fires: Firing
) -> Float[np.ndarray, "out in h w"]:
    """Return weights times how often and how strongly their source fires.

    Args:
        weights: between the units of two layers.
        fires: of the source.

    >>> weighted_by_use(np.ones((1, 1, 1, 1)), Firing(np.array([0.5]), np.array([4.0]))).ravel()
    array([2.])
    """
    return weights * (fires.often * fires.strength)[None, :, None, None]


def gradient_by_use(
    model: Model,
    source: str,
    target: str,
    images: Float[Array | np.ndarray, "b h w c"],
    *,
    units: Sequence[int] | None = None,
    key: Key[Array, ""] | None = None,
) -> Gradients:
    """Return the gradient of target units by what they see of the source, averaged over images.

    In each image the target is looked at in positions as far apart as their windows are wide, so
    that one pass has the gradients of all of them; where they begin is drawn anew for every batch.
    Positions that see beyond the border are left out. Where the path has no window of its own, as
    with attention, it is the whole of the source for the target's central position.

    Args:
        model: a callable pytree `model(images, tap)`.
        source: a layer, as `planes.as_planes` shows it.
        target: a later layer; its units are looked at before their rectifier, where one is found.
        images: as the model takes them.
        units: of the target; all by default.
        key: where positions begin.

    Returns:
        Kernels of the form of `weights_between` for images of this size.

    Raises:
        UserError: no such layer or unit, no images, or a target that the source does not reach.

    Source: Voss et al., "Visualizing weights", Distill 2021, on what expanded weights leave out.

    >>> def toy(images, tap):
    ...     return tap("up", jax.nn.relu(3 * tap("same", images) - 1)).mean((1, 2))
    >>> float(gradient_by_use(toy, "same", "up", np.ones((1, 2, 2, 1), np.float32)).slope.squeeze())
    3.0
    """
    shape, key = shape_of_images(images), jax.random.key(0) if key is None else key
    given, made, window = _seen(model, source, target, shape)
    wanted = chosen_units(units, made[2])
    rows, columns = (_lattice(window, axis, given, made) for axis in (0, 1))
    step = _slopes(model, source, target, window)
    filled = np.resize(wanted, -(-len(wanted) // UNITS) * UNITS).reshape(-1, UNITS)
    value_of = jax.jit(values(model, source))
    total: list[Any] = [0.0] * len(filled)
    for number, (batch, real) in enumerate(batches(images)):
        first, second = jax.random.split(jax.random.fold_in(key, number))
        places = rows.places(first), columns.places(second)
        value = value_of(batch)
        for i, part in enumerate(filled):
            total[i] += np.asarray(step(batch, value, real, jnp.asarray(part), *places), np.float64)
    places = len(images) * rows.many * columns.many
    slope, contribution = np.concatenate(total, 1)[:, : len(wanted)] / places
    return Gradients(slope.astype(np.float32), contribution.astype(np.float32), places)


def agreement(
    weights: Float[np.ndarray, "out in h w"], gradients: Float[np.ndarray, "o i rows columns"]
) -> Agreement:
    """Return how far linear weights tell what gradients at real activations do.

    Args:
        weights: what `weights_between` returned, for the same units.
        gradients: the slopes of `gradient_by_use`.

    Raises:
        UserError: kernels of different shapes.

    >>> agreement(np.ones((1, 1, 1, 2)), np.array([[[[3.0, -1.0]]]])).cosine.round(3)
    array([[0.447]], dtype=float32)
    """
    if weights.shape != gradients.shape:
        raise UserError(
            f"weights {list(weights.shape)} and gradients {list(gradients.shape)}: must have one "
            "shape; give weights_between the units and the image_shape of the gradients"
        )
    from scipy.stats import spearmanr

    sizes = [np.sqrt(np.square(w).sum((2, 3))) for w in (weights, gradients)]
    length = sizes[0] * sizes[1]
    product = (weights * gradients).sum((2, 3))
    cosine = np.where(length > 0, product / np.maximum(length, 1e-30), 0)
    same = np.sign(weights.sum((2, 3))) == np.sign(gradients.sum((2, 3)))
    constant = [np.ptp(size, 1) == 0 for size in sizes]
    rank = [
        0.0 if constant[0][o] or constant[1][o] else spearmanr(sizes[0][o], sizes[1][o])[0]
        for o in range(len(weights))
    ]
    return Agreement(cosine.astype(np.float32), same, np.asarray(rank, np.float32))


class _Lattice(NamedTuple):
    """Positions along one axis, whose windows lie side by side.

    Attributes:
        first: the first that sees nothing beyond the border.
        apart: from one to the next.
        many: how many there are.
        room: how many further the first of them may begin.
    """

    first: int
    apart: int
    many: int
    room: int

    def places(self, key: Key[Array, ""]) -> Int[Array, " n"]:
        start = self.first + jax.random.randint(key, (), 0, self.room)
        return start + self.apart * jnp.arange(self.many)


def _lattice(window: Window, axis: int, source: Shape, target: Shape) -> _Lattice:
    centre, start = window.centre[axis], window.start[axis]
    size, stride = window.size[axis], window.stride[axis]
    starts = start + (np.arange(target[axis]) - centre) * stride
    inside = np.flatnonzero((starts >= 0) & (starts + size <= source[axis]))
    if stride < 1 or not len(inside):
        return _Lattice(centre, 1, 1, 1)
    apart = max(-(-size // stride), 1)
    many = max(len(inside) // apart, 1)
    return _Lattice(int(inside[0]), apart, many, len(inside) - (many - 1) * apart)


def _seen(model: Model, source: str, target: str, shape: Shape) -> tuple[Shape, Shape, Window]:
    """Return the shapes of source and target, and the window that the target's positions see."""
    try:
        path = linear_path(model, source, target, shape)
        return path.source, path.target, path.window
    except NoWeights:
        found = planes_of(model, shape)
        whole, plane = (shape_of(found, layer) for layer in (source, target))
        centre = (plane[0] // 2, plane[1] // 2)
        return whole, plane, Window(centre, (0, 0), whole[:2], (0, 0))


def _slopes(model: Model, source: str, target: str, window: Window) -> Any:
    """Return what sums slopes, and slopes times activations, over images and positions."""
    function = unrectified(between(model, source, target))
    height, width = window.size

    @jax.jit
    def step(
        images: Array, value: Array, real: Array, units: Array, rows: Array, columns: Array
    ) -> Float[Array, "2 n in h w"]:
        made, pull = jax.vjp(lambda x: function(images, x), value)
        tops = window.start[0] + (rows - window.centre[0]) * window.stride[0]
        lefts = window.start[1] + (columns - window.centre[1]) * window.stride[1]
        seen_rows = (tops[:, None] + jnp.arange(height)[None]).reshape(-1)
        seen_columns = (lefts[:, None] + jnp.arange(width)[None]).reshape(-1)

        def summed(x: Array) -> Array:
            x = x[:, seen_rows][:, :, seen_columns]
            parts = x.reshape(len(x), len(rows), height, len(columns), width, x.shape[-1])
            return jnp.moveaxis(parts.sum((0, 1, 3)), -1, 0)

        def one(unit: Array) -> Array:
            asked = jnp.zeros_like(made).at[:, rows[:, None], columns[None], unit].set(1)
            slope = pull(asked * real.astype(made.dtype))[0]
            return jnp.stack([summed(slope), summed(slope * value)]).astype(jnp.float32)

        return jnp.moveaxis(jax.vmap(one)(units), 0, 1)

    return step
