"""Baselines: what stands for nothing in an image, and images that are covered by it in part."""

from collections.abc import Hashable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from atlasjax.errors import UserError, unknown

Baseline = str | Float[Array | np.ndarray, "..."]
"""What stands for nothing: "black", "grey", "blurred", or an array that broadcasts to the images"""

_SHADES = {"black": 0.0, "grey": 0.5}
_BLURRED = "blurred"
_BLUR = 1 / 20  # standard deviation, of the image's side


def baseline_of(images: Float[Array, "*b h w c"], baseline: Baseline) -> Float[Array, "*b h w c"]:
    """Return what stands for nothing, for an image or for several.

    Args:
        images: in [0, 1].
        baseline: "black"; "grey", a half; "blurred", by a Gaussian of a twentieth of the image's
            sides; or an array that broadcasts to the images.

    Raises:
        UserError: another name, or an array of another shape.

    >>> baseline_of(jnp.ones((1, 1, 1, 1)), "grey")
    Array([[[[0.5]]]], dtype=float32)
    """
    if isinstance(baseline, str):
        if baseline == _BLURRED:
            rows, columns = (jnp.asarray(_blur(side)) for side in images.shape[-3:-1])
            return jnp.einsum("rh,sw,...hwc->...rsc", rows, columns, images)
        if baseline not in _SHADES:
            raise unknown("baseline", baseline, (*_SHADES, _BLURRED))
        return jnp.full_like(images, _SHADES[baseline])
    shape = tuple(np.shape(baseline))
    padded = (1,) * (images.ndim - len(shape)) + shape
    fits = zip(padded, images.shape, strict=False)
    if len(padded) != images.ndim or any(own not in (1, other) for own, other in fits):
        raise UserError(
            f"a baseline of shape {list(shape)} for images {list(images.shape)}: "
            "it must broadcast to them"
        )
    return jnp.broadcast_to(jnp.asarray(baseline, images.dtype).reshape(padded), images.shape)


def with_baseline(
    settings: Mapping[str, Hashable], images: Float[Array, "b h w c"], baseline: Baseline
) -> tuple[dict[str, Hashable], dict[str, Any]]:
    """Return settings with a baseline by its name, or else what is each image's own with an array.

    Raises:
        UserError: as `baseline_of`.
    """
    if isinstance(baseline, str):
        return {**settings, "baseline": baseline}, {}
    return dict(settings), {"baseline": baseline_of(images, baseline)}


def where(
    shown: Bool[Array, "..."] | Float[Array, "..."],
    images: Float[Array, "..."],
    nothing: Float[Array, "..."],
) -> Float[Array, "..."]:
    """Return the images where a mask is 1, and the baseline where it is 0.

    >>> where(jnp.array([0.25, 1.0]), jnp.array([8.0, 8.0]), jnp.zeros(2))
    Array([2., 8.], dtype=float32)
    """
    mask = shown.astype(images.dtype)
    return mask * images + (1 - mask) * nothing


def _blur(side: int) -> Float[np.ndarray, "side side"]:
    """Return the matrix that blurs a line of so many pixels; it looks at no more than there are."""
    places = np.arange(side)
    weight = np.exp(-0.5 * ((places[:, None] - places) / (_BLUR * side)) ** 2)
    return (weight / weight.sum(1, keepdims=True)).astype(np.float32)
