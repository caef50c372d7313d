"""Occlusion: what the target loses where a window of the image is covered."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from atlasjax.saliency.baselines import Baseline, baseline_of, where, with_baseline
from atlasjax.saliency.looks import scores
from atlasjax.saliency.passes import CHUNK, run
from atlasjax.saliency.versions import Versions, at_least
from atlasjax.taps import Model
from atlasjax.targets import Target


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
    options = {"window": window, "stride": stride}
    settings, own = with_baseline(options, images, baseline)
    return run(occlusion_versions, model, images, target, settings, own, chunk)


def occlusion_versions(
    image: Float[Array, "h w c"],
    *,
    window: int | None = None,
    stride: int | None = None,
    baseline: Baseline = "black",
) -> Versions:
    """Return `occlusion` as what it does with one image; at last it looks at the whole image."""
    height, width = image.shape[:2]
    window, stride = _check(height, width, window, stride)
    rows, columns = (_covered(side, window, stride) for side in (height, width))
    times = jnp.asarray(rows.sum(0)[:, None] * columns.sum(0))
    nothing, windows = baseline_of(image, baseline), len(rows) * len(columns)

    def cover(number: Int[Array, ""]) -> Float[Array, "h w"]:
        row = jnp.asarray(rows)[number // len(columns)]
        found = row[:, None] * jnp.asarray(columns)[number % len(columns)][None]
        return jnp.where(number < windows, found, 0)

    def make(number: Int[Array, ""]) -> tuple[Float[Array, "h w c"], tuple[()]]:
        return where(1 - cover(number)[..., None], image, nothing), ()

    def add(number: Int[Array, ""], kept: tuple[()], score: Array) -> tuple[Array, Array]:
        return score * cover(number), jnp.where(number < windows, 0, score)

    def finish(sums: tuple[Array, Array]) -> Float[Array, "h w"]:
        covered, whole = sums
        return whole - covered / times

    return Versions(windows + 1, scores, make, add, finish)


def _check(height: int, width: int, window: int | None, stride: int | None) -> tuple[int, int]:
    """Return the window and the stride, and refuse what leaves pixels out."""
    window = max(min(height, width) // 7, 1) if window is None else window
    stride = max(window // 2, 1) if stride is None else stride
    at_least("window", window)
    at_least("stride", stride)
    at_least(f"image of {height} x {width} px: its shorter side", min(height, width), window)
    at_least("window", window, stride)
    return window, stride


def _covered(side: int, window: int, stride: int) -> Float[np.ndarray, "windows side"]:
    """Return 1 where each window covers a line of pixels, and 0 elsewhere."""
    first = stride * np.arange(-(-(side - window) // stride) + 1)[:, None]
    place = np.arange(side)
    return ((place >= first) & (place < first + window)).astype(np.float32)
