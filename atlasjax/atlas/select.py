"""Select: the activations that have to do with a class."""

import numpy as np
from jaxtyping import Int, Shaped

from atlasjax.errors import UserError

TOP = 2500  # Carter et al. 2019: the 2000 to 3000 that speak most for the class
SHARE = 0.1  # of all activations; the article's are a four-hundredth of its million
AT_A_TIME = 4096  # activations read from disk


def of_class(
    attribution: Shaped[np.ndarray, "n classes"],
    index: int,
    *,
    top: int = TOP,
    share: float = SHARE,
) -> Int[np.ndarray, " selected"]:
    r"""Select the activations that belong to a class's atlas, each once.

    `{i: argmax_j A_ij = c} ∪ {the k largest A_ic, of those above 0}`: those that speak for the
    class more than for any other, and those that speak most for it. Of few activations the
    article's k would be nearly all, so it is bounded by a share of them.

    Args:
        attribution: the effect A of every activation on every logit; it may lie on disk.
        index: the class c.
        top: k at most.
        share: k at most, as a share of all activations.

    Returns:
        Rows, increasing.

    Raises:
        UserError: a class that is not there, or bounds out of range.

    Source: Carter et al. 2019, "Focusing on a single classification".

    >>> effect = np.array([[3.0, 1.0], [2.0, 4.0], [0.5, -1.0], [-2.0, -1.0]])
    >>> of_class(effect, 1, top=1, share=1.0).tolist()
    [1, 3]
    """
    n, classes = attribution.shape
    if not 0 <= index < classes:
        raise UserError(f"class {index}: must be from 0 to {classes - 1}")
    if top < 1:
        raise UserError(f"top {top}: must be at least 1")
    if not 0 < share <= 1:
        raise UserError(f"share {share}: must be above 0 and at most 1")
    own = np.array(attribution[:, index], np.float32)
    best = np.argsort(-own, kind="stable")[: max(min(top, int(share * n)), 1)]
    chosen = strongest_class(attribution) == index
    chosen[best[own[best] > 0]] = True
    return np.flatnonzero(chosen)


def strongest_class(attribution: Shaped[np.ndarray, "n classes"]) -> Int[np.ndarray, " n"]:
    """Return the class that each activation speaks for most, of equals the first.

    Args:
        attribution: the effect of every activation on every logit; it may lie on disk, and is read
            a few thousand rows at a time.

    >>> strongest_class(np.array([[3.0, 1.0], [2.0, 4.0]])).tolist()
    [0, 1]
    """
    spans = range(0, len(attribution), AT_A_TIME)
    return np.concatenate([np.argmax(attribution[i : i + AT_A_TIME], axis=1) for i in spans])
