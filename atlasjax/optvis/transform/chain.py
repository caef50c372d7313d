"""Composition: transforms one after another, those that only move the image as one resampling.

Interpolating blurs, and costs more than everything else in a transform; a second interpolation
blurs again. Affine transforms that follow one another are therefore joined before any pixel is
read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Array, Float, Key

from atlasjax.errors import UserError
from atlasjax.optvis.transform.core import Affine, Transform, keys_for, resample


@dataclass(frozen=True)
class Chain:
    """Transforms one after another, each with its own key. Made by `compose`.

    Attributes:
        members: in order of application, affine ones joined.
    """

    members: tuple[Transform, ...]

    def __call__(
        self, key: Key[Array, ""], image: Float[Array, "h w c"]
    ) -> Float[Array, "h2 w2 c2"]:
        """Apply each to what the one before it returns."""
        keys = keys_for(key, sum(map(_steps, self.members)))
        for member in self.members:
            own, keys = keys[: _steps(member)], keys[_steps(member) :]
            if isinstance(member, Affine):
                image = resample(member, own, image)
            else:
                image = member(own[0], image)
        return image


def compose(*transforms: Transform) -> Transform:
    """Return transforms one after another, with one resampling for each run of affine ones.

    Every one of n transforms, or n members of compositions among them, is drawn from its own part
    of `jax.random.split(key, n)`, so `compose(compose(a, b), c)` is `compose(a, b, c)`.

    A run of affine transforms sees an endless image, continued as the run's first one says
    (periodically, unless it is a padding): what a member moves or crops out of its window, a later
    one may move back in, where members applied one by one would wrap at the window's edges. A
    padding begins a new run.

    Args:
        transforms: in order of application.

    Returns:
        An `Affine` where all could be joined, which joins with others in turn.

    Raises:
        UserError: something that cannot be called.

    >>> import jax, jax.numpy as jnp
    >>> from atlasjax.optvis.transform import jitter, noise, pad, rotate, scale
    >>> moved = compose(pad(8, "grey"), jitter(4), scale(0.9, 1.1), rotate(5))
    >>> type(moved).__name__, len(compose(moved, noise(0.1), jitter(2)).members)
    ('Affine', 3)
    >>> moved(jax.random.key(0), jnp.ones((16, 16, 3))).shape
    (32, 32, 3)
    """
    members: list[Any] = []
    for transform in _flat(transforms):
        joined = _join(members[-1], transform) if members else None
        if joined is None:
            members.append(transform)
        else:
            members[-1] = joined
    if not members:
        return Affine()
    return members[0] if len(members) == 1 else Chain(tuple(members))


def _flat(transforms: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for transform in transforms:
        if not callable(transform):
            raise UserError(f"compose {transform!r}: must be a function of a key and an image")
        if isinstance(transform, Chain):
            found += transform.members
        elif transform != Affine():
            found.append(transform)
    return found


def _join(first: Transform, second: Transform) -> Affine | None:
    """Return both as one, or None where the second is not affine or begins a run of its own."""
    if not isinstance(first, Affine) or not isinstance(second, Affine) or second.boundary:
        return None
    return Affine(first.moves + second.moves, first.boundary)


def _steps(member: Transform) -> int:
    return len(member.moves) if isinstance(member, Affine) else 1
