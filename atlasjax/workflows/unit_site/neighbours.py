"""Neighbours: which layer comes before another and which after, with units of its own."""

from collections.abc import Mapping

import numpy as np

from atlasjax.circuits.weights import weights_between
from atlasjax.linearized import NoWeights
from atlasjax.taps import Model
from atlasjax.workflows.explaining.choices import is_part

Shapes = Mapping[str, tuple[int, ...]]


def before(model: Model, shapes: Shapes, layer: str) -> str | None:
    """Return the layer before another; None for the first.

    Layers that only pool or scale the units of the one before are passed over: their units are the
    same. So are parts of layers, such as branches.

    Args:
        model: a callable pytree `model(images, tap)`.
        shapes: of every layer of the network.
        layer: a name.
    """
    names = list(shapes)
    trunk = [name for name in names[: names.index(layer)] if _is_whole(name, shapes, layer)]
    while len(trunk) > 1 and passes_on(model, shapes, trunk[-2], trunk[-1]):
        trunk.pop()
    return trunk[-1] if trunk else None


def after(model: Model, shapes: Shapes, layer: str) -> str | None:
    """Return the layer after another; None for the last.

    Args:
        model: a callable pytree `model(images, tap)`.
        shapes: of every layer of the network.
        layer: a name.
    """
    names = list(shapes)
    trunk = [name for name in names[names.index(layer) + 1 :] if _is_whole(name, shapes, layer)]
    return next((name for name in trunk if not passes_on(model, shapes, layer, name)), None)


def passes_on(model: Model, shapes: Shapes, source: str, target: str) -> bool:
    """Whether a layer only passes on the units of another, each by itself.

    Args:
        model: a callable pytree `model(images, tap)`.
        shapes: of every layer of the network.
        source: the earlier layer.
        target: the later layer.
    """
    count = shapes[target][-1]
    if shapes[source][-1] != count:
        return False
    some = sorted({0, count // 2, count - 1})
    try:
        weights = weights_between(model, source, target, units=some)
    except NoWeights:  # attention mixes
        return False
    strength = np.abs(weights).sum((2, 3))
    strength[np.arange(len(some)), some] = 0
    return count > 1 and not strength.any()


def _is_whole(name: str, shapes: Shapes, layer: str) -> bool:
    inside = layer.startswith((f"{name}/", f"{name}.")) or name.startswith(
        (f"{layer}/", f"{layer}.")
    )
    return len(shapes[name]) == 3 and not is_part(name, shapes) and not inside
