"""Joint: the activations of two networks made one, so that they can share a map."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def joint(parts: Sequence[Float[np.ndarray, "n _"]], metric: str) -> Float[np.ndarray, "n c"]:
    r"""Join what several networks make of the same images and positions.

    Where angles are compared, every vector is brought to length 1 before they are joined, so that
    the cosine of two joint vectors is the mean of the networks' cosines. Where distances are, each
    network's are divided by the root of their mean square length, so that all weigh the same.

    Args:
        parts: of each network one vector a row, in the same order; whitened, so that no network's
            few strong directions drown the rest.
        metric: how the joint vectors will be compared; see `atlas.neighbors.METRICS`.

    Returns:
        One joint vector a row.

    >>> joint([np.array([[3.0, 4.0]]), np.array([[2.0]])], "cosine").tolist()
    [[0.6, 0.8, 1.0]]
    """
    scaled = []
    for part in parts:
        length = np.linalg.norm(part, axis=1, keepdims=True)
        if metric == "euclidean":
            length = np.sqrt((length**2).mean(keepdims=True))
        scaled.append(part / np.where(length > 0, length, 1))
    return np.concatenate(scaled, axis=1)
