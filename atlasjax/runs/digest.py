"""Digest: what tells one network from another, its weights and what it computes with them."""

import hashlib
import re

import jax
import jax.numpy as jnp
import numpy as np

from atlasjax.taps import Model, as_pytree, identity

# Where functions lie in memory, which is printed of some of them, says nothing of the network.
_ADDRESS = re.compile(r"\bat 0x[0-9a-f]+|0x[0-9a-f]{6,}")


def digest(model: Model, shape: tuple[int, int, int]) -> str:
    """Return a digest of a network: of its weights, and of what it computes with them.

    Args:
        model: a callable pytree `model(images, tap)`.
        shape: height, width and channels of its images.

    >>> double = digest(lambda x, tap: 2 * x, (4, 4, 3))
    >>> double == digest(lambda x, tap: x + x, (4, 4, 3)), len(double)
    (False, 64)
    """
    model = as_pytree(model)
    image = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    traced = jax.make_jaxpr(lambda m, x: m(x, identity))(model, image)
    found = hashlib.sha256(_ADDRESS.sub("", str(traced.jaxpr)).encode())
    for leaf in (*jax.tree.leaves(model), *traced.consts):
        is_key = isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        array = np.ascontiguousarray(jax.random.key_data(leaf) if is_key else leaf)
        found.update(f"{array.dtype} {array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()
