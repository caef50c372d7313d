"""Networks in Flax NNX."""

from typing import Any

import jax
from jaxtyping import Array

from atlasjax.adapters.adapted import Parts, marked
from atlasjax.adapters.signatures import evaluation, is_of
from atlasjax.marks import marking


def is_network(network: Any) -> bool:
    """Say whether this is an NNX module."""
    return is_of(network, "flax.nnx", "Module")


def parts(network: Any) -> Parts:
    """Take an NNX network apart; what every submodule's `__call__` returns is tapped.

    The arrays are those of the network, not copies, except for its random state, which evaluation
    has no use for. Nothing that the network writes, as batch statistics, is kept.

    Args:
        network: a module. It stays as it is, in training if it was.

    Returns:
        Its parts, in evaluation. Names are paths in its graph: "blocks.0.conv".

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> rngs = nnx.Rngs(0)
    >>> network = nnx.Sequential(nnx.Linear(3, 4, rngs=rngs), nnx.relu, nnx.Linear(4, 2, rngs=rngs))
    >>> variables, call, *_ = parts(network)
    >>> seen = []
    >>> _ = call(variables, jnp.ones((1, 3)), lambda name, value: seen.append(name) or value)
    >>> seen
    ['layers.0', 'layers.2']
    """
    from flax import nnx

    flags = evaluation(network.__call__)
    copy = nnx.merge(*nnx.split(network), copy=True)
    copy.eval()
    for path, module in list(nnx.iter_graph(copy)):
        if path and isinstance(module, nnx.Module) and callable(module):
            name = ".".join(map(str, path))
            object.__setattr__(module, "__class__", marking(type(module), name))
    # Random keys are no numbers: among the leaves they would break whatever computes with leaves.
    graph, random, state = nnx.split(copy, nnx.RngState, ...)
    leaves, tree = jax.tree.flatten(random)

    def apply(state: Any, x: Array) -> Any:
        return nnx.merge(graph, tree.unflatten(leaves), state)(x, **flags)

    return Parts(state, marked(apply))
