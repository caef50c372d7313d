"""InceptionV1 (GoogLeNet), once, in Flax NNX, with every value tapped.

Three trained forms of this network are in use, and results in the literature belong to one or
another of them. They differ in widths, normalization, padding and preprocessing, all of which a
`Spec` names; the wiring below is the same for all. Tap names are those of the feature-visualization
literature: `conv2d0 ... mixed3a ... mixed5b`, branches as `mixed4a/3x3`, and `/pre_relu` for values
before the nonlinearity.

Source: Szegedy et al., "Going deeper with convolutions", CVPR 2015, table 1.
"""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from atlasjax.errors import UserError
from atlasjax.models.layers import conv_general_dilated, local_response_norm
from atlasjax.models.pooling import max_pool
from atlasjax.taps import Tap, identity

SMALLEST = 32  # px: a smaller image has no position left before mixed5


@dataclass(frozen=True)
class Block:
    """The widths of one Inception block, in channels.

    `pool_reduce` is the 1x1 convolution that follows the block's own 3x3 max pooling.
    """

    one: int
    three_bottleneck: int
    three: int
    five_bottleneck: int
    five: int
    pool_reduce: int

    @property
    def width(self) -> int:
        """Channels of the block's output."""
        return self.one + self.three + self.five + self.pool_reduce


@dataclass(frozen=True)
class Spec:
    """Everything in which one trained InceptionV1 differs from another.

    Attributes:
        name: what the network is called, and what its weights are cached under.
        classes: number of logits.
        stem: widths of conv2d0, conv2d1 and conv2d2.
        blocks: the Inception blocks in order, by name; those of one stage share a digit.
        lrn: whether the stem normalizes local responses (size 5, alpha 1e-4, beta 0.75).
        padding: "ceil" for Caffe's arithmetic (symmetric convolutions, pooling rounds up), "same"
            for TensorFlow's.
        mean: subtracted from RGB values in 0..255, in the order r, g, b.
        bgr: whether the first layer expects the channels as b, g, r.
        pool_gradient: how max pooling passes its gradient on; see `pooling.max_pool`.
    """

    name: str
    classes: int
    stem: tuple[int, int, int]
    blocks: tuple[tuple[str, Block], ...]
    lrn: bool = True
    padding: str = "ceil"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    bgr: bool = False
    pool_gradient: str = "max"


GOOGLENET = Spec(
    name="googlenet",
    classes=1000,
    stem=(64, 64, 192),
    blocks=(
        ("mixed3a", Block(64, 96, 128, 16, 32, 32)),
        ("mixed3b", Block(128, 128, 192, 32, 96, 64)),
        ("mixed4a", Block(192, 96, 208, 16, 48, 64)),
        ("mixed4b", Block(160, 112, 224, 24, 64, 64)),
        ("mixed4c", Block(128, 128, 256, 24, 64, 64)),
        ("mixed4d", Block(112, 144, 288, 32, 64, 64)),
        ("mixed4e", Block(256, 160, 320, 32, 128, 128)),
        ("mixed5a", Block(256, 160, 320, 32, 128, 128)),
        ("mixed5b", Block(384, 192, 384, 48, 128, 128)),
    ),
    mean=(123.0, 117.0, 104.0),
    bgr=True,
)
"""BVLC GoogLeNet, trained in Caffe: the weights most papers used."""


