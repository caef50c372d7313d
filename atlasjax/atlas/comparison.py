"""Class comparison: one map of two classes, with what tells them apart from left to right."""

import numpy as np
from jaxtyping import Float

from atlasjax.atlas.layout import normalize
from atlasjax.atlas.truth import push


def comparison(
    activations: Float[np.ndarray, "n c"],
    attribution: Float[np.ndarray, "n classes"],
    source: int,
    target: int,
) -> Float[np.ndarray, "n 2"]:
    """Lay activations out by what they do to the choice between two classes.

    To the right is what speaks for the target and against the source, `attribution[:, target] -
    attribution[:, source]`, and to the left the reverse. Downwards like lies beside like: the first
    principal component of the activations' directions.

    Args:
        activations: of images of the two classes, one a row, at least 2.
        attribution: their effect on every logit.
        source: index of the class on the left.
        target: index of the class on the right.

    Returns:
        x to the right and y downwards, in [0, 1].

    Raises:
        UserError: a class that is not there, or one class twice.

    Source: Carter et al. 2019, "Further isolating classes", where the vertical axis is a UMAP of
    one dimension.

    >>> xy = comparison(np.eye(3), np.array([[0.0, 4.0], [0.0, 2.0], [0.0, 0.0]]), 0, 1)
    >>> bool(xy[0, 0] > xy[1, 0] > xy[2, 0])
    True
    """
    x = push(attribution.astype(np.float32), source, target)
    length = np.linalg.norm(activations, axis=1, keepdims=True)
    directions = activations / np.where(length > 0, length, 1.0)
    centred = directions - directions.mean(0)
    _, vectors = np.linalg.eigh(centred.T @ centred)  # the last one varies most
    axis = vectors[:, -1] * np.sign(vectors[np.abs(vectors[:, -1]).argmax(), -1])
    return normalize(np.stack([x, centred @ axis], -1).astype(np.float32))
