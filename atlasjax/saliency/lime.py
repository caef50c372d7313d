"""LIME: a linear model of the target in which superpixels are seen."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int, Key

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

MEAN = "mean"
_KERNEL = 0.25  # width, of the cosine distance
_COMPACTNESS = 10.0  # of superpixels: how much nearness counts against colour


def lime(
    model: Model,
    images: Float[Array, "b h w c"],
    target: Target,
    *,
    key: Key[Array, "..."],
    segments: Int[Array | np.ndarray, "b h w"] | None = None,
    most: int = 64,
    samples: int = 500,
    baseline: Baseline = MEAN,
    ridge: float | int = 1,
    chunk: int = CHUNK,
) -> Float[Array, "b h w"]:
    """Return the weight of each pixel's superpixel in a linear model of the target.

    Superpixels are shown or hidden at random, each with probability one half. The linear model is
    fitted by weighted ridge regression with an intercept, as `sklearn.linear_model.Ridge` does;
    copies count more the more they show, by the kernel `exp(-d^2 / (2 .25^2))` of their cosine
    distance to the whole image.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: as the model takes them.
        target: what is asked for.
        key: one for all images, of which each makes its own by its number; or one for each.
        segments: for each pixel the number of its superpixel, from 0 to below `most`; by default
            what `superpixels` finds, which needs images that are there: not under `jit`.
        most: superpixels of an image at most.
        samples: copies of each image with superpixels hidden.
        baseline: what is seen in place of a hidden superpixel: "mean", its mean colour; or
            "black", "grey", "blurred", or an array that broadcasts to the images.
        ridge: strength of the regularization.
        chunk: copies that pass through the network at a time.

    Returns:
        One signed map for each image, in units of the target; all channels are hidden at once.

    Raises:
        UserError: too few samples or superpixels, no such baseline, or no segments under `jit`.

    Source: Ribeiro, Singh and Guestrin 2016, '"Why should I trust you?"'.

    >>> from atlasjax.targets import class_logit
    >>> toy = lambda images, tap: images[:, :2].sum((1, 2))
    >>> halves = jnp.repeat(jnp.arange(2), 8).reshape(1, 4, 4)
    >>> ones, key = jnp.ones((1, 4, 4, 1)), jax.random.key(0)
    >>> options = dict(key=key, segments=halves, baseline="black", samples=400)
    >>> found = lime(toy, ones, class_logit(0), **options)
    >>> round(float(found[0, 0, 0])), round(float(found[0, 3, 0]))
    (8, 0)
    """
    options = {"segments": segments, "most": most, "samples": samples}
    found = lime_passes(model, images, target, key=key, baseline=baseline, ridge=ridge, **options)
    return run(found, chunk, model, images, target)


def lime_passes(
    model: Model,
    images: Float[Array, "b h w c"],
    target: Target,
    *,
    key: Key[Array, "..."],
    segments: Int[Array | np.ndarray, "b h w"] | None = None,
    most: int = 64,
    samples: int = 500,
    baseline: Baseline = MEAN,
    ridge: float | int = 1,
) -> Passes:
    """Return `lime` as passes through the network."""
    at_least("samples", samples, 2)
    at_least("most", most)
    if segments is None:
        if isinstance(images, Tracer):
            raise UserError("lime under jit needs segments=, as saliency.superpixels gives")
        segments = superpixels(np.asarray(images), most)
    places = jnp.asarray(segments)
    nothing = _hidden(images, places, most, baseline)
    there = jax.vmap(lambda own: jnp.zeros(most, bool).at[own.ravel()].set(True))(places)
    keys = image_keys(key, len(images))

    def drawn(numbers: Array) -> Bool[Array, "k b most"]:
        def draw(key: Key[Array, ""]) -> Bool[Array, " most"]:
            return jax.random.bernoulli(key, 0.5, (most,))

        found = jax.vmap(jax.vmap(draw))(sample_keys(keys, numbers))
        return (found | (numbers == 0)[:, None, None]) & there[None]  # the first shows everything

    def each(numbers: Array, real: Array) -> Float[Array, "b samples"]:
        visible = drawn(numbers)
        pixels = jax.vmap(lambda bits: jax.vmap(lambda b, at: b[at])(bits, places))(visible)
        found = scores(model, where(pixels[..., None], images[None], nothing[None]), target)
        rows = (real[:, None] * found).T
        return jnp.zeros((len(images), samples), rows.dtype).at[:, numbers].add(rows)

    def finish(found: Float[Array, "b samples"]) -> Float[Array, "b h w"]:
        visible = drawn(jnp.arange(samples)).astype(jnp.float32)
        share = visible.sum(-1) / there.sum(-1).astype(jnp.float32)[None]
        weight = jnp.exp(-((1 - jnp.sqrt(share)) ** 2) / (2 * _KERNEL**2))
        fit = jax.vmap(_ridge, (1, 0, 1, None))(visible, found, weight, jnp.float32(ridge))
        return jax.vmap(lambda own, at: own[at])(fit, places)

    return Passes(samples, each, finish)


def superpixels(images: Float[np.ndarray, "b h w c"], most: int = 64) -> Int[np.ndarray, "b h w"]:
    """Return superpixels of each image, of like colour and place: SLIC of scikit-image.

    Args:
        images: in [0, 1].
        most: superpixels of an image; about three quarters of them are asked for.

    Returns:
        For each pixel the number of its superpixel, from 0 to below `most`.

    Source: Achanta et al. 2012, "SLIC superpixels".

    >>> superpixels(np.zeros((1, 8, 8, 3), np.float32), 4).shape
    (1, 8, 8)
    """
    from skimage.segmentation import slic

    def one(image: Any) -> Int[np.ndarray, "h w"]:
        found = slic(
            np.asarray(image, np.float64),
            max(3 * most // 4, 1),
            compactness=_COMPACTNESS,
            channel_axis=-1,
            start_label=0,
        )
        # SLIC may find a few more than it was asked for: what is too many joins the last.
        return np.minimum(found, most - 1).astype(np.int32)

    return np.stack([one(image) for image in images])


def _hidden(
    images: Float[Array, "b h w c"],
    places: Int[Array, "b h w"],
    most: int,
    baseline: Baseline,
) -> Float[Array, "b h w c"]:
    """Return what is seen where a superpixel is hidden."""
    if not (isinstance(baseline, str) and baseline == MEAN):
        return baseline_of(images, baseline)

    def one(image: Float[Array, "h w c"], at: Int[Array, "h w"]) -> Float[Array, "h w c"]:
        flat = image.reshape(-1, image.shape[-1])
        total = jax.ops.segment_sum(flat, at.ravel(), most)
        count = jax.ops.segment_sum(jnp.ones_like(flat), at.ravel(), most)
        return (total / jnp.maximum(count, 1))[at]

    return jax.vmap(one)(images, places)


def _ridge(
    x: Float[Array, "n d"], y: Float[Array, " n"], weight: Float[Array, " n"], ridge: Array
) -> Float[Array, " d"]:
    """Return the coefficients of a weighted ridge regression with an intercept."""
    part = weight / weight.sum()
    x, y = x - (part @ x)[None], y - part @ y
    weighed = x * weight[:, None]
    square = weighed.T @ x + ridge * jnp.eye(x.shape[1], dtype=x.dtype)
    return jax.scipy.linalg.solve(square, weighed.T @ y, assume_a="pos")
