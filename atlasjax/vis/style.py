"""Style transfer: the things of one picture in the manner of another."""

from collections.abc import Sequence
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from atlasjax.errors import UserError, unknown
from atlasjax.optvis import objectives as obj
from atlasjax.optvis.color import correlation_for
from atlasjax.optvis.param import fourier, fourier_params, start_from
from atlasjax.progress import Progress, silent
from atlasjax.taps import Model
from atlasjax.vis.gallery import Gallery, draw
from atlasjax.vis.given import Given, activations
from atlasjax.vis.settings import GENTLE, Made, Settings, fitted, settled, views


def style_transfer(
    model: Model,
    content: Given,
    style: Given,
    key: Key[Array, ""],
    settings: Settings | None = None,
    *,
    layer: str,
    style_layers: Sequence[str] | None = None,
    weight: float | int = 10.0,
    progress: Progress = silent,
) -> Gallery:
    """Draw the content of one picture in the style of another, starting from the content.

    What is made small is `mean (a - v)^2 / mean v^2` at the content's layer, and `weight` times the
    mean over the layers of style of `mean (G - T)^2 / mean T^2`, with G and T the Gram matrices.

    Args:
        model: a callable pytree `model(images, tap)`.
        content: a picture, which keeps its shape; see `inversion`.
        style: another one, which keeps its own. It is shown with margins where that is another.
        key: what the transforms are drawn from.
        settings: how pictures are made; the defaults of `Settings` if none are given.
        layer: where the content is compared.
        style_layers: where the style is compared; all layers with positions up to `layer`, without
            branches, by default.
        weight: how much style counts over content, at least 0.
        progress: called with the number of pictures done: 1, at the end.

    Returns:
        The content, the style and the picture made, with the mean cosine of the Gram matrices to
        those of the style.

    Raises:
        UserError: no such layer, or an image that is none.

    Source: Gatys, Ecker and Bethge, "Image style transfer using convolutional neural networks",
    2016, with every term divided by the size of what it compares.

    >>> import jax
    >>> toy = lambda images, tap: tap("half", images[:, ::2, ::2]).mean((1, 2))
    >>> a, b = np.random.default_rng(0).uniform(size=(2, 32, 32, 3))
    >>> made = style_transfer(toy, a, b, jax.random.key(0), Settings(32, 2), layer="half")
    >>> made.captions
    ('content', 'style', 'both')
    """
    if not weight >= 0:
        raise UserError(f"weight {weight}: must be at least 0")
    settings = replace(settings or Settings(), batch=1)
    own, other = (settled(model, settings, np.asarray(image)) for image in (content, style))
    pictures = [fitted(content, own.size, own.channels), fitted(style, other.size, own.channels)]
    names = list(style_layers) if style_layers else _up_to(model, layer, own)
    meant = activations(model, pictures[0], [layer, *names])
    manner = activations(model, pictures[1], names)
    grams = {name: np.asarray(obj.gram_matrix(jnp.asarray(manner[name]))) for name in names}
    score = obj.match(layer, meant[layer]) / _strength(meant[layer])
    for name in names:
        score = score + obj.style(name, grams[name]) * (
            weight / len(names) / _strength(grams[name])
        )
    colours = correlation_for(own.channels)
    start = fourier_params(jnp.asarray(pictures[0]), correlation=colours, clip=0.03)
    made = draw(
        model,
        score - 0.2 * settings.total_variation * obj.total_variation(),
        score,
        key,
        own,
        param=start_from(fourier(own.size, correlation=colours), start),
        transform=views(own, GENTLE),
        progress=progress,
    )
    shown = np.stack([pictures[0], _framed(pictures[1], own.size), made.image[0]])
    seen = [meant, manner, activations(model, made.image[0], names)]
    reached = np.array([_likeness(values, grams) for values in seen], np.float32)
    captions, notes = ("content", "style", "both"), ("", "", *made.notes)
    return Gallery(shown, reached, captions, "cosine of style", "style transfer", 3, notes)


def _framed(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return a picture as large as a size has room for, with white around it."""
    height, width, channels = picture.shape
    part = min(size[0] / height, size[1] / width)
    high, wide = (max(1, round(side * part)) for side in (height, width))
    whole = np.ones((*size, channels), np.float32)
    top, left = (size[0] - high) // 2, (size[1] - wide) // 2
    whole[top : top + high, left : left + wide] = fitted(picture, (high, wide), channels)
    return whole


def _up_to(model: Model, layer: str, own: Made) -> list[str]:
    shapes = obj.shapes_for(model, own.shape)
    if layer not in shapes:
        raise unknown("layer", layer, shapes)
    names = list(shapes)
    earlier = names[: names.index(layer) + 1]
    return [n for n in earlier if (n == layer or "/" not in n) and len(shapes[n]) == 3]


def _strength(value: np.ndarray) -> float:
    return max(float(np.square(value).mean()), 1e-12)


def _likeness(values: dict[str, np.ndarray], grams: dict[str, np.ndarray]) -> float:
    """Return the mean over layers of the cosine between Gram matrices."""
    cosines = []
    for name, gram in grams.items():
        own = np.asarray(obj.gram_matrix(jnp.asarray(values[name])))
        lengths = np.linalg.norm(own) * np.linalg.norm(gram)
        cosines.append(float((own * gram).sum() / max(lengths, 1e-12)))
    return float(np.mean(cosines))
