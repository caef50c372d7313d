"""Integrated gradients: what each pixel adds to the target on the way from a baseline."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from atlasjax.saliency.passes import (
    CHUNK,
    Baseline,
    Passes,
    at_least,
    baseline_of,
    channels_joined,
    gradients,
    run,
    scores,
)
from atlasjax.taps import Model
from atlasjax.targets import Target


class IntegratedGradients(NamedTuple):
    """Maps, and how far they are from what they should add up to.

    Attributes:
        maps: what each pixel adds to the target; channels are summed.
        change: the target of the image less that of the baseline.
        error: the sum of the map less the change: the completeness error, 0 for endless steps.
    """

    maps: Float[Array, "b h w"]
    change: Float[Array, " b"]
    error: Float[Array, " b"]


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
    found = integrated_gradients_passes(model, images, target, steps=steps, baseline=baseline)
    return run(found, chunk, model, images, target)


def integrated_gradients_passes(
    model: Model,
    images: Float[Array, "b h w c"],
    target: Target,
    *,
    steps: int = 50,
    baseline: Baseline = "black",
) -> Passes:
    """Return `integrated_gradients` as passes through the network."""
    at_least("steps", steps)
    start = baseline_of(images, baseline)
    way = images - start
    nodes, weights = np.polynomial.legendre.leggauss(steps)  # on [-1, 1]
    places = jnp.asarray((nodes + 1) / 2, jnp.float32)
    parts = jnp.asarray(weights / 2, jnp.float32)

    def each(numbers: Array, real: Array) -> Array:
        along = places[numbers][:, None, None, None, None]
        found = gradients(model, start[None] + along * way[None], target)
        return jnp.einsum("k,kbhwc->bhwc", parts[numbers] * real, found)

    def finish(total: Array) -> IntegratedGradients:
        maps = channels_joined(way * total, signed=True)
        ends = scores(model, jnp.stack([images, start]), target)
        change = ends[0] - ends[1]
        return IntegratedGradients(maps, change, maps.sum((1, 2)) - change)

    return Passes(steps, each, finish)
