"""What a network makes of a given picture: its features turned back, or exaggerated."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import jax
import numpy as np
from jaxtyping import Array, Float, Key, UInt8

from atlasjax.errors import UserError
from atlasjax.optvis import objectives as obj
from atlasjax.optvis.objectives import Objective
from atlasjax.optvis.objectives.core import taking
from atlasjax.planes import as_planes
from atlasjax.progress import Progress, silent
from atlasjax.taps import Model, capture
from atlasjax.vis.gallery import Gallery, denoised, draw
from atlasjax.vis.settings import GENTLE, Settings, fitted, settled, views

Given = UInt8[np.ndarray, "_ _ _"] | Float[np.ndarray, "_ _ _"]
"""A picture: RGB, or of as many channels as the network takes; 0 to 255, or floats in [0, 1]."""


def inversion(
    model: Model,
    layers: str | Sequence[str],
    image: Given,
    key: Key[Array, ""],
    settings: Settings | None = None,
    *,
    progress: Progress = silent,
) -> Gallery:
    """Draw what each layer still knows of a picture: one with the same activations.

    What is made small is `mean (a - v)^2 / mean v^2`, with v the picture's activations, and a
    little of the total variation.

    Args:
        model: a callable pytree `model(images, tap)`.
        layers: names of layers with positions; see `atlasjax.layers`.
        image: the picture, which keeps its shape, with the settings' size as its shorter side;
            where they say both sides, or the network takes one shape only, its middle.
        key: what the starts and the transforms are drawn from.
        settings: how pictures are made; the defaults of `Settings` if none are given.
        progress: called with the number of layers done, and to do.

    Returns:
        The given picture, then one for each layer, with the mean over all positions of the cosine
        between the activations of both.

    Raises:
        UserError: no such layer, or an image that is none.

    Source: Mahendran and Vedaldi, "Understanding deep image representations by inverting them",
    2015.

    >>> toy = lambda images, tap: tap("half", images[:, ::2, ::2]).mean((1, 2))
    >>> image = np.random.default_rng(0).uniform(size=(32, 32, 3))
    >>> made = inversion(toy, "half", image, jax.random.key(0), Settings(32, 32))
    >>> made.captions, bool(made.reached[1] > 0.9)
    (('image', 'half'), True)
    """
    settings = settings or Settings()

    def score(layer: str, value: np.ndarray) -> Objective:
        strength = max(float(np.square(value).mean()), 1e-12)
        return (
            obj.match(layer, value) / strength
            - 0.2 * settings.total_variation * obj.total_variation()
        )

    return _each(model, layers, image, key, settings, score, "inversion", progress)


def caricature(
    model: Model,
    layers: str | Sequence[str],
    image: Given,
    key: Key[Array, ""],
    settings: Settings | None = None,
    *,
    power: float | int = 1.0,
    progress: Progress = silent,
) -> Gallery:
    """Draw what each layer sees in a picture, exaggerated: its activations, gone further.

    Args:
        model: as for `inversion`.
        layers: as for `inversion`.
        image: as for `inversion`.
        key: as for `inversion`.
        settings: as for `inversion`.
        power: of the cosine in the objective; see `objectives.caricature`.
        progress: as for `inversion`.

    Returns:
        As for `inversion`.

    Raises:
        UserError: no such layer, an image that is none, or one to which a layer does not answer.

    Source: Olah et al., "The Building Blocks of Interpretability", Distill 2018, and its library.

    >>> toy = lambda images, tap: tap("half", images[:, ::2, ::2]).mean((1, 2))
    >>> image = np.random.default_rng(0).uniform(size=(32, 32, 3))
    >>> caricature(toy, "half", image, jax.random.key(0), Settings(32, 2)).images.shape
    (2, 32, 32, 3)
    """
    settings = settings or Settings()

    def score(layer: str, value: np.ndarray) -> Objective:
        return denoised(obj.caricature(layer, value, power), settings)

    return _each(model, layers, image, key, settings, score, "caricature", progress)


def _each(
    model: Model,
    layers: str | Sequence[str],
    image: Given,
    key: Key[Array, ""],
    settings: Settings,
    score: Callable[[str, np.ndarray], Objective],
    what: str,
    progress: Progress,
) -> Gallery:
    """Draw one picture for each layer, from that layer's activations of the given one."""
    names = [layers] if isinstance(layers, str) else list(layers)
    if not names:
        raise UserError(f"no layers for an {what}: give at least one")
    own = settled(model, replace(settings, batch=1), np.asarray(image))
    shown = fitted(image, own.size, own.channels)
    values = activations(model, shown, names)
    images, reached, notes = [shown], [np.nan], [""]
    for done, name in enumerate(names):
        measure = obj.match(name, values[name], "cosine") + 1.0
        made = draw(
            model,
            score(name, values[name]),
            measure,
            jax.random.fold_in(key, done),
            own,
            transform=views(own, GENTLE),
        )
        images.append(made.image[0])
        notes += made.notes
        reached.append(float(made.reached[0]))
        progress(done + 1, len(names))
    captions, title = ("image", *names), f"{what}: {', '.join(names)}"
    whole, values = np.stack(images), np.array(reached, np.float32)
    return Gallery(whole, values, captions, "cosine", title, len(images), tuple(notes))


def activations(
    model: Model, image: Float[np.ndarray, "h w c"], names: Sequence[str]
) -> dict[str, np.ndarray]:
    """Return what layers say of one picture, without the axis of the batch; tokens as planes.

    Args:
        model: a callable pytree `model(images, tap)`.
        image: in [0, 1], as the network takes it.
        names: of layers.

    Raises:
        UserError: no such layer, or a network that does not take images of this size.

    >>> toy = lambda images, tap: tap("half", images[:, ::2, ::2]).mean((1, 2))
    >>> activations(toy, np.ones((4, 4, 3), np.float32), ["half"])["half"].shape
    (2, 2, 3)
    """
    seen = as_planes(model, vectors=False)
    with taking(image.shape):
        found = jax.jit(capture, static_argnums=2)(seen, image[None], tuple(names))
    return {name: np.asarray(value[0]) for name, value in found.items()}
