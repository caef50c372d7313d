"""Report: how far a finished run can be trusted, made anew."""

import dataclasses
import os
from pathlib import Path
from typing import Any

from atlasjax.fidelity.report import write
from atlasjax.runs.examples import examples
from atlasjax.storage import lock
from atlasjax.workflows.open import open_atlas
from atlasjax.workflows.reopen import images_of, reopen


def report(
    folder: str | os.PathLike,
    weights: str | os.PathLike | None = None,
    *,
    model: Any = None,
    images: Any = None,
) -> Path:
    """Make the report of a finished run anew, and its examples where they are not there.

    Args:
        folder: the run folder.
        weights: where the weights file is now, if not where the record says.
        model: the network, as for `run`, if the record does not find it.
        images: the images, as for `run`; by default where they were when the run was made.

    Returns:
        The page.

    Raises:
        UserError: no finished run, or its network or images are no longer there.

    >>> report("runs/none/at/all")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no run folder 'runs/none/at/all'
    """
    atlas, job = open_atlas(folder), reopen(folder, weights, model=model).run
    instead = "give images= to atlasjax.report, or run the experiment again"
    job = dataclasses.replace(job, source=images_of(job, instead, images))
    with lock.alone(job.folder):
        examples(job)
        levels = {(layer, size): atlas.level(layer, size) for layer, size in atlas.files}
        return write.report(job, levels, atlas.class_names, again=True)
