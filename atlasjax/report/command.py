"""The command `atlasjax report RUN_DIR`: make the report of a run that is there already."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from atlasjax.errors import UserError
from atlasjax.experiment import Experiment


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
    return Experiment(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in found.items()
            if name in known
        }
    )
