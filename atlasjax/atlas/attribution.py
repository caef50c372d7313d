"""Attribution: what an activation does to the class logits."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Float16, Int, UInt8

from atlasjax.atlas.collect import Activations
from atlasjax.data import Batch
from atlasjax.parallel import (
    batch_mesh,
    over_batches,
    platform_of,
    replicate,
    split_batch,
)
from atlasjax.planes import as_planes
from atlasjax.progress import Progress, silent
from atlasjax.rewriting import optimized
from atlasjax.taps import Model, capture, intervene

AT_A_TIME = 8  # positions of an image; memory grows with them

_LARGEST = float(np.finfo(np.float16).max)


def attribution(
    model: Model,
    layer: str,
    images: Float[Array, "b h w c"],
    position: Int[Array, "b k 2"],
) -> Float[Array, "b k classes"]:
    r"""Return the effect of each image's activations at some positions on its logits.

    `J h_p`: the Jacobian of the logits with respect to the layer, at this image, applied to the
    activation at position p and zero elsewhere. It is one forward-mode pass through the rest of the
    network for each position, for all classes at once. Summed over all positions of a layer after
    which the network is linear, it is the logits less the bias, and less the share of what goes
    around the layer, which is held as it is for this image: other branches, or a class token.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: a layer with positions, as `planes.as_planes` shows it.
        images: as the model takes them.
        position: row and column of k positions of each image.

    Returns:
        For each image and position the change of each logit, in logits.

    Source: Carter et al. 2019, "we linearly approximate the effect of these activation vectors on
    the logit".

    >>> toy = lambda x, tap: tap("double", 2 * x).sum((1, 2))
    >>> attribution(toy, "double", jnp.ones((1, 2, 2, 1)), jnp.zeros((1, 1, 2), int))
    Array([[[2.]]], dtype=float32)
    """
    model = optimized(as_planes(model))
    value = capture(model, images, [layer])[layer]
    return _effects(model, layer, images, value, position)


def _effects(
    model: Model,
    layer: str,
    images: Float[Array, "b h w c"],
    value: Float[Array, "b rows columns channels"],
    position: Int[Array, "b k 2"],
) -> Float[Array, "b k classes"]:
    """Return `attribution` from the layer's value for these images, of a model that shows planes.

    The network is linearized on the images, so that what goes around the layer has its own values.
    Where nothing does, all before the layer is dead code, and XLA deletes it.
    """

    def rest(value: Float[Array, "b rows columns channels"]) -> Float[Array, "b classes"]:
        return intervene(model, images, {layer: lambda old: value})

    _, push = jax.linearize(rest, value)
    batch = jnp.arange(len(value))

    def effect(p: Int[Array, "b 2"]) -> Float[Array, "b classes"]:
        here = value[batch, p[:, 0], p[:, 1]]
        alone = jnp.zeros_like(value).at[batch, p[:, 0], p[:, 1]].set(here)
        return push(alone)

    return jax.vmap(effect, in_axes=1, out_axes=1)(position)


def attribute(
    model: Model,
    layer: str,
    batches: Iterable[Batch],
    activations: Activations,
    *,
    mesh: Mesh | None = None,
    progress: Progress = silent,
) -> Float16[np.ndarray, "n classes"]:
    """Return the attribution of every collected activation to every class.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: the layer the activations are of.
        batches: the images they were collected from, prepared in the same way.
        activations: what `collect` gave: of each image the same number, in the images' order.
        mesh: the devices to share the work; all by default.
        progress: called with the number of activations done.

    Returns:
        One row for each activation, in its order, in half precision. `attributions` gives them
        piece by piece, where they are too many for memory.

    >>> from atlasjax.atlas.collect import collect
    >>> toy = lambda x, tap: tap("double", 2 * x).sum((1, 2))
    >>> batch = Batch(np.full((1, 4, 4, 3), 255, np.uint8), np.arange(1), np.zeros(1, int), ())
    >>> found = collect(toy, [batch], ["double"], jax.random.key(0)).activations["double"]
    >>> attribute(toy, "double", [batch], found)
    array([[2., 2., 2.]], dtype=float16)
    """
    samples, done, rows = samples_of(activations), 0, []
    positions = activations.position.reshape(-1, samples, 2)
    progress(0, len(activations.value))
    for found in attributions(model, layer, batches, positions, mesh=mesh):
        rows.append(found)
        done += len(found)
        progress(done, len(activations.value))
    return np.concatenate(rows)


def attributions(
    model: Model,
    layer: str,
    batches: Iterable[Batch],
    positions: Int[np.ndarray, "images k 2"],
    *,
    mesh: Mesh | None = None,
    note: Callable[[str], Any] = warnings.warn,
) -> Iterator[Float16[np.ndarray, "rows classes"]]:
    """Give the attribution of some positions of every image to every class, batch after batch.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: a layer with positions, as `planes.as_planes` shows it.
        batches: the images.
        positions: row and column of k positions of each image, in the images' order.
        mesh: the devices to share the work; all by default.
        note: called with a line where a device has too little memory; see
            `parallel.over_batches`.

    Yields:
        For each batch its images' positions one after another, in half precision.
    """
    mesh = batch_mesh() if mesh is None else mesh
    model = replicate(optimized(as_planes(model), platform_of(mesh)), mesh)

    def upto(
        model: Model, images: UInt8[Array, "b h w c"]
    ) -> tuple[UInt8[Array, "b h w c"], Float[Array, "b rows columns channels"]]:
        # With the images, which the rest needs: they are then on the devices already.
        return images, capture(model, images.astype(jnp.float32) / 255.0, [layer])[layer]

    def onwards(
        model: Model,
        images: UInt8[Array, "b h w c"],
        value: Float[Array, "b rows columns channels"],
        position: Int[Array, "b k 2"],
    ) -> Float16[Array, "b k classes"]:
        found = _effects(model, layer, images.astype(jnp.float32) / 255.0, value, position)
        # What half precision does not hold is as large as it can be, not infinite.
        return jnp.clip(found, -_LARGEST, _LARGEST).astype(jnp.float16)

    see, push = (split_batch(f, mesh, replicated=1) for f in (upto, onwards))
    samples = positions.shape[1]
    groups = -(-samples // AT_A_TIME)
    width = -(-samples // groups)  # of all groups, so that there is one program for them
    whole = np.pad(positions, ((0, 0), (0, groups * width - samples), (0, 0)), "edge")

    def of(images: np.ndarray, position: np.ndarray) -> list[Array]:
        images, value = see(model, images)
        return [push(model, images, value, part) for part in np.split(position, groups, axis=1)]

    def given() -> Iterator[tuple[int, tuple[np.ndarray, np.ndarray]]]:
        done = 0
        for batch in batches:
            n = len(batch.images)
            if n:
                yield n, (batch.images, whole[done : done + n])
            done += n

    for n, parts in over_batches(of, given(), mesh, note):
        yield np.concatenate(parts, axis=1)[:, :samples].reshape(n * samples, -1)


def samples_of(activations: Activations) -> int:
    """Return how many activations there are of each image."""
    return int(np.count_nonzero(activations.image == activations.image[0]))
