"""The surrogate: a small network that predicts the average path length from a network's weights.

A tree's path length has no gradient; this has one.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Key, PyTree

HIDDEN = 25  # units, as in the paper
RATE = 1e-2
DECAY = 1e-3  # of the surrogate's own weights, in its loss


class Surrogate(NamedTuple):
    """A perceptron with one hidden layer, and the scale of what it is given.

    Attributes:
        params: of the perceptron.
        centre: mean of the weights that it was trained on.
        scale: their deviation, one number for all.
        middle: mean path length.
        spread: deviation of the path lengths.
    """

    params: PyTree
    centre: Float[Array, " weights"]
    scale: Float[Array, ""]
    middle: Float[Array, ""]
    spread: Float[Array, ""]

    def __call__(self, weights: PyTree) -> Float[Array, ""]:
        """Return the path length that is to be expected of weights, at least 0."""
        flat = ravel_pytree(weights)[0].astype(jnp.float32)
        found = _perceptron(self.params, ((flat - self.centre) / self.scale)[None])[0]
        return jax.nn.relu(self.middle + self.spread * found)


def initial_surrogate(weights: PyTree, key: Key[Array, ""]) -> Surrogate:
    """Return a surrogate that has seen nothing: it expects 0 of all weights.

    Args:
        weights: of the network, for their number.
        key: of the first weights of the perceptron.

    >>> initial_surrogate({"w": jnp.ones(3)}, jax.random.key(0))({"w": jnp.ones(3)})
    Array(0., dtype=float32)
    """
    size = ravel_pytree(weights)[0].size
    into = jax.random.normal(key, (size, HIDDEN), jnp.float32) / np.float32(np.sqrt(size))
    params = {
        "into": into,
        "bias": jnp.zeros(HIDDEN, jnp.float32),
        "out": jnp.zeros(HIDDEN, jnp.float32),
    }
    one, none = jnp.ones((), jnp.float32), jnp.zeros((), jnp.float32)
    return Surrogate(params, jnp.zeros(size, jnp.float32), one, none, none)


def fit_surrogate(
    surrogate: Surrogate,
    weights: Any,
    lengths: Any,
    *,
    steps: int = 500,
) -> Surrogate:
    """Return a surrogate trained on weights and the path lengths of their networks.

    It goes on from the perceptron that it is given, by Adam.

    Args:
        surrogate: see `initial_surrogate`.
        weights: of networks, each flat: [examples, weights].
        lengths: the average path length of each.
        steps: of the training, each of which sees all.

    >>> rng = np.random.default_rng(0)
    >>> seen = rng.normal(size=(60, 3)).astype(np.float32)
    >>> first = initial_surrogate(jnp.zeros(3), jax.random.key(0))
    >>> learnt = fit_surrogate(first, seen, 5 + 2 * seen[:, 0])
    >>> bool(learnt(jnp.array([1.0, 0, 0])) > learnt(jnp.array([-1.0, 0, 0])) + 2)
    True
    """
    x, y = np.asarray(weights, np.float32), np.asarray(lengths, np.float32)
    centre, scale = x.mean(0), max(float((x - x.mean(0)).std()), 1e-6)
    middle, spread = float(y.mean()), max(float(y.std()), 1e-3)
    rows = max(64, 1 << (len(x) - 1).bit_length())  # few sizes, so that it is compiled few times
    kept = np.zeros((rows, x.shape[1]), np.float32), np.zeros(rows, np.float32)
    kept[0][: len(x)], kept[1][: len(x)] = (x - centre) / scale, (y - middle) / spread
    count = (np.arange(rows) < len(x)).astype(np.float32)
    params = _fitted(surrogate.params, *map(jnp.asarray, (*kept, count)), steps)
    numbers = (jnp.asarray(v, jnp.float32) for v in (centre, scale, middle, spread))
    return Surrogate(params, *numbers)


@partial(jax.jit, static_argnums=4)
def _fitted(params: PyTree, x: Array, y: Array, count: Array, steps: int) -> PyTree:
    rule = optax.adam(RATE)

    def loss(params: PyTree) -> Array:
        squares = jnp.square(_perceptron(params, x) - y) * count
        own = sum(jnp.square(leaf).sum() for leaf in jax.tree.leaves(params))
        return squares.sum() / count.sum() + DECAY * own

    def step(_: Any, state: tuple[PyTree, PyTree]) -> tuple[PyTree, PyTree]:
        with jax.numpy_dtype_promotion("standard"):  # optax raises floats to integer powers
            change, memory = rule.update(jax.grad(loss)(state[0]), state[1])
        return optax.apply_updates(state[0], change), memory

    return jax.lax.fori_loop(0, steps, step, (params, rule.init(params)))[0]


def _perceptron(params: PyTree, x: Float[Array, "n weights"]) -> Float[Array, " n"]:
    hidden = jax.nn.softplus(x @ params["into"] + params["bias"][None])
    return hidden @ params["out"]
