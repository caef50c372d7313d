"""The command `atlasjax report RUN_DIR`: make the report of a run that is there already."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atlasjax.atlas.open import open_atlas
from atlasjax.errors import UserError
from atlasjax.experiment import Experiment
from atlasjax.job import Run
from atlasjax.report.write import report
from atlasjax.run_examples import examples


def experiment_of(record: Mapping[str, Any]) -> Experiment:
    """Return the experiment that a run's record tells of.

    Args:
        record: as `open_atlas(folder).record` has it. Fields that this version does not know are
            left out, and those that it does not have keep their defaults.

    Raises:
        UserError: there is no experiment in the record, or it lacks what has no default.

    >>> experiment_of({"experiment": {"name": "a", "model": "b", "layers": ["c"], "old": 1}}).layers
    ('c',)
    """
    found = record.get("experiment")
    known = {field.name for field in dataclasses.fields(Experiment)}
    if not isinstance(found, Mapping) or not {"name", "model", "layers"} <= set(found):
        raise UserError("the run's record names no experiment: run it again")
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in found.items()
        if name in known
    }
    return Experiment(**fields)


def remake(folder: str | os.PathLike) -> Path:
    """Make the report of a finished run anew, and its examples where they are not there.

    Args:
        folder: the run folder. The network, its weights and the images are looked for where they
            were when the run was made.

    Returns:
        The page.

    Raises:
        UserError: no finished run, or its weights or images are no longer there.

    >>> remake("runs/none/at/all")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no run folder 'runs/none/at/all'
    """
    from atlasjax import data, models

    atlas = open_atlas(folder)
    config = experiment_of(atlas.record)
    if config.images is None:
        raise UserError(f"{str(folder)!r} has no images on record: run the experiment again")
    source = data.open_images(config.images, limit=config.max_images)
    model = models.load(config.model, config.weights, seed=config.seed)
    weights = str(atlas.record.get("weights_sha256"))
    run = Run(config, model, weights, source, atlas.folder.resolve())
    examples(run)
    return report(run, again=True)
