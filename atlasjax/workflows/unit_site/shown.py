"""Shown: all that is shown of a layer's units, put together."""

import numpy as np

from atlasjax.circuits.branches import branches
from atlasjax.errors import UserError
from atlasjax.page.units.contents import Family, UnitLayer
from atlasjax.workflows.unit_site.between import Between
from atlasjax.workflows.unit_site.cells import cells
from atlasjax.workflows.unit_site.icons import icons
from atlasjax.workflows.unit_site.job import Job
from atlasjax.workflows.unit_site.seen import Said, by_class, patches
from atlasjax.workflows.unit_site.tuned import curves_of, families, tuned


def shown(job: Job, layer: str, some: list[int], said: Said | None, between: Between) -> UnitLayer:
    """Return all that is shown of a layer.

    Args:
        job: the site's.
        layer: its name.
        some: the units that are shown.
        said: what images say of them.
        between: the edges of the site.
    """
    model, settings, shape = job.model, job.settings, job.opened.shape
    with job.timed("tuning"):
        answers = tuned(job.work, model, layer, shape) if settings.tuning else ()
    if answers is None:
        job.note(f"Stimuli have 3 channels, and the network takes {shape[2]}: there is no tuning.")
    with job.timed("icons"):
        drawn = icons(job.work, model, layer, some, settings, shape)
    found: tuple[Family, ...] = families(answers, some) if answers else ()
    where = job.atlas
    made = UnitLayer(
        layer,
        np.asarray(some),
        branch=_branch(job, layer, some),
        icon=drawn.icon,
        negative=drawn.negative,
        diverse=drawn.diverse,
        tuning=curves_of(answers, some) if answers else (),
        families=found,
        inputs=between.inputs.get(layer, ()),
        outputs=between.outputs.get(layer, ()),
        cells={} if where is None else cells(where, layer, some, settings.cells, job.folder),
    )
    if where is not None and layer not in where.layers:
        job.note(f"The atlas has no layer {layer}: where its units are in it is not shown.")
    return made if said is None else _with_examples(job, made, some, said)


def _with_examples(job: Job, made: UnitLayer, some: list[int], said: Said) -> UnitLayer:
    assert job.images is not None
    return made._replace(
        patches=patches(said, some),
        histogram=said.histogram[some],
        bins=said.bins[some],
        fires=said.fires[some],
        classes=by_class(said, some, job.images.source.classes, job.opened.classes),
    )


def _branch(job: Job, layer: str, some: list[int]) -> tuple[str, ...]:
    try:
        found = branches(job.model, layer, job.opened.shape)
    except UserError:  # the layer joins none
        return ()
    return tuple(found.names[found.of[unit]].removeprefix(f"{layer}/") for unit in some)
