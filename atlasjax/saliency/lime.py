"""LIME: a linear model of the target in which superpixels are seen."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int, Key

from atlasjax.errors import UserError
from atlasjax.saliency.baselines import Baseline, baseline_of, where, with_baseline
from atlasjax.saliency.looks import scores
from atlasjax.saliency.passes import CHUNK, run
from atlasjax.saliency.versions import Versions, at_least, image_keys
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
    if segments is None:
        if isinstance(images, Tracer):
            raise UserError("lime under jit needs segments=, as saliency.superpixels gives")
        segments = superpixels(np.asarray(images), most)
    options = {"most": most, "samples": samples, "ridge": ridge}
    settings, own = with_baseline(options, images, baseline)
    own |= {"key": image_keys(key, len(images)), "segments": jnp.asarray(segments)}
    return run(lime_versions, model, images, target, settings, own, chunk)


def lime_versions(
    image: Float[Array, "h w c"],
    *,
    key: Key[Array, ""],
    segments: Int[Array, "h w"],
    most: int = 64,
    samples: int = 500,
    baseline: Baseline = MEAN,
    ridge: float | int = 1,
) -> Versions:
    """Return `lime` as what it does with one image."""
    at_least("samples", samples, 2)
    at_least("most", most)
    nothing = _hidden(image, segments, most, baseline)
    there = jnp.zeros(most, bool).at[segments.ravel()].set(True)

    def drawn(number: Int[Array, ""]) -> Bool[Array, " most"]:
        found = jax.random.bernoulli(jax.random.fold_in(key, number), 0.5, (most,))
        return (found | (number == 0)) & there  # the first shows everything

    def make(number: Int[Array, ""]) -> tuple[Float[Array, "h w c"], tuple[()]]:
        return where(drawn(number)[segments][..., None], image, nothing), ()

    def add(number: Int[Array, ""], kept: tuple[()], score: Array) -> Float[Array, " samples"]:
        return jnp.zeros(samples, score.dtype).at[number].set(score)

    def finish(found: Float[Array, " samples"]) -> Float[Array, "h w"]:
        visible = jax.vmap(drawn)(jnp.arange(samples)).astype(jnp.float32)
        share = visible.sum(-1) / there.sum().astype(jnp.float32)
        weight = jnp.exp(-((1 - jnp.sqrt(share)) ** 2) / (2 * _KERNEL**2))
        return _ridge(visible, found, weight, ridge)[segments]

    return Versions(samples, scores, make, add, finish)


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
    image: Float[Array, "h w c"], segments: Int[Array, "h w"], most: int, baseline: Baseline
) -> Float[Array, "h w c"]:
    """Return what is seen where a superpixel is hidden."""
    if not (isinstance(baseline, str) and baseline == MEAN):
        return baseline_of(image, baseline)
    flat = image.reshape(-1, image.shape[-1])
    total = jax.ops.segment_sum(flat, segments.ravel(), most)
    count = jax.ops.segment_sum(jnp.ones_like(flat), segments.ravel(), most)
    return (total / jnp.maximum(count, 1))[segments]


def _ridge(
    x: Float[Array, "n d"], y: Float[Array, " n"], weight: Float[Array, " n"], ridge: float | int
) -> Float[Array, " d"]:
    """Return the coefficients of a weighted ridge regression with an intercept."""
    part = weight / weight.sum()
    x, y = x - (part @ x)[None], y - part @ y
    weighed = x * weight[:, None]
    square = weighed.T @ x + ridge * jnp.eye(x.shape[1], dtype=x.dtype)
    return jax.scipy.linalg.solve(square, weighed.T @ y, assume_a="pos")
