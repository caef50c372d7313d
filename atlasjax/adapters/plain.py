"""Functions and modules that take a tap already: nothing has to be found in them."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Array

from atlasjax.adapters.adapted import Parts
from atlasjax.adapters.signatures import takes_tap
from atlasjax.taps import Tap, as_pytree


def is_network(network: Any) -> bool:
    """Say whether this is a callable `model(images, tap)`; see `signatures.takes_tap`."""
    return takes_tap(network)


def parts(network: Callable[..., Any]) -> Parts:
    """Return the parts of a model with taps, to be wrapped with other inputs or outputs.

    Args:
        network: a callable pytree `model(images, tap)`.

    >>> parts(lambda images, tap: tap("double", 2 * images)).variables
    Partial(<function <lambda> at ...>)
    """

    def call(model: Callable[..., Any], x: Array, tap: Tap) -> Any:
        return model(x, tap)

    return Parts(as_pytree(network), call)
