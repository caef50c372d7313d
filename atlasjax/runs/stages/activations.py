"""The activations of every layer, and which images could not be read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Int, Key

from atlasjax import progress
from atlasjax.atlas.collect import Activations, check_layers, joined, recorded
from atlasjax.atlas.positions import (
    Choose,
    Lattice,
    coarsest_of,
    independent,
    interior,
    lattice_of,
    placed,
    together,
)
from atlasjax.data import Batch, ranges
from atlasjax.data.ranges import Span, narrow
from atlasjax.errors import UserError
from atlasjax.planes import as_planes
from atlasjax.runs import host, origins
from atlasjax.runs.job import Run
from atlasjax.runs.stages import stored
from atlasjax.storage import artifacts
from atlasjax.taps import as_pytree, identity, layers

SKIPPED = "skipped.npz"


class Skipped(NamedTuple):
    """What there is to say of the images.

    Attributes:
        names: those that could not be read, with the reason.
        span: the values that they have between them, as `data.ranges.Span`; empty if not known.
    """

    names: np.ndarray
    span: np.ndarray


class Field(NamedTuple):
    """Where a layer's positions lie in the image; see `Lattice`."""

    stride: Float[np.ndarray, ""]
    offset: Float[np.ndarray, ""]


class Plan(NamedTuple):
    """How every layer is looked at.

    Attributes:
        choose: draws the positions in all layers from an image's key.
        places: what that depends on, by layer, as a fingerprint takes it.
    """

    choose: Choose
    places: Mapping[str, tuple]


def collected(run: Run) -> dict[str, str]:
    """See that every layer's activations are on disk; return their fingerprints.

    They are written in shards as they come; what of them is there is not collected again.

    Args:
        run: the run.

    Raises:
        UserError: layers that cannot be sampled as the experiment says; no readable image.
    """
    _check_classes(run)
    shapes = shapes_of(run)
    plan = looked_at(run, shapes)
    found = origins.activations(run, plan.places)
    digests = {name: artifacts.fingerprint(**origin) for name, origin in found.items()}
    while left := [name for name in run.names if not stored.finished(run, name, digests[name])]:
        with run.timed("collect"):
            _collect(run, left, shapes, plan, digests)
            _join(run, left, digests)
    if run.host.follows:
        return digests
    for name in run.names:  # of a run killed just here
        for path in run.layer(name).glob("activations-[0-9]*.npz"):
            path.unlink()
    path, made_from = run.folder / SKIPPED, artifacts.fingerprint(**origins.skipped(run))
    if not artifacts.holds(path, made_from):
        index = stored.read_index(run.layer(run.names[0]) / stored.FILE)
        for note in index.notes:
            run.log(str(note))
        artifacts.save(path, Skipped(index.skipped, index.span), made_from)
    return digests


def check_networks(run: Run) -> None:
    """Refuse layers and networks that cannot be sampled as the experiment says.

    Args:
        run: the run.

    Raises:
        UserError: a layer that is not there or has too few positions; networks of unlike classes,
            or of layers that cannot share a map.
    """
    _check_classes(run)
    shapes_of(run)


def reader(run: Run, name: str, digest: str) -> Callable[[], Activations]:
    """Return what reads a layer's activations, and collects them again where they are damaged.

    Args:
        run: the run.
        name: the layer.
        digest: its fingerprint, from `collected`.
    """

    def read() -> Activations:
        path = run.layer(name) / stored.FILE
        found = stored.load(path, digest)
        if found is None:  # damaged where `artifacts.holds` does not look
            path.unlink(missing_ok=True)
            collected(run)
            found = stored.load(path, digest)
        assert found is not None, "collected just before"
        return found

    return read


def kinds(shapes: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, ...]]:
    """Return what layers have in common whose activations are of the same places, row by row.

    Layers that have places in the image are looked at in the same ones. Vectors, which have none,
    go with vectors, and registers with registers.

    Args:
        shapes: rows and columns of every layer, as `shapes_of` returns them.

    >>> kinds({"mixed4c": (14, 14), "mixed3a": (28, 28), "class token": (1, 1)})
    {'mixed4c': (), 'mixed3a': (), 'class token': (1, 1)}
    """
    return {name: () if placed(shape) else shape for name, shape in shapes.items()}


