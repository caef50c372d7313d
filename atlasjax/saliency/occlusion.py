"""Occlusion: what the target loses where a window of the image is covered."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from atlasjax.saliency.passes import (
    CHUNK,
    Baseline,
    Passes,
    at_least,
    baseline_of,
    run,
    scores,
    where,
)
from atlasjax.taps import Model
from atlasjax.targets import Target, evaluate


def occlusion(
    model: Model,
    images: Float[Array, "b h w c"],
    target: Target,
    *,
    window: int | None = None,
    stride: int | None = None,
    baseline: Baseline = "black",
    chunk: int = CHUNK,
) -> Float[Array, "b h w"]:
    """Return what covering each pixel takes from the target, on average over all windows on it.

    A window begins at every multiple of the stride; the last in each direction may reach over the
    edge, so that every pixel is covered.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: as the model takes them.
        target: what is asked for.
        window: side, px; a seventh of the image's shorter side by default.
        stride: px between windows; half a window by default.
        baseline: what covers the image: "black", "grey", "blurred", or an array that broadcasts to
            the images.
        chunk: covered copies that pass through the network at a time.

    Returns:
        One signed map for each image, in units of the target; all channels are covered at once.

    Raises:
        UserError: a window or a stride below 1, a window larger than the image, a stride that is
            longer than the window, which would leave pixels out, or no such baseline.

    Source: Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks".

    >>> from atlasjax.targets import class_logit
    >>> toy = lambda images, tap: images.sum((1, 2))
    >>> found = occlusion(toy, jnp.ones((1, 4, 4, 1)), class_logit(0), window=2, stride=2)
    >>> float(found[0, 0, 0])
    4.0
    """
    options = {"window": window, "stride": stride, "baseline": baseline}
    return run(occlusion_passes(model, images, target, **options), chunk, model, images, target)


def occlusion_passes(
    model: Model,
    images: Float[Array, "b h w c"],
    target: Target,
    *,
    window: int | None = None,
    stride: int | None = None,
    baseline: Baseline = "black",
) -> Passes:
    """Return `occlusion` as passes through the network."""
    height, width = images.shape[1:3]
    window = max(min(height, width) // 7, 1) if window is None else window
    stride = max(window // 2, 1) if stride is None else stride
    at_least("window", window)
    at_least("stride", stride)
    at_least(f"image of {height} x {width} px: its shorter side", min(height, width), window)
    at_least("window", window, stride)
    rows, columns = (_covered(side, window, stride) for side in (height, width))
    nothing = baseline_of(images, baseline)

    def each(numbers: Array, real: Array) -> Array:
        row = jnp.asarray(rows)[numbers // len(columns)]
        column = jnp.asarray(columns)[numbers % len(columns)]
        cover = row[:, :, None] * column[:, None, :]
        copies = where(1 - cover[:, None, :, :, None], images[None], nothing[None])
        return jnp.einsum("k,kb,khw->bhw", real, scores(model, copies, target), cover)

    times = rows.sum(0)[:, None] * columns.sum(0)

    def finish(total: Array) -> Float[Array, "b h w"]:
        whole = evaluate(target, model, images)
        return whole[:, None, None] - total / jnp.asarray(times)[None]

    return Passes(len(rows) * len(columns), each, finish)


def _covered(side: int, window: int, stride: int) -> Float[np.ndarray, "windows side"]:
    """Return 1 where each window covers a line of pixels, and 0 elsewhere."""
    first = stride * np.arange(-(-(side - window) // stride) + 1)[:, None]
    place = np.arange(side)
    return ((place >= first) & (place < first + window)).astype(np.float32)
