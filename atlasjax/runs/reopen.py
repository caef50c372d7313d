"""Reopen: a finished run as something that more can be drawn from.

A run's record names its network and weights, so that nothing but the folder need be given. With the
command line this is the one place that looks names up in `atlasjax.models`.
"""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from atlasjax import data
from atlasjax.data.subset import Subset
from atlasjax.errors import UserError, unknown
from atlasjax.runs.experiment import Experiment
from atlasjax.runs.job import Network, Run
from atlasjax.runs.open import open_atlas

if TYPE_CHECKING:
    from atlasjax.models import ClassName


class Reopened(NamedTuple):
    """A finished run.

    Attributes:
        run: its experiment, network and folder. Its images are not opened.
        classes: the network's classes, in the order of the logits.
        record: how it was made.
    """

    run: Run
    classes: "tuple[ClassName, ...]"
    record: Mapping[str, Any]


def reopen(
    folder: str | os.PathLike,
    weights: str | os.PathLike | None = None,
    other_weights: str | os.PathLike | None = None,
) -> Reopened:
    """Open a finished run with its network.

    Args:
        folder: the run folder.
        weights: where the weights file is now, if not where the record says.
        other_weights: where the other network's is, if there is one.

    Raises:
        UserError: no finished run; weights that are not there, or not those of the run.

    >>> reopen("runs/none/at/all")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no run folder 'runs/none/at/all'
    """
    from atlasjax import models

    atlas = open_atlas(folder)
    config = experiment_of(atlas.record)
    moved = {"weights": weights, "other_weights": other_weights}
    new = {name: os.fspath(path) for name, path in moved.items() if path is not None}
    config = dataclasses.replace(config, **new)
    for file in (config.weights, config.other_weights):
        if file is not None and not new and not Path(file).is_file():
            raise UserError(
                f"no weights file {file!r}, where it was when {str(folder)!r} was made: "
                "give --weights FILE, or weights=FILE from Python"
            )
    network, other = networks(config)
    known = atlas.record.get("weights_sha256")
    if known is not None and network.weights != f"{config.model}:{known}":
        named = config.weights or config.model
        raise UserError(f"{named}: not the weights that {str(folder)!r} was made with")
    classes = tuple(
        models.ClassName(atlas.wnids[i] if atlas.wnids else "", name)
        for i, name in enumerate(atlas.class_names)
    )
    run = Run(config, *network, _unopened(), atlas.folder.resolve(), other=other)
    return Reopened(run, classes, atlas.record)


def networks(config: Experiment) -> tuple[Network, Network | None]:
    """Load an experiment's network, and the other one if there is one.

    Args:
        config: the experiment.

    Raises:
        UserError: a network of no such name, or weights that are not there or do not fit.

    >>> networks(Experiment("a", "inception_v1_tiny", ("mixed4c",)))[0].weights
    'inception_v1_tiny:random-0'
    """
    first = _load(config.model, config.weights, config.seed)
    if config.other_model is None and config.other_weights is None:
        return first, None
    # Random weights of another seed, where a network has only random ones.
    return first, _load(config.other_model or config.model, config.other_weights, config.seed + 1)


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


def _load(name: str, weights: str | None, seed: int) -> Network:
    from atlasjax import models

    if name not in models.available():
        raise unknown("model", name, models.available())
    model = models.load(name, weights, seed=seed)
    file = weights or models.default_weights(name)
    digest = models.weights_hash(file) if file else f"random-{seed}"
    return Network(model, f"{name}:{digest}")


def _unopened() -> data.ImageSource:
    """Stand in for the images, which nothing that is drawn from a finished run looks at."""
    from atlasjax.data.scenes import scenes

    return Subset(scenes(1), ())