def skipped(run: Run) -> tuple[str, ...]:
    """Return the images and folders that could not be read, with the reason."""
    found = artifacts.load(run.folder / SKIPPED, Skipped)
    of_folders = getattr(run.source, "left_out", ())
    return (*of_folders, *(() if found is None else map(str, found.names)))


def remarks(run: Run) -> tuple[str, ...]:
    """Return what there is to say of the images as a whole, a line each."""
    found = artifacts.load(run.folder / SKIPPED, Skipped)
    span = None if found is None or not found.span.size else Span(*map(float, found.span))
    said = narrow(span)
    return () if said is None else (said,)


def left_out(run: Run) -> tuple[str, ...]:
    """Return what there is to say of activations that are not finite, a line for each layer."""
    found = {}
    for name in run.names:
        path = run.layer(name) / stored.FILE
        some = artifacts.load(path, stored.LeftOut)
        if some is not None and len(some.left_out):
            found[name] = stored.said_of(run, stored.read_index(path))
    return tuple(f"layer {name}: {said}" for name, said in found.items())


def sizes_of(
    run: Run, shapes: Mapping[str, tuple[int, int]]
) -> Mapping[str, tuple[int, tuple[int, int, int]]]:
    """Return how many activations are taken of each image, and every layer's shape.

    Args:
        run: the run.
        shapes: what `shapes_of` returned.
    """
    found, known, side = {}, {}, run.config.crop[0]
    for name, (rows, columns) in shapes.items():
        network, layer = run.network(name)
        if id(network.model) not in known:
            known[id(network.model)] = layers(as_planes(network.model), (side, side, run.channels))
        each = min(run.config.samples_per_image, len(interior(rows, columns)))
        found[name] = each, (rows, columns, int(known[id(network.model)][layer][-1]))
    return found


def _collect(
    run: Run,
    left: Sequence[str],
    shapes: Mapping[str, tuple[int, int]],
    plan: Plan,
    digests: Mapping[str, str],
) -> None:
    """Go through the images once for each network, those of which a shard is missing."""
    sizes, missing = sizes_of(run, shapes), {}
    for name in left:
        rows, shape = sizes[name]
        stored.create(run, name, rows, shape[2])
        lacking = stored.missing(run, name, digests[name])
        missing[name] = [number for number in lacking if run.host.owns(number)]
    for network in dict.fromkeys(id(run.network(n)[0].model) for n in left):
        names = [n for n in left if id(run.network(n)[0].model) == network]
        own = sorted({number for name in names for number in missing[name]})
        empty = {n: stored.nothing(sizes[n][1], sizes[n][0], len(run.source)) for n in names}
        for number, found, said in _shards(run, names, plan, own):
            for name in names:
                if number in missing[name]:
                    index = empty[name]._replace(**said)
                    stored.save(run, name, number, found.get(name), index, digests[name])


def _join(run: Run, left: Sequence[str], digests: Mapping[str, str]) -> None:
    """Join the shards of each layer, once those of all processes are there."""

    def shards() -> set[int]:
        return {n for name in left for n in stored.missing(run, name, digests[name])}

    def joined() -> tuple[int, ...]:
        there = all(stored.finished(run, name, digests[name]) for name in left)
        return () if there else (0,)

    host.wait(run.host, run.folder, "collect", joined if run.host.follows else shards)
    if run.host.follows or shards():  # or those of a process that has gone are its own now
        return
    for name in left:
        stored.join(run, name, digests[name])


def _shards(
    run: Run, names: Sequence[str], plan: Plan, numbers: Sequence[int]
) -> Iterator[tuple[int, Mapping[str, Activations], Mapping[str, np.ndarray]]]:
    """Give the activations of one shard after another, and what there is to say of its images."""
    if not numbers:
        return
    layer_of = {run.network(n)[1]: n for n in names}

    def choose(key: Key[Array, ""]) -> dict[str, Int[Array, "k 2"]]:
        found = plan.choose(key)
        return {layer: found[name] for layer, name in layer_of.items()}

    parts = [stored.shards(run)[number] for number in numbers]
    done, total = len(run.source) - sum(map(len, parts)), len(run.source)
    options = {"samples_per_image": run.config.samples_per_image, "mesh": run.mesh}
    gone = recorded(
        run.network(names[0])[0].model,
        run.batches(parts=parts),
        list(layer_of),
        jax.random.key(run.config.seed),
        choose=choose,
        note=run.remark,
        **options,
    )
    with progress.bar("collect", "images") as report:
        report(done, total)
        for number in numbers:
            held, batches = [], []
            for batch, found in gone:
                batches.append(batch._replace(images=batch.images[:0]))
                held += [found] if found else []
                done += len(batch.images) + len(batch.skipped)
                report(done, total)
                if batch.ends:
                    break
            there = layer_of.items() if held else ()
            whole = {name: joined([one[layer] for one in held]) for layer, name in there}
            yield number, whole, _said(batches)


