"""Maps of many images, methods and targets: compiled once for each method, split over devices."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from inspect import signature
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Key, PyTree, UInt8

from atlasjax.errors import UserError, unknown
from atlasjax.parallel import (
    accelerated,
    batch_mesh,
    overlapped,
    pad_batch,
    replicate,
    share_of,
    split_batch,
)
from atlasjax.progress import Progress, silent
from atlasjax.saliency.methods import Method, check_methods, methods_for
from atlasjax.saliency.passes import CHUNK, image_keys
from atlasjax.taps import Model, as_pytree
from atlasjax.targets import Target, as_target, check_target

_FEW = 4  # images
_SINGLE = 8  # images that a device takes at a time where each passes once
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
        mesh: the devices to share the work; all by default.
        progress: called with the number of maps done, of each method all targets at once.

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
    for one in asked:
        check_target(one, model, shape)
    names = methods_for(model, shape, layer) if methods is None else methods
    chosen = check_methods(names, model, shape, layer)
    given = _settings(settings or {}, chosen)
    mesh = _of_use(batch_mesh() if mesh is None else mesh, len(images))
    network = replicate(as_pytree(model), mesh)
    keys = image_keys(jax.random.key(0) if key is None else key, len(images))
    total, found = len(chosen) * len(images), {}
    progress(0, total)
    for i, method in enumerate(chosen):
        done = partial(lambda base, n: progress(base + n, total), i * len(images))
        options, own = _divided(method, images, given.get(method.name, {}))
        maps = np.empty((len(images), len(asked), *shape[:2]), np.float32)
        groups = list(_groups(asked, len(images)))
        for at, stacked in groups:
            rows = (images, stacked, keys, own)
            parts = _batches(method, network, rows, options, layer, len(at), mesh)
            first = 0
            for part in parts:
                maps[first : first + len(part), at] = part
                first += len(part)
                if at is groups[-1][0]:
                    done(first)
        found[method.name] = maps if isinstance(target, list) else maps[:, 0]
    return found


def _batches(
    method: Method,
    model: Model,
    rows: tuple[Any, ...],
    options: Mapping[str, Any],
    layer: str | None,
    targets: int,
    mesh: Mesh,
) -> Iterator[Float[np.ndarray, "b targets h w"]]:
    """Give the maps of one method for targets of one make, batch after batch."""
    more = _FASTER if accelerated(mesh) else 1
    static, arrays = {}, {}
    for name, value in options.items():
        (arrays if isinstance(value, np.ndarray | jax.Array) else static)[name] = value
    if method.passes == "one":
        each = max(_SINGLE * more // targets, 1)
    else:
        shares = targets if method.passes == "gradient" else 1
        static.setdefault("chunk", max(CHUNK * more // shares, 1))
        each = 1
    count = len(rows[0])
    # Of few images a method takes less time than it takes to be compiled. Step by step the methods
    # share the passes through the network, which are compiled by themselves.
    few = count <= _FEW and not accelerated(mesh)
    size = 1 if few else min(each * mesh.size, share_of(count, mesh))
    fixed = tuple(sorted(static.items()))

    def begun() -> Iterator[tuple[int, Array]]:
        for first in range(0, count, size):
            here = jax.tree.map(lambda x: x[first : first + size], rows)  # noqa: B023
            n = len(here[0])
            if few:
                on_device = jax.tree.map(jnp.asarray, here)
                yield n, _share(model, arrays, on_device, method, layer, fixed)
            else:
                yield n, _maps(model, arrays, pad_batch(here, size), method, layer, fixed, mesh)

    for n, maps in overlapped(begun(), mesh):
        yield np.asarray(jax.device_get(maps))[:n]


@partial(jax.jit, static_argnums=(3, 4, 5, 6))
def _maps(
    model: Model,
    arrays: PyTree,
    rows: PyTree,
    method: Method,
    layer: str | None,
    fixed: tuple[tuple[str, Hashable], ...],
    mesh: Mesh,
) -> Float[Array, "b targets h w"]:
    """Compute a batch; compiled once for each method, whatever is called how often."""

    def share(model: Model, arrays: PyTree, rows: PyTree) -> Float[Array, "b targets h w"]:
        return _share(model, arrays, rows, method, layer, fixed)

    return split_batch(share, mesh, replicated=2)(model, arrays, rows)


def _share(
    model: Model,
    arrays: PyTree,
    rows: PyTree,
    method: Method,
    layer: str | None,
    fixed: tuple[tuple[str, Hashable], ...],
) -> Float[Array, "b targets h w"]:
    """Compute some images, for all targets of one make at once."""
    images, targets, keys, own = rows
    options = {**dict(fixed), **arrays, **own}

    def one(target: Target) -> Float[Array, "b h w"]:
        return method(model, images, target, layer=layer, key=keys, **options)

    if not jax.tree.leaves(targets):
        return one(targets)[:, None]
    return jax.vmap(one, 1, 1)(targets)


def _groups(targets: Sequence[Target], images: int) -> Iterator[tuple[list[int], Target]]:
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
        yield at, jax.tree.map(lambda *leaves: np.stack(leaves, 1), *rows)


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


def _divided(
    method: Method, images: Float[np.ndarray, "b h w c"], options: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what all images have in common, and what is each image's own, as arrays."""
    common = dict(options)
    own = {
        name: np.asarray(common.pop(name))
        for name, value in options.items()
        if name == "baseline" and np.ndim(value) == images.ndim and len(value) == len(images)
    }
    if method.prepare is not None:
        name, prepare = method.prepare
        own[name] = np.asarray(common.pop(name)) if name in common else prepare(images)
    return common, own


def _of_use(mesh: Mesh, images: int) -> Mesh:
    """Return the mesh without devices that would only repeat what others do."""
    return batch_mesh(list(mesh.devices.flat)[: max(min(mesh.size, images), 1)])


def _floating(images: Any) -> Float[np.ndarray, "b h w c"]:
    images = np.asarray(images)
    return images.astype(np.float32) / (255 if images.dtype == np.uint8 else 1)
