"""The door for networks of all kinds: `adapt` finds out which one it is given."""

import importlib
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from atlasjax.adapters.adapted import Adapted, Inputs, Parts
from atlasjax.adapters.signatures import takes_tap
from atlasjax.errors import UserError
from atlasjax.taps import Model, layers

Number = float | int | np.number
Numbers = Number | Sequence[Number] | np.ndarray | None

# Keras before NNX, whose modules it can be made to use.
_LIBRARIES = {
    "keras": "keras",
    "linen": "flax.linen",
    "nnx": "flax.nnx",
    "equinox": "equinox",
    "torch": "torch",
}
_KINDS = (
    "a function model(images, tap), or a network in Flax (NNX, or Linen with its variables), "
    "Equinox, Keras or PyTorch"
)


def adapt(
    network: Any,
    *,
    mean: Numbers = None,
    std: Numbers = None,
    input_range: tuple[Number, Number] = (0.0, 1.0),
    channels_first: bool | None = None,
    output: str | int | None = None,
    variables: Mapping[str, Any] | None = None,
    example: Any = None,
) -> Model:
    """Return a network of any kind as a model with taps, which everything here takes.

    Whatever the network's own modules return is tapped under their names. It is not run, nor
    copied, nor changed; it is looked at in evaluation, without dropout and with the batch
    statistics it has. Images in [0, 1] become `(images * (high - low) + low - mean) / std`.

    Args:
        network: a network in Flax NNX, in Flax Linen (with `variables`, or a pair of both), in
            Equinox (or a pair with its state), in Keras on JAX, or in PyTorch; or a function
            `model(images, tap)`, which is returned as it is where nothing else is asked for.
        mean: subtracted from images, in units of `input_range`; a number, or one for each channel.
        std: divides them; likewise.
        input_range: what black and white are for the network.
        channels_first: whether the network takes [b, c, h, w]; as its library does, if not given.
        output: where the network returns several values, which are the logits: an index, a key, an
            attribute, or the name of a layer. "none" for a network without classes.
        variables: the weights of a Linen module, as `module.init` returned them.
        example: images, or the size of one, that a PyTorch network is read at; others need none.

    Returns:
        The model.

    Raises:
        UserError: a network of no known kind, or settings that it cannot have.

    >>> import jax
    >>> from flax import nnx
    >>> rngs = nnx.Rngs(0)
    >>> convs = [nnx.Conv(3, 8, (3, 3), rngs=rngs), nnx.relu, nnx.Conv(8, 8, (3, 3), rngs=rngs)]
    >>> model = adapt(nnx.Sequential(*convs), mean=127.5, input_range=(0, 255), output="none")
    >>> layers(model, (32, 32, 3))
    {'layers.0': (32, 32, 8), 'layers.2': (32, 32, 8)}
    """
    inputs = _inputs(mean, std, input_range)
    asked = inputs != Inputs() or output is not None or channels_first is not None
    kind = _kind(network)
    if variables is not None and kind != "linen":
        raise UserError("variables= is for Flax Linen, whose modules do not hold their weights")
    if kind == "adapted" and asked:
        raise UserError("this model is adapted already: give all settings where it first is")
    if kind in ("adapted", "plain") and not asked:
        return network
    settings = {"linen": {"variables": variables}, "torch": {"example": example}}.get(kind, {})
    parts: Parts = _adapter(kind).parts(network, **settings)
    if channels_first is not None:
        parts = parts._replace(channels_first=channels_first)
    return Adapted(*parts, inputs=inputs, output=output)


def check_taps(
    model: Model, image_shape: tuple[int, int, int] = (224, 224, 3), name: str = ""
) -> None:
    """Check that a model shows anything of its inside.

    Args:
        model: a model with taps; it is traced, not run.
        image_shape: the [h, w, c] of its images.
        name: what messages call it, if anything.

    Raises:
        UserError: it taps no layer.

    >>> check_taps(lambda images, tap: tap("double", 2 * images).sum((1, 2)), (8, 8, 3))
    """
    if not layers(model, image_shape):
        which = f"the network {name!r}" if name else "the network"
        raise UserError(
            f"{which} taps no layer: what is to be seen must be returned by a module of its own, "
            "or passed through tap(name, value)"
        )


def _kind(network: Any) -> str:
    """Return "adapted", "plain" or the library that a network is written in."""
    if isinstance(network, Adapted):
        return "adapted"
    found = [name for name, library in _LIBRARIES.items() if library in sys.modules]
    kind = next((name for name in found if _adapter(name).is_network(network)), None)
    # A Linen module that takes a tap still needs its variables.
    if kind != "linen" and takes_tap(network, named=kind is not None):
        return "plain"
    if kind is None:
        what = f"a {type(network).__name__}" if not callable(network) else "a callable without tap"
        raise UserError(f"{what} is not a network that can be looked into: give {_KINDS}")
    return kind


def _adapter(kind: str) -> Any:
    return importlib.import_module(f"atlasjax.adapters.{kind}")


def _inputs(mean: Numbers, std: Numbers, input_range: tuple[Number, Number]) -> Inputs:
    low, high = map(float, input_range)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UserError(
            f"input_range=({low:g}, {high:g}): what black is must be less than what white is, as "
            "(0, 1), (-1, 1) or (0, 255)"
        )
    means, stds = _numbers("mean", mean), _numbers("std", std)
    if any(s <= 0 for s in stds):
        raise UserError(f"std={list(stds)}: deviations must be greater than 0")
    if len(means) > 1 and len(stds) > 1 and len(means) != len(stds):
        raise UserError(f"mean of {len(means)} channels with std of {len(stds)}")
    return Inputs(range=(low, high), mean=means, std=stds)


def _numbers(name: str, given: Numbers) -> tuple[float, ...]:
    values = np.asarray(() if given is None else given, np.float64)
    if values.ndim > 1 or not np.isfinite(values).all() or (given is not None and not values.size):
        raise UserError(f"{name}={given!r}: a finite number, or one for each channel")
    return tuple(float(v) for v in np.atleast_1d(values))
