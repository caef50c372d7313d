"""Maps of many images, methods and targets: compiled once for each method, split over devices."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from inspect import signature
from typing import Any, NamedTuple

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
from atlasjax.saliency.methods import Method, check_methods, map_of, methods_for
from atlasjax.saliency.passes import CHUNK, chunks, image_keys
from atlasjax.taps import Model, as_pytree
from atlasjax.targets import Target, as_target, check_targets

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
    check_targets(asked, model, shape)
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
        if not method.shares:  # one after another is as fast, and one program serves any number
            groups = [alone for group in groups for alone in _singly(*group)]
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
    shares = 1 if method.shares else targets
    chunk = static.pop("chunk", max(CHUNK * more // shares, 1))
    each = 1 if method.split else max(_SINGLE * more // targets, 1)
    count = len(rows[0])
    size = min(each * mesh.size, share_of(count, mesh))
    program = _Program(method, layer, tuple(sorted(static.items())), mesh)

    def begun() -> Iterator[tuple[int, Array]]:
        for first in range(0, count, size):
            here = jax.tree.map(lambda x: x[first : first + size], rows)  # noqa: B023
            n = len(here[0])
            yield n, _begin(program, model, arrays, pad_batch(here, size), chunk)

    for n, maps in overlapped(begun(), mesh):
        yield np.asarray(jax.device_get(maps))[:n]


class _Program(NamedTuple):
    """What a method is compiled for."""

    method: Method
    layer: str | None
    fixed: tuple[tuple[str, Hashable], ...]
    mesh: Mesh


def _begin(program: _Program, model: Model, arrays: PyTree, rows: PyTree, chunk: int) -> Array:
    """Begin a batch, chunk after chunk: XLA's loops on CPUs would be many times slower."""
    if program.method.split is None:
        return _whole(program, model, arrays, rows)
    total = None
    for numbers, real in chunks(_count(program, model, arrays, rows), chunk):
        part = _chunk(program, model, arrays, numbers, real, rows)
        total = part if total is None else _sum(total, part)
    return _finish(program, model, arrays, rows, total)


@partial(jax.jit, static_argnums=0)
def _whole(program: _Program, model: Model, arrays: PyTree, rows: PyTree) -> Array:
    """Compute a batch; compiled once for each method, however often it is called."""

    def share(model: Model, arrays: PyTree, rows: PyTree) -> Float[Array, "b targets h w"]:
        def one(target: Target) -> Float[Array, "b h w"]:
            return map_of(_call(program, program.method.function, model, arrays, rows, target))

        return _each_target(one, rows[1])

    return split_batch(share, program.mesh, replicated=2)(model, arrays, rows)


@partial(jax.jit, static_argnums=0)
def _chunk(
    program: _Program, model: Model, arrays: PyTree, numbers: Array, real: Array, rows: PyTree
) -> PyTree:
    """Compute the sum over a chunk of versions of each image of a batch."""

    def share(model: Model, arrays: PyTree, numbers: Array, real: Array, rows: PyTree) -> PyTree:
        def one(target: Target) -> PyTree:
            passes = _call(program, program.method.split, model, arrays, rows, target)
            return passes.each(numbers, real)

        return _each_target(one, rows[1])

    return split_batch(share, program.mesh, replicated=4)(model, arrays, numbers, real, rows)


@partial(jax.jit, static_argnums=0)
def _finish(program: _Program, model: Model, arrays: PyTree, rows: PyTree, total: PyTree) -> Array:
    """Compute a batch's maps from the sum over all versions."""

    def share(model: Model, arrays: PyTree, rows: PyTree, total: PyTree) -> Array:
        def one(target: Target, total: PyTree) -> Float[Array, "b h w"]:
            passes = _call(program, program.method.split, model, arrays, rows, target)
            return map_of(passes.finish(total))

        return _each_target(one, rows[1], total)

    return split_batch(share, program.mesh, replicated=2)(model, arrays, rows, total)


@jax.jit
def _sum(one: PyTree, other: PyTree) -> PyTree:
    return jax.tree.map(jnp.add, one, other)


def _count(program: _Program, model: Model, arrays: PyTree, rows: PyTree) -> int:
    """Return how many versions of an image a method looks at."""
    found = []

    def look(model: Model, arrays: PyTree, rows: PyTree) -> tuple[()]:
        target = jax.tree.map(lambda x: x[:, 0], rows[1])
        found.append(_call(program, program.method.split, model, arrays, rows, target).versions)
        return ()

    jax.eval_shape(look, model, arrays, rows)
    return found[0]


def _call(
    program: _Program,
    function: Callable[..., Any] | None,
    model: Model,
    arrays: PyTree,
    rows: PyTree,
    target: Target,
) -> Any:
    assert function is not None
    images, _, keys, own = rows
    options = {**dict(program.fixed), **arrays, **own}
    return function(model, images, target, **program.method.given(program.layer, keys), **options)


def _each_target(one: Callable[..., Any], targets: Target, *more: PyTree) -> Any:
    """Return what a function of one target gives for each, along the second axis."""
    if jax.tree.leaves(targets):
        return jax.vmap(one, 1, 1)(targets, *more)
    # Nothing tells such targets apart, so that there is a single one.
    alone = jax.tree.map(lambda x: x[:, 0], more)
    return jax.tree.map(lambda x: x[:, None], one(targets, *alone))


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


def _singly(at: list[int], stacked: Target) -> Iterator[tuple[list[int], Target]]:
    """Give targets of one make each by itself."""
    for place, number in enumerate(at):
        yield [number], jax.tree.map(lambda x, i=place: x[:, i : i + 1], stacked)


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
