"""Weights as pictures: excitation and inhibition over a unit's icon."""

import numpy as np
from jaxtyping import Float, UInt8

EXCITES, INHIBITS = np.array([32, 102, 192]), np.array([222, 92, 34])
"""Colours: blue and orange as on all pages, which the colour-blind tell apart as well."""

PAPER = 250  # what stands behind a heat map without an icon
STRONGEST = 0.85  # how much of the icon the strongest weight hides


def heat_map(
    kernel: Float[np.ndarray, "h w"],
    scale: float | None = None,
    *,
    icon: UInt8[np.ndarray, "side side 3"] | None = None,
    size: int = 96,
) -> UInt8[np.ndarray, "side side 3"]:
    """Draw a kernel: blue where it excites, orange where it inhibits, on a unit's icon.

    Every weight is a square of its own, the more opaque the stronger it is.

    Args:
        kernel: from one unit to another.
        scale: the weight that is drawn strongest, the same for maps that are compared; by default
            the kernel's own largest.
        icon: what the source unit looks like; nothing but paper by default.
        size: side of the picture in px, where there is no icon.

    >>> picture = heat_map(np.array([[1.0, -1.0]]), size=2)
    >>> picture[0].tolist()
    [[65, 124, 201], [226, 116, 66]]
    """
    under = np.full((size, size, 3), PAPER, np.uint8) if icon is None else icon
    strongest = scale if scale is not None else float(np.abs(kernel).max())
    share = np.clip(kernel / max(strongest, 1e-30), -1, 1)
    height, width = under.shape[:2]
    rows, columns = (
        np.arange(n) * k // n for n, k in zip((height, width), kernel.shape, strict=True)
    )
    whole = share[rows[:, None], columns[None]][..., None]
    colour = np.where(whole > 0, EXCITES, INHIBITS)
    opacity = STRONGEST * np.abs(whole)
    return np.round((1 - opacity) * under + opacity * colour).astype(np.uint8)
