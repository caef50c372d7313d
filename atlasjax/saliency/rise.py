"""RISE: which pixels are seen when the target is high, over many random masks."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from atlasjax.errors import UserError
from atlasjax.saliency.passes import (
    CHUNK,
    Baseline,
    Passes,
    at_least,
    baseline_of,
    image_keys,
    run,
    sample_keys,
    scores,
    where,
)
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
    options = {"samples": samples, "cells": cells, "shown": shown, "baseline": baseline}
    return run(rise_passes(model, images, target, key=key, **options), chunk, model, images, target)


def rise_passes(
    model: Model,
    images: Float[Array, "b h w c"],
    target: Target,
    *,
    key: Key[Array, "..."],
    samples: int = 1000,
    cells: int = 7,
    shown: float = 0.5,
    baseline: Baseline = "black",
) -> Passes:
    """Return `rise` as passes through the network."""
    at_least("samples", samples)
    at_least("cells", cells)
    if not 0 < shown < 1:
        raise UserError(f"shown {shown}: must be between 0 and 1")
    nothing, keys = baseline_of(images, baseline), image_keys(key, len(images))
    height, width = images.shape[1:3]

    def each(numbers: Array, real: Array) -> tuple[Array, Array, Array]:
        def draw(key: Key[Array, ""]) -> Float[Array, "h w"]:
            return mask(key, height, width, cells, shown)

        masks = jax.vmap(jax.vmap(draw))(sample_keys(keys, numbers))
        copies = where(masks[..., None], images[None], nothing[None])
        found = scores(model, copies, target) * real[:, None]
        masks = masks * real[:, None, None, None]
        return jnp.einsum("kb,kbhw->bhw", found, masks), found.sum(0), masks.sum(0)

    def finish(sums: tuple[Array, Array, Array]) -> Float[Array, "b h w"]:
        together, total, seen = sums
        return (together - (total / samples)[:, None, None] * seen) / (samples * shown)

    return Passes(samples, each, finish)


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
