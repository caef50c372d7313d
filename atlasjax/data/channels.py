"""Channels: images of one, three or any number of them, made to fit a network or to be looked at.

Pillow knows pictures of grey and of RGB. What has two or four channels it would take for pictures
with transparency, so images of other channels are resized one channel at a time.
"""

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from atlasjax.errors import UserError


def to_channels(
    image: UInt8[np.ndarray, "h w c"], channels: int
) -> UInt8[np.ndarray, "h w channels"]:
    """Turn colour into grey or grey into colour, where a network takes the other.

    Grey is `(299 R + 587 G + 114 B) / 1000` (ITU-R 601, as Pillow's mode "L" rounds it); colour
    from grey is the same value three times.

    Args:
        image: 0 to 255.
        channels: how many the network takes.

    Returns:
        The image; itself, where it has them already.

    Raises:
        UserError: channels that do not become one another.

    >>> to_channels(np.array([[[255, 0, 0]]], np.uint8), 1).tolist()
    [[[76]]]
    >>> to_channels(np.zeros((8, 8, 4), np.uint8), 3)
    Traceback (most recent call last):
    atlasjax.errors.UserError: images of 4 channels; the network takes 3
    """
    there = image.shape[-1]
    if there == channels:
        return image
    if (there, channels) == (3, 1):
        return np.asarray(Image.fromarray(np.ascontiguousarray(image)).convert("L"))[..., None]
    if (there, channels) == (1, 3):
        return np.repeat(image, 3, axis=-1)
    raise UserError(f"images of {there} channels; the network takes {channels}")


def resized(
    image: UInt8[np.ndarray, "h w c"],
    height: int,
    width: int,
    method: Image.Resampling = Image.Resampling.BICUBIC,
) -> UInt8[np.ndarray, "height width c"]:
    """Resize an image; downwards, antialiased.

    Args:
        image: 0 to 255, of any number of channels.
        height: of the result, in px.
        width: of the result, in px.
        method: how pixels are weighed.

    >>> resized(np.full((4, 4, 5), 7, np.uint8), 2, 3).shape
    (2, 3, 5)
    """
    if image.shape[-1] == 3:
        # A copy only where the array has gaps.
        whole = Image.fromarray(np.ascontiguousarray(image))
        return np.asarray(whole.resize((width, height), method))
    planes = [np.ascontiguousarray(plane) for plane in np.moveaxis(image, -1, 0)]
    made = [Image.fromarray(plane).resize((width, height), method) for plane in planes]
    return np.stack([np.asarray(plane) for plane in made], -1)


def as_rgb(images: UInt8[np.ndarray, "*batch c"]) -> UInt8[np.ndarray, "*batch 3"]:
    """Return what is shown of images of any number of channels.

    One channel is grey: it is red, green and blue alike. Three are red, green and blue. Others are
    shown in false colours: of two, the first is red, the second green, and their mean blue; more
    than three are divided in their order into three groups as equal as can be, the earlier ones the
    larger, and the mean of each group is red, green, blue.

    Args:
        images: 0 to 255, the channels last.

    Returns:
        RGB, 0 to 255; what has three channels comes back as it is.

    >>> as_rgb(np.array([[7], [9]], np.uint8)).tolist()
    [[7, 7, 7], [9, 9, 9]]
    >>> as_rgb(np.array([10, 30, 5, 9, 80], np.uint8)).tolist()
    [20, 7, 80]
    """
    channels = images.shape[-1]
    if channels == 3:
        return images
    if channels == 1:
        return np.repeat(images, 3, axis=-1)
    groups = [[0], [1], [0, 1]] if channels == 2 else np.array_split(np.arange(channels), 3)
    means = [images[..., group].mean(-1) for group in groups]
    return np.round(np.stack(means, -1)).astype(np.uint8)
