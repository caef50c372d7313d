"""What an objective is: a score for each image, as a pytree that adds and multiplies.

An objective is data: a function known to the compiler, and arrays that are not. Two objectives of
the same make with other numbers (another channel, another direction, another weight) run the same
compiled code. Every array has a leading axis of *units*, one for each visualization to make, or of
length 1 for all of them alike.

A unit is what is optimized together: one image, or a few *frames*, such as the steps of an
interpolation. Frames of a unit may be scored together; units never see one another.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PyTree

from atlasjax import taps
from atlasjax.errors import UserError, unknown
from atlasjax.planes import as_planes
from atlasjax.taps import Model, identity, layers

LOGITS = "logits"
"""The name under which objectives find the output of the network."""

Shapes = Mapping[str, tuple[int, ...]]
Number = int | float


class Seen(NamedTuple):
    """What there is to be scored of one unit.

    Attributes:
        images: as the network sees them.
        layers: the values of the layers that the objective asked for, each with the frames first.
    """

    images: Float[Array, "frames h w c"]
    layers: Mapping[str, Float[Array, "frames ..."]]


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["data"],
    meta_fields=["score", "layers", "settings", "check"],
)
@dataclass(frozen=True)
class Objective:
    """A score for each image, to be made large.

    Objectives are made by the functions of this package, and composed with `+`, `-`, `*`, `/` among
    themselves and with numbers.

    Attributes:
        score: takes what is seen of one unit, the unit's data and the settings; returns one score
            for each frame. A function of a module, so that equal objectives compile once.
        layers: those it looks at.
        data: arrays with the units first.
        settings: whatever else the score depends on, hashable.
        check: takes the shapes of the layers and the objective, and raises `UserError` where the
            objective does not fit the model; None where there is nothing to check.
    """

    score: Callable[[Seen, PyTree, Any], Float[Array, " frames"]]
    layers: tuple[str, ...] = ()
    data: PyTree = ()
    settings: Hashable = ()
    check: Callable[[Shapes, "Objective"], None] | None = None

    def __add__(self, other: "Objective | Number") -> "Objective":
        return _compose(_sum, self, other)

    def __mul__(self, other: "Objective | Number") -> "Objective":
        return _compose(_product, self, other)

    def __neg__(self) -> "Objective":
        return self * -1.0

    def __abs__(self) -> "Objective":
        return Objective(_magnitude, self.layers, (self,), check=_check_parts)

    def __sub__(self, other: "Objective | Number") -> "Objective":
        return self + -1.0 * _as_objective(other)

    def __rsub__(self, other: Number) -> "Objective":
        return other + -self

    def __truediv__(self, other: Number) -> "Objective":
        return self * (1.0 / other)

    __radd__ = __add__
    __rmul__ = __mul__


def evaluate(objective: Objective, seen: Seen) -> Float[Array, " frames"]:
    """Return the scores of one unit's frames; the objective's data are those of that unit.

    >>> seen = Seen(jnp.ones((2, 1, 1, 3)), {})
    >>> evaluate(3 * constant(2.0) - 1, seen)
    Array([5., 5.], dtype=float32)
    """
    return objective.score(seen, objective.data, objective.settings)


def silent(objective: Objective, seen: Seen) -> Bool[Array, " frames"]:
    """Return where one unit's frames get no answer from the network.

    That is, where the score is exactly 0, or each of its parts that look at the network is: behind
    a rectifier that is shut, whatever the penalties are that are added to it.

    >>> silent(3 * constant(0.0), Seen(jnp.ones((2, 1, 1, 3)), {})).tolist()
    [True, True]
    """
    parts = [part for part in _parts(objective) if part.layers]
    zero = [evaluate(part, seen) == 0 for part in parts]
    shut = jnp.stack(zero).all(0) if zero else False
    return (evaluate(objective, seen) == 0) | shut


def _parts(objective: Objective) -> list[Objective]:
    """Return what an objective is a sum and a product of."""
    if objective.score not in (_sum, _product):
        return [objective]
    return [part for each in objective.data for part in _parts(each)]


def constant(value: Number) -> Objective:
    """Return the objective that gives every image the same score."""
    return Objective(_constant, data=np.full((1,), value, np.float32))


def units(objective: Objective) -> int:
    """Return for how many visualizations an objective has data; 1 where all are alike.

    Raises:
        UserError: parts that are made for different numbers.

    >>> units(constant(1.0) + constant(2.0))
    1
    """
    found = sorted({len(leaf) for leaf in jax.tree.leaves(objective.data)} - {1})
    if len(found) > 1:
        listed = " and ".join(map(str, found))
        raise UserError(
            f"an objective for {listed} images at once: the numbers must agree, or be 1"
        )
    return found[0] if found else 1


def spread(objective: Objective, n: int) -> Objective:
    """Return the objective with data for each of n units.

    What is alike for all of them is repeated without copying it where it lies on the host, so that
    a large matrix for thousands of units takes the memory of one.

    Raises:
        UserError: data for another number of units than n or 1.

    >>> spread(constant(1.0), 3).data.shape
    (3,)
    """

    def repeat(leaf: Any) -> Any:
        if len(leaf) not in (1, n):
            raise UserError(f"an objective for {len(leaf)} images at once, but {n} are to be made")
        xp = np if isinstance(leaf, np.ndarray) else jnp
        return leaf if len(leaf) == n else xp.broadcast_to(leaf, (n, *leaf.shape[1:]))

    return jax.tree.map(repeat, objective)


def take(objective: Objective, which: Any) -> Objective:
    """Return the objective with the data of some of its units, or of one, to be evaluated.

    Args:
        objective: with data for each unit, see `spread`. Unit 0 can be taken of any.
        which: the unit's number, and the axis of units is gone; or an array of several.

    >>> evaluate(take(constant(2.0), 0), Seen(jnp.ones((1, 4, 4, 3)), {}))
    Array([2.], dtype=float32)
    >>> units(take(spread(constant(2.0), 3), np.array([0, 2])))
    2
    """
    return jax.tree.map(lambda leaf: leaf[which], objective)


def shapes_for(model: Model, image_shape: tuple[int, int, int]) -> dict[str, tuple[int, ...]]:
    """Return the shape of every layer, and of the output as `LOGITS`, without the batch.

    Layers of tokens are seen as `planes.as_planes` shows them; vectors are as they are.

    Args:
        model: a callable pytree `model(images, tap)`.
        image_shape: the [h, w, c] of the images.

    Raises:
        UserError: a network that does not take images of this size.

    >>> shapes_for(lambda x, tap: tap("tokens", x.reshape(-1, 4, 3)).mean(1), (2, 2, 3))
    {'tokens': (2, 2, 3), 'logits': (3,)}
    """
    model = as_planes(model, vectors=False)
    with taking(image_shape):
        found = layers(model, image_shape)
        logits = taps.shapes(model, image_shape).output
    return found | {LOGITS: tuple(logits.shape[1:])}


@contextmanager
def taking(image_shape: Sequence[int]) -> Iterator[None]:
    """Make one clear line of whatever a network raises for images that are not of its own size.

    Args:
        image_shape: the [h, w, c] of the images that it is given.

    Raises:
        UserError: in place of any other exception.

    >>> with taking((64, 64, 3)):
    ...     jnp.ones((64, 2)) + jnp.ones((81, 2))
    Traceback (most recent call last):
    atlasjax.errors.UserError: the network does not take images of 64 x 64 px (add got ...
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        height, width, _ = image_shape
        told = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
        raise UserError(
            f"the network does not take images of {height} x {width} px ({told}); "
            "where it takes one size only, give that size: size="
        ) from error


def check(objective: Objective, shapes: Shapes) -> None:
    """Refuse an objective that does not fit the model.

    Args:
        objective: with concrete data.
        shapes: what `shapes_for` returned.

    Raises:
        UserError: a layer that does not exist, or whatever the parts of the objective refuse.
    """
    units(objective)
    for layer in objective.layers:
        if layer not in shapes:
            raise unknown("layer", layer, shapes)
    if objective.check is not None:
        objective.check(shapes, objective)


def network(
    model: Model, images: Float[Array, "batch h w c"], names: tuple[str, ...], tap: Any = identity
) -> dict[str, Array]:
    """Return the named layers' values, `LOGITS` among them if asked for.

    Args:
        model: a callable pytree `model(images, tap)`, whose tokens are seen as planes.
        images: as the model takes them.
        names: layers that exist, as `shapes_for` lists them.
        tap: called on every value before it is recorded.
    """
    seen: dict[str, Array] = {}

    def record(name: str, value: Array) -> Array:
        value = tap(name, value)
        if name in names:
            seen[name] = value
        return value

    logits = as_planes(model, vectors=False)(images, record)
    return {name: logits if name == LOGITS else seen[name] for name in names}


def _as_objective(value: "Objective | Number") -> Objective:
    return value if isinstance(value, Objective) else constant(value)


def _compose(score: Any, first: Objective, second: "Objective | Number") -> Objective:
    parts = (first, _as_objective(second))
    layers = tuple(dict.fromkeys(name for part in parts for name in part.layers))
    return Objective(score, layers, parts, check=_check_parts)


def _check_parts(shapes: Shapes, objective: Objective) -> None:
    for part in objective.data:
        check(part, shapes)


def _sum(seen: Seen, data: Any, settings: Any) -> Float[Array, " frames"]:
    del settings
    return evaluate(data[0], seen) + evaluate(data[1], seen)


def _product(seen: Seen, data: Any, settings: Any) -> Float[Array, " frames"]:
    del settings
    return evaluate(data[0], seen) * evaluate(data[1], seen)


def _magnitude(seen: Seen, data: Any, settings: Any) -> Float[Array, " frames"]:
    del settings
    return jnp.abs(evaluate(data[0], seen))


def _constant(seen: Seen, data: Any, settings: Any) -> Float[Array, " frames"]:
    del settings
    return jnp.broadcast_to(data, (len(seen.images),))
