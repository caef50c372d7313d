"""Training with a penalty on the path length of the tree that would explain the network."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int, Key, PyTree

from atlasjax.errors import UserError, unknown
from atlasjax.trees.surrogate import Surrogate, fit_surrogate, initial_surrogate
from atlasjax.trees.tree import path_length, regional_path_length

PENALTIES = ("none", "l1", "l2", "tree")
Predict = Callable[[PyTree], Int[Array, " n"]]


class Schedule(NamedTuple):
    """When the surrogate is trained, and on what.

    Attributes:
        every: epochs between two trainings of the surrogate.
        measure: epochs between two trees, whose path lengths it learns from.
        window: how many of the latest trees it learns from, with those of the restarts.
        restarts: networks of random weights that it learns from as well.
        steps: of each training of the surrogate.
        warm_up: epochs before the penalty begins.
        neighbours: networks around the present one that it learns from at each training. They are
            not in the paper; without them (0) it knows the path length along the way that the
            training took, and next to nothing of which way it falls.
        nearness: how far these are, in deviations of the weights.
    """

    every: int = 25
    measure: int = 1
    window: int = 200
    restarts: int = 20
    steps: int = 300
    warm_up: int = 0
    neighbours: int = 40
    nearness: float = 0.1


class Trained(NamedTuple):
    """A trained network, and how it went.

    Attributes:
        params: the weights.
        loss: of each epoch, without the penalty.
        epochs: those at whose end there was a tree.
        path_length: of each tree.
        expected: what the surrogate said of it.
    """

    params: PyTree
    loss: Float[np.ndarray, " epochs"]
    epochs: Int[np.ndarray, " trees"]
    path_length: Float[np.ndarray, " trees"]
    expected: Float[np.ndarray, " trees"]


def train(
    params: PyTree,
    loss: Callable[[PyTree, Any], Float[Array, ""]],
    batches: PyTree,
    *,
    optimizer: optax.GradientTransformation,
    epochs: int,
    penalty: str = "tree",
    strength: float = 0.0,
    predict: Predict | None = None,
    features: Float[np.ndarray, "n d"] | None = None,
    restart: Callable[[Key[Array, ""]], PyTree] | None = None,
    schedule: Schedule | None = None,
    tree: Mapping[str, Any] | None = None,
    regions: Any = None,
    seed: int = 0,
) -> Trained:
    r"""Minimize $L(W) + \lambda \Omega(W)$, where the penalty is one of four.

    "tree" is $\hat\Omega(W)$, the surrogate's estimate of the average path length of the tree that
    mimics the network; "l1" is $\sum |w|$, "l2" $\sum w^2$; "none" is 0. The surrogate is trained
    every few epochs on the weights of the epochs before and on random ones; in between it stays.

    Args:
        params: the first weights, a pytree: of Flax Linen, `nnx.split`, Equinox, or one's own.
        loss: of weights and a batch.
        batches: a pytree whose leaves have batches as their leading axis, all of which an epoch
            sees, in order.
        optimizer: of Optax.
        epochs: how many.
        penalty: "tree", "l1", "l2" or "none".
        strength: lambda.
        predict: the class that a network of some weights gives to each example of `features`. With
            the tree penalty it is needed.
        features: what the tree may ask about each of these.
        restart: makes random weights, for the surrogate to learn from before it has seen any. By
            default the first weights with noise of their own deviation.
        schedule: of the surrogate.
        tree: settings of the trees, see `fit`.
        regions: [n], which region each of `features` is of, where every region is to have a short
            tree of its own, see `regional_path_length`; one for all by default.
        seed: of restarts and of the surrogate.

    Returns:
        The weights, with the course of loss and path length.

    Raises:
        UserError: no such penalty; a tree penalty without predictions; numbers out of range.

    Source: Wu et al. 2018, sections 3 and 4.

    >>> x = jnp.linspace(-1, 1, 40)[:, None]
    >>> fit = lambda w, batch: jnp.square(batch @ w["a"] - batch[:, 0]).mean()
    >>> made = train({"a": jnp.zeros(1)}, fit, x[None], optimizer=optax.sgd(0.5), epochs=20)
    >>> float(made.params["a"][0].round(2)), len(made.path_length)
    (1.0, 0)
    """
    schedule = schedule or Schedule()
    _check(penalty, strength, epochs, predict, features, schedule)
    key, first = jax.random.split(jax.random.key(seed))
    surrogate, state = initial_surrogate(params, first), optimizer.init(params)
    measured = predict is not None and features is not None
    by_tree = penalty == "tree" and strength > 0
    flat: list[np.ndarray] = []
    lengths: list[float] = []
    at: list[int] = []
    expected: list[float] = []
    losses: list[float] = []

    def length(weights: PyTree) -> float:
        assert predict is not None
        x, answers, settings = np.asarray(features), np.asarray(predict(weights)), tree or {}
        if regions is None:
            return path_length(x, answers, **settings)
        return regional_path_length(x, answers, regions, **settings)

    random = _restarts(params, restart, key, schedule.restarts if by_tree else 0)
    known = [(np.asarray(ravel_pytree(one)[0]), length(one)) for one in random]
    for epoch in range(epochs):
        if by_tree and epoch % schedule.every == 0 and schedule.neighbours:
            key, own = jax.random.split(key)
            for one in _neighbours(params, own, schedule):
                flat.append(np.asarray(ravel_pytree(one)[0]))
                lengths.append(length(one))
        if by_tree and epoch % schedule.every == 0 and (known or flat):
            recent = list(zip(flat, lengths, strict=True))[-schedule.window :]
            seen = [*known, *recent]
            vectors, values = np.stack([v for v, _ in seen]), np.array([n for _, n in seen])
            surrogate = fit_surrogate(surrogate, vectors, values, steps=schedule.steps)
        now = strength if epoch >= schedule.warm_up else 0.0
        params, state, value = _epoch(
            params, state, batches, surrogate, jnp.float32(now), loss, optimizer, penalty
        )
        losses.append(float(value))
        last = epoch == epochs - 1
        if measured and (last or (by_tree and epoch % schedule.measure == 0)):
            flat.append(np.asarray(ravel_pytree(params)[0]))
            lengths.append(length(params))
            expected.append(float(surrogate(params)))
            at.append(epoch)
    numbers = (np.array(lengths, float), np.array(expected, float))
    return Trained(params, np.array(losses), np.array(at, int), *numbers)


@partial(jax.jit, static_argnames=("loss", "optimizer", "penalty"))
def _epoch(
    params: PyTree,
    state: PyTree,
    batches: PyTree,
    surrogate: Surrogate,
    strength: Array,
    loss: Callable[[PyTree, Any], Array],
    optimizer: optax.GradientTransformation,
    penalty: str,
) -> tuple[PyTree, PyTree, Array]:
    """Go once through the batches."""

    def total(params: PyTree, batch: Any) -> tuple[Array, Array]:
        own = loss(params, batch)
        return own + strength * _penalty(penalty, params, surrogate), own

    def step(carry: tuple[PyTree, PyTree], batch: Any) -> tuple[tuple[PyTree, PyTree], Array]:
        params, state = carry
        slope, own = jax.grad(total, has_aux=True)(params, batch)
        with jax.numpy_dtype_promotion("standard"):  # optax raises floats to integer powers
            change, state = optimizer.update(slope, state, params)
        return (optax.apply_updates(params, change), state), own

    (params, state), losses = jax.lax.scan(step, (params, state), batches)
    return params, state, losses.mean()


def _penalty(kind: str, params: PyTree, surrogate: Surrogate) -> Array:
    if kind == "tree":
        return surrogate(params)
    if kind == "none":
        return jnp.zeros((), jnp.float32)
    size = jnp.abs if kind == "l1" else jnp.square
    return sum((size(leaf).sum() for leaf in jax.tree.leaves(params)), jnp.zeros((), jnp.float32))


def _restarts(params: PyTree, restart: Any, key: Key[Array, ""], count: int) -> list[PyTree]:
    """Return random weights, of several scales where no function makes them."""
    keys = jax.random.split(key, max(count, 1))[:count]
    if restart is not None:
        return [restart(k) for k in keys]
    flat, back = ravel_pytree(params)
    spread = jnp.maximum(flat.std(), 0.1)
    return [back(flat + spread * jax.random.normal(k, flat.shape, flat.dtype)) for k in keys]


def _neighbours(params: PyTree, key: Key[Array, ""], schedule: Schedule) -> list[PyTree]:
    """Return networks around one, whose path lengths tell which way it falls."""
    flat, back = ravel_pytree(params)
    spread = schedule.nearness * jnp.maximum(flat.std(), 1e-3)
    keys = jax.random.split(key, schedule.neighbours)
    return [back(flat + spread * jax.random.normal(k, flat.shape, flat.dtype)) for k in keys]


def _check(
    penalty: str, strength: float, epochs: int, predict: Any, features: Any, schedule: Schedule
) -> None:
    if penalty not in PENALTIES:
        raise unknown("penalty", penalty, PENALTIES)
    if not 0 <= strength < float("inf"):
        raise UserError(f"strength={strength:g}: 0 or greater")
    if epochs < 1:
        raise UserError(f"epochs={epochs}: at least 1")
    if penalty == "tree" and strength > 0 and (predict is None or features is None):
        raise UserError("the tree penalty needs predict= and features=, from which trees are made")
    if schedule.neighbours < 0 or schedule.nearness <= 0:
        raise UserError("schedule: neighbours is 0 or greater, nearness above 0")
    if min(schedule.every, schedule.measure, schedule.window, schedule.steps) < 1:
        raise UserError("schedule: every, measure, window and steps are at least 1")
