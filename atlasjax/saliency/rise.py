"""RISE: which pixels are seen when the target is high, over many random masks."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from atlasjax.errors import UserError
from atlasjax.saliency.baselines import Baseline, baseline_of, where, with_baseline
from atlasjax.saliency.looks import scores
from atlasjax.saliency.passes import CHUNK, run
from atlasjax.saliency.versions import Versions, at_least, image_keys
from atlasjax.taps import Model
from atlasjax.targets import Target


def rise(
    model: Model,
    images: Float[Array, "b h w c"],
    target: Target,
    *,
    key: Key[Array, "..."],
    samples: int = 1000,
    cells: int = 7,
    shown: float = 0.5,
    baseline: Baseline = "black",
    chunk: int = CHUNK,
) -> Float[Array, "b h w"]:
    """Return the target's mean over the masks that show a pixel, less its mean over all masks.

    `sum_n (t_n - mean t) m_n / (N p)`: the article's estimate, less a constant and most of its
    noise. A mask is a small grid of zeros and ones, enlarged by bilinear interpolation and shifted
    at random. The target stands for the article's probability.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: as the model takes them.
        target: what is asked for.
        key: one for all images, of which each makes its own by its number; or one for each.
        samples: masks of each image; the article takes 4000 to 8000.
        cells: of a mask's grid, in each direction.
        shown: probability of a cell to be shown, p.
        baseline: what is seen behind a mask: "black", "grey", "blurred", or an array that
            broadcasts to the images.
        chunk: masked copies that pass through the network at a time.

    Returns:
        One signed map for each image, in units of the target; all channels are masked at once.

    Raises:
        UserError: no samples or cells, a probability that is not between 0 and 1, or no such
            baseline.

    Source: Petsiuk, Das and Saenko 2018, "RISE: randomized input sampling for explanation".

    >>> from atlasjax.targets import class_logit
    >>> toy = lambda images, tap: images[:, :4, :4].sum((1, 2))
    >>> ones, key = jnp.ones((1, 8, 8, 1)), jax.random.key(0)
    >>> found = rise(toy, ones, class_logit(0), key=key, samples=200, cells=4)[0]
    >>> bool(found[:4, :4].mean() > 2 * abs(found[4:, 4:]).mean())
    True
    """
    options = {"samples": samples, "cells": cells, "shown": shown}
    settings, own = with_baseline(options, images, baseline)
    own["key"] = image_keys(key, len(images))
    return run(rise_versions, model, images, target, settings, own, chunk)


def rise_versions(
    image: Float[Array, "h w c"],
    *,
    key: Key[Array, ""],
    samples: int = 1000,
    cells: int = 7,
    shown: float = 0.5,
    baseline: Baseline = "black",
) -> Versions:
    """Return `rise` as what it does with one image."""
    at_least("samples", samples)
    at_least("cells", cells)
    if not 0 < shown < 1:
        raise UserError(f"shown {shown}: must be between 0 and 1")
    nothing, (height, width) = baseline_of(image, baseline), image.shape[:2]

    def make(number: Int[Array, ""]) -> tuple[Float[Array, "h w c"], Float[Array, "h w"]]:
        seen = mask(jax.random.fold_in(key, number), height, width, cells, shown)
        return where(seen[..., None], image, nothing), seen

    def add(number: Array, seen: Float[Array, "h w"], score: Array) -> tuple[Array, Array, Array]:
        return score * seen, score, seen

    def finish(sums: tuple[Array, Array, Array]) -> Float[Array, "h w"]:
        together, total, seen = sums
        return (together - total / samples * seen) / (samples * shown)

    return Versions(samples, scores, make, add, finish)


def mask(
    key: Key[Array, ""], height: int, width: int, cells: int, shown: float
) -> Float[Array, "h w"]:
    """Return a random mask: 1 where the image is seen, 0 where not, soft between.

    Args:
        key: of this mask.
        height: px.
        width: px.
        cells: of its grid, in each direction.
        shown: probability of a cell to be shown.

    >>> mask(jax.random.key(0), 6, 9, 3, 0.5).shape
    (6, 9)
    """
    which, down, right = jax.random.split(key, 3)
    grid = jax.random.bernoulli(which, shown, (cells, cells)).astype(jnp.float32)
    tall, wide = -(-height // cells), -(-width // cells)  # px of a cell
    large = jax.image.resize(grid, ((cells + 1) * tall, (cells + 1) * wide), "bilinear")
    first = (jax.random.randint(down, (), 0, tall), jax.random.randint(right, (), 0, wide))
    return jax.lax.dynamic_slice(large, first, (height, width))
