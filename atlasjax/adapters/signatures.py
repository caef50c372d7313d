"""What can be told of a network before it is run: its library, and how it wants to be called."""

import inspect
import sys
from collections.abc import Callable
from typing import Any

from atlasjax.errors import UserError

EVALUATION = {
    "train": False,
    "training": False,
    "is_training": False,
    "deterministic": True,
    "use_running_average": True,
    "eval": True,
    "inference": True,
    "key": None,
    "rngs": None,
}
"""What networks are told where they have arguments of these names: that nobody is training."""


def is_of(network: Any, library: str, kind: str) -> bool:
    """Say whether a network is an instance of a library's class, without importing the library.

    Args:
        network: anything.
        library: the module that has the class; where it was not imported, nothing is of it.
        kind: the name of the class.

    >>> is_of(3, "numbers_not_imported", "Number")
    False
    """
    found = getattr(sys.modules.get(library), kind, None)
    return found is not None and isinstance(network, found)


def evaluation(call: Callable[..., Any], known: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what a network must be told besides its images, so that it does not train.

    An argument of a name in `EVALUATION` is given where it has no default, or one for training.

    Args:
        call: what takes the images as its first argument.
        known: arguments that the caller gives itself.

    Returns:
        Further arguments, by name.

    Raises:
        UserError: an argument without a default of which nothing is known.

    >>> evaluation(lambda x, train, deterministic=False, key=None: x)
    {'train': False, 'deterministic': True}
    """
    given: dict[str, Any] = {}
    for name, one in list(inspect.signature(call).parameters.items())[1:]:
        if name in known or one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            continue
        required = one.default is one.empty
        if name in EVALUATION:
            if required or (isinstance(one.default, bool) and one.default != EVALUATION[name]):
                given[name] = EVALUATION[name]
        elif required:
            raise UserError(
                f"the network needs {name!r} besides its images: wrap it in a function "
                "network(images) of its library, or write a model(images, tap)"
            )
    return given


def takes_tap(function: Any, *, named: bool = False) -> bool:
    """Say whether a callable is a model already: whether it takes images and a tap.

    Args:
        function: anything.
        named: whether its second argument must be called `tap`; else it need only have no default.

    >>> takes_tap(lambda images, tap: images), takes_tap(lambda images, train=True: images)
    (True, False)
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # not callable, or written in C
        return False
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p for p in places if p.default is p.empty]
    if len(required) > 2 or len(places) < 2:
        return False
    return places[1].name == "tap" or (len(required) == 2 and not named)
