"""What a unit or a class responds to in a given picture, heightened where it is."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Array, Key

from atlasjax.errors import UserError
from atlasjax.optvis import objectives as obj
from atlasjax.optvis.accentuate import accentuate
from atlasjax.optvis.objectives.core import taking
from atlasjax.planes import as_planes
from atlasjax.progress import Progress, silent
from atlasjax.taps import Model, layers
from atlasjax.vis.gallery import NOT_FINITE, SILENT, Gallery
from atlasjax.vis.given import Given
from atlasjax.vis.settings import GENTLE, Made, Settings, fitted, settled, views

_RATE = 0.2  # of the settings' rate: what starts from a picture has less far to go
MEASURE = "above the image's"


def accentuation(
    model: Model,
    layer: str | None,
    numbers: Sequence[int],
    image: Given,
    key: Key[Array, ""],
    settings: Settings | None = None,
    *,
    captions: Sequence[str] | None = None,
    keep: str | None = None,
    strength: float | int = 1.0,
    progress: Progress = silent,
) -> Gallery:
    """Draw what channels or classes respond to in a picture, heightened in its place.

    The picture is changed so that the channel's mean activation, or the class's logit, grows, while
    another layer stays near what it is. Only where the objective's gradient went is the change
    shown; the rest is the picture.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: of the channels; None for classes.
        numbers: of channels, or of classes.
        image: the picture, which keeps its shape; see `inversion`.
        key: what the transforms are drawn from.
        settings: how pictures are made, of which a fifth of the learning rate is taken; the
            defaults of `Settings` if none are given.
        captions: what each is called; its number by default.
        keep: the layer that stays near what it is; by default halfway from the image to the
            channels' layer or the output.
        strength: how hard it is held, against a pull of 1.
        progress: called with the number of pictures done, and to do.

    Returns:
        The given picture, then one for each number, with how far it rose: by how much of the
        activation, or the logit.

    Raises:
        UserError: no such layer, channel or class, or an image that is none.

    Source: Hamblin et al., "Feature accentuation", 2024.

    >>> import jax
    >>> toy = lambda images, tap: tap("half", images[:, ::2, ::2]).mean((1, 2))
    >>> image = np.random.default_rng(0).uniform(size=(32, 32, 3))
    >>> made = accentuation(toy, "half", [0], image, jax.random.key(0), Settings(32, 4))
    >>> made.captions, bool(made.reached[1] > 0)
    (('image', '0'), True)
    """
    chosen = list(numbers)
    if not chosen:
        raise UserError("nothing to accentuate: give at least one number")
    own = settled(model, replace(settings or Settings(), batch=1), np.asarray(image))
    picture = fitted(image, own.size, own.channels)
    objective = obj.class_logit(chosen) if layer is None else obj.channel(layer, chosen)
    made = accentuate(
        model,
        objective,
        picture,
        key,
        keep=keep or _halfway(model, layer, own),
        strength=strength,
        steps=own.settings.steps,
        rate=_RATE * own.settings.learning_rate,
        transform=views(own, GENTLE),
        progress=progress,
    )
    shown = picture + made.mask[..., None] * (made.image - picture)
    rose = np.concatenate([[np.nan], made.reached - made.before]).astype(np.float32)
    notes = (NOT_FINITE if not np.isfinite(v) else SILENT if v == 0 else "" for v in made.reached)
    names = tuple(captions or map(str, chosen))
    what = "classes" if layer is None else layer
    title = f"accentuation: {what} {', '.join(names)}"
    images = np.concatenate([picture[None], shown]).astype(np.float32)
    return Gallery(images, rose, ("image", *names), MEASURE, title, notes=("", *notes))


def _halfway(model: Model, layer: str | None, own: Made) -> str:
    """Return the layer with positions that stands halfway to a layer, or to the output."""
    with taking(own.shape):
        found = layers(as_planes(model, vectors=False), own.shape)
    names = list(found)
    before = names[: names.index(layer)] if layer in names else names
    places = [n for n in before if len(found[n]) == 3 and min(found[n][:2]) > 1 and "/" not in n]
    if not places:
        if layer is None:
            raise UserError("the network has no layer with positions to keep")
        return layer
    return places[len(places) // 2]
