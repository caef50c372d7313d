"""Colour decorrelation: optimizing in the space where natural colours vary independently.

The three channels of photographs rise and fall together. Gradient steps taken in RGB therefore
undo one another; steps taken along the principal axes of colour do not.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

# Square root of the covariance of ImageNet's colours, as published with Olah, Mordvintsev and
# Schubert, "Feature Visualization", Distill 2017. Columns: brightness, blue-red, green-purple.
_IMAGENET_SQRT = np.array(
    [[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], dtype=np.float32
)


def imagenet_correlation() -> Float[np.ndarray, "3 3"]:
    """Return the matrix from decorrelated colours to RGB, its longest column of length 1.

    >>> imagenet_correlation().shape
    (3, 3)
    """
    return _IMAGENET_SQRT / np.linalg.norm(_IMAGENET_SQRT, axis=0).max()


def to_rgb(decorrelated: Float[Array, "*batch h w 3"]) -> Float[Array, "*batch h w 3"]:
    """Map unbounded decorrelated colours to RGB in (0, 1): `sigmoid(x C')`.

    Args:
        decorrelated: coordinates along the principal axes of colour; 0 is mid-grey.

    Returns:
        RGB, strictly between 0 and 1.

    Source: Olah et al. 2017, "Preconditioning and parameterization".

    >>> to_rgb(jnp.zeros((1, 1, 3)))
    Array([[[0.5, 0.5, 0.5]]], dtype=float32)
    """
    return jax.nn.sigmoid(decorrelated @ jnp.asarray(imagenet_correlation().T))
