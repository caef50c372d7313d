"""The loop of an optimization: how long it goes, and what happens on the way."""

from collections.abc import Sequence
from dataclasses import dataclass

from atlasjax.errors import UserError
from atlasjax.optvis.objectives.core import LOGITS

LEAKY = 1 / 3
"""In which part of the steps gradients leak through rectifiers by default."""

DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Loop:
    """How an optimization goes.

    Attributes:
        steps: how many.
        snapshots: after which steps to keep the images as they are, each from 1 to `steps`.
        stop_at: a unit is finished once its measure, averaged over the last ten steps or so, is at
            least this; None to go on to the end.
        leaky_steps: number of first steps in which gradients leak through rectifiers, so that units
            that are silent in grey noise come to life; see `rectifiers`. By default a third of the
            steps; none for an objective of logits alone, which are never silent, and which what
            leaks through a whole network leads astray.
        dtype: what the network computes in: "float32", "bfloat16" or "float16".
        untransformed_steps: number of last steps in which images are seen as they are, without the
            transform. It brings into focus what was drawn through moving glass: a larger score of
            the finished image, though not of one that is moved a little.
    """

    steps: int
    snapshots: tuple[int, ...] = ()
    stop_at: float | None = None
    leaky_steps: int | None = None
    dtype: str = "float32"
    untransformed_steps: int = 0


def leaky_steps(loop: Loop, layers: Sequence[str]) -> int:
    """Return in how many first steps gradients leak; see `Loop`.

    Args:
        loop: how the optimization goes.
        layers: what the objective looks at.

    >>> leaky_steps(Loop(9), ["mixed4a"]), leaky_steps(Loop(9), ["logits"])
    (3, 0)
    """
    if loop.leaky_steps is not None:
        return loop.leaky_steps
    return 0 if set(layers) <= {LOGITS} else round(LEAKY * loop.steps)


def check_loop(loop: Loop) -> None:
    """Refuse settings of a loop that nothing can be made with.

    >>> check_loop(Loop(steps=0))
    Traceback (most recent call last):
    atlasjax.errors.UserError: steps 0: must be at least 1
    """
    if loop.steps < 1:
        raise UserError(f"steps {loop.steps}: must be at least 1")
    for step in loop.snapshots:
        if not 1 <= step <= loop.steps:
            raise UserError(f"snapshot after step {step}: must be from 1 to {loop.steps}")
    if loop.leaky_steps is not None and loop.leaky_steps < 0:
        raise UserError(f"leaky_steps {loop.leaky_steps}: must be at least 0")
    if not 0 <= loop.untransformed_steps <= loop.steps:
        raise UserError(
            f"untransformed_steps {loop.untransformed_steps}: must be from 0 to {loop.steps}"
        )
    if loop.dtype not in DTYPES:
        raise UserError(f"dtype {loop.dtype!r}: must be one of {', '.join(DTYPES)}")
