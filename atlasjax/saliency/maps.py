"""Maps of many images, methods and targets: compiled once for each method, split over devices."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from inspect import signature
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, Key, UInt8

from atlasjax.errors import UserError, unknown
from atlasjax.parallel import (
    accelerated,
    batch_mesh,
    overlapped,
    pad_batch,
    platform_of,
    replicate,
)
from atlasjax.progress import Progress, silent
from atlasjax.rewriting import optimized
from atlasjax.saliency.baselines import with_baseline
from atlasjax.saliency.methods import Method, check_methods, map_of, methods_for
from atlasjax.saliency.passes import CHUNK, passed, rows_of, width
from atlasjax.saliency.versions import Items, Recipe, Versions, at_least, image_keys, plan
from atlasjax.taps import Model
from atlasjax.targets import Target, as_target, check_targets

_FASTER = 4  # times as many on an accelerator, which few would leave idle


def saliency_maps(
    model: Model,
    images: Float[Array | np.ndarray, "b h w c"] | UInt8[np.ndarray, "b h w c"],
    target: Any,
    *,
    methods: Sequence[str] | None = None,
    layer: str | None = None,
    key: Key[Array, ""] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    chunk: int | None = None,
    mesh: Mesh | None = None,
    progress: Progress = silent,
) -> dict[str, Float[np.ndarray, "..."]]:
    """Return the maps of some methods for all images.

    Targets of one make, such as several classes, share what they can: all but the way back through
    the network. An image's map does not depend on those beside it, nor on the devices.

    Args:
        model: a callable pytree `model(images, tap)`.
        images: as the model takes them; of 0 to 255 where they are whole numbers.
        target: what is asked for, as `targets.as_target` takes it; or a list of these.
        methods: names, as `METHODS` has them; by default all that the network has what is needed
            for: those of a layer where one is given, rollout where attention is tapped.
        layer: one with positions, for the methods that need one.
        key: of what is drawn at random; `jax.random.key(0)` by default. Each image makes its own by
            its number.
        settings: for a method's name whatever else its function takes.
        chunk: versions of images that a device passes through the network at a time; by default as
            many as waste least. With the same chunk, calls of other methods share what is compiled.
        mesh: the devices to share the work; all by default.
        progress: called with the number of maps done, and to do.

    Returns:
        For each method the maps [b, h, w] of one target, or [b, targets, h, w] of a list.

    Raises:
        UserError: a method, layer, target or setting that is not there.

    >>> toy = lambda images, tap: images.sum((1, 2))
    >>> found = saliency_maps(toy, np.ones((2, 4, 4, 3), np.float32), [0, 2], methods=["gradient"])
    >>> found["gradient"].shape
    (2, 2, 4, 4)
    """
    images = _floating(images)
    shape = images.shape[1:]
    asked = [as_target(one) for one in (target if isinstance(target, list) else [target])]
    if not len(images) or not asked:
        raise UserError("no images, or no targets: give at least one of each")
    check_targets(asked, model, shape)
    names = methods_for(model, shape, layer) if methods is None else methods
    chosen = check_methods(names, model, shape, layer)
    given = _settings(settings or {}, chosen)
    keys = image_keys(jax.random.key(0) if key is None else key, len(images))
    groups = list(_groups(asked, len(images)))
    tasks = [
        task
        for method in chosen
        for task in _tasks(method, images, groups, keys, layer, given.get(method.name, {}))
    ]
    plans = [plan(task.recipe, task.items(np.zeros(1, int))[2]) for task in tasks]
    needs = [task.total * each.total for task, each in zip(tasks, plans, strict=True)]
    mesh, network, rows = _together(model, mesh, chunk, needs)
    found = {m.name: np.empty((len(images), len(asked), *shape[:2]), np.float32) for m in chosen}
    done, total = 0, len(chosen) * len(images) * len(asked)
    progress(0, total)
    for task, each in zip(tasks, plans, strict=True):
        maps = found[task.method.name]
        for image, of, part in _maps(task, each, network, mesh, rows):
            maps[image, of] = part
            done += part.shape[0] * part.shape[1]
            progress(done, total)
    several = isinstance(target, list)
    return {name: maps if several else maps[:, 0] for name, maps in found.items()}


class _Task(NamedTuple):
    """A method for all images, and all targets of one make.

    Attributes:
        method: it.
        recipe: with its settings.
        at_a_time: versions that a device passes through the network at a time, where that is set.
        images: of the user.
        own: what is each image's own.
        at: which targets they are.
        targets: their data [images, targets, ...].
    """

    method: Method
    recipe: Recipe
    at_a_time: int | None
    images: Float[np.ndarray, "b h w c"]
    own: Mapping[str, Any]
    at: Int[np.ndarray, " targets"]
    targets: Target

    @property
    def total(self) -> int:
        """How many items there are: images, or pairs of an image and a target."""
        return len(self.images) * (1 if self.method.shares else len(self.at))

    def items(self, which: Int[np.ndarray, " n"]) -> tuple[np.ndarray, np.ndarray, Items]:
        """Return the images and the targets [n, targets] of some items, and these."""
        if self.method.shares:
            image = which
            target = np.broadcast_to(np.arange(len(self.at)), (len(which), len(self.at)))
        else:
            image, target = which // len(self.at), which[:, None] % len(self.at)
        data = jax.tree.map(lambda leaf: leaf[image[:, None], target], self.targets)
        own = {name: value[image] for name, value in self.own.items()}
        return image[:, None], self.at[target], Items(self.images[image], data, own)


def _maps(
    task: _Task, each: Versions, model: Model, mesh: Mesh, rows: int
) -> Iterator[tuple[np.ndarray, np.ndarray, Float[np.ndarray, "n targets h w"]]]:
    """Give the maps of some items after the other: of which images and targets, and these."""
    total = task.total
    rows = rows if task.at_a_time is None else task.at_a_time * mesh.size
    size = min(total, rows)

    def begun() -> Iterator[tuple[np.ndarray, np.ndarray, Array]]:
        for first in range(0, total, size):
            which = np.arange(first, min(first + size, total))
            image, target, items = task.items(which)
            parts = rows_of(len(which), each.total, rows)
            items = Items(*pad_batch(tuple(items), size))
            yield (
                image,
                target,
                map_of(passed(task.recipe, each.look, model, items, parts, mesh)),
            )

    for image, target, maps in overlapped(begun(), mesh):
        yield image, target, np.asarray(jax.device_get(maps))[: len(image)]


def _groups(
    targets: Sequence[Target], images: int
) -> Iterator[tuple[Int[np.ndarray, " targets"], Target]]:
    """Give targets of one make together: which they are, and their data [images, targets, ...]."""

    def make(target: Target) -> Hashable:
        leaves = jax.tree.leaves(target)
        if not leaves:  # nothing tells them apart: each for itself
            return id(target)
        return jax.tree.structure(target), tuple(np.shape(leaf)[1:] for leaf in leaves)

    def row(leaf: Any) -> np.ndarray:
        leaf = np.asarray(leaf)
        if len(leaf) not in (1, images):
            raise UserError(f"a target for each of {len(leaf)} images, but there are {images}")
        return np.broadcast_to(leaf, (images, *leaf.shape[1:]))

    makes: dict[Hashable, list[int]] = {}
    for i, target in enumerate(targets):
        makes.setdefault(make(target), []).append(i)
    for at in makes.values():
        rows = [jax.tree.map(row, targets[i]) for i in at]
        yield np.array(at), jax.tree.map(lambda *leaves: np.stack(leaves, 1), *rows)


def _settings(
    given: Mapping[str, Mapping[str, Any]], chosen: Iterable[Method]
) -> dict[str, dict[str, Any]]:
    """Return settings for each method, and refuse those that it does not have."""
    known = {method.name: method for method in chosen}
    for name, options in given.items():
        if name not in known:
            raise unknown("method for settings", name, known)
        allowed = [p.name for p in signature(known[name].function).parameters.values()][3:]
        for option in options:
            if option not in allowed or option in ("key", "layer"):
                raise unknown(f"setting of {name}", option, allowed)
    return {name: dict(options) for name, options in given.items()}


def _tasks(
    method: Method,
    images: Float[np.ndarray, "b h w c"],
    groups: Iterable[tuple[Int[np.ndarray, " targets"], Target]],
    keys: Key[Array, " b"],
    layer: str | None,
    options: Mapping[str, Any],
) -> list[_Task]:
    """Return a method's tasks, with its settings parted into all images' and each image's own."""
    common, own = {**options}, {}
    at_a_time = common.pop("chunk", None)
    if at_a_time is not None:
        at_least("chunk", at_a_time)
    if "baseline" in common:
        common, own = with_baseline(common, jnp.asarray(images), common.pop("baseline"))
    if method.prepare is not None:
        name, prepare = method.prepare
        own[name] = np.asarray(common.pop(name)) if name in common else prepare(images)
    asked = method.given(layer, keys)
    own |= {name: asked.pop(name) for name in ("key",) if name in asked}
    recipe = Recipe(method.versions, tuple(sorted({**common, **asked}.items())))
    return [_Task(method, recipe, at_a_time, images, own, *group) for group in groups]


def _together(
    model: Model, mesh: Mesh | None, chunk: int | None, needs: Sequence[int]
) -> tuple[Mesh, Model, int]:
    """Return the devices, the network on them, and how many versions pass through it at a time."""
    mesh = batch_mesh() if mesh is None else mesh
    if chunk is None:
        # Devices that would only repeat what others do are left out.
        mesh = batch_mesh(list(mesh.devices.flat)[: min(mesh.size, max(needs))])
        most = CHUNK * mesh.size * (_FASTER if accelerated(mesh) else 1)
        rows = width(needs, most, mesh.size)
    else:
        at_least("chunk", chunk)
        rows = chunk * mesh.size
    return mesh, replicate(optimized(model, platform_of(mesh)), mesh), rows


def _floating(images: Any) -> Float[np.ndarray, "b h w c"]:
    images = np.asarray(images)
    return images.astype(np.float32) / (255 if images.dtype == np.uint8 else 1)
