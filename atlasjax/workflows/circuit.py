"""Circuit: what one unit is made of, layer by layer back, as edges and as a diagram.

`atlasjax circuit` calls this and nothing else.
"""

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from atlasjax.classes import short_names
from atlasjax.errors import UserError
from atlasjax.page.units.contents import Edges, UnitLayer, UnitSite
from atlasjax.progress import spinner
from atlasjax.storage import artifacts
from atlasjax.vis.files import plain
from atlasjax.workflows.networks import as_recorded, open_network, shapes
from atlasjax.workflows.networks import find as find_network
from atlasjax.workflows.unit_site import asked, neighbours
from atlasjax.workflows.unit_site.ablated import tried
from atlasjax.workflows.unit_site.between import sample_of
from atlasjax.workflows.unit_site.edges import Sample, inputs_of, some_inputs
from atlasjax.workflows.unit_site.icons import icons
from atlasjax.workflows.unit_site.images import opened_images
from atlasjax.workflows.unit_site.job import Job
from atlasjax.workflows.unit_site.settings import UnitSettings, check
from atlasjax.workflows.unit_site.work import Work

IMAGES = 8  # that edges are measured on
Unit = tuple[str, int]


class Edge(NamedTuple):
    """What one unit does to another.

    Attributes:
        source: layer and number.
        target: likewise.
        weight: signed sum of the kernel between them.
        contribution: what it comes to on images; NaN without any.
        effect: what ablating the source takes from the target on average; NaN where not tried.
        idle: whether ablating it does nothing.
    """

    source: Unit
    target: Unit
    weight: float
    contribution: float
    effect: float
    idle: bool


class Circuit(NamedTuple):
    """A unit and what it is made of.

    Attributes:
        picture: the file of the diagram.
        edges: those into the unit first, the strongest first.
        site: the units in it, as a site of units has them.
        notes: for people.
    """

    picture: Path
    edges: tuple[Edge, ...]
    site: UnitSite
    notes: tuple[str, ...]


def circuit(
    model: Any,
    unit: str,
    images: Any = None,
    *,
    depth: int = 2,
    most: int = 6,
    weights: str | os.PathLike | None = None,
    settings: UnitSettings | None = None,
    out: str | os.PathLike | None = None,
    seed: int = 0,
    draw: Callable[..., str] | None = None,
) -> Circuit:
    """Find the strongest inputs of a unit, theirs, and so on, and try what ablating each does.

    Layers that only pool or scale are passed over.

    Args:
        model: the network, as for `run`.
        unit: such as "mixed3b:379".
        images: what `run` takes for images: a few of them are enough. Without any, edges are
            neither weighted by use nor ablated.
        depth: how many layers back.
        most: inputs of the unit; of each of its inputs half as many.
        weights: file of the network's weights.
        settings: how icons are drawn, and on how many images edges are measured.
        out: the file of the diagram; circuits/MODEL-LAYER-UNIT.svg by default.
        seed: of everything that is drawn at random.
        draw: makes the diagram's text of a site, a layer, a unit, a depth and how many inputs;
            `page.units.diagram.diagram` by default.

    Returns:
        The circuit.

    Raises:
        UserError: no such network, unit or images; the first layer, which is made of no other; or
            no weights of its own, as with attention.

    >>> circuit("googlenet", "mixed3b")
    Traceback (most recent call last):
    atlasjax.errors.UserError: unit 'mixed3b': must be LAYER:NUMBER, such as mixed3b:379
    """
    layer, number = asked.one(unit)
    settings = settings or UnitSettings(images=IMAGES)
    check(settings)
    for name, value in (("depth", depth), ("most", most)):
        if value < 1:
            raise UserError(f"{name} {value}: must be at least 1")
    found = find_network(model)
    known = shapes(found)
    asked.read(None, {layer: [number]}, known)  # which refuses what is not there
    opened = open_network(found, weights, seed)
    looked = None if images is None else opened_images(images, opened)
    path = _path(out, opened.found.entry.name, layer, number)
    with tempfile.TemporaryDirectory() as folder:
        work = Work(Path(folder), opened.network.weights, seed)
        job = Job(work, opened, known, settings, looked, None, Path(folder), [], {}, {})
        site = _site(job, layer, _followed(job, layer, number, depth, most))
    if looked is None:
        job.note("No images were given: edges are neither weighted by use nor ablated.")
    text = _drawer(draw)(site, layer, number, depth=depth, most=most)
    artifacts.write_text(path, text)
    shown = [edge for one in reversed(site.layers) for edge in _listed(one)]
    return Circuit(path, tuple(shown), site, tuple(job.notes))