def narrow(spec: Spec, factor: int, classes: int | None = None, name: str | None = None) -> Spec:
    """Return the same network with every width divided by `factor`.

    Args:
        spec: the network to narrow.
        factor: what to divide each width by; the result is at least 1.
        classes: number of logits, if it changes.
        name: what the narrow network is called.

    Returns:
        The narrower spec.

    >>> narrow(GOOGLENET, 8, classes=10).stem
    (8, 8, 24)
    """

    def less(width: int) -> int:
        return max(1, width // factor)

    def thin(b: Block) -> Block:
        widths = (b.one, b.three_bottleneck, b.three, b.five_bottleneck, b.five, b.pool_reduce)
        return Block(*map(less, widths))

    a, b, c = spec.stem
    return replace(
        spec,
        name=name or f"{spec.name}-{factor}",
        classes=spec.classes if classes is None else classes,
        stem=(less(a), less(b), less(c)),
        blocks=tuple((block, thin(widths)) for block, widths in spec.blocks),
    )


def relax_pooling(model: "InceptionV1") -> "InceptionV1":
    """Return the network with the relaxed gradients of max pooling; its values are the same.

    Every position of a pooling window then has a share of the gradient, where otherwise only the
    largest has: images made with it are often smoother, with more of them in use.

    Args:
        model: the network, which stays as it is.

    Source: see `atlasjax.models.pooling.max_pool`.

    >>> tiny = InceptionV1(narrow(GOOGLENET, 32), rngs=nnx.Rngs(0))
    >>> relax_pooling(tiny).spec.pool_gradient
    'relaxed'
    """
    relaxed = nnx.clone(model)
    relaxed.spec = replace(model.spec, pool_gradient="relaxed")
    return relaxed


class InceptionBlock(nnx.Module):
    """Four branches side by side: 1x1, 3x3, 5x5 and pooling, concatenated along the channels."""

    def __init__(self, name: str, inputs: int, widths: Block, *, rngs: nnx.Rngs):
        self.name = name
        self.widths = widths
        # A 1x1 convolution is a matrix product over the channels, and XLA's is twice as fast.
        self.one = nnx.Linear(inputs, widths.one, rngs=rngs)
        self.three_bottleneck = nnx.Linear(inputs, widths.three_bottleneck, rngs=rngs)
        self.three = _conv(widths.three_bottleneck, widths.three, 3, rngs=rngs)
        self.five_bottleneck = nnx.Linear(inputs, widths.five_bottleneck, rngs=rngs)
        self.five = _conv(widths.five_bottleneck, widths.five, 5, rngs=rngs)
        self.pool_reduce = nnx.Linear(inputs, widths.pool_reduce, rngs=rngs)

    def __call__(
        self, x: Float[Array, "b h w c"], tap: Tap, pool_gradient: str = "max"
    ) -> Float[Array, "b h w d"]:
        """Return the concatenated branches, each tapped before and after its nonlinearity."""
        pooled = max_pool(x, 3, 1, "same", pool_gradient)
        three = _relu(self.three_bottleneck(x), f"{self.name}/3x3_bottleneck", tap)
        five = _relu(self.five_bottleneck(x), f"{self.name}/5x5_bottleneck", tap)
        branches = {
            "1x1": self.one(x),
            "3x3": self.three(three),
            "5x5": self.five(five),
            "pool_reduce": self.pool_reduce(pooled),
        }
        names = {branch: f"{self.name}/{branch}" for branch in branches}
        values = [tap(f"{names[b]}/pre_relu", value) for b, value in branches.items()]
        whole = tap(f"{self.name}/pre_relu", jnp.concatenate(values, axis=-1))
        ends = np.cumsum([value.shape[-1] for value in values])[:-1].tolist()
        parts = jnp.split(whole, ends, axis=-1)
        after = [tap(names[b], jax.nn.relu(p)) for b, p in zip(branches, parts, strict=True)]
        return tap(self.name, jnp.concatenate(after, axis=-1))


class InceptionV1(nnx.Module):
    """The network: images in [0, 1] to logits, with preprocessing inside.

    Args of the constructor:
        spec: which of the trained forms.
        rngs: where random initial weights come from.
    """

    def __init__(self, spec: Spec, *, rngs: nnx.Rngs):
        self.spec = spec
        a, b, c = spec.stem
        pad = [(3, 3), (3, 3)] if spec.padding == "ceil" else "SAME"
        self.conv2d0 = _conv(3, a, 7, strides=2, padding=pad, rngs=rngs)
        self.conv2d1 = nnx.Linear(a, b, rngs=rngs)
        self.conv2d2 = _conv(b, c, 3, rngs=rngs)
        width = c
        for name, widths in spec.blocks:
            setattr(self, name, InceptionBlock(name, width, widths, rngs=rngs))
            width = widths.width
        self.classifier = nnx.Linear(width, spec.classes, rngs=rngs)

    def __call__(
        self, images: Float[Array, "batch h w channels"], tap: Tap = identity
    ) -> Float[Array, "batch classes"]:
        """Return the logits of RGB images in [0, 1] of any size from 32 px up.

        Args:
            images: RGB in [0, 1].
            tap: called on every named value; see `atlasjax.taps`.

        Returns:
            One row of logits for each image.

        Raises:
            UserError: images smaller than 32 px, or not of three channels.
        """
        _check_images(images.shape)
        x = self._stem(self._preprocess(images), tap)
        pools = {"4": "maxpool4", "5": "maxpool10"}
        stage = "3"
        for name, _ in self.spec.blocks:
            if name[5] != stage:
                stage = name[5]
                x = tap(pools[stage], self._pool(x))
            x = getattr(self, name)(x, tap, self.spec.pool_gradient)
        x = tap("avgpool0", x.mean((1, 2)))
        return tap("logits", self.classifier(x))

    def _preprocess(self, images: Float[Array, "b h w 3"]) -> Float[Array, "b h w 3"]:
        x = images * 255.0 - jnp.asarray(self.spec.mean, images.dtype).reshape(1, 1, 1, 3)
        return x[..., ::-1] if self.spec.bgr else x

    def _stem(self, x: Float[Array, "b h w 3"], tap: Tap) -> Float[Array, "b oh ow c"]:
        def norm(name: str, x: Array) -> Array:
            return tap(name, local_response_norm(x)) if self.spec.lrn else x

        x = _relu(self.conv2d0(x), "conv2d0", tap)
        x = tap("maxpool0", self._pool(x))
        x = norm("localresponsenorm0", x)
        x = _relu(self.conv2d1(x), "conv2d1", tap)
        x = _relu(self.conv2d2(x), "conv2d2", tap)
        x = norm("localresponsenorm1", x)
        return tap("maxpool1", self._pool(x))

    def _pool(self, x: Float[Array, "b h w c"]) -> Float[Array, "b oh ow c"]:
        return max_pool(x, 3, 2, self.spec.padding, self.spec.pool_gradient)


def _conv(inputs: int, outputs: int, size: int, **settings: Any) -> nnx.Conv:
    return nnx.Conv(
        inputs, outputs, (size, size), conv_general_dilated=conv_general_dilated, **settings
    )


def _relu(x: Array, name: str, tap: Tap) -> Array:
    return tap(name, jax.nn.relu(tap(f"{name}/pre_relu", x)))


def _check_images(shape: tuple[int, ...]) -> None:
    if len(shape) != 4 or shape[-1] != 3:
        raise UserError(f"images of shape {list(shape)}; the network takes [batch, h, w, 3]")
    if min(shape[1:3]) < SMALLEST:
        raise UserError(f"images of {shape[1]} x {shape[2]} px; the least is {SMALLEST} px")