def _said(batches: Sequence[Batch]) -> Mapping[str, np.ndarray]:
    """Return what there is to say of the images of a shard."""
    span = None
    for batch in batches:
        span = ranges.together(span, batch.span)
    return {
        "skipped": np.array([name for batch in batches for name in batch.skipped], str),
        "notes": np.array([note for batch in batches for note in batch.notes], str),
        "span": np.array(span or (), float),
    }


def looked_at(run: Run, shapes: Mapping[str, tuple[int, int]]) -> Plan:
    """Decide how the layers are looked at: each for itself, or all at the same places.

    Args:
        run: the run. Where its layers are looked at in the same places, these are measured, which
            takes seconds, and are kept in its folder.
        shapes: what `shapes_of` returned.
    """
    samples = run.config.samples_per_image
    rest = {name: shape for name, shape in shapes.items() if not placed(shape)}
    shared = {name: shape for name, shape in shapes.items() if name not in rest}
    if (not run.config.align and run.other is None) or len(set(shared.values())) <= 1:
        return Plan(independent(shapes, samples), dict.fromkeys(shapes, ()))
    lattices = {name: _lattice(run, name, shape) for name, shape in shared.items()}
    # What a layer's positions depend on is the coarsest layer and itself: others may come and go.
    base = lattices[coarsest_of(lattices)]
    places = {name: () if own == base else (*base, *own) for name, own in lattices.items()}
    both = together(lattices, samples), independent(rest, samples)
    return Plan(lambda key: both[0](key) | both[1](key), places | dict.fromkeys(rest, ()))


def _check_classes(run: Run) -> None:
    """Refuse two networks whose logits cannot stand side by side."""
    if run.other is None:
        return
    side = run.config.crop[0]
    image = jax.ShapeDtypeStruct((1, side, side, run.channels), np.float32)
    models = (as_pytree(run.model), as_pytree(run.other.model))
    one, two = (
        jax.eval_shape(lambda m, x: m(x, identity), model, image).shape[-1] for model in models
    )
    if one != two:
        raise UserError(f"the two networks have {one} and {two} classes; they must have the same")


def shapes_of(run: Run) -> dict[str, tuple[int, int]]:
    """Return the rows and columns of every layer, which must be there and be large enough.

    Args:
        run: the run.

    Raises:
        UserError: as `check_networks`.
    """
    config, side = run.config, run.config.crop[0]
    image = (side, side, run.channels)
    networks = [run.network(name)[0] for name in run.maps[0]]
    found = [
        check_layers(network.model, config.layers, image, config.samples_per_image)
        for network in networks
    ]
    for layer in config.layers:
        unlike = {shapes[layer] for shapes in found}
        if len(unlike) > 1 and not all(map(placed, unlike)):
            listed = " and ".join(f"{rows} x {columns}" for rows, columns in sorted(unlike))
            raise UserError(
                f"layer {layer!r} has {listed} positions in the two networks: they cannot share "
                "a map, as one of them has no places in the image"
            )
    return {
        name: shapes[layer]
        for layer, group in zip(config.layers, run.maps, strict=True)
        for name, shapes in zip(group, found, strict=True)
    }


def _lattice(run: Run, name: str, shape: tuple[int, int]) -> Lattice:
    """Return where a layer's positions lie, measured once for each run folder."""
    network, layer = run.network(name)
    size, made_from = run.config.crop[0], artifacts.fingerprint(**origins.field(run, name))

    def measure() -> Field:
        with progress.spinner(f"receptive field {name}"):
            lattice = lattice_of(network.model, layer, shape, size, run.channels)
        return Field(np.array(lattice.stride), np.array(lattice.offset))

    field = artifacts.cached(run.layer(name) / "field.npz", Field, made_from, measure)
    return Lattice(*shape, float(field.stride), float(field.offset))
