"""GoogLeNet written once more, in Linen: the same layers as the one with taps of its own."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import atlasjax as ax

SIZE = 64
MEAN = (123.0, 117.0, 104.0)
POOLS_BEFORE = ("mixed4a", "mixed5a")
TOLERANCE = 1e-4  # relative to a layer's largest value: sums of float32 in another order


class Pool(nn.Module):
    """Caffe's 3x3 maximum with stride 2: the window may reach past the end."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        out = [-(-(n - 3) // 2) + 1 for n in x.shape[1:3]]
        edges: Any = [
            (0, max(0, 2 * (m - 1) + 3 - n)) for m, n in zip(out, x.shape[1:3], strict=True)
        ]
        return nn.max_pool(x, (3, 3), (2, 2), edges)


class Norm(nn.Module):
    """Local response normalization: 5 channels, alpha 1e-4, beta 0.75."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        window = lax.reduce_window(x * x, 0.0, lax.add, (1, 1, 1, 5), (1, 1, 1, 1), "SAME")
        return x / (1 + 1e-4 / 5 * window) ** 0.75


class Inception(nn.Module):
    widths: Any

    @nn.compact
    def __call__(self, x: Any) -> Any:
        w = self.widths

        def conv(name: str, width: int, size: int, x: Any) -> Any:
            return nn.relu(nn.Conv(width, (size, size), name=name)(x))

        pooled = nn.max_pool(x, (3, 3), (1, 1), "SAME")
        three = conv("three_bottleneck", w.three_bottleneck, 1, x)
        five = conv("five_bottleneck", w.five_bottleneck, 1, x)
        return jnp.concatenate(
            [
                conv("one", w.one, 1, x),
                conv("three", w.three, 3, three),
                conv("five", w.five, 5, five),
                conv("pool_reduce", w.pool_reduce, 1, pooled),
            ],
            -1,
        )


class GoogLeNet(nn.Module):
    spec: Any

    @nn.compact
    def __call__(self, x: Any) -> Any:
        a, b, c = self.spec.stem
        x = nn.relu(nn.Conv(a, (7, 7), (2, 2), [(3, 3), (3, 3)], name="conv2d0")(x))
        x = Norm(name="localresponsenorm0")(Pool(name="maxpool0")(x))
        x = nn.relu(nn.Conv(b, (1, 1), name="conv2d1")(x))
        x = nn.relu(nn.Conv(c, (3, 3), name="conv2d2")(x))
        x = Pool(name="maxpool1")(Norm(name="localresponsenorm1")(x))
        for name, widths in self.spec.blocks:
            x = Pool(name=f"pool_{name}")(x) if name in POOLS_BEFORE else x
            x = Inception(widths, name=name)(x)
        return nn.Dense(self.spec.classes, name="logits")(x.mean((1, 2)))


def weights_of(native: Any) -> dict[str, Any]:
    """Return the native network's weights under the names of the one above."""

    def of(layer: Any) -> dict[str, Any]:
        kernel = layer.kernel[...]
        is_product = kernel.ndim == 2
        return {"kernel": kernel[None, None] if is_product else kernel, "bias": layer.bias[...]}

    stem = ("conv2d0", "conv2d1", "conv2d2")
    params: dict[str, Any] = {name: of(getattr(native, name)) for name in stem}
    parts = ("one", "three_bottleneck", "three", "five_bottleneck", "five", "pool_reduce")
    for name, _ in native.spec.blocks:
        block = getattr(native, name)
        params[name] = {part: of(getattr(block, part)) for part in parts}
    last = native.classifier
    params["logits"] = {"kernel": last.kernel[...], "bias": last.bias[...]}
    return {"params": params}


@pytest.fixture(scope="module")
def pair() -> tuple[Any, Any]:
    native = ax.models.load("inception_v1_tiny")
    if native.spec.bgr:  # the first kernel's channels in the other order, in place of the images'
        mean, flip = MEAN, slice(None, None, -1)
    else:
        mean, flip = native.spec.mean, slice(None)
    weights = weights_of(native)
    first = weights["params"]["conv2d0"]
    first["kernel"] = first["kernel"][:, :, flip]
    model = ax.adapt(GoogLeNet(native.spec), variables=weights, mean=mean, input_range=(0, 255))
    return native, model


def test_its_layers_are_those_of_the_network_with_taps(pair: Any):
    native, model = pair
    stem = ("maxpool0", "localresponsenorm0", "localresponsenorm1", "maxpool1", "logits")
    same = {name: name for name in (*stem, *(name for name, _ in native.spec.blocks))}
    same |= {"conv2d0": "conv2d0/pre_relu", "mixed4b.five": "mixed4b/5x5/pre_relu"}
    assert {"mixed3a", "mixed4c", "mixed5b"} <= same.keys()
    images = jax.random.uniform(jax.random.key(3), (2, SIZE, SIZE, 3))
    found = jax.jit(lambda x: ax.capture(model, x, same))(images)
    expected = jax.jit(lambda x: ax.capture(native, x, same.values()))(images)
    for name, own in same.items():
        scale = np.abs(expected[own]).max()
        assert scale > 1e-3
        assert found[name].shape == expected[own].shape
        np.testing.assert_allclose(found[name], expected[own], rtol=0, atol=TOLERANCE * scale)
