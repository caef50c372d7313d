"""What the methods share: passes through the network in chunks, random keys, baselines, sizes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from atlasjax.errors import UserError, unknown
from atlasjax.planes import as_planes
from atlasjax.taps import Model, capture
from atlasjax.targets import Target, evaluate

CHUNK = 12
"""Images that one pass takes through the network at most: memory grows with them."""

Baseline = str | Float[Array | np.ndarray, "..."]
"""What stands for nothing: "black", "grey", "blurred", or an array that broadcasts to the images"""

_SHADES = {"black": 0.0, "grey": 0.5}
_BLURRED = "blurred"
_BLUR = 1 / 20  # standard deviation, of the image's side


def image_gradient(
    model: Model, images: Float[Array, "b h w c"], target: Target
) -> Float[Array, "b h w c"]:
    """Return the gradient of each image's target by its pixels.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: as the model takes them.
        target: what is asked for.

    >>> from atlasjax.targets import class_logit
    >>> toy = lambda images, tap: (images**2).sum((1, 2))
    >>> float(image_gradient(toy, jnp.full((1, 1, 1, 1), 3.0), class_logit(0))[0, 0, 0, 0])
    6.0
    """
    return jax.grad(lambda x: evaluate(target, model, x).sum())(images)


def scores(model: Model, images: Float[Array, "k b h w c"], target: Target) -> Float[Array, "k b"]:
    """Return the target of k versions of each image, by one pass through the network.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: k versions of b images.
        target: what is asked for, of b images.
    """
    return evaluate(_repeated(target, len(images)), model, _flat(images)).reshape(images.shape[:2])


def gradients(
    model: Model, images: Float[Array, "k b h w c"], target: Target
) -> Float[Array, "k b h w c"]:
    """Return `image_gradient` of k versions of each image, by one pass through the network.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: k versions of b images.
        target: what is asked for, of b images.
    """
    found = image_gradient(model, _flat(images), _repeated(target, len(images)))
    return found.reshape(images.shape)


def layer_gradient(
    model: Model, images: Float[Array, "b h w c"], target: Target, layer: str
) -> tuple[Float[Array, "b rows columns channels"], Float[Array, "b rows columns channels"]]:
    """Return a layer's value, and the gradient of each image's target by it.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: as the model takes them.
        target: what is asked for.
        layer: one with positions, as `planes.as_planes` shows it.

    Raises:
        UserError: a layer that the model does not tap, or that has a single position.
    """
    shape = jax.eval_shape(
        lambda m, x: capture(as_planes(m), x, [layer])[layer], as_planes(model), images
    ).shape
    if len(shape) != 4 or shape[1] * shape[2] == 1:
        raise UserError(f"layer {layer!r} has no rows and columns of positions to make a map of")

    def score(change: Array) -> tuple[Array, Array]:
        seen = []

        def shift(value: Array) -> Array:
            seen.append(value)
            return value + change.astype(value.dtype)

        return evaluate(target, model, images, {layer: shift}).sum(), seen[0]

    gradient, value = jax.grad(score, has_aux=True)(jnp.zeros(shape, jnp.float32))
    return value.astype(jnp.float32), gradient


def channels_joined(value: Float[Array, "b h w c"], signed: bool) -> Float[Array, "b h w"]:
    """Return one number for each pixel: the sum over its channels, or the largest magnitude.

    Args:
        value: of every channel.
        signed: whether channels are summed.

    >>> channels_joined(jnp.array([[[[1.0, -3.0]]]]), signed=False)
    Array([[[3.]]], dtype=float32)
    """
    return value.sum(-1) if signed else jnp.abs(value).max(-1)


def widths(count: int, most: int) -> tuple[int, int]:
    """Return in how many chunks of which length to pass through `count` versions of an image.

    Args:
        count: at least 1.
        most: versions in a chunk.

    Returns:
        Chunks and their length, from half of `most` up to it: those that waste least.

    >>> widths(50, 12), widths(8, 12), widths(25, 8)
    ((5, 10), (1, 8), (5, 5))
    """
    most = max(min(most, count), 1)
    within = range(most, max(most // 2, 1) - 1, -1)
    best = min(within, key=lambda width: -(-count // width) * (width + 0.5))  # .5: of a chunk's own
    return -(-count // best), best


class Passes(NamedTuple):
    """A method that looks at many versions of each image, as a sum over chunks of them.

    Attributes:
        versions: how many there are.
        each: takes the numbers of k versions, and 1 for each that counts and 0 for one that only
            fills the last chunk; returns arrays whose leading axis is that of the images, summed
            over the versions.
        finish: from the sum over all chunks to the result.
    """

    versions: int
    each: Callable[[Int[Array, " k"], Float[Array, " k"]], PyTree]
    finish: Callable[[PyTree], Any]


def chunks(count: int, most: int) -> list[tuple[Int[np.ndarray, " k"], Float[np.ndarray, " k"]]]:
    """Return the numbers of each chunk, and which of them count; see `Passes`.

    >>> [(numbers.tolist(), real.tolist()) for numbers, real in chunks(7, 4)]
    [([0, 1, 2, 3], [1.0, 1.0, 1.0, 1.0]), ([4, 5, 6, 6], [1.0, 1.0, 1.0, 0.0])]
    """
    many, width = widths(count, most)
    numbers = np.arange(many * width, dtype=np.int32).reshape(many, width)
    real = (numbers < count).astype(np.float32)
    return list(zip(np.minimum(numbers, count - 1), real, strict=True))


def run(passes: Passes, chunk: int, *given: PyTree) -> Any:
    """Return the result of a method, of one chunk after another, so that memory holds one.

    Under `jit` they are a loop. XLA's CPU backend runs convolutions in loops many times slower, so
    that outside of `jit` Python loops instead; `saliency_maps` does, and compiles once.

    Args:
        passes: the method.
        chunk: versions that pass through the network at a time.
        given: the arrays that it computes with, which tell whether this is under `jit`.

    >>> six = Passes(4, lambda numbers, real: (numbers.astype(float) * real).sum(), lambda x: x)
    >>> float(run(six, 3))
    6.0
    """
    parts = chunks(passes.versions, chunk)
    shapes = jax.eval_shape(passes.each, *parts[0])
    total = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)
    traced = any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(given))
    if traced:
        rows = tuple(jnp.asarray(np.stack(side)) for side in zip(*parts, strict=True))
        step = lambda sums, row: (_add(sums, passes.each(*row)), None)  # noqa: E731
        return passes.finish(jax.lax.scan(step, total, rows)[0])
    each = jax.jit(passes.each)
    for part in parts:
        total = _add(total, each(*part))
    return passes.finish(total)


def image_keys(key: Key[Array, "..."], count: int) -> Key[Array, " b"]:
    """Return a key for each image, which depends on its number alone.

    Args:
        key: one for all images, which are numbered from 0; or one for each already.
        count: how many images there are.

    >>> image_keys(jax.random.key(0), 3).shape
    (3,)
    """
    if key.ndim:
        return key
    return jax.vmap(lambda number: jax.random.fold_in(key, number))(jnp.arange(count))


def sample_keys(keys: Key[Array, " b"], numbers: Int[Array, " k"]) -> Key[Array, "k b"]:
    """Return the key of each sample of each image.

    Args:
        keys: of the images.
        numbers: of the samples.
    """
    of_image = jax.vmap(jax.random.fold_in, (0, None))
    return jax.vmap(of_image, (None, 0))(keys, numbers)


def baseline_of(images: Float[Array, "b h w c"], baseline: Baseline) -> Float[Array, "b h w c"]:
    """Return what stands for nothing, for each image.

    Args:
        images: in [0, 1].
        baseline: "black"; "grey", a half; "blurred", by a Gaussian of a twentieth of the image's
            sides; or an array that broadcasts to the images.

    Raises:
        UserError: another name, or an array of another shape.

    >>> baseline_of(jnp.ones((1, 1, 1, 1)), "grey")
    Array([[[[0.5]]]], dtype=float32)
    """
    if isinstance(baseline, str):
        if baseline == _BLURRED:
            rows, columns = (jnp.asarray(_blur(side)) for side in images.shape[1:3])
            return jnp.einsum("rh,sw,bhwc->brsc", rows, columns, images)
        if baseline not in _SHADES:
            raise unknown("baseline", baseline, (*_SHADES, _BLURRED))
        return jnp.full_like(images, _SHADES[baseline])
    shape = tuple(np.shape(baseline))
    padded = (1,) * (images.ndim - len(shape)) + shape
    fits = zip(padded, images.shape, strict=False)
    if len(padded) != images.ndim or any(own not in (1, other) for own, other in fits):
        raise UserError(
            f"a baseline of shape {list(shape)} for images {list(images.shape)}: "
            "it must broadcast to them"
        )
    return jnp.broadcast_to(jnp.asarray(baseline, images.dtype).reshape(padded), images.shape)


def resized(
    value: Float[Array, "b rows columns"], images: Float[Array, "b h w c"]
) -> Float[Array, "b h w"]:
    """Return a map in the size of the images, by bilinear interpolation.

    >>> resized(jnp.ones((1, 2, 2)), jnp.ones((1, 4, 6, 3))).shape
    (1, 4, 6)
    """
    return jax.image.resize(value, images.shape[:3], "bilinear")


def _add(one: PyTree, other: PyTree) -> PyTree:
    return jax.tree.map(jnp.add, one, other)


def at_least(name: str, value: int, least: int = 1) -> None:
    """Refuse a setting that is too small.

    >>> at_least("samples", 0)
    Traceback (most recent call last):
    atlasjax.errors.UserError: samples 0: must be at least 1
    """
    if value < least:
        raise UserError(f"{name} {value}: must be at least {least}")


def where(
    shown: Bool[Array, "..."] | Float[Array, "..."],
    images: Float[Array, "..."],
    nothing: Float[Array, "..."],
) -> Float[Array, "..."]:
    """Return the images where a mask is 1, and the baseline where it is 0."""
    mask = shown.astype(images.dtype)
    return mask * images + (1 - mask) * nothing


def _flat(images: Float[Array, "k b h w c"]) -> Float[Array, "kb h w c"]:
    return images.reshape(-1, *images.shape[2:])


def _repeated(target: Target, times: int) -> Target:
    """Return the target of `times` versions of its images, all of the first version first."""

    def repeat(leaf: Any) -> Any:
        leaf = jnp.asarray(leaf)
        return leaf if len(leaf) == 1 else jnp.tile(leaf, (times, *[1] * (leaf.ndim - 1)))

    return jax.tree.map(repeat, target)


def _blur(side: int) -> Float[np.ndarray, "side side"]:
    """Return the matrix that blurs a line of so many pixels; it looks at no more than there are."""
    places = np.arange(side)
    weight = np.exp(-0.5 * ((places[:, None] - places) / (_BLUR * side)) ** 2)
    return (weight / weight.sum(1, keepdims=True)).astype(np.float32)
