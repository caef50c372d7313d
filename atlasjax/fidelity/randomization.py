"""Randomization: whether a map explains the network at all, or only shows the image.

An edge detector makes fine-looking maps, and knows nothing of the network. A map that stays as it
is when the network's weights are shuffled, or when another answer is asked for, is one of those.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from scipy.stats import rankdata

from atlasjax.errors import UserError
from atlasjax.taps import Model, as_pytree


def randomized(model: Model, key: Key[Array, ""]) -> Model:
    """Return the network with the numbers in every weight array shuffled among themselves.

    It has the shapes and the distribution of each layer's weights, and nothing of what was learned:
    the end of the cascade of Adebayo et al., in which every layer is randomized.

    Args:
        model: a callable pytree `model(images, tap)`.
        key: what the order is drawn from; each array has its own.

    Raises:
        UserError: a network without weights that could be shuffled, such as a plain function.

    Source: Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018, section 3.

    >>> model = jax.tree_util.Partial(lambda w, images, tap: images @ w, jnp.arange(6.0))
    >>> sorted(jax.tree.leaves(randomized(model, jax.random.key(0)))[0].tolist())
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """
    leaves, structure = jax.tree.flatten(as_pytree(model))
    weights = [i for i, leaf in enumerate(leaves) if _is_weight(leaf)]
    if not weights:
        raise UserError("a network without weights: there is nothing to randomize")
    # On the host: every shape would have a program of its own, each compiled for one call.
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    for i in weights:
        flat = rng.permutation(np.ravel(leaves[i]))
        leaves[i] = jnp.asarray(flat.reshape(leaves[i].shape))
    return jax.tree.unflatten(structure, leaves)


def _is_weight(leaf: object) -> bool:
    if not isinstance(leaf, jax.Array | np.ndarray) or leaf.size < 2:
        return False
    return jnp.issubdtype(leaf.dtype, jnp.floating)


def similarity(
    maps: Float[np.ndarray, "n h w"], others: Float[np.ndarray, "n h w"]
) -> Float[np.ndarray, " n"]:
    """Return Spearman's rank correlation of two maps of each image, by magnitude.

    Magnitudes are compared because signs change at random in a random network, which would make a
    map that shows nothing but edges look as if it depended on the network.

    Args:
        maps: one for each image.
        others: what they are compared with.

    Returns:
        From -1 to 1; 1 for maps in the same order, about 0 for unrelated ones; nan where one of
        them is even.

    >>> maps = np.array([[[0.0, 1.0], [2.0, -3.0]]])
    >>> similarity(maps, 2 * maps), similarity(maps, 0 * maps)
    (array([1.]), array([nan]))
    """
    if maps.shape != others.shape:
        raise UserError(f"maps {list(maps.shape)} and {list(others.shape)}: must be alike")
    first, second = (rankdata(np.abs(m).reshape(len(m), -1), axis=1) for m in (maps, others))
    first, second = (r - r.mean(1, keepdims=True) for r in (first, second))
    size = np.sqrt((first**2).sum(1) * (second**2).sum(1))
    return np.where(size > 0, (first * second).sum(1) / np.where(size > 0, size, 1), np.nan)
