"""The command `atlasjax report RUN_DIR`: make the report of a run that is there already."""

import dataclasses
import os
from pathlib import Path

from atlasjax import data
from atlasjax.errors import UserError
from atlasjax.fidelity.report.write import report
from atlasjax.runs.examples import examples
from atlasjax.runs.open import open_atlas
from atlasjax.runs.reopen import reopen


def remake(folder: str | os.PathLike, weights: str | os.PathLike | None = None) -> Path:
    """Make the report of a finished run anew, and its examples where they are not there.

    Args:
        folder: the run folder. The images are looked for where they were when the run was made.
        weights: where the weights file is now, if not where the record says.

    Returns:
        The page.

    Raises:
        UserError: no finished run, or its weights or images are no longer there.

    >>> remake("runs/none/at/all")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no run folder 'runs/none/at/all'
    """
    atlas, run = open_atlas(folder), reopen(folder, weights).run
    if run.config.images is None:
        raise UserError(f"{str(folder)!r} has no images on record: run the experiment again")
    source = data.open_images(run.config.images, limit=run.config.max_images)
    run = dataclasses.replace(run, source=source)
    examples(run)
    levels = {(layer, size): atlas.level(layer, size) for layer, size in atlas.files}
    return report(run, levels, atlas.class_names, again=True)
