"""Deep dreams: a picture changed towards whatever a layer finds in it already."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from atlasjax.errors import UserError
from atlasjax.optvis import objectives as obj
from atlasjax.optvis.color import correlation_for
from atlasjax.optvis.objectives import Objective
from atlasjax.optvis.param import Parameterization, fourier, fourier_params, start_from
from atlasjax.optvis.sizes import takes
from atlasjax.progress import Progress, silent
from atlasjax.taps import Model
from atlasjax.vis.gallery import Gallery, denoised, draw
from atlasjax.vis.given import Given, activations
from atlasjax.vis.settings import Made, Settings, fitted, settled

_RATE = 0.2  # of the settings' rate: what starts from a picture has less far to go
_SMALLEST = 32  # px, of an octave
_CLIP = 0.03  # black and white have no gradient


def dream(
    model: Model,
    layer: str,
    image: Given,
    key: Key[Array, ""],
    settings: Settings | None = None,
    *,
    channel: int | None = None,
    octaves: int = 3,
    ratio: float | int = 0.7,
    progress: Progress = silent,
) -> Gallery:
    """Let a layer dream of a picture: make its activations larger, starting from the picture.

    The dream begins small and is enlarged from octave to octave: to the picture at the new size
    is added what was dreamt up at the last one, so that forms of every size appear and the
    picture's own detail is kept. What is made large is the layer's mean square, or a channel.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: its name; see `atlasjax.layers`.
        image: the picture, which keeps its shape; see `inversion`.
        key: what the transforms are drawn from.
        settings: how pictures are made, of which a fifth of the learning rate is taken; the
            defaults of `Settings` if none are given.
        channel: the one to dream of; all of the layer by default.
        octaves: sizes, at least 1; those of them that the network takes are gone through. None is
            below 32 px.
        ratio: of each size to the next, above 0 and below 1.
        progress: called with the number of octaves done, and to do.

    Returns:
        The given picture and the dream, each with what is made large, over that of the picture.

    Raises:
        UserError: no such layer, an image that is none, or octaves that cannot be.

    Source: Mordvintsev, Olah and Tyka, "Inceptionism: going deeper into neural networks", 2015.

    >>> toy = lambda images, tap: tap("half", images[:, ::2, ::2]).mean((1, 2))
    >>> image = np.random.default_rng(0).uniform(size=(32, 32, 3))
    >>> made = dream(toy, "half", image, jax.random.key(0), Settings(32, 4), octaves=1)
    >>> made.captions, bool(made.reached[1] > 1)
    (('image', 'half'), True)
    """
    if octaves < 1 or not 0 < ratio < 1:
        raise UserError(
            f"{octaves} octaves of ratio {ratio}: must be at least 1, and between 0 and 1"
        )
    settings = settings or Settings()
    slow = replace(
        settings, leaky_fraction=0.0, learning_rate=_RATE * settings.learning_rate, batch=1
    )
    own = settled(model, slow, np.asarray(image))
    picture = fitted(image, own.size, own.channels)
    score = _score(model, layer, picture, channel)
    sizes = _octaves(model, own, octaves, ratio)
    dreamt, reached, notes = jnp.zeros_like(picture), np.nan, ("",)
    for done, size in enumerate(sizes):
        now = _resized(picture, size)
        made = draw(
            model,
            denoised(score, slow),
            score,
            jax.random.fold_in(key, done),
            own.resized(size),
            param=_from(jnp.clip(now + _resized(dreamt, size), 0, 1)),
        )
        dreamt, reached, notes = made.image[0] - now, float(made.reached[0]), made.notes
        progress(done + 1, len(sizes))
    shown = np.stack([picture, np.clip(picture + np.asarray(dreamt), 0, 1)])
    name = layer if channel is None else f"{layer} {channel}"
    values, captions = np.array([1.0, reached], np.float32), ("image", name)
    title, notes = f"dream of {name}", ("", *notes)
    return Gallery(shown, values, captions, "times the image's", title, 2, notes)


def _octaves(model: Model, own: Made, octaves: int, ratio: float | int) -> list[tuple[int, int]]:
    """Return the sizes that are gone through, the smallest first."""
    least = min(*own.size, _SMALLEST)
    sizes = [own.size]
    for k in range(1, octaves):
        height, width = (max(round(side * ratio**k), least) for side in own.size)
        if takes(model, (height, width, own.channels)):
            sizes.insert(0, (height, width))
    return sizes


def _score(model: Model, layer: str, picture: Array | np.ndarray, channel: int | None) -> Objective:
    """Return the objective, divided by what it is for the picture."""
    value = activations(model, np.asarray(picture), [layer])[layer]
    if channel is None:
        return obj.deep_dream(layer) / max(float(np.square(value).mean()), 1e-6)
    count = value.shape[-1]
    if not 0 <= channel < count:
        raise UserError(f"layer {layer!r} has no channel {channel}; there are 0 to {count - 1}")
    return obj.channel(layer, channel) / max(float(value[..., channel].mean()), 1e-3)


def _from(picture: Float[Array, "h w c"]) -> Parameterization:
    colours = correlation_for(picture.shape[-1])
    start = fourier_params(picture, correlation=colours, clip=_CLIP)
    height, width, _ = picture.shape
    return start_from(fourier((height, width), correlation=colours), start)


def _resized(picture: Array | np.ndarray, size: tuple[int, int]) -> Float[Array, "h w c"]:
    return jax.image.resize(jnp.asarray(picture), (*size, picture.shape[-1]), "cubic")
