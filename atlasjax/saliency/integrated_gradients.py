"""Integrated gradients: what each pixel adds to the target on the way from a baseline."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from atlasjax.saliency.baselines import Baseline, baseline_of, with_baseline
from atlasjax.saliency.looks import Slopes, slopes
from atlasjax.saliency.passes import CHUNK, run
from atlasjax.saliency.pixels import channels_joined
from atlasjax.saliency.versions import Versions, at_least
from atlasjax.taps import Model
from atlasjax.targets import Target


class IntegratedGradients(NamedTuple):
    """Maps, and how far they are from what they should add up to.

    Attributes:
        maps: what each pixel adds to the target; channels are summed.
        change: the target of the image less that of the baseline.
        error: the sum of the map less the change: the completeness error, 0 for endless steps.
    """

    maps: Float[Array, "*b h w"]
    change: Float[Array, "*b"]
    error: Float[Array, "*b"]


def integrated_gradients(
    model: Model,
    images: Float[Array, "b h w c"],
    target: Target,
    *,
    steps: int = 50,
    baseline: Baseline = "black",
    chunk: int = CHUNK,
) -> IntegratedGradients:
    """Return the gradient times the way from a baseline to each image, averaged along that way.

    `sum_c (x_c - x'_c) int_0^1 d target / d x_c (x' + a (x - x')) da`, by Gauss-Legendre
    quadrature. Over the pixels it sums to the target of the image less that of the baseline.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: as the model takes them.
        target: what is asked for.
        steps: points of the quadrature.
        baseline: "black", "grey", "blurred", or an array that broadcasts to the images.
        chunk: points that pass through the network at a time.

    Returns:
        Signed maps in units of the target, the target's change, and the completeness error.

    Raises:
        UserError: no steps, or no such baseline.

    Source: Sundararajan, Taly and Yan 2017, "Axiomatic attribution for deep networks".

    >>> from atlasjax.targets import class_logit
    >>> toy = lambda images, tap: (images**3).sum((1, 2))
    >>> found = integrated_gradients(toy, jnp.full((1, 1, 1, 1), 2.0), class_logit(0), steps=2)
    >>> round(float(found.maps[0, 0, 0]), 4), round(float(found.error[0]), 4)
    (8.0, 0.0)
    """
    settings, own = with_baseline({"steps": steps}, images, baseline)
    return run(integrated_gradients_versions, model, images, target, settings, own, chunk)


def integrated_gradients_versions(
    image: Float[Array, "h w c"], *, steps: int = 50, baseline: Baseline = "black"
) -> Versions:
    """Return `integrated_gradients` as what it does with one image.

    After the points of the quadrature it looks at both ends of the way, for the target's change.
    """
    at_least("steps", steps)
    start = baseline_of(image, baseline)
    nodes, weights = np.polynomial.legendre.leggauss(steps)  # on [-1, 1]
    places = jnp.asarray([*(nodes + 1) / 2, 0, 1], jnp.float32)
    parts = jnp.asarray([*weights / 2, 0, 0], jnp.float32)
    ends = jnp.asarray([*np.zeros(steps), -1, 1], jnp.float32)

    def make(number: Int[Array, ""]) -> tuple[Float[Array, "h w c"], tuple[()]]:
        return start + places[number] * (image - start), ()

    def add(number: Int[Array, ""], kept: tuple[()], found: Slopes) -> tuple[Array, Array]:
        return parts[number] * found.gradient, ends[number] * found.score

    def finish(sums: tuple[Array, Array]) -> IntegratedGradients:
        mean, change = sums
        maps = channels_joined((image - start) * mean, signed=True)
        return IntegratedGradients(maps, change, maps.sum() - change)

    return Versions(steps + 2, slopes, make, add, finish)
