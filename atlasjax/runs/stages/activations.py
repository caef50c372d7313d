"""The activations of every layer, and which images could not be read."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Int, Key

from atlasjax import progress
from atlasjax.atlas.alike import unfinite
from atlasjax.atlas.collect import Activations, check_layers, collect
from atlasjax.atlas.positions import (
    Choose,
    Lattice,
    coarsest_of,
    independent,
    lattice_of,
    placed,
    together,
)
from atlasjax.data import ranges
from atlasjax.data.ranges import Span, narrow
from atlasjax.errors import UserError
from atlasjax.runs import origins
from atlasjax.runs.job import Run
from atlasjax.storage import artifacts
from atlasjax.taps import as_pytree, identity

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

    Args:
        run: the run.

    Raises:
        UserError: layers that cannot be sampled as the experiment says; no readable image.
    """
    _check_classes(run)
    plan = looked_at(run, shapes_of(run))
    found = origins.activations(run, plan.places)
    digests = {name: artifacts.fingerprint(**origin) for name, origin in found.items()}
    missing = [n for n in run.names if not artifacts.holds(_path(run, n), digests[n])]
    path, whole = run.folder / SKIPPED, artifacts.fingerprint(**origins.skipped(run))
    if missing:
        with run.timed("collect"):
            skipped = _collect(run, missing, plan, digests)
        artifacts.save(path, skipped, whole)
    elif not artifacts.holds(path, whole):
        artifacts.save(path, _skipped(run), whole)
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
        path = _path(run, name)
        found = artifacts.load(path, Activations, digest)
        if found is None:  # damaged where `artifacts.holds` does not look
            path.unlink(missing_ok=True)
            collected(run)
            found = artifacts.load(path, Activations, digest)
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


def _path(run: Run, name: str):
    return run.layer(name) / "activations.npz"


def _collect(run: Run, missing: list[str], plan: Plan, digests: Mapping[str, str]) -> Skipped:
    """Go through the images once for each network that has something missing."""
    found = None
    for network in dict.fromkeys(id(run.network(n)[0].model) for n in missing):
        names = [n for n in missing if id(run.network(n)[0].model) == network]
        layers = {run.network(n)[1]: n for n in names}

        def choose(
            key: Key[Array, ""], layers: dict[str, str] = layers
        ) -> dict[str, Int[Array, "k 2"]]:
            found = plan.choose(key)
            return {layer: found[name] for layer, name in layers.items()}

        with progress.bar("collect", "images") as report:
            found = collect(
                run.network(names[0])[0].model,
                run.batches(),
                list(layers),
                jax.random.key(run.config.seed),
                samples_per_image=run.config.samples_per_image,
                choose=choose,
                total=len(run.source),
                mesh=run.mesh,
                progress=report,
            )
        for layer, activations in found.activations.items():
            _check_finite(run, layers[layer], activations)
        for layer, activations in found.activations.items():
            artifacts.save(_path(run, layers[layer]), activations, digests[layers[layer]])
    assert found is not None, "something was missing"
    for note in found.notes:
        run.log(note)
    return Skipped(np.array(found.skipped, str), np.array(found.span or (), float))


def _skipped(run: Run) -> Skipped:
    """Go through the images for what there is to say of them, without any network."""
    names, span = [], None
    with progress.bar("images", "images") as report:
        for batch in run.batches():
            names.extend(batch.skipped)
            span = ranges.together(span, batch.span)
            report(int(batch.index[-1]) + 1 if len(batch.index) else len(names), len(run.source))
    return Skipped(np.array(names, str), np.array(span or (), float))


def _check_finite(run: Run, name: str, activations: Activations) -> None:
    """Refuse a layer with activations that are no numbers, before anything is kept of it."""
    bad = unfinite(activations.value)
    if len(bad):
        image, (row, column) = int(activations.image[bad[0]]), activations.position[bad[0]]
        raise UserError(
            f"layer {name!r}: {len(bad)} of {len(activations.value)} activations are NaN or "
            f"infinite; the first is of image {run.source[image].name!r}, row {row}, column "
            f"{column}"
        )


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
