"""Networks: from what a person calls a network to the network itself, its classes and its digest.

The one place that looks names up in `atlasjax.models`. A network is meant by its name there, by a
Python file of one's own, by `package.module:name`, or is there already.
"""

import dataclasses
import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from atlasjax.adapters import entry as entries
from atlasjax.adapters.adapt import check_taps
from atlasjax.adapters.entry import ModelEntry, last_line
from atlasjax.classes import ClassName
from atlasjax.data import ImageSource
from atlasjax.errors import UserError, unknown
from atlasjax.planes import as_planes
from atlasjax.runs.digest import digest
from atlasjax.runs.experiment import Experiment
from atlasjax.runs.job import Network
from atlasjax.taps import Model, as_pytree, identity, layers
from atlasjax.workflows import own_file
from atlasjax.workflows.own_file import OwnFile


class Found(NamedTuple):
    """What a person meant by a network.

    Attributes:
        entry: how it is loaded, and what it expects.
        reference: what finds it again: a name, a path; None where it was handed over from Python.
        file: the file of the user's that it is in.
    """

    entry: ModelEntry
    reference: str | None
    file: OwnFile | None = None

    @property
    def folder(self) -> Path:
        """Where the entry's own files are looked for."""
        return Path() if self.file is None else self.file.path.parent


class Opened(NamedTuple):
    """A network that is loaded.

    Attributes:
        network: the model with the digest of its weights.
        found: what was meant.
        classes: the names of its classes, in the order of the logits; none where it has none.
        shape: height, width and channels of its images.
    """

    network: Network
    found: Found
    classes: tuple[ClassName, ...]
    shape: tuple[int, int, int]


def find(model: Any) -> Found:
    """Find the network that is meant.

    Args:
        model: a name that `atlasjax list` lists; the path of a Python file with a `MODEL`;
            `package.module:name`; a `ModelEntry`; or a network, see `atlasjax.adapt`.

    Raises:
        UserError: none of these.

    >>> find("googlenet").entry.image_size
    224
    >>> find("googlenett")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no model 'googlenett'; did you mean googlenet...
    """
    from atlasjax import models

    if isinstance(model, Found):
        return model
    if isinstance(model, OwnFile):
        if model.model is None:
            raise UserError(f"{model.path}: no MODEL = ModelEntry(...) in it")
        return Found(model.model, str(model.path), model)
    if own_file.is_own_file(model):
        return find(own_file.read(model))
    if not isinstance(model, str):
        return Found(entries.entry_of(model), None)
    if ":" in model:
        return _imported(model)
    if model not in models.available():
        listed = unknown("model", model, models.available())
        raise UserError(f"{listed} (a network of your own is named by its file, my_experiment.py)")
    return Found(models.entry(model), model)


def fitted(found: Found, config: Experiment, source: ImageSource | None) -> Found:
    """Return a network with what the experiment, or else the images, tell of its inputs.

    Args:
        found: what `find` returned.
        config: the experiment, whose `image_size` is meant where it has one.
        source: images that were handed over with a network of which no entry tells anything: where
            the first is square, they are of the size and channels that the network takes.
    """
    entry = found.entry
    if source is not None:
        rows, columns, channels = source[0].image.shape
        side = rows if rows == columns else entry.image_size
        entry = dataclasses.replace(entry, image_size=side, channels=channels)
    if config.image_size is not None:
        entry = dataclasses.replace(entry, image_size=config.image_size)
    return found._replace(entry=entry)


def open_network(
    found: Found,
    weights: str | os.PathLike | None = None,
    seed: int = 0,
    given: Any = None,
) -> Opened:
    """Load a network, and see that it is one.

    Args:
        found: what `find` returned.
        weights: the path of its weights file.
        seed: of random weights, where it has none.
        given: names of its classes in place of the entry's.

    Raises:
        UserError: it cannot be loaded, taps no layer, does not take its images, or has class names
            of another number.

    >>> open_network(find("inception_v1_tiny")).classes[3].name
    'class 3'
    """
    entry = found.entry
    model = entries.load(entry, weights, seed)
    shape = (entry.image_size, entry.image_size, entry.channels)
    count = _check(model, shape, entry.name)
    names = entries.class_names(entry, count, weights, given, found.folder)
    own = _known_digest(found, weights, seed) or digest(model, shape)
    return Opened(Network(model, f"{entry.name}:{own}"), found, names, shape)


