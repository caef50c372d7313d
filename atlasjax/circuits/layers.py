"""Which layers have units at positions, and how many."""

from collections.abc import Mapping

from atlasjax.errors import UserError, unknown
from atlasjax.planes import as_planes
from atlasjax.taps import Model, layers


def shape_of(model: Model, layer: str, image_shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return the rows, columns and units of a layer.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: its name, as `planes.as_planes` shows it.
        image_shape: the [h, w, c] of the images.

    Raises:
        UserError: no such layer, or one without positions.

    >>> shape_of(lambda images, tap: tap("mean", images.mean((1, 2))), "mean", (4, 4, 3))
    (1, 1, 3)
    """
    return positions_of(layers(as_planes(model), image_shape), layer)


def positions_of(known: Mapping[str, tuple[int, ...]], layer: str) -> tuple[int, int, int]:
    """Return the rows, columns and units of a layer, of those whose shapes are known.

    Args:
        known: shapes by layer, without the batch.
        layer: its name.

    Raises:
        UserError: no such layer, or one without positions.

    >>> positions_of({"a": (2, 3, 4)}, "a")
    (2, 3, 4)
    """
    if layer not in known:
        raise unknown("layer", layer, known)
    shape = known[layer]
    if len(shape) != 3:
        raise UserError(f"layer {layer!r} has no positions: its shape is {list(shape)}")
    return shape[0], shape[1], shape[2]
