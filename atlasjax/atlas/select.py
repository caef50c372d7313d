"""Select: the activations that have to do with a class."""

import numpy as np
from jaxtyping import Int, Shaped

from atlasjax.atlas.rows import pieces
from atlasjax.classes import NO_CLASSES
from atlasjax.errors import UserError

TOP = 2500  # Carter et al. 2019: the 2000 to 3000 that speak most for the class
EVIDENCE = 0.25  # for the class, held by those; of a million activations `TOP` is fewer


def of_class(
    attribution: Shaped[np.ndarray, "n classes"],
    index: int,
    *,
    top: int = TOP,
    evidence: float = EVIDENCE,
) -> Int[np.ndarray, " selected"]:
    r"""Select the activations that belong to a class's atlas, each once.

    `{i: argmax_j A_ij = c} ∪ {the k largest A_ic, of those above 0}`: those that speak for the
    class more than for any other, and those that speak most for it. Of few activations the
    article's k would take in what says next to nothing about the class. So k is no more than it
    takes to hold a share of all evidence for it, `sum_{i in top k} A_ic >= evidence * sum_i
    max(A_ic, 0)`.

    Args:
        attribution: the effect A of every activation on every logit; it may lie on disk.
        index: the class c.
        top: k at most.
        evidence: share of the evidence, above 0; with 1 only `top` bounds k.

    Returns:
        Rows, increasing.

    Raises:
        UserError: a class that is not there, no classes at all, or bounds out of range.

    Source: Carter et al. 2019, "Focusing on a single classification".

    >>> effect = np.array([[3.0, 1.0], [2.0, 4.0], [0.5, -1.0], [-2.0, -1.0]])
    >>> of_class(effect, 1, top=1, evidence=1.0).tolist()
    [1, 3]
    >>> of_class(effect, 0, evidence=0.8).tolist()  # 3 and 2 of all 5.5
    [0, 1, 2]
    """
    classes = attribution.shape[1]
    if not classes:
        raise UserError(f"no class {index}: {NO_CLASSES}")
    if not 0 <= index < classes:
        raise UserError(f"class {index}: must be from 0 to {classes - 1}")
    if top < 1:
        raise UserError(f"top {top}: must be at least 1")
    if not 0 < evidence <= 1:
        raise UserError(f"evidence {evidence}: must be above 0 and at most 1")
    own = np.concatenate([piece[:, index] for _, piece in pieces(attribution)]).astype(np.float64)
    best = np.argsort(-own, kind="stable")[: np.count_nonzero(own > 0)]
    held = np.cumsum(own[best])
    if evidence < 1 and len(best):
        best = best[: np.searchsorted(held, evidence * held[-1]) + 1]
    chosen = strongest_class(attribution) == index
    chosen[best[:top]] = True
    return np.flatnonzero(chosen)


def strongest_class(attribution: Shaped[np.ndarray, "n classes"]) -> Int[np.ndarray, " n"]:
    """Return the class that each activation speaks for most, of equals the first.

    Args:
        attribution: the effect of every activation on every logit; it may lie on disk, and is read
            a few thousand rows at a time.

    Raises:
        UserError: there are no classes.

    >>> strongest_class(np.array([[3.0, 1.0], [2.0, 4.0]])).tolist()
    [0, 1]
    """
    if not attribution.shape[1]:
        raise UserError(f"no strongest class: {NO_CLASSES}")
    return np.concatenate([np.argmax(piece, axis=1) for _, piece in pieces(attribution)])
