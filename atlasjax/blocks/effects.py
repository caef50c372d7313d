"""Effects: what a layer does to the output, as attribution sees it.

The effect of a neuron is its value times the slope of the target by it. Everything else is a sum of
these: over channels for a position, over positions for a channel, over both with the group's shares
for a group. So what is computed is the slope of every neuron, at the image itself or averaged along
a path to it, and the sums are taken in `slices` and `groups`.

At the image itself the slopes are exact for small changes. Along the straight path from a silent
layer they add up: the sum of all effects is the change of the target along the path, which is
returned so that it can be checked.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from atlasjax.errors import UserError, unknown
from atlasjax.optvis.relaxed import relaxed_pooling
from atlasjax.planes import as_planes
from atlasjax.rewriting import optimized
from atlasjax.taps import Model, capture, intervene
from atlasjax.targets import Target, check_target, evaluate_all

METHODS = ("path", "gradient", "stochastic")
STEPS = 100
AT_A_TIME = 8  # parts of a layer that are pushed through the rest of the network together


class Effects(NamedTuple):
    """A layer's neurons and what each of them does to every target.

    Attributes:
        activation: the layer's value.
        gradient: the slope of each target by every neuron, averaged along the path if there is one.
        change: how far each target lies above what it is with the layer silent.
    """

    activation: Float[Array, "b rows columns c"]
    gradient: Float[Array, "b targets rows columns c"]
    change: Float[Array, "b targets"]


def effects(
    model: Model,
    layer: str,
    images: Float[Array, "b h w c"],
    targets: Sequence[Target],
    key: Key[Array, ""] | None = None,
    *,
    method: str = "path",
    steps: int = STEPS,
    relaxed: bool = False,
) -> Effects:
    r"""Find what a layer does to some targets of each image.

    - "path": slopes at `t h` averaged over `steps` midpoints t of [0, 1], from a silent layer to
      the image's own value h (integrated gradients). Effects add up to `change`, but for what the
      steps miss: see `completeness`.
    - "gradient": slopes at the image, so that effects are gradient times activation: `steps` times
      as fast, and often far from adding up.
    - "stochastic": the same at `t h r` with t = 0, 1/steps ..., where r is drawn anew in each step
      and for each channel: the sum of two numbers out of [0, 1], over 1.5. What lies off the
      straight path counts as well, which is less exact and less noisy.

    What goes around the layer keeps the value that it has for the image.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: a layer with positions, as `planes.as_planes` shows it.
        images: as the model takes them.
        targets: what is asked for; see `atlasjax.targets`.
        key: what the random numbers of "stochastic" are drawn from, and nothing else.
        method: one of `METHODS`.
        steps: of a path.
        relaxed: whether max pooling is differentiated as a mean; see `optvis.relaxed`. Effects
            along a path then no longer add up.

    Returns:
        The slopes, from which `slices` and `groups` make effects.

    Raises:
        UserError: no such layer, a target that the network does not have, no target at all, or a
            method or a number of steps out of range.

    Source: Olah et al., "The Building Blocks of Interpretability", Distill 2018, and its notebooks;
    the path after Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", 2017.

    >>> from atlasjax.targets import class_logit
    >>> toy = lambda images, tap: tap("double", 2 * images).sum((1, 2)) ** 2
    >>> found = effects(toy, "double", jnp.ones((1, 1, 1, 1)), [class_logit(0)])
    >>> (found.gradient[0, 0] * found.activation[0]).ravel().round(3), found.change
    (Array([4.], dtype=float32), Array([[4.]], dtype=float32))
    """
    targets = tuple(targets)
    _check(targets, method, steps, key)
    model = optimized(as_planes(model))
    shape = (images.shape[1], images.shape[2], images.shape[3])
    for target in targets:
        check_target(target, model, shape)
    key = jax.random.key(0) if key is None else key
    return _effects(model, targets, images, key, layer, method, steps, relaxed)


def completeness(found: Effects) -> Float[Array, "b targets"]:
    """Return how far all effects together lie from the change of each target, as a part of it.

    Args:
        found: what `effects` returned. Only along a path should it be near 0.

    >>> found = Effects(jnp.ones((1, 1, 1, 2)), jnp.ones((1, 1, 1, 1, 2)), jnp.full((1, 1), 4.0))
    >>> completeness(found)
    Array([[0.5]], dtype=float32)
    """
    total = jnp.einsum("btrck,brck->bt", found.gradient, found.activation)
    return jnp.abs(total - found.change) / jnp.maximum(jnp.abs(found.change), 1e-12)


def outputs(
    model: Model,
    layer: str,
    images: Float[Array, "b h w c"],
    parts: Float[Array, "b n rows columns channels"],
) -> Float[Array, "b n outputs"]:
    """Return what parts of a layer's value do to every output of the network.

    The Jacobian of the output by the layer, at the image, times each part: gradient times
    activation for all classes at once, by one forward-mode pass for each part.

    Args:
        model: a callable pytree `model(images, tap)`, whose output is [b, outputs].
        layer: a layer with positions, as `planes.as_planes` shows it.
        images: as the model takes them.
        parts: of the layer's value, such as one channel with all others 0.

    Raises:
        UserError: no such layer, or an output of another shape.

    >>> toy = lambda images, tap: tap("double", 2 * images).sum((1, 2))
    >>> outputs(toy, "double", jnp.ones((1, 1, 1, 2)), jnp.eye(2).reshape(1, 2, 1, 1, 2))
    Array([[[1., 0.],
            [0., 1.]]], dtype=float32)
    """
    return _outputs(optimized(as_planes(model)), images, parts, layer)


@partial(jax.jit, static_argnums=3)
def _outputs(model: Any, images: Array, parts: Array, layer: str) -> Float[Array, "b n outputs"]:
    value = capture(model, images, [layer])[layer]
    output, push = jax.linearize(lambda v: intervene(model, images, {layer: lambda old: v}), value)
    if output.ndim != 2:
        raise UserError(f"no logits: the network's output is {list(output.shape[1:])}")
    pushed = jax.lax.map(push, jnp.moveaxis(parts, 1, 0), batch_size=AT_A_TIME)
    return jnp.moveaxis(pushed, 0, 1)


@partial(jax.jit, static_argnums=(4, 5, 6, 7))
def _effects(
    model: Any,
    targets: tuple[Target, ...],
    images: Array,
    key: Array,
    layer: str,
    method: str,
    steps: int,
    relaxed: bool,
) -> Effects:
    value = capture(model, images, [layer])[layer]

    def rest(value: Array) -> Float[Array, "b targets"]:
        return evaluate_all(targets, model, images, {layer: lambda old: value})

    change = rest(value) - rest(jnp.zeros_like(value))
    seen = relaxed_pooling(rest) if relaxed else rest

    def slopes(value: Array) -> Float[Array, "targets b rows columns c"]:
        one, pull = jax.vjp(seen, value)
        each = jnp.eye(len(targets), dtype=one.dtype)[:, None]
        wanted = jnp.broadcast_to(each, (len(targets), *one.shape))
        return jax.vmap(lambda cotangent: pull(cotangent)[0])(wanted)

    if method == "gradient":
        return Effects(value, jnp.moveaxis(slopes(value), 0, 1), change)

    def step(total: Array, number: Array) -> tuple[Array, None]:
        return total + slopes(value * _factor(method, key, number, steps, value)), None

    start = jnp.zeros((len(targets), *value.shape), value.dtype)
    total, _ = jax.lax.scan(step, start, jnp.arange(steps))
    return Effects(value, jnp.moveaxis(total / steps, 0, 1), change)


def _factor(method: str, key: Array, number: Array, steps: int, value: Array) -> Array:
    """Return what the layer is multiplied by in a step of the path."""
    at = number.astype(value.dtype)
    if method == "path":
        return jnp.broadcast_to((at + 0.5) / steps, (1, 1, 1, 1))
    drawn = jax.random.uniform(jax.random.fold_in(key, number), (2, value.shape[-1]), value.dtype)
    return (at / steps * drawn.sum(0) / 1.5)[None, None, None]


def _check(
    targets: tuple[Target, ...], method: str, steps: int, key: Key[Array, ""] | None
) -> None:
    if not targets:
        raise UserError("no targets: give at least one")
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    if steps < 1:
        raise UserError(f"steps {steps}: must be at least 1")
    if method == "stochastic" and key is None:
        raise UserError("method 'stochastic': needs a key")
