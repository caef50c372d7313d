"""Edges: the strongest weights between the units of two layers, and what they come to on images."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from atlasjax.circuits.strongest import strongest_in, strongest_out
from atlasjax.circuits.use import firing, gradient_by_use, weighted_by_use
from atlasjax.circuits.weights import weights_between
from atlasjax.page.units import contents
from atlasjax.progress import spinner
from atlasjax.storage import artifacts
from atlasjax.taps import Model
from atlasjax.workflows.unit_site.ablated import Ablated
from atlasjax.workflows.unit_site.settings import UnitSettings
from atlasjax.workflows.unit_site.work import Work


class Ends(NamedTuple):
    """The strongest edges at one end of a pair of layers, of all units there.

    Attributes:
        unit: at the other end, the strongest first; -1 where there are fewer.
        weight: sum of each kernel.
        kernel: by displacement.
        contribution: what it comes to on images; NaN where it was not asked for.
    """

    unit: Int[np.ndarray, "units k"]
    weight: Float[np.ndarray, "units k"]
    kernel: Float[np.ndarray, "units k h w"]
    contribution: Float[np.ndarray, "units k"]


class Strongest(NamedTuple):
    """The strongest edges between two layers.

    Attributes:
        inputs: of every unit of the later layer.
        outputs: of every unit of the earlier layer.
    """

    inputs: Ends
    outputs: Ends


class Sample(NamedTuple):
    """Some images on which edges are measured.

    Attributes:
        images: as the model takes them.
        digest: what tells them from others.
    """

    images: Float[np.ndarray, "n h w c"]
    digest: str


def edges(
    work: Work,
    model: Model,
    source: str,
    target: str,
    settings: UnitSettings,
    sample: Sample | None = None,
) -> Strongest:
    """Find the strongest edges between two layers, or take what was found before.

    Args:
        work: where they are kept.
        model: a callable pytree `model(images, tap)`.
        source: the earlier layer.
        target: the later layer.
        settings: how many of each unit.
        sample: images, to say what they contribute.

    Raises:
        UserError: there are no weights between these layers.
    """
    made_from = work.made_from(
        "edges",
        target,
        source=source,
        edges=settings.edges,
        sample=None if sample is None else sample.digest,
        gradients=settings.gradients,
    )
    stage = f"from-{artifacts.folder_name(source)}"
    into, out = (work.path(target, f"{stage}-{end}") for end in ("in", "out"))
    inputs, outputs = (artifacts.load(path, Ends, made_from) for path in (into, out))
    if inputs is None or outputs is None:
        with spinner(f"{source} to {target}"):
            inputs, outputs = _strongest(model, source, target, settings, sample)
        artifacts.save(into, inputs, made_from)
        artifacts.save(out, outputs, made_from)
    return Strongest(inputs, outputs)


def some_inputs(
    model: Model,
    source: str,
    target: str,
    units: Sequence[int],
    many: int,
    settings: UnitSettings,
    sample: Sample | None = None,
) -> Ends:
    """Find the strongest edges into a few units, which need not be kept.

    Args:
        model: a callable pytree `model(images, tap)`.
        source: the earlier layer.
        target: the layer of the units.
        units: their numbers.
        many: edges of each.
        settings: whether contributions are gradients.
        sample: images, to say what they contribute.

    Returns:
        The edges, in the order of the units.

    Raises:
        UserError: there are no weights between these layers.
    """
    weights = weights_between(model, source, target, units=units)
    use = None if sample is None else _use(model, source, target, weights, settings, sample, units)
    into = [strongest_in(weights, row, many).units for row in range(len(weights))]
    return _ends(weights, use, into, many)


def _strongest(
    model: Model, source: str, target: str, settings: UnitSettings, sample: Sample | None
) -> tuple[Ends, Ends]:
    weights = weights_between(model, source, target)
    use = None if sample is None else _use(model, source, target, weights, settings, sample)
    many = settings.edges
    into = [strongest_in(weights, unit, many).units for unit in range(len(weights))]
    out = [strongest_out(weights, unit, many).units for unit in range(weights.shape[1])]
    back = None if use is None else use.T
    return _ends(weights, use, into, many), _ends(weights.swapaxes(0, 1), back, out, many)


def _use(
    model: Model,
    source: str,
    target: str,
    weights: np.ndarray,
    settings: UnitSettings,
    sample: Sample,
    units: Sequence[int] | None = None,
) -> Float[np.ndarray, "out in"]:
    """Return what edges come to on images."""
    if settings.gradients:
        found = gradient_by_use(model, source, target, sample.images, units=units)
        return found.contribution.sum((2, 3))
    return weighted_by_use(weights, firing(model, source, sample.images)).sum((2, 3))


def _ends(
    weights: Float[np.ndarray, "here there h w"],
    use: Float[np.ndarray, "here there"] | None,
    strongest: Sequence[Int[np.ndarray, " n"]],
    many: int,
) -> Ends:
    many = min(many, weights.shape[1])
    unit = np.full((len(weights), many), -1)
    for row, found in zip(unit, strongest, strict=True):
        row[: len(found)] = found
    here, there = np.arange(len(weights))[:, None], np.maximum(unit, 0)
    kernel = np.where((unit >= 0)[..., None, None], weights[here, there], 0)
    known = np.nan if use is None else use[here, there]
    contribution = np.where(unit >= 0, known, np.nan).astype(np.float32)
    return Ends(unit, kernel.sum((2, 3)), kernel, contribution)


def inputs_of(
    layer: str, found: Ends, units: Sequence[int], ablated: Ablated | None = None
) -> contents.Edges:
    """Return the edges into some units, as a page shows them.

    Args:
        layer: which they come from.
        found: of all units.
        units: the numbers of those that are shown.
        ablated: what ablating some of them did, of these units.
    """
    effect = {} if ablated is None else effects(ablated)
    return _shown(layer, found, units, effect, incoming=True)


def outputs_of(
    layer: str, found: Ends, units: Sequence[int], effect: Mapping[tuple[int, int], tuple]
) -> contents.Edges:
    """Return the edges out of some units, as a page shows them.

    Args:
        layer: which they go to.
        found: of all units.
        units: the numbers of those that are shown.
        effect: of edges that were ablated, by source and target unit.
    """
    return _shown(layer, found, units, effect, incoming=False)


def effects(found: Ablated) -> dict[tuple[int, int], tuple[float, bool]]:
    """Return what ablating each edge did, by source and target unit.

    Args:
        found: of some target units.
    """
    return {
        (int(source), int(unit)): (float(effect), bool(idle))
        for unit, *rows in zip(found.unit, found.source, found.effect, found.idle, strict=True)
        for source, effect, idle in zip(*rows, strict=True)
        if source >= 0
    }


def _shown(
    layer: str,
    found: Ends,
    units: Sequence[int],
    effect: Mapping[tuple[int, int], Any],
    incoming: bool,
) -> contents.Edges:
    rows = np.asarray(units)
    unit, contribution = found.unit[rows], found.contribution[rows]
    tried = np.full(unit.shape, np.nan, np.float32)
    idle = np.zeros(unit.shape, bool)
    for row, own in enumerate(units):
        for k, other in enumerate(unit[row].tolist()):
            known = effect.get((other, own) if incoming else (own, other))
            if known is not None:
                tried[row, k], idle[row, k] = known
    any_tried = bool(np.isfinite(tried).any())
    return contents.Edges(
        layer,
        unit,
        found.weight[rows],
        found.kernel[rows],
        None if np.isnan(contribution).all() else contribution,
        tried if any_tried else None,
        idle if any_tried else None,
    )
