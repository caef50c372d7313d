"""InceptionV1 (GoogLeNet), once, in Flax NNX, with every value tapped.

Three trained forms of this network are in use; what they differ in is in `specs`, and the wiring
below is the same for all. Tap names are those of the feature-visualization
literature: `conv2d0 ... mixed3a ... mixed5b`, branches as `mixed4a/3x3`, and `/pre_relu` for values
before the nonlinearity.

Source: Szegedy et al., "Going deeper with convolutions", CVPR 2015, table 1.
"""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from atlasjax.errors import UserError
from atlasjax.models.layers import local_response_norm
from atlasjax.models.pooling import max_pool
from atlasjax.models.specs import Block, Head, Spec
from atlasjax.taps import Tap, identity

SMALLEST = 32  # px: a smaller image has no position left before mixed5


def relax_pooling(model: "InceptionV1") -> "InceptionV1":
    """Return the network with the relaxed gradients of max pooling; its values are the same.

    Every position of a pooling window then has a share of the gradient, where otherwise only the
    largest has: images made with it are often smoother, with more of them in use.

    Args:
        model: the network, which stays as it is.

    Source: see `atlasjax.models.pooling.max_pool`.

    >>> from atlasjax.models.specs import GOOGLENET, narrow
    >>> tiny = InceptionV1(narrow(GOOGLENET, 32), rngs=nnx.Rngs(0))
    >>> relax_pooling(tiny).spec.pool_gradient
    'relaxed'
    """
    relaxed = nnx.clone(model)
    relaxed.spec = replace(model.spec, pool_gradient="relaxed")
    return relaxed


class InceptionBlock(nnx.Module):
    """Four branches side by side: 1x1, 3x3, 5x5 and pooling, concatenated along the channels."""

    def __init__(self, name: str, inputs: int, widths: Block, five: int, *, rngs: nnx.Rngs):
        self.name = name
        self.widths = widths
        # A 1x1 convolution is a matrix product over the channels, and XLA's is twice as fast.
        self.one = nnx.Linear(inputs, widths.one, rngs=rngs)
        self.three_bottleneck = nnx.Linear(inputs, widths.three_bottleneck, rngs=rngs)
        self.three = _conv(widths.three_bottleneck, widths.three, 3, rngs=rngs)
        self.five_bottleneck = nnx.Linear(inputs, widths.five_bottleneck, rngs=rngs)
        self.five = _conv(widths.five_bottleneck, widths.five, five, rngs=rngs)
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


class AuxiliaryHead(nnx.Module):
    """A classifier beside a block: average pooling, 1x1 convolution, two dense layers.

    The first dense layer has weights for 4 x 4 positions, those of a 224 px image. Images of other
    sizes have no layers after the convolution, and very small ones none at all.
    """

    WINDOW, STRIDE, POSITIONS = 5, 3, 4

    def __init__(self, head: Head, inputs: int, classes: int, *, rngs: nnx.Rngs):
        self.number = head.number
        self.bottleneck = nnx.Linear(inputs, head.bottleneck, rngs=rngs)
        # A dense layer of all positions is a convolution that has room for one step only.
        self.hidden = _conv(
            head.bottleneck, head.hidden, self.POSITIONS, padding="VALID", rngs=rngs
        )
        self.classifier = nnx.Linear(head.hidden, classes, rngs=rngs)

    def __call__(self, x: Float[Array, "b h w c"], tap: Tap) -> None:
        """Tap the head's layers; no later layer has a part of them."""
        if min(x.shape[1:3]) < self.WINDOW:
            return
        window, strides = (self.WINDOW, self.WINDOW), (self.STRIDE, self.STRIDE)
        x = nnx.pool(x, 0.0, jax.lax.add, window, strides, "VALID") / self.WINDOW**2
        x = _relu(self.bottleneck(x), f"head{self.number}_bottleneck", tap)
        if x.shape[1:3] != (self.POSITIONS, self.POSITIONS):
            return
        x = _relu(self.hidden(x)[:, 0, 0], f"nn{self.number}", tap)
        logits = tap(f"softmax{self.number}/pre_activation", self.classifier(x))
        tap(f"softmax{self.number}", jax.nn.softmax(logits))


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
            setattr(self, name, InceptionBlock(name, width, widths, spec.five, rngs=rngs))
            width = widths.width
            for head in _heads(spec, name):
                setattr(
                    self, f"head{head.number}", AuxiliaryHead(head, width, spec.classes, rngs=rngs)
                )
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
        pools = {"4": ("maxpool4", 3), "5": ("maxpool10", self.spec.last_pool)}
        stage = "3"
        for name, _ in self.spec.blocks:
            if name[5] != stage:
                stage = name[5]
                pool, window = pools[stage]
                x = tap(pool, self._pool(x, window))
            x = getattr(self, name)(x, tap, self.spec.pool_gradient)
            for head in _heads(self.spec, name):
                getattr(self, f"head{head.number}")(x, tap)
        x = tap("avgpool0", x.mean((1, 2)))
        return tap("logits", self.classifier(x))

    def _preprocess(self, images: Float[Array, "b h w 3"]) -> Float[Array, "b h w 3"]:
        x = images * 255.0 - jnp.asarray(self.spec.mean, images.dtype).reshape(1, 1, 1, 3)
        x = x if self.spec.std == 1 else x / self.spec.std
        return x[..., ::-1] if self.spec.bgr else x

    def _stem(self, x: Float[Array, "b h w 3"], tap: Tap) -> Float[Array, "b oh ow c"]:
        def norm(name: str, x: Array) -> Array:
            lrn = self.spec.lrn
            return tap(name, local_response_norm(x, **vars(lrn))) if lrn else x

        x = _relu(self.conv2d0(x), "conv2d0", tap)
        x = tap("maxpool0", self._pool(x))
        x = norm("localresponsenorm0", x)
        x = _relu(self.conv2d1(x), "conv2d1", tap)
        x = _relu(self.conv2d2(x), "conv2d2", tap)
        x = norm("localresponsenorm1", x)
        return tap("maxpool1", self._pool(x))

    def _pool(self, x: Float[Array, "b h w c"], window: int = 3) -> Float[Array, "b oh ow c"]:
        return max_pool(x, window, 2, self.spec.padding, self.spec.pool_gradient)


def _heads(spec: Spec, block: str) -> tuple[Head, ...]:
    return tuple(head for head in spec.heads if head.after == block)


def _conv(inputs: int, outputs: int, size: int, **settings: Any) -> nnx.Conv:
    return nnx.Conv(inputs, outputs, (size, size), **settings)


def _relu(x: Array, name: str, tap: Tap) -> Array:
    return tap(name, jax.nn.relu(tap(f"{name}/pre_relu", x)))


def _check_images(shape: tuple[int, ...]) -> None:
    if len(shape) != 4 or shape[-1] != 3:
        raise UserError(f"images of shape {list(shape)}; the network takes [batch, h, w, 3]")
    if min(shape[1:3]) < SMALLEST:
        raise UserError(f"images of {shape[1]} x {shape[2]} px; the least is {SMALLEST} px")
