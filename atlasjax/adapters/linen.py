"""Networks in Flax Linen: a module and its variables."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from jaxtyping import Array

from atlasjax.adapters.adapted import Parts, marked
from atlasjax.adapters.signatures import evaluation, is_of
from atlasjax.errors import UserError
from atlasjax.marks import mark_first


def is_network(network: Any) -> bool:
    """Say whether this is a Linen module, or a pair of one and its variables."""
    module = network[0] if isinstance(network, tuple) and len(network) == 2 else network
    return is_of(module, "flax.linen", "Module")


def parts(network: Any, *, variables: Mapping[str, Any] | None = None) -> Parts:
    """Take a Linen network apart; what every submodule's `__call__` returns is tapped.

    Args:
        network: a module, a pair of a module and its variables, or a module bound to them.
        variables: what `module.init` returned, `{"params": ...}`, with whatever else the network
            keeps: "batch_stats".

    Returns:
        Its parts. Names are the paths of submodules: "block_1.conv".

    Raises:
        UserError: no variables, or two, or such as no `init` returns.

    >>> import jax, jax.numpy as jnp
    >>> import flax.linen as nn
    >>> network = nn.Sequential([nn.Dense(4), nn.relu, nn.Dense(2)])
    >>> variables = network.init(jax.random.key(0), jnp.ones((1, 3)))
    >>> seen = []
    >>> _ = parts(network, variables=variables).call(
    ...     variables, jnp.ones((1, 3)), lambda name, value: seen.append(name) or value
    ... )
    >>> seen
    ['layers_0', 'layers_2']
    """
    module, variables = _pair(network, variables)
    if list(inspect.signature(module.__call__).parameters)[1:2] == ["tap"]:
        flags = evaluation(module.__call__, known=("tap",))
        return Parts(variables, lambda v, x, tap: module.apply(v, x, tap, mutable=False, **flags))
    flags = evaluation(module.__call__)

    def apply(variables: Any, x: Array) -> Any:
        import flax.linen as nn

        with nn.intercept_methods(_marking):
            return module.apply(variables, x, mutable=False, **flags)

    return Parts(variables, marked(apply))


def _marking(method: Callable[..., Any], args: Any, kwargs: Any, context: Any) -> Any:
    returned = method(*args, **kwargs)
    path = context.module.path
    if context.method_name != "__call__" or not path:
        return returned
    return mark_first(".".join(path), returned)


def _pair(network: Any, variables: Mapping[str, Any] | None) -> tuple[Any, Mapping[str, Any]]:
    module, own = network if isinstance(network, tuple) else (network, None)
    if module.scope is not None:
        module, own = module.unbind()
    if own is not None and variables is not None:
        raise UserError("the network came with its variables: leave out variables=")
    variables = variables if own is None else own
    if variables is None:
        raise UserError(
            f"{type(module).__name__} is a Linen module, which does not hold its weights: give "
            "variables=, as module.init returned them"
        )
    if not isinstance(variables, Mapping) or (variables and "params" not in variables):
        what = f"keys {', '.join(map(str, variables))}" if isinstance(variables, Mapping) else ""
        raise UserError(
            'variables= takes what module.init returned, {"params": ...}, '
            f"not {what or type(variables).__name__}"
        )
    return module, variables
