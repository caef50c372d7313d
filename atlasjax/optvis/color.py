"""Colour decorrelation: optimizing in the space where natural colours vary independently.

The channels of photographs rise and fall together. Gradient steps taken in RGB therefore undo one
another; steps taken along the principal axes of colour do not. A colour space is a matrix from
those axes to the channels, so that any number of channels will do: ImageNet's for photographs, one
measured from whatever images a network was made for, or none.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from atlasjax.data.batches import Batch, batches
from atlasjax.data.protocol import ImageSource
from atlasjax.errors import UserError

Matrix = Float[np.ndarray, "c c"]

# Square root of the covariance of ImageNet's colours, as published with Olah, Mordvintsev and
# Schubert, "Feature Visualization", Distill 2017. Columns: brightness, blue-red, green-purple.
_IMAGENET_SQRT = np.array(
    [[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], dtype=np.float32
)


def imagenet_correlation() -> Float[np.ndarray, "3 3"]:
    """Return the matrix from decorrelated colours to RGB, its longest column of length 1.

    >>> imagenet_correlation().shape
    (3, 3)
    """
    return _IMAGENET_SQRT / np.linalg.norm(_IMAGENET_SQRT, axis=0).max()


def no_correlation(channels: int = 3) -> Float[np.ndarray, "c c"]:
    """Return the identity: every channel is optimized as it is. With 1 channel, grey images.

    Args:
        channels: how many the images have, at least 1.

    Raises:
        UserError: no channel.

    >>> no_correlation(1)
    array([[1.]], dtype=float32)
    """
    if channels < 1:
        raise UserError(f"{channels} channels: must be at least 1")
    return np.eye(channels, dtype=np.float32)


def correlation_for(channels: int) -> Matrix | None:
    """Return the colours in which images of so many channels are optimized by default.

    Args:
        channels: how many a network takes, at least 1.

    Returns:
        None for three, which stands for ImageNet's; `no_correlation(channels)` for others, of which
        nothing is known.

    >>> correlation_for(1)
    array([[1.]], dtype=float32)
    """
    return None if channels == 3 else no_correlation(channels)


def measure_correlation(
    images: ImageSource | Iterable[Any], size: int = 224
) -> Float[np.ndarray, "c c"]:
    r"""Measure the matrix from decorrelated colours to the channels of given images.

    $C = U \sqrt{\Lambda} / \max_i \sqrt{\lambda_i}$, where $U \Lambda U'$ is the covariance of all
    pixels: the columns are the principal axes, the strongest first, each as long as colours vary
    along it, the longest of length 1. The images are gone through once and not kept.

    Args:
        images: a source, or batches: `Batch`es or arrays [n, h, w, c], as uint8 or as floats in
            [0, 1], of any sizes and one number of channels.
        size: the side to which the images of a source are cut, in pixels.

    Returns:
        C, of which the first row is not negative. Where the images do not use all their colours
        (photographs without colour, say), the last columns are 0.

    Raises:
        UserError: no images, images of one colour only, of different channels or out of range.

    Source: as `imagenet_correlation` was made, by Olah et al. 2017.

    >>> grey = np.linspace(0, 1, 64).reshape(1, 8, 8, 1) * np.ones(3)
    >>> np.round(np.abs(measure_correlation([grey])), 3) + 0.0
    array([[0.577, 0.   , 0.   ],
           [0.577, 0.   , 0.   ],
           [0.577, 0.   , 0.   ]], dtype=float32)
    """
    count, total, square = 0, np.zeros(()), np.zeros(())
    for batch in image_batches(images, size):
        pixels = batch.reshape(-1, batch.shape[-1]).astype(np.float64)
        if count and pixels.shape[1] != len(total):
            raise UserError(f"images of {len(total)} and of {pixels.shape[1]} channels")
        count += len(pixels)
        total = total + pixels.sum(0)
        square = square + pixels.T @ pixels
    if not count:
        raise UserError("no images to measure colours from")
    mean = total / count
    variances, axes = np.linalg.eigh(square / count - np.outer(mean, mean))
    variances, axes = variances[::-1], axes[:, ::-1]
    # Differences of sums near 1, so rounding leaves some 1e-16 where there is nothing.
    if not variances[0] > 1e-12:
        raise UserError("all pixels of the images have one colour: there is nothing to decorrelate")
    lengths = np.sqrt(np.where(variances > 1e-12 * variances[0], variances, 0) / variances[0])
    signs = np.where(axes[0] < 0, -1, 1)
    return (axes * signs * lengths).astype(np.float32)


def image_batches(images: ImageSource | Iterable[Any], size: int) -> Iterator[np.ndarray]:
    """Go through images from wherever, as floats in [0, 1].

    Args:
        images: see `measure_correlation`.
        size: the side to which the images of a source are cut, in pixels.

    Returns:
        Arrays [n, h, w, c], in float32.

    Raises:
        UserError: what is not an array of images, or floats out of range.

    >>> next(image_batches([np.full((1, 1, 1, 1), 51, np.uint8)], 8)).item()
    0.2...
    """
    if isinstance(images, ImageSource):
        images = batches(images, 32, image_size=size, resize=size, channels=None)
    for batch in images:
        array = np.asarray(batch.images if isinstance(batch, Batch) else batch)
        if array.ndim != 4:
            raise UserError(f"images of shape {array.shape}: must be [n, h, w, c]")
        if array.dtype == np.uint8:
            array = array.astype(np.float32) / np.float32(255)
        if not (np.issubdtype(array.dtype, np.floating) and _in_range(array)):
            raise UserError(f"images of {array.dtype}: must be uint8, or floats in [0, 1]")
        yield array.astype(np.float32)


def _in_range(array: np.ndarray) -> bool:
    return not array.size or bool(array.min() >= 0 and array.max() <= 1)


def to_rgb(
    decorrelated: Float[Array, "*batch h w c"], correlation: Matrix | None = None
) -> Float[Array, "*batch h w c"]:
    """Map unbounded decorrelated colours to RGB, or whatever the channels are: `sigmoid(x C')`.

    Args:
        decorrelated: coordinates along the principal axes of colour; 0 is mid-grey.
        correlation: the matrix C; ImageNet's by default.

    Returns:
        Colours strictly between 0 and 1.

    Raises:
        UserError: another number of channels than the matrix has.

    Source: Olah et al. 2017, "Preconditioning and parameterization".

    >>> to_rgb(jnp.zeros((1, 1, 3)))
    Array([[[0.5, 0.5, 0.5]]], dtype=float32)
    """
    matrix = _fitting(correlation, decorrelated.shape[-1])
    if np.array_equal(matrix, np.eye(len(matrix))):
        return jax.nn.sigmoid(decorrelated)
    # One pass over the pixels. As a product of matrices it is several times slower on a CPU: its
    # kernels are made for far more than a few columns.
    channels = [decorrelated[..., i] for i in range(len(matrix))]
    mixed = [
        sum(weight * channel for weight, channel in zip(row.tolist(), channels, strict=True))
        for row in matrix
    ]
    return jax.nn.sigmoid(jnp.stack(mixed, -1))


def from_rgb(
    image: Float[Array, "*batch h w c"],
    correlation: Matrix | None = None,
    clip: float = 1 / 512,
) -> Float[Array, "*batch h w c"]:
    """Undo `to_rgb`: `logit(image) C'^-1`.

    Args:
        image: colours in [0, 1].
        correlation: the matrix C; ImageNet's by default.
        clip: the image is first clipped to [clip, 1 - clip], since 0 and 1 lie at infinity. Above 0
            and below 0.5; the default is half a step of 8 bits.

    Returns:
        Coordinates along the principal axes of colour.

    Raises:
        UserError: a matrix without an inverse, or of another number of channels; a clip out of
            range.

    >>> rgb = jnp.full((1, 1, 3), 0.25)
    >>> bool(jnp.allclose(to_rgb(from_rgb(rgb)), rgb))
    True
    """
    if not 0 < clip < 0.5:
        raise UserError(f"clip {clip}: must be above 0 and below 0.5")
    matrix = _fitting(correlation, image.shape[-1]).astype(np.float64)
    if np.linalg.cond(matrix) > 1e6:
        raise UserError(
            "the colour matrix has no inverse, as when it is measured from images without colour; "
            "take no_correlation() or imagenet_correlation()"
        )
    clipped = jnp.clip(image, clip, 1 - clip)
    logits = jnp.log(clipped) - jnp.log1p(-clipped)
    inverse = jnp.asarray(np.linalg.inv(matrix).T, image.dtype)
    return jnp.matmul(logits, inverse, precision="highest")


def matrix_of(correlation: Matrix | None) -> Float[np.ndarray, "c c"]:
    """Return the matrix itself: ImageNet's for None."""
    return imagenet_correlation() if correlation is None else correlation.astype(np.float32)


def _fitting(correlation: Matrix | None, channels: int) -> np.ndarray:
    matrix = matrix_of(correlation)
    if len(matrix) != channels:
        raise UserError(
            f"{channels} channels, but colours of {len(matrix)}: give a correlation of "
            f"{channels} x {channels}, such as no_correlation({channels})"
        )
    return matrix
