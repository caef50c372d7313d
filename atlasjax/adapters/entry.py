"""Entries: how a network is loaded, what it expects of its images, and what its classes are called.

The networks that come with the package have one each; so has a network of one's own, in the file
that `atlasjax run my_experiment.py` is given.
"""

import inspect
import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from atlasjax.adapters.adapt import Number, Numbers, adapt
from atlasjax.classes import ClassName, numbered, read_class_names
from atlasjax.errors import UserError
from atlasjax.taps import Model


@dataclass(frozen=True)
class ModelEntry:
    """A network, completely described.

    Attributes:
        name: what it is called.
        load: a function of no arguments, or of the path of a weights file, that returns the
            network: a model with taps, or anything that `atlasjax.adapt` takes.
        image_size: side of the square images that it was trained on, in px.
        channels: of its images.
        input_range: what black and white are to it, before mean and deviation.
        mean: subtracted from each channel, in units of `input_range`; one number for all, or none.
        std: divides each channel; one number for all, or none.
        channels_first: whether it takes [b, c, h, w]; by default as its library does.
        output: which of its outputs stands for the logits; see `atlasjax.adapt`. "none" for a
            network without classes.
        class_names: one for each logit: a list, the path of a file with one on each line, or a
            function of the weights' path that returns either; "class 0" and so on by default.
        early_layers: layers whose names start so are laid out and drawn as the article does early
            ones: by Euclidean distance, with smaller icons, unwhitened.
        other_sizes: whether it takes images of other sizes than `image_size`, at which icons are
            then drawn; tried by default.

    >>> ModelEntry("mine", load=lambda: lambda images, tap: tap("a", images).mean((1, 2))).channels
    3
    """

    name: str
    load: Callable[..., Any]
    image_size: int = 224
    channels: int = 3
    input_range: tuple[Number, Number] = (0.0, 1.0)
    mean: Numbers = None
    std: Numbers = None
    channels_first: bool | None = None
    output: str | int | None = None
    class_names: Any = None
    early_layers: tuple[str, ...] = ()
    other_sizes: bool | None = None


def entry_of(network: Any) -> ModelEntry:
    """Return an entry for a network that is there already, all of whose settings are the defaults.

    Args:
        network: the entry itself, a model with taps, or what `atlasjax.adapt` takes.

    >>> entry_of(lambda images, tap: tap("a", images).mean((1, 2))).name
    'network'
    """
    if isinstance(network, ModelEntry):
        return network
    own = getattr(network, "__name__", None) or type(network).__name__
    name = "network" if own in ("<lambda>", "function", "tuple", "partial", "Partial") else own
    return ModelEntry(str(name), lambda: network)


def load(entry: ModelEntry, weights: str | os.PathLike | None = None, seed: int = 0) -> Model:
    """Load an entry's network as a model with taps.

    Args:
        entry: of the network.
        weights: the path of its weights file, where `load` takes one.
        seed: of random weights, where `load` takes `seed=`.

    Returns:
        The network, adapted with what the entry says of its inputs and outputs.

    Raises:
        UserError: `load` failed, takes no weights, or needs some; or what it returned is no network
            that `atlasjax.adapt` knows.

    >>> load(ModelEntry("mine", load=lambda: 1 / 0))
    Traceback (most recent call last):
    atlasjax.errors.UserError: load of 'mine' failed: ZeroDivisionError: division by zero (...)
    """
    network = _called(entry, weights, seed)
    return adapt(
        network,
        mean=entry.mean,
        std=entry.std,
        input_range=entry.input_range,
        channels_first=entry.channels_first,
        output=entry.output,
        example=(entry.image_size, entry.image_size, entry.channels),
    )


def class_names(
    entry: ModelEntry,
    count: int,
    weights: str | os.PathLike | None = None,
    given: Any = None,
    folder: str | os.PathLike = ".",
) -> tuple[ClassName, ...]:
    """Return the names of a network's classes, in the order of its logits.

    Args:
        entry: of the network.
        count: number of its logits.
        weights: the path of its weights file.
        given: names that take the place of the entry's, in any form that it has them in.
        folder: where a file of names is looked for that is not in the working folder.

    Raises:
        UserError: names of another number, or a file that is not there.

    >>> class_names(ModelEntry("mine", load=lambda: None), 2)[1].name
    'class 1'
    >>> class_names(ModelEntry("mine", load=lambda: None), 2, given=["cat"])
    Traceback (most recent call last):
    atlasjax.errors.UserError: 1 class names for the 2 classes of 'mine'
    """
    found: Any = entry.class_names if given is None else given
    if callable(found):
        found = found(weights)
    if found is None or not count:
        return numbered(count)
    if isinstance(found, str | os.PathLike):
        found = read_class_names(found, folder)
    names = tuple(n if isinstance(n, ClassName) else ClassName("", str(n)) for n in found)
    if len(names) != count:
        raise UserError(f"{len(names)} class names for the {count} classes of {entry.name!r}")
    return names


def last_line(error: BaseException) -> str:
    r"""Return what an exception says, in one line.

    >>> last_line(ValueError("first\nlast"))
    'ValueError: last'
    """
    said = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {said[-1]}" if said else type(error).__name__


def raised_at(error: BaseException, file: str) -> str:
    """Return where an exception came from: the last place in `file`, or else the very last.

    Args:
        error: the exception, with its traceback.
        file: the user's own file.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == file] or list(frames)
    return f"{own[-1].filename}, line {own[-1].lineno}" if own else file


def _called(entry: ModelEntry, weights: str | os.PathLike | None, seed: int) -> Any:
    """Call an entry's `load` with those arguments that it takes."""
    parameters = inspect.signature(entry.load).parameters.values()
    positional = [
        p
        for p in parameters
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.name != "seed"
    ]
    if weights is not None and not positional:
        raise UserError(f"load of {entry.name!r} takes no weights: leave {str(weights)!r} out")
    if weights is None and positional and positional[0].default is inspect.Parameter.empty:
        raise UserError(f"{entry.name} needs weights: --weights PATH, or weights=PATH from Python")
    arguments = [] if weights is None else [os.fspath(weights)]
    options = {"seed": seed} if any(p.name == "seed" for p in parameters) else {}
    try:
        return entry.load(*arguments, **options)
    except UserError:
        raise
    except Exception as error:
        code = getattr(entry.load, "__code__", None)
        where = raised_at(error, code.co_filename if code else "")
        raise UserError(f"load of {entry.name!r} failed: {last_line(error)} ({where})") from error
