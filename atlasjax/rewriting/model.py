"""Optimized: a network whose gradients are fast, whatever it is written in.

XLA's CPU backend has slow kernels for some of what networks are made of, above all for their
gradients: windowed maxima, convolutions with strides, depthwise ones, and those inside of loops.
The network is traced, and what is slow is computed in another way, equal to rounding. Nothing is
known of layers, and nothing has to be said of the network.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
from jaxtyping import Array, Float

from atlasjax.marks import mark, tapped
from atlasjax.planes import Planes
from atlasjax.rewriting.convolution import PLATFORMS
from atlasjax.rewriting.rewrite import evaluate
from atlasjax.taps import Model, Tap, as_pytree, identity


def optimized(model: Model, platform: str | None = None) -> Model:
    """Return a model that computes the same, with fast gradients.

    Args:
        model: a callable pytree `model(images, tap)`.
        platform: where it will be computed, "cpu" or "gpu": JAX's default if not given. On others
            the model is left as it is, since nothing was measured there.

    Returns:
        A callable pytree with the same leaves, outputs and taps. Its values are equal to rounding.

    >>> import jax.numpy as jnp
    >>> def toy(images, tap):
    ...     halves = (1, 2, 2, 1)
    ...     pooled = jax.lax.reduce_window(images, -jnp.inf, jax.lax.max, halves, halves, "valid")
    ...     return tap("pool", pooled).sum((1, 2))
    >>> optimized(toy)(jnp.arange(4.0).reshape(1, 2, 2, 1), identity)
    Array([[3.]], dtype=float32)
    """
    platform = jax.default_backend() if platform is None else platform
    if isinstance(model, Planes):
        return Planes(optimized(model.model, platform), model.vectors)
    if isinstance(model, Optimized) or platform not in PLATFORMS:
        return as_pytree(model)
    return Optimized(as_pytree(model), platform)


def as_written(model: Model) -> Model:
    """Return a model that every function here computes as it is written, not optimized.

    Args:
        model: a callable pytree `model(images, tap)`.

    >>> as_written(lambda images, tap: images.sum((1, 2))).platform
    'as written'
    """
    return Optimized(as_pytree(model), _AS_WRITTEN)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Optimized:
    """What `optimized` returns.

    Attributes:
        model: the model as it is.
        platform: where it will be computed; others than `PLATFORMS` change nothing.
    """

    model: Any
    platform: str = field(default="cpu", metadata={"static": True})

    def __call__(self, images: Float[Array, "batch h w c"], tap: Tap = identity) -> Array:
        """Return the model's output, calling `tap` on its values."""
        if self.platform not in PLATFORMS:
            return self.model(images, tap)
        how = partial(evaluate, platform=self.platform)
        return tapped(_marked, tap, _KEY, how)(self.model, images)


@jax.jit
def _marked(model: Model, images: Array) -> Any:
    """Return the network's output, its values marked; traced, never run."""
    return model(images, mark)


_AS_WRITTEN = "as written"
_KEY = "optimized"  # traces of jitted parts, whose marks are the same for all taps
