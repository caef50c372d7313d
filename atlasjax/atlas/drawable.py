"""Drawable: at which size a network's icons can be drawn, where it may take one size only."""

from atlasjax.planes import as_planes
from atlasjax.taps import Model, layers


def drawable_size(
    model: Model, layer: str, wanted: int, image_size: int, width: int, channels: int = 3
) -> int:
    """Return the size to draw a layer's icons at: the one wanted, if the network takes it.

    Many networks, such as transformers with learned positions, take images of one size only.
    Nothing is computed.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: a layer with positions.
        wanted: side of an icon, in px.
        image_size: side of images that the network takes, in px.
        width: channels of the layer, in images of that size.
        channels: of the images.

    Returns:
        `wanted`, or `image_size` where the network does not take icons of that size, or the layer
        has other channels in them or no position.

    >>> def model(images, tap):
    ...     return tap("flat", images.reshape(-1, 192)) @ jnp.ones((192, 10))
    >>> drawable_size(model, "flat", 4, 8, 192), drawable_size(model, "flat", 8, 8, 192)
    (8, 8)
    """
    if wanted == image_size:
        return wanted
    try:
        shape = layers(as_planes(model), (wanted, wanted, channels))[layer]
    except Exception:  # a network may raise anything for a size that is not its own
        return image_size
    return wanted if shape[-1:] == (width,) and 0 not in shape else image_size