def _followed(
    job: Job, layer: str, unit: int, depth: int, most: int
) -> dict[str, tuple[list[int], tuple[Edges, ...]]]:
    """Return of each layer the units in the circuit and the edges into them, from the unit back."""
    found: dict[str, tuple[list[int], tuple[Edges, ...]]] = {}
    sample, units, many = sample_of(job), [unit], most
    for _ in range(depth):
        source = neighbours.before(job.model, job.shapes, layer)
        if source is None:
            if not found:
                raise UserError(f"layer {layer!r} is the first: its units are made of no others")
            job.note(f"{layer} is the first layer: there is nothing further back.")
            break
        with spinner(f"{source} to {layer}"):
            edges = _into(job, source, layer, units, many, sample)
        found[layer] = (units, (edges,))
        layer, units = source, sorted(set(edges.unit[edges.unit >= 0].tolist()))
        many = max(most // 2, 1)
    return {**found, layer: (units, ())}


def _into(
    job: Job, source: str, target: str, units: list[int], many: int, sample: Sample | None
) -> Edges:
    """Return the strongest edges into some units, each of them tried where there are images."""
    ends = some_inputs(job.model, source, target, units, many, job.settings, sample)
    rows = list(range(len(units)))
    if sample is None or not job.settings.ablated:
        return inputs_of(source, ends, rows)
    done = tried(job.model, source, target, units, ends.unit, sample.images)
    return inputs_of(source, ends, rows, done._replace(unit=np.array(rows)))


def _site(
    job: Job, layer: str, found: Mapping[str, tuple[list[int], tuple[Edges, ...]]]
) -> UnitSite:
    """Draw the units of a circuit; return them as a site has them."""
    made = []
    for name in sorted(found, key=list(job.shapes).index):
        units, inputs = found[name]
        icon = icons(
            job.work, job.model, name, units, job.settings, job.opened.shape, only=True
        ).icon
        made.append(UnitLayer(name, np.asarray(units, int), icon=icon, inputs=inputs))
    classes = job.opened.classes
    record = {"model": job.opened.found.entry.name, "unit": layer, **as_recorded(job.opened)}
    names = tuple(known.name for known in classes)
    return UnitSite(tuple(made), names, tuple(short_names(classes)), record)


def _listed(layer: UnitLayer) -> list[Edge]:
    """Return the edges into the units of a layer."""
    found = []
    for edges in layer.inputs:
        for row, k in np.argwhere(edges.unit >= 0).tolist():
            found.append(
                Edge(
                    (edges.layer, int(edges.unit[row, k])),
                    (layer.name, int(layer.number[row])),
                    float(edges.weight[row, k]),
                    _at(edges.contribution, row, k),
                    _at(edges.effect, row, k),
                    bool(edges.idle is not None and edges.idle[row, k]),
                )
            )
    return found


def _at(values: np.ndarray | None, row: int, k: int) -> float:
    return float("nan") if values is None else float(values[row, k])


def _path(out: str | os.PathLike | None, model: str, layer: str, unit: int) -> Path:
    if out is None:
        return Path("circuits") / f"{plain(model, layer, unit)}.svg"
    if Path(out).suffix.lower() != ".svg":
        raise UserError(f"out {os.fspath(out)!r}: must end in .svg")
    return Path(out)


def _drawer(draw: Callable[..., str] | None) -> Callable[..., str]:
    if draw is not None:
        return draw
    from atlasjax.page.units.diagram import diagram

    return diagram
