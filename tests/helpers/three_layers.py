"""Networks of a few layers of which every weight is known."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

RANDOM = np.random.default_rng(5)


def normal(*size: int) -> np.ndarray:
    return RANDOM.normal(size=size).astype(np.float32)


# [out, in, h, w], as every library but JAX has them.
FIRST, MIX, SECOND = normal(6, 3, 3, 3), normal(4, 6, 1, 1), normal(5, 4, 3, 3)
BIASES = normal(6), normal(4), normal(5)


def conv(x: Any, kernel: np.ndarray, bias: np.ndarray, stride: int = 1) -> Any:
    w = jnp.asarray(kernel.transpose(2, 3, 1, 0))
    made = jax.lax.conv_general_dilated(
        x, w, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return made + bias.reshape(1, 1, 1, -1)


def plain(images: Any, tap: Any) -> Any:
    """Three convolutions with rectifiers between, and a mean."""
    x = tap("first", jax.nn.relu(conv(images, FIRST, BIASES[0])))
    x = tap("mix", jax.nn.relu(conv(x, MIX, BIASES[1])))
    x = tap("second", jax.nn.relu(conv(x, SECOND, BIASES[2])))
    return x.mean((1, 2))


class Three(nnx.Module):
    """The same in Flax NNX."""

    def __init__(self):
        rngs = nnx.Rngs(0)
        self.first = nnx.Conv(3, 6, (3, 3), rngs=rngs)
        self.mix = nnx.Conv(6, 4, (1, 1), rngs=rngs)
        self.second = nnx.Conv(4, 5, (3, 3), rngs=rngs)
        kernels = zip(
            (self.first, self.mix, self.second), (FIRST, MIX, SECOND), BIASES, strict=True
        )
        for layer, kernel, bias in kernels:
            layer.kernel[...] = jnp.asarray(kernel.transpose(2, 3, 1, 0))
            layer.bias[...] = jnp.asarray(bias)  # pyright: ignore[reportOptionalSubscript]

    def __call__(self, x: Any) -> Any:
        x = nnx.relu(self.first(x))
        x = nnx.relu(self.mix(x))
        return nnx.relu(self.second(x)).mean((1, 2))


def torch_three() -> Any:
    """The same in PyTorch."""
    torch = pytest.importorskip("torch", reason="needs PyTorch: pip install '.[torch]'")
    nn = torch.nn
    network = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(6, 4, 1),
        nn.ReLU(),
        nn.Conv2d(4, 5, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    with torch.no_grad():
        for i, kernel, bias in zip((0, 2, 4), (FIRST, MIX, SECOND), BIASES, strict=True):
            network[i].weight.copy_(torch.tensor(kernel))
            network[i].bias.copy_(torch.tensor(bias))
    return network.eval()
