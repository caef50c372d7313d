"""Collect: images to activations, a few random positions of each image.

Neighbouring positions of one image are alike, so an atlas takes few positions from many images. The
border is left out on all four sides, because padding shows there.
"""

import functools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, Key, Shaped, UInt8

from atlasjax.atlas.positions import Choose, independent, interior, placed
from atlasjax.data import Batch
from atlasjax.data.ranges import Span, together
from atlasjax.errors import UserError, unknown
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
from atlasjax.taps import Model, capture, layers


class Activations(NamedTuple):
    """One layer's activations at sampled positions.

    Attributes:
        value: the activation vectors; those of a run may lie on disk, see `rows.Rows`.
        position: row and column of each in the layer's grid of positions.
        image: index of the image each is from, in its source.
        label: class of that image, -1 where there is none.
        shape: the layer's height, width and channels.
    """

    value: Any
    position: Int[np.ndarray, "n 2"]
    image: Int[np.ndarray, " n"]
    label: Int[np.ndarray, " n"]
    shape: Int[np.ndarray, "3"]


class Collected(NamedTuple):
    """What a pass over the images gave.

    Attributes:
        activations: for each layer.
        skipped: images that could not be read, with the reason.
        notes: what there is to say of images whose pixels are good.
        span: the values that the images have between them; see `data.Batch`.
    """

    activations: Mapping[str, Activations]
    skipped: tuple[str, ...]
    notes: tuple[str, ...] = ()
    span: Span | None = None


def collect(
    model: Model,
    batches: Iterable[Batch],
    names: Sequence[str],
    key: Key[Array, ""],
    *,
    samples_per_image: int = 1,
    choose: Choose | None = None,
    total: int = 0,
    mesh: Mesh | None = None,
    progress: Progress = silent,
) -> Collected:
    """Record the named layers at random positions of each image.

    Positions are drawn without replacement, uniformly over those that do not touch the border. They
    depend on the key and the image's index alone: not on the batches, nor on the other images.
    Tokens and vectors are seen as `planes.as_planes` shows them.

    Args:
        model: a callable pytree `model(images, tap)`.
        batches: prepared images, all of one size; see `atlasjax.data.batches`.
        names: layers with positions, as `taps.layers(as_planes(model))` lists them.
        key: what the positions are drawn from.
        samples_per_image: positions of each image, from 1 up to all that are off the border; of a
            single position, or a line of them, as many as there are at most.
        choose: what draws positions in these layers from an image's key; in every layer for itself
            by default. See `positions.together`.
        total: how many images there are, for the progress.
        mesh: the devices to share the work; all by default.
        progress: called with the number of images done.

    Returns:
        The activations of every layer, and which images were skipped.

    Raises:
        UserError: a layer that does not exist, has no positions or too few; no readable image.

    Source: Carter et al. 2019: "we collect one spatial activation per image, at random, avoiding
    the edges".

    >>> toy = lambda x, tap: tap("double", 2 * x).sum((1, 2, 3))
    >>> photos = np.full((3, 8, 8, 3), 255, np.uint8)
    >>> batch = Batch(photos, np.arange(3), np.zeros(3, int), ())
    >>> result = collect(toy, [batch], ["double"], jax.random.key(0))
    >>> result.activations["double"].value[0]
    array([2., 2., 2.], dtype=float32)
    """
    parts: dict[str, list[Activations]] = {name: [] for name in names}
    skipped: list[str] = []
    notes: list[str] = []
    done, span = 0, None
    progress(0, total)
    options = {"samples_per_image": samples_per_image, "choose": choose, "mesh": mesh}
    for batch, found in recorded(model, batches, names, key, **options):
        for name, activations in found.items():
            parts[name].append(activations)
        skipped.extend(batch.skipped)
        notes.extend(batch.notes)
        span = together(span, batch.span)
        done += len(batch.images) + len(batch.skipped)
        progress(done, total or done)
    if not done > len(skipped):
        raise UserError(f"none of the {len(skipped)} images could be read; first: {skipped[:1]}")
    found = {name: joined(parts[name]) for name in names}
    return Collected(found, tuple(skipped), tuple(notes), span)


