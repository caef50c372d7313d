"""The loop of an optimization: how long it goes, and what happens on the way."""

from dataclasses import dataclass

from atlasjax.errors import UserError

DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Loop:
    """How an optimization goes.

    Attributes:
        steps: how many.
        snapshots: after which steps to keep the images as they are, each from 1 to `steps`.
        stop_at: a unit is finished once its measure, averaged over the last ten steps or so, is at
            least this; None to go on to the end.
        leaky_steps: number of first steps in which gradients leak through rectifiers; see
            `gradients`.
        dtype: what the network computes in: "float32", "bfloat16" or "float16".
        untransformed_steps: number of last steps in which images are seen as they are, without the
            transform. It brings into focus what was drawn through moving glass: a larger score of
            the finished image, though not of one that is moved a little.
    """

    steps: int
    snapshots: tuple[int, ...] = ()
    stop_at: float | None = None
    leaky_steps: int = 0
    dtype: str = "float32"
    untransformed_steps: int = 0


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
    if loop.leaky_steps < 0:
        raise UserError(f"leaky_steps {loop.leaky_steps}: must be at least 0")
    if not 0 <= loop.untransformed_steps <= loop.steps:
        raise UserError(
            f"untransformed_steps {loop.untransformed_steps}: must be from 0 to {loop.steps}"
        )
    if loop.dtype not in DTYPES:
        raise UserError(f"dtype {loop.dtype!r}: must be one of {', '.join(DTYPES)}")
