"""Networks in Keras 3, on its JAX backend: functional, sequential and subclassed models."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from atlasjax.adapters.adapted import Parts, marked
from atlasjax.adapters.signatures import is_of
from atlasjax.errors import UserError
from atlasjax.marks import marking

# Layers are marked in place while a call is traced, one call at a time. A mark means nothing to
# whoever else uses the network meanwhile.
_LOCK = threading.RLock()


def is_network(network: Any) -> bool:
    """Say whether this is a Keras model, or a layer by itself."""
    return is_of(network, "keras", "Layer")


def parts(network: Any) -> Parts:
    """Take a Keras network apart; what every layer returns is tapped.

    The arrays are those of the network, not copies. Nothing that the network writes is kept.

    Args:
        network: a model that has its weights. It stays as it is.

    Returns:
        Its parts, in inference. Names are those of layers, within nested models
        "backbone.block1_conv".

    Raises:
        UserError: another backend than JAX, a model without weights yet, or of several inputs.

    >>> import os
    >>> os.environ["KERAS_BACKEND"] = "jax"  # before Keras is imported
    >>> import keras
    >>> import jax.numpy as jnp
    >>> scores = keras.layers.Dense(2, use_bias=False, name="scores")
    >>> network = keras.Sequential([keras.Input((3,)), scores])
    >>> variables, call, *_ = parts(network)
    >>> call(variables, jnp.ones((1, 3)), lambda name, value: print(name) or value)[0].shape
    scores
    (1, 2)
    """
    import keras

    if keras.backend.backend() != "jax":
        raise UserError(
            f"Keras runs on {keras.backend.backend()!r}: set KERAS_BACKEND=jax before keras is "
            "imported"
        )
    if not network.built:
        raise UserError(
            f"the Keras network {network.name!r} has no weights yet: call it once on images, or "
            "its build(...)"
        )
    inputs = getattr(network, "inputs", None)
    if inputs is not None and len(inputs) != 1:
        raise UserError(
            f"the Keras network {network.name!r} has {len(inputs)} inputs; it must take images only"
        )
    # Seeds and counters are no numbers to compute with, and evaluation has no use for them.
    weights = [v for v in network.variables if jnp.issubdtype(v.value.dtype, jnp.floating)]

    def apply(values: list[Any], images: Array) -> Any:
        mapping = list(zip(weights, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping), _marked(network):
            return network(images, training=False)

    return Parts(
        [weight.value for weight in weights],
        marked(apply),
        channels_first=keras.config.image_data_format() == "channels_first",
    )


@contextmanager
def _marked(network: Any) -> Iterator[None]:
    """Within, every layer of the network marks what it returns."""
    with _LOCK:
        found = {id(layer): (name, layer) for name, layer in reversed(_layers(network))}
        kinds = [(layer, type(layer)) for _, layer in found.values()]
        try:
            for name, layer in found.values():
                object.__setattr__(layer, "__class__", marking(type(layer), name))
            yield
        finally:
            for layer, kind in kinds:
                object.__setattr__(layer, "__class__", kind)


def _layers(network: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Return all layers within one by their names, a shared one at each of its places."""
    found = []
    for layer in network._flatten_layers(include_self=False, recursive=False):
        name = prefix + layer.name
        found += [(name, layer), *_layers(layer, f"{name}.")]
    return found