def shapes(model: Any, image_size: int | None = None) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a network's layers as an atlas sees them; see `planes.as_planes`.

    No weights are read of networks that are known by name.

    Args:
        model: as for `find`.
        image_size: side of the images, in px; the network's own by default.

    Raises:
        UserError: no such network, or one that does not take such images.

    >>> shapes("inception_v1_tiny")["mixed4c"]
    (14, 14, 64)
    """
    from atlasjax import models

    found = find(model)
    side = image_size or found.entry.image_size
    if found.reference in models.available():
        network: Model = models.abstract(found.reference)
    else:
        network = entries.load(found.entry)
    shape = (side, side, found.entry.channels)
    _check(network, shape, found.entry.name)
    return layers(as_planes(network, vectors=False), shape)


def as_recorded(opened: Opened) -> Mapping[str, Any]:
    """Return what a run's record says of its network, for `found_again`."""
    known: dict[str, Any] = {"weights_sha256": opened.network.weights.partition(":")[2]}
    if opened.found.file is not None:
        known["model_file"] = {
            "path": str(opened.found.file.path),
            "sha256": opened.found.file.sha256,
        }
    elif opened.found.reference is None:
        known["model_given"] = True
    return known


def found_again(record: Mapping[str, Any], folder: str | os.PathLike, model: Any = None) -> Found:
    """Find the network of a finished run again.

    Args:
        record: of the run.
        folder: of the run, for messages.
        model: the network as it is called now, as for `find`; what the record says by default.

    Raises:
        UserError: it was handed over from Python, or its file has moved or changed.
    """
    if model is not None:
        return find(model)
    if record.get("model_given"):
        raise UserError(
            f"{str(folder)!r} was made from Python, of a network handed over there: "
            "give --model my_experiment.py, or model= from Python (network= of atlasjax.explain)"
        )
    file = record.get("model_file")
    if file is None:
        return find(record["experiment"]["model"])
    path = Path(str(file["path"]))
    again = f"give --model {path.name}, the file as it is now"
    if not path.is_file():
        raise UserError(f"no file {str(path)!r}, which {str(folder)!r} was made with: {again}")
    if own_file.digest(path) != file["sha256"]:
        raise UserError(f"{path} has changed since {str(folder)!r} was made: {again}")
    if not own_file.named_before(file["sha256"]):
        # A run folder that came from elsewhere must not decide what is executed here.
        raise UserError(f"{path}, which {str(folder)!r} names, was never run here: {again}")
    return find(str(path))


def _known_digest(found: Found, weights: str | os.PathLike | None, seed: int) -> str | None:
    """Return the digest of a known network's weights file, which says all; None for others."""
    from atlasjax import models

    if found.reference not in models.available():
        return None
    file = weights or models.default_weights(found.reference)
    return models.weights_hash(file) if file else f"random-{seed}"


def _imported(name: str) -> Found:
    """Find `package.module:name`."""
    module, _, attribute = name.partition(":")
    try:
        found = importlib.import_module(module)
    except Exception as error:
        raise UserError(f"model {name!r}: {last_line(error)}") from error
    if not hasattr(found, attribute):
        raise unknown(f"name in {module}", attribute, [n for n in vars(found) if n[0] != "_"])
    return Found(entries.entry_of(getattr(found, attribute)), name)


def _check(model: Model, shape: tuple[int, int, int], name: str) -> int:
    """Refuse what is no model with taps; return the number of its logits."""
    images = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    try:
        check_taps(model, shape, name)
        logits = jax.eval_shape(lambda m, x: m(x, identity), as_pytree(model), images)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"the network {name!r} does not take images [1, {', '.join(map(str, shape))}] with a "
            f"tap: {last_line(error)}"
        ) from error
    if not hasattr(logits, "shape") or len(logits.shape) != 2:
        said = getattr(logits, "shape", type(logits).__name__)
        raise UserError(
            f"the network {name!r} returns {said}, not logits [batch, classes]: name what stands "
            'for them by output=, or "none"'
        )
    return int(logits.shape[1])