def recorded(
    model: Model,
    batches: Iterable[Batch],
    names: Sequence[str],
    key: Key[Array, ""],
    *,
    samples_per_image: int = 1,
    choose: Choose | None = None,
    mesh: Mesh | None = None,
    note: Callable[[str], Any] = warnings.warn,
) -> Iterator[tuple[Batch, dict[str, Activations]]]:
    """Record the named layers batch after batch, as `collect` does, and hold no more than one.

    Args:
        model: as for `collect`, and so is all else.
        batches: prepared images.
        names: the layers.
        key: what the positions are drawn from.
        samples_per_image: positions of each image.
        choose: what draws them.
        mesh: the devices.
        note: called with a line where a device has too little memory; see
            `parallel.over_batches`.

    Yields:
        Each batch, in order, with every layer's activations of it; with none where no image of it
        could be read.

    Raises:
        UserError: as `collect`, but for images of which none can be read.

    >>> toy = lambda x, tap: tap("double", 2 * x).sum((1, 2, 3))
    >>> batch = Batch(np.full((3, 8, 8, 3), 255, np.uint8), np.arange(3), np.zeros(3, int), ())
    >>> for batch, found in recorded(toy, [batch], ["double"], jax.random.key(0)):
    ...     print(found["double"].value.shape)
    (3, 3)
    """
    mesh = batch_mesh() if mesh is None else mesh
    model = replicate(optimized(as_planes(model), platform_of(mesh)), mesh)

    @functools.cache
    def record(image_shape: tuple[int, ...]) -> Callable[..., Any]:
        shapes = check_layers(model, names, image_shape, samples_per_image)
        chooser = choose or independent(shapes, samples_per_image)
        return split_batch(_recorder(names, chooser), mesh, replicated=2)

    def of(images: np.ndarray, index: np.ndarray) -> Any:
        return record(images.shape[1:])(model, key, images, index)

    given = ((batch, (batch.images, batch.index.astype(np.int32))) for batch in batches)
    for batch, found in over_batches(of, given, mesh, note):
        layers_of = {} if found is None else {n: _flatten(batch, *found[n]) for n in names}
        yield batch, layers_of


def check_layers(
    model: Model, names: Iterable[str], image_shape: Sequence[int], samples: int
) -> dict[str, tuple[int, int]]:
    """Refuse layers from which `samples` positions cannot be taken.

    A layer of a single position, or of a line of them such as registers, gives what it has.

    Args:
        model: a callable pytree `model(images, tap)`.
        names: the layers asked for.
        image_shape: h, w and channels of the images.
        samples: positions wanted of each image.

    Returns:
        For each layer its rows and columns of positions.

    Raises:
        UserError: a layer that does not exist, has no positions or too few.

    >>> check_layers(lambda x, tap: tap("a", x), ["b"], (8, 8, 3), 1)
    Traceback (most recent call last):
    atlasjax.errors.UserError: no layer 'b'; there are a
    """
    h, w, c = image_shape
    shapes, found = layers(as_planes(model), (h, w, c)), {}
    for name in names:
        if name not in shapes:
            raise unknown("layer", name, shapes)
        shape = shapes[name]
        if len(shape) != 3:
            raise UserError(f"layer {name!r} has no positions: its shape is {list(shape)}")
        available = len(interior(shape[0], shape[1]))
        enough = samples <= available or not placed((shape[0], shape[1]))
        if samples < 1 or not available or not enough:
            raise UserError(
                f"{samples} samples per image of layer {name!r}: from 1 to {available} are "
                f"possible, the positions of its {shape[0]} x {shape[1]} that are off the border"
            )
        found[name] = (shape[0], shape[1])
    return found


def _recorder(names: Sequence[str], choose: Choose):
    def record(
        model: Model,
        key: Key[Array, ""],
        images: UInt8[Array, "b h w c"],
        index: Int[Array, " b"],
    ) -> dict[str, tuple[Shaped[Array, "..."], ...]]:
        values = capture(model, images.astype(jnp.float32) / 255.0, names)
        positions = jax.vmap(lambda i: choose(jax.random.fold_in(key, i)))(index)

        def at_positions(value: Float[Array, "b h w c"], position: Int[Array, "b k 2"]):
            picked = jax.vmap(lambda v, p: v[p[:, 0], p[:, 1]])(value, position)
            shape = jnp.broadcast_to(jnp.array(value.shape[1:]), (len(value), 3))
            return picked, position, shape

        return {name: at_positions(values[name], positions[name]) for name in names}

    return record


def _flatten(
    batch: Batch,
    value: Float[np.ndarray, "b k c"],
    position: Int[np.ndarray, "b k 2"],
    shape: Int[np.ndarray, "b 3"],
) -> Activations:
    k = value.shape[1]
    return Activations(
        value.reshape(-1, value.shape[-1]).astype(np.float32),
        position.reshape(-1, 2),
        np.repeat(batch.index, k),
        np.repeat(batch.label, k),
        shape[0],
    )


def joined(parts: Sequence[Activations]) -> Activations:
    """Put a layer's activations of successive batches together.

    Args:
        parts: at least one.
    """
    value, position, image, label = (np.concatenate([p[i] for p in parts]) for i in range(4))
    return Activations(value, position, image, label, parts[0].shape)
