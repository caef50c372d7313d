"""Between: the edges between the layers of a site, and what ablating some of them does."""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from atlasjax.errors import UserError
from atlasjax.page.units.contents import Edges
from atlasjax.workflows.unit_site import neighbours
from atlasjax.workflows.unit_site.ablated import Ablated, ablated
from atlasjax.workflows.unit_site.edges import (
    Sample,
    Strongest,
    edges,
    effects,
    inputs_of,
    outputs_of,
)
from atlasjax.workflows.unit_site.job import Job


class Between(NamedTuple):
    """The edges between the layers of a site.

    Attributes:
        inputs: of each layer.
        outputs: of each layer.
    """

    inputs: Mapping[str, tuple[Edges, ...]]
    outputs: Mapping[str, tuple[Edges, ...]]


def between(job: Job, chosen: Mapping[str, list[int]], beyond: bool = False) -> Between:
    """Find the edges between neighbouring layers, and try some of them.

    Args:
        job: the site's; notes are added where there are no weights.
        chosen: the units of each layer, the layers in the order of the network.
        beyond: whether the layers before and after these are looked at as well.
    """
    pairs = _pairs(job, list(chosen), beyond)
    sample = sample_of(job) if pairs else None
    inputs: dict[str, tuple[Edges, ...]] = {}
    outputs: dict[str, tuple[Edges, ...]] = {}
    for source, target in pairs:
        with job.timed("weights"):
            found = _edges(job, source, target, sample)
        if found is None:
            continue
        tried = _tried(job, source, target, chosen.get(target), found, sample)
        if target in chosen:
            shown = inputs_of(source, found.inputs, chosen[target], tried)
            inputs[target] = (*inputs.get(target, ()), shown)
        if source in chosen:
            effect = {} if tried is None else effects(tried)
            shown = outputs_of(target, found.outputs, chosen[source], effect)
            outputs[source] = (*outputs.get(source, ()), shown)
    return Between(inputs, outputs)


def _pairs(job: Job, order: list[str], beyond: bool) -> list[tuple[str, str]]:
    found = list(pairwise(order))
    if beyond:
        first = neighbours.before(job.model, job.shapes, order[0])
        last = neighbours.after(job.model, job.shapes, order[-1])
        found = found if first is None else [(first, order[0]), *found]
        found = found if last is None else [*found, (order[-1], last)]
    return found


def sample_of(job: Job) -> Sample | None:
    """Return the images that edges are measured on, spread over all; None without images.

    Args:
        job: the site's.
    """
    if job.images is None:
        return None
    count = min(job.settings.images, len(job.images.source))
    return Sample(job.images.some(count), f"{job.images.digest()} {count}")


def _edges(job: Job, source: str, target: str, sample: Sample | None) -> Strongest | None:
    try:
        return edges(job.work, job.model, source, target, job.settings, sample)
    except UserError as error:  # attention, say, has no weights of its own
        job.note(f"No weights from {source} to {target}: {error}")
        return None


def _tried(
    job: Job,
    source: str,
    target: str,
    some: list[int] | None,
    found: Strongest,
    sample: Sample | None,
) -> Ablated | None:
    if sample is None or some is None or not job.settings.ablated:
        return None
    many, strongest = job.settings.ablated, found.inputs.unit
    with job.timed("ablation"):
        return ablated(job.work, job.model, source, target, some, strongest, many, *sample)
