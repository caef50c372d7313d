"""Networks in Equinox: modules that take one image [c, h, w], and are mapped over a batch."""

from typing import Any

import jax
from jaxtyping import Array

from atlasjax.adapters.adapted import Parts, marked
from atlasjax.adapters.signatures import evaluation, is_of
from atlasjax.errors import UserError
from atlasjax.marks import marking


def is_network(network: Any) -> bool:
    """Say whether this is an Equinox module, or a pair of one and its state."""
    module = network[0] if isinstance(network, tuple) and len(network) == 2 else network
    return is_of(module, "equinox", "Module")


def parts(network: Any) -> Parts:
    """Take an Equinox network apart; what every submodule returns is tapped, of the whole batch.

    The arrays are those of the network, not copies.

    Args:
        network: a module from one image [c, h, w], or a pair of one and its `eqx.nn.State`, as
            `eqx.nn.make_with_state` returns them. It stays as it is.

    Returns:
        Its parts, in inference. Names are paths in its tree: "layers.0.conv".

    Raises:
        UserError: a module with state that came without.

    >>> import equinox as eqx, jax.numpy as jnp
    >>> network = eqx.nn.MLP(3, 2, width_size=4, depth=1, key=jax.random.key(0))
    >>> variables, call, *_ = parts(network)
    >>> seen = {}
    >>> _ = call(variables, jnp.ones((5, 3)), lambda name, value: seen.setdefault(name, value))
    >>> {name: value.shape for name, value in seen.items()}
    {'layers.0': (5, 4), 'layers.1': (5, 2)}
    """
    import equinox as eqx

    module, state = network if isinstance(network, tuple) else (network, None)
    flags = evaluation(module.__call__, known=("state",))
    stateful = any(isinstance(m, eqx.nn.StatefulLayer) for _, m in _submodules(module))
    if state is None and stateful:
        raise UserError(
            f"{type(module).__name__} has layers with state, as batch norm: give the pair "
            "(network, state) of eqx.nn.make_with_state"
        )
    copy = jax.tree.map(lambda leaf: leaf, eqx.nn.inference_mode(module))
    for name, part in _submodules(copy):
        if callable(part):
            object.__setattr__(part, "__class__", marking(type(part), name, single=True))
    arrays, rest = eqx.partition((copy, state), eqx.is_array)

    def apply(arrays: Any, images: Array) -> Any:
        module, state = eqx.combine(arrays, rest)

        def one(image: Array) -> Any:
            return module(image, **flags) if state is None else module(image, state, **flags)[0]

        return jax.vmap(one)(images)

    return Parts(arrays, marked(apply), channels_first=True)


def _submodules(module: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Return all modules within one, by their paths; no container is entered twice."""
    import equinox as eqx

    def is_part(node: Any) -> bool:
        return node is not module and isinstance(node, eqx.Module)

    found = []
    for path, part in jax.tree_util.tree_leaves_with_path(module, is_leaf=is_part):
        if is_part(part):
            name = prefix + ".".join(_key(key) for key in path)
            found += [(name, part), *_submodules(part, f"{name}.")]
    return found


def _key(key: Any) -> str:
    return str(next(getattr(key, kind) for kind in ("name", "idx", "key") if hasattr(key, kind)))
