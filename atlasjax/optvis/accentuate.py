"""Accentuation: what a unit responds to in this very image, heightened in its place.

A visualization shows what a unit looks for anywhere; attribution shows where in an image it found
something. Accentuation starts from the image and makes the unit's answer larger, while a layer is
held near what it is for the image. So the image stays what it is, and what comes out is what of it
the unit responds to.

Two gradients are at work, that of the objective and that of the distance in the held layer. The
second is scaled to the length of the first in every step: whatever the units of the two are, they
pull equally hard.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Key

from atlasjax.errors import UserError, unknown
from atlasjax.optvis.color import correlation_for
from atlasjax.optvis.objectives.core import (
    Objective,
    Seen,
    check,
    evaluate,
    network,
    shapes_for,
    spread,
    take,
    units,
)
from atlasjax.optvis.param import fourier, fourier_params
from atlasjax.optvis.transform import Transform, similarity
from atlasjax.progress import Progress, silent
from atlasjax.rewriting import optimized
from atlasjax.taps import Model

STEPS = 64
RATE = 0.05
CLIP = 0.03  # black and white have no gradient
BLUR = 1 / 40  # of the shorter side, by which the mask is smoothed
BRIGHTEST = 99.0  # percentile of the mask that is 1


class Accentuated(NamedTuple):
    """One image, heightened for each unit of an objective.

    Attributes:
        image: in [0, 1].
        mask: where pixels mattered, from 0 to 1: the size of the objective's gradient over all
            steps, smoothed.
        before: the objective of the given image.
        reached: that of the heightened one.
        moved: how far the held layer ends from what it was, as a part of its size.
    """

    image: Float[np.ndarray, "units h w c"]
    mask: Float[np.ndarray, "units h w"]
    before: Float[np.ndarray, " units"]
    reached: Float[np.ndarray, " units"]
    moved: Float[np.ndarray, " units"]


def accentuate(
    model: Model,
    objective: Objective,
    image: Float[Array | np.ndarray, "h w c"],
    key: Key[Array, ""],
    *,
    keep: str,
    strength: float | int = 1.0,
    steps: int = STEPS,
    rate: float = RATE,
    transform: Transform | None = None,
    progress: Progress = silent,
) -> Accentuated:
    """Heighten what an objective responds to in an image.

    In each step the image and the given one are seen through the same random change, and the
    image's spectrum goes along `g / |g| - strength r / |r|`, by Adam: g is the gradient of the
    objective and r that of `|A - A0|^2 / |A0|^2`, with A the layer to keep and A0 what it is for
    the given image.

    Args:
        model: a callable pytree `model(images, tap)`.
        objective: what is made large; see `objectives`. Every unit gets an image of its own.
        image: as the model takes it.
        key: what the random changes are drawn from.
        keep: the layer that stays near what it is; the later, the freer the image.
        strength: how hard it is held; 0 lets it go.
        steps: of the optimization.
        rate: Adam's.
        transform: a random change of the image in each step, which must keep its size; by default
            shifts, turns and scalings that are small.
        progress: called with the number of units done, and to do.

    Returns:
        Images, masks and measures, one for each unit.

    Raises:
        UserError: an objective or a layer that does not fit the model, or settings out of range.

    Source: Hamblin et al., "Feature accentuation: revealing 'what' features respond to in natural
    images", 2024.

    >>> from atlasjax.optvis.objectives import channel
    >>> toy = lambda images, tap: tap("colours", images).mean((1, 2))
    >>> grey = np.full((8, 8, 3), 0.5, np.float32)
    >>> made = accentuate(toy, channel("colours", 0), grey, jax.random.key(0), keep="colours")
    >>> made.image.shape, bool(made.reached[0] > made.before[0])
    ((1, 8, 8, 3), True)
    """
    if steps < 1:
        raise UserError(f"steps {steps}: must be at least 1")
    for name, value in (("strength", strength), ("rate", rate)):
        if not 0 <= value < np.inf:
            raise UserError(f"{name} {value}: must be at least 0")
    given = jnp.asarray(image, jnp.float32)
    height, width, channels = given.shape
    shapes = shapes_for(model, (height, width, channels))
    check(objective, shapes)
    if keep not in shapes:
        raise unknown("layer", keep, shapes)
    how = _How(keep, float(strength), steps, float(rate), transform or _small(min(height, width)))
    count, model, parts = units(objective), optimized(model), []
    whole = spread(objective, count)
    progress(0, count)
    for number in range(count):
        own = jax.random.fold_in(key, number)
        parts.append(jax.device_get(_one(model, take(whole, number), given, own, how)))
        progress(number + 1, count)
    images, masks, before, reached, moved = (np.stack(each) for each in zip(*parts, strict=True))
    return Accentuated(images, _smoothed(masks), before, reached, moved)


class _How(NamedTuple):
    keep: str
    strength: float
    steps: int
    rate: float
    transform: Transform


def _small(side: int) -> Transform:
    return similarity(side / 32, (0.95, 1.1), 4.0)


@partial(jax.jit, static_argnums=4)
def _one(
    model: Any, objective: Objective, given: Array, key: Array, how: _How
) -> tuple[Array, Array, Array, Array, Array]:
    """Return the image of one unit, its mask before it is smoothed, and what was measured."""
    height, width, channels = given.shape
    colours = correlation_for(channels)
    image_of = fourier((height, width), correlation=colours).image
    start = fourier_params(given, correlation=colours, clip=CLIP)
    names = tuple(dict.fromkeys((*objective.layers, how.keep)))

    def look(images: Float[Array, "2 h w c"]) -> tuple[Array, Array]:
        seen = network(model, images, names)
        first = {name: value[:1] for name, value in seen.items()}
        score = evaluate(objective, Seen(images[:1], first))[0]
        now, then = seen[how.keep][0], jax.lax.stop_gradient(seen[how.keep][1])
        size = jnp.maximum(jnp.square(then).mean(), 1e-12)
        return score, jnp.square(now - then).mean() / size

    def step(state: tuple[Any, Any, Array], number: Array) -> tuple[tuple[Any, Any, Array], None]:
        params, memory, mask = state
        own = jax.random.fold_in(key, number)
        image, back = jax.vjp(image_of, params)

        def through(image: Array) -> tuple[Array, Array]:
            return look(jnp.stack([how.transform(own, image), how.transform(own, given)]))

        _, pull = jax.vjp(through, image)
        wanted, held = (pull((jnp.float32(a), jnp.float32(b)))[0] for a, b in ((1, 0), (0, 1)))
        (up,), (away,) = back(wanted), back(held)
        gradient = how.strength * _of_length_1(away) - _of_length_1(up)
        with jax.numpy_dtype_promotion("standard"):  # Optax relies on it
            change, memory = optimizer.update(gradient, memory, params)
            params = optax.apply_updates(params, change)
        size = jnp.abs(wanted).mean(-1)
        return (params, memory, mask + size / jnp.maximum(size.max(), 1e-30)), None

    optimizer = optax.adam(how.rate)
    with jax.numpy_dtype_promotion("standard"):
        memory = optimizer.init(start)
    state = (start, memory, jnp.zeros((height, width)))
    (params, _, mask), _ = jax.lax.scan(step, state, jnp.arange(how.steps))
    made = image_of(params)
    before, _ = look(jnp.stack([given, given]))
    reached, moved = look(jnp.stack([made, given]))
    return made, mask, before, reached, jnp.sqrt(moved)


def _of_length_1(vector: Array) -> Array:
    return vector / jnp.maximum(jnp.linalg.norm(vector.ravel()), 1e-30)


def _smoothed(masks: Float[np.ndarray, "units h w"]) -> Float[np.ndarray, "units h w"]:
    from scipy.ndimage import gaussian_filter

    sigma = max(min(masks.shape[1:]) * BLUR, 0.5)
    smooth = np.stack([gaussian_filter(mask, sigma) for mask in masks])
    top = np.percentile(smooth, BRIGHTEST, axis=(1, 2), keepdims=True)
    return np.clip(smooth / np.maximum(top, 1e-30), 0, 1).astype(np.float32)
