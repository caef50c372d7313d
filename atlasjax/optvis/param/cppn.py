"""An image as a small network from coordinates to colours.

What such a network draws is smooth and has structure at every scale, and it can be drawn at any
size from the same weights. It has no pixels to put adversarial noise into.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from atlasjax.errors import UserError, unknown
from atlasjax.optvis.color import Matrix, matrix_of
from atlasjax.optvis.param.again import remembered
from atlasjax.optvis.param.core import Parameterization, Size, from_field, height_and_width


class Layer(NamedTuple):
    """One layer of 1 x 1 connections.

    Attributes:
        weight: from its inputs to its outputs.
        bias: added to the outputs.
    """

    weight: Float[Array, "i o"]
    bias: Float[Array, " o"]


def _composite(x: Float[Array, "n c"]) -> Float[Array, "n _"]:
    """Return an odd and an even function of every channel, side by side."""
    angle = jnp.arctan(x)
    return jnp.concatenate([angle / 0.6706, angle**2 / 0.5993], axis=-1)


def _sine(x: Float[Array, "n c"]) -> Float[Array, "n c"]:
    return jnp.sin(x) / 0.6575


# Each divided by its root mean square over the standard normal distribution, so that values keep
# their size from layer to layer; and the number of outputs for each input.
_ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], int]] = {
    "composite": (_composite, 2),
    "sin": (_sine, 1),
}


@remembered
def cppn(
    size: Size,
    width: int = 24,
    depth: int = 8,
    activation: str = "composite",
    sd: float | int = 0.1,
    correlation: Matrix | None = None,
) -> Parameterization:
    r"""Parameterize an image by a network that each pixel's coordinates go through.

    $x_0 = (x, y, r)$, $x_{l+1} = a(x_l W_l + b_l)$, and the last layer, without activation, gives
    the decorrelated colours. Along the longer side a coordinate runs from $-\sqrt 3$ to $\sqrt 3$,
    which has variance 1; $r = \sqrt{x^2 + y^2}$. The same parameters belong to every size.

    Args:
        size: height and width in pixels; one number for both.
        width: outputs of each inner layer, at least 1.
        depth: layers, at least 1, the last included.
        activation: "composite" for $\arctan$ and $\arctan^2$ side by side, or "sin"; both scaled to
            variance 1.
        sd: about the standard deviation of the decorrelated colours at the start. Inner weights
            start with variance 1 / inputs, biases at 0.
        correlation: from decorrelated colours to the channels; ImageNet's by default,
            `no_correlation(c)` for c channels as they are.

    Returns:
        The parameterization. Its parameters are a tuple of `Layer`s.

    Raises:
        UserError: a size, width or depth below 1, or an activation that does not exist.

    Source: Stanley 2007, "Compositional pattern producing networks"; as what is optimized,
    Mordvintsev et al. 2018, "Differentiable image parameterizations".

    >>> init, image = cppn((6, 8), width=4, depth=3)
    >>> [layer.weight.shape for layer in init(jax.random.key(0))]
    [(3, 4), (8, 4), (8, 3)]
    """
    rows, columns = height_and_width(size)
    if width < 1 or depth < 1:
        raise UserError(f"a network of width {width} and depth {depth}: both must be at least 1")
    if activation not in _ACTIVATIONS:
        raise unknown("activation", activation, _ACTIVATIONS)
    apply, outputs = _ACTIVATIONS[activation]
    coordinates = _coordinates(rows, columns)
    fan_in = [3] + [outputs * width] * (depth - 1)
    fan_out = [width] * (depth - 1) + [len(matrix_of(correlation))]

    def init(key: Key[Array, ""]) -> tuple[Layer, ...]:
        keys = jax.random.split(key, depth)
        weights = [
            jax.random.normal(k, (i, o), jnp.float32) / np.float32(np.sqrt(i))
            for k, i, o in zip(keys, fan_in, fan_out, strict=True)
        ]
        weights[-1] = sd * weights[-1]
        return tuple(Layer(w, jnp.zeros(w.shape[1], jnp.float32)) for w in weights)

    def field(params: tuple[Layer, ...]) -> Float[Array, "h w c"]:
        values = _affine(params[0], jnp.asarray(coordinates))
        for layer in params[1:]:
            values = _affine(layer, apply(values))
        return values.reshape(rows, columns, -1)

    return from_field(init, field, correlation)


def _affine(layer: Layer, values: Float[Array, "n i"]) -> Float[Array, "n o"]:
    # Neighbouring pixels differ in the third digit, which faster products would round away.
    return jnp.matmul(values, layer.weight, precision="highest") + layer.bias[None]


def _coordinates(height: int, width: int) -> Float[np.ndarray, "n 3"]:
    """Return x, y and r of every pixel, row by row."""
    step = 2 * np.sqrt(3) / max(height - 1, width - 1, 1)
    y, x = (step * (np.arange(n) - (n - 1) / 2) for n in (height, width))
    y, x = np.meshgrid(y, x, indexing="ij")
    return np.stack([x, y, np.hypot(x, y)], axis=-1).reshape(-1, 3).astype(np.float32)
