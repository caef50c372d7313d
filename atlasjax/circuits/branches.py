"""Branches: where a layer's units live, and whether a family lives in one of them.

A layer that joins several branches of convolutions has each unit in one of them. Which, is found in
the network's traced program: the concatenation along the channels that ends the layer, looked for
behind whatever takes every entry by itself.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float, Int, Key

from atlasjax.circuits.path import planes_of, shape_of
from atlasjax.circuits.weights import chosen_units
from atlasjax.errors import UserError
from atlasjax.operations import POINTWISE
from atlasjax.optvis.sizes import CHANNELS, taken, usual
from atlasjax.planes import as_planes
from atlasjax.programs import Name, Step, flat
from atlasjax.rectifiers import PRE
from atlasjax.taps import Model

DRAWS = 100_000
"""Families drawn by chance: the least p is one over these."""


class Branches(NamedTuple):
    """The branches that a layer joins, in the order of its units.

    Attributes:
        of: the number of each unit's branch.
        names: of the branches: the name of the tapped value that each of them ends in, else their
            number.
        kernels: the rows and columns of the last kernel of each; 0 where none is found.
    """

    of: Int[np.ndarray, " c"]
    names: tuple[str, ...]
    kernels: tuple[tuple[int, int], ...]


class Specialization(NamedTuple):
    """How a family of units is spread over branches.

    Attributes:
        counts: how many of the family each branch has.
        expected: how many it has on average of families drawn by chance.
        p: the part of families drawn by chance that are spread as unevenly or more.
    """

    counts: Int[np.ndarray, " branches"]
    expected: Float[np.ndarray, " branches"]
    p: float


def branches(model: Model, layer: str, image_shape: tuple[int, int, int] | None = None) -> Branches:
    """Return in which branch of a layer each of its units lives.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: one with positions, as `planes.as_planes` shows it.
        image_shape: the [h, w, c] of the images; the network's usual ones by default.

    Raises:
        UserError: no such layer, or one that joins no branches.

    >>> def toy(images, tap):
    ...     both = tap("a", 2 * images[..., :1]), tap("b", 3 * images)
    ...     return tap("joined", jax.nn.relu(jnp.concatenate(both, -1))).mean((1, 2))
    >>> found = branches(toy, "joined")
    >>> found.names, found.of.tolist()
    (('a', 'b'), [0, 1, 1, 1])
    """
    shape = taken(model, usual(), CHANNELS) if image_shape is None else image_shape
    shape_of(planes_of(model, shape), layer)

    def up_to(planes: Model, images: Array) -> Array:
        seen: list[Array] = []

        def tap(name: str, value: Array) -> Array:
            value = checkpoint_name(value, name)
            if name == layer:
                seen.append(value)
            return value

        planes(images, tap)
        return seen[0]

    images = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    # The model is an argument, so that one whose weights are shapes alone will do.
    closed = jax.make_jaxpr(up_to)(as_planes(model), images)
    steps, given, (end,) = flat(closed)
    found = _Trail(layer, steps, given[-1]).parts(end, 3)
    if len(found) < 2:
        raise UserError(f"layer {layer!r} joins no branches: its units all live in one")
    of = np.repeat(np.arange(len(found)), [width for width, *_ in found])
    names = tuple(name or str(i) for i, (_, name, _) in enumerate(found))
    return Branches(of, names, tuple(kernel for *_, kernel in found))


def specialization(
    found: Branches,
    family: Sequence[int],
    key: Key[Array, ""] | None = None,
    draws: int = DRAWS,
) -> Specialization:
    """Test whether a family of units lives in fewer branches than by chance.

    Families of as many units are drawn from the layer, which is the same as permuting the branches
    of its units. Of each the G statistic `2 sum counts log(counts / expected)` is taken.

    Args:
        found: the layer's branches.
        family: numbers of its units.
        key: of the draws.
        draws: how many.

    Raises:
        UserError: a unit that is not there, or no units.

    Source: Voss et al., "Branch specialization", Distill 2021.

    >>> found = Branches(np.repeat([0, 1], 20), ("a", "b"), ((1, 1), (5, 5)))
    >>> specialization(found, list(range(12))).p < 1e-3
    True
    """
    units = np.unique(chosen_units(family, len(found.of)))
    sizes = np.bincount(found.of, minlength=len(found.names))
    counts = np.bincount(found.of[units], minlength=len(sizes))
    expected = sizes * len(units) / sizes.sum()
    seed = int(jax.random.randint(jax.random.key(0) if key is None else key, (), 0, 2**31 - 1))
    drawn = np.random.default_rng(seed).multivariate_hypergeometric(sizes, len(units), draws)
    # To rounding: draws that are spread in the same way have the same statistic.
    as_uneven = _g(drawn, expected) >= _g(counts, expected) - 1e-9
    return Specialization(counts, expected, float((1 + as_uneven.sum()) / (1 + draws)))


def _g(counts: np.ndarray, expected: np.ndarray) -> Any:
    ratio = np.where(counts > 0, counts / np.maximum(expected, 1e-12), 1)
    return 2 * (counts * np.log(ratio)).sum(-1)


class _Trail:
    """The way back from a layer through the equations that made it.

    Attributes:
        own: the layer's names, which are no branch's.
        made: the equation that made each value.
        moved: the values that depend on the images.
    """

    def __init__(self, layer: str, steps: list[Step], images: Name):
        self.own = (layer, layer + PRE)
        self.made = {id(one): step for step in steps for one in step.results}
        self.moved = {id(images)}
        for step in steps:
            if any(id(one) in self.moved for one in step.operands):
                self.moved.update(id(one) for one in step.results)

    def parts(self, value: Name, axis: int) -> list[tuple[int, str, tuple[int, int]]]:
        """Return the width, name and last kernel of every branch that ends in a value."""
        origin, where = self._origin(value, axis)
        step = self.made.get(id(origin))
        joins = step is not None and step.equation.primitive.name == "concatenate"
        if step is not None and joins and step.equation.params["dimension"] == where:
            return [part for one in step.operands for part in self.parts(one, where)]
        return [(value.aval.shape[axis], *self._ending(value, axis))]

    def _origin(self, value: Name, axis: int) -> tuple[Name, int]:
        """Return the value of which another is a pointwise function, and its axis of channels."""
        step = self.made.get(id(value))
        if step is None:
            return value, axis
        sources = [one for one in step.operands if id(one) in self.moved]
        name = step.equation.primitive.name
        if name == "transpose":
            return self._origin(sources[0], step.equation.params["permutation"][axis])
        alike = all(one.aval.shape == value.aval.shape for one in sources)
        if name not in POINTWISE or not sources or not alike:
            return value, axis
        origins = [self._origin(one, axis) for one in sources]
        same = all(one is origins[0][0] for one, _ in origins)
        return origins[0] if same else (value, axis)

    def _ending(self, value: Any, axis: int) -> tuple[str, tuple[int, int]]:
        """Return the name of the tapped value that a branch ends in, and its last kernel."""
        found, at, first = "", value, 0  # `first`: where the branch begins among the channels
        while (step := self.made.get(id(at))) is not None:
            settings, name = step.equation.params, step.equation.primitive.name
            if name == "name" and not found and settings["name"] not in self.own:
                found = str(settings["name"])
            if name == "conv_general_dilated":
                kernel = step.operands[1].aval.shape
                rows, columns = (kernel[i] for i in settings["dimension_numbers"].rhs_spec[2:])
                return found, (rows, columns)
            if name == "dot_general":
                return found, (1, 1)
            at, axis, first = self._before(step, at, axis, first)
            if at is None:
                break
        return found, (0, 0)

    def _before(self, step: Step, value: Any, axis: int, first: int) -> tuple[Any, int, int]:
        """Return what a value was made of, and where its channels are and begin in it."""
        settings, name = step.equation.params, step.equation.primitive.name
        sources = [one for one in step.operands if id(one) in self.moved]
        if name == "transpose":
            return sources[0], settings["permutation"][axis], first
        if name == "split" and settings["axis"] == axis:
            before = sum(settings["sizes"][: step.results.index(value)])
            return sources[0], axis, first + int(before)
        if name == "slice":
            return sources[0], axis, first + settings["start_indices"][axis]
        if name == "concatenate" and settings["dimension"] == axis:
            for one in step.operands:
                if first < one.aval.shape[axis]:
                    return one, axis, first
                first -= one.aval.shape[axis]
        return (sources[0] if sources else None), axis, first
