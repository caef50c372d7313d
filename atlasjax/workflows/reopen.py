"""Reopen: a finished run as something that more can be drawn from.

A run's record tells its network and weights, so that nothing but the folder need be given.
"""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from atlasjax import data
from atlasjax.classes import ClassName
from atlasjax.data.subset import Subset
from atlasjax.errors import UserError
from atlasjax.runs.experiment import Experiment, from_json
from atlasjax.runs.job import Network, Run
from atlasjax.workflows.networks import Opened, find, fitted, found_again, open_network
from atlasjax.workflows.open import open_atlas


class Reopened(NamedTuple):
    """A finished run.

    Attributes:
        run: its experiment, network and folder. Its images are not opened.
        classes: the network's classes, in the order of the logits.
        record: how it was made.
        opened: its network, which has these classes.
    """

    run: Run
    classes: tuple[ClassName, ...]
    record: Mapping[str, Any]
    opened: Opened


def reopen(
    folder: str | os.PathLike,
    weights: str | os.PathLike | None = None,
    other_weights: str | os.PathLike | None = None,
    model: Any = None,
) -> Reopened:
    """Open a finished run with its network.

    Args:
        folder: the run folder.
        weights: where the weights file is now, if not where the record says.
        other_weights: where the other network's is, if there is one.
        model: the network, as for `networks.find`, if the record does not find it.

    Raises:
        UserError: no finished run; a network or weights that are not there, or not those of the
            run.

    >>> reopen("runs/none/at/all")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no run folder 'runs/none/at/all'
    """
    atlas = open_atlas(folder)
    config = from_json(atlas.record)
    moved = {"weights": weights, "other_weights": other_weights}
    new = {name: os.fspath(path) for name, path in moved.items() if path is not None}
    config = dataclasses.replace(config, **new)
    for file in (config.weights, config.other_weights):
        if file is not None and not new and not Path(file).is_file():
            raise UserError(
                f"no weights file {file!r}, where it was when {str(folder)!r} was made: "
                "give --weights FILE, or weights=FILE from Python"
            )
    found = found_again(atlas.record, folder, model)
    found = fitted(found, config, None)
    channels = int(atlas.record.get("channels", found.entry.channels))
    found = found._replace(entry=dataclasses.replace(found.entry, channels=channels))
    # The classes have the names that the atlas has; whether there are as many shows below.
    opened = open_network(found, config.weights, config.seed, lambda weights: None)
    known = atlas.record.get("weights_sha256")
    if known is not None and opened.network.weights.partition(":")[2] != known:
        by_name = found.file is None and found.reference is not None
        what = "the weights" if config.weights or by_name else "the network"
        named = config.weights or found.reference or found.entry.name
        raise UserError(f"{named}: not {what} that {str(folder)!r} was made with")
    classes = tuple(
        ClassName(atlas.wnids[i] if atlas.wnids else "", name)
        for i, name in enumerate(atlas.class_names)
    )
    run = Run(
        config,
        *opened.network,
        _unopened(),
        atlas.folder.resolve(),
        other=other_network(config, opened),
        channels=channels,
        other_sizes=found.entry.other_sizes,
    )
    return Reopened(run, classes, atlas.record, opened._replace(classes=classes))


def images_of(run: Run, instead: str, images: Any = None) -> data.ImageSource:
    """Open the images that a finished run was made of.

    Args:
        run: as it was reopened.
        instead: what to do, for the message, where the run does not tell its images.
        images: where they are now, as for `run`; by default where they were.

    Raises:
        UserError: they are not there, or were handed over from Python.
    """
    images = run.config.images if images is None else images
    if images is None:
        raise UserError(
            f"{str(run.folder)!r} was made of images handed over from Python: {instead}"
        )
    return data.open_images(images, run.config.max_images, run.config.range)


def other_network(config: Experiment, first: Opened) -> Network | None:
    """Load the second network of an experiment, if it has one.

    Args:
        config: the experiment.
        first: its network, which the other one is with other weights where no other is named.

    Raises:
        UserError: no such network, or one that cannot be loaded.
    """
    if config.other_model is None and config.other_weights is None:
        return None
    other = first.found if config.other_model is None else find(config.other_model)
    # Random weights of another seed, where a network has only random ones.
    return open_network(other, config.other_weights, config.seed + 1).network


def _unopened() -> data.ImageSource:
    """Stand in for the images, which nothing that is drawn from a finished run looks at."""
    from atlasjax.data.scenes import scenes

    return Subset(scenes(1), ())
