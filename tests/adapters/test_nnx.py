"""Flax NNX: every submodule's value, against the submodules called by hand."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import atlasjax as ax
from atlasjax.adapters.adapted import Adapted

SHAPE = (12, 12, 3)


class Block(nnx.Module):
    def __init__(self, inputs: int, outputs: int, rngs: nnx.Rngs):
        self.conv = nnx.Conv(inputs, outputs, (3, 3), rngs=rngs)
        self.norm = nnx.BatchNorm(outputs, rngs=rngs)
        self.drop = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return self.drop(nnx.relu(self.norm(self.conv(x))))


class Pair(nnx.Module):
    def __call__(self, x: Any) -> Any:
        return jnp.arange(2), {"x": 2 * x, "y": 3 * x}


class Network(nnx.Module):
    """Blocks in a list, a module in two places, one that returns a record, and random state."""

    def __init__(self, rngs: nnx.Rngs):
        self.blocks = nnx.List([Block(3, 8, rngs), Block(8, 16, rngs)])
        self.twice = nnx.Conv(16, 16, (3, 3), rngs=rngs)
        self.again = self.twice
        self.pair = Pair()
        self.scores = nnx.Linear(16, 5, rngs=rngs)

    def __call__(self, x: Any, *, train: bool = True) -> Any:
        for block in self.blocks:
            x = block(x)
        x = nnx.relu(self.again(nnx.relu(self.twice(x))))
        _, both = self.pair(x)
        x = both["x"].mean((1, 2))
        return self.scores(10 * x if train else x)


def images() -> Any:
    return jax.random.uniform(jax.random.key(7), (2, *SHAPE))


@pytest.fixture
def network() -> Network:
    made = Network(nnx.Rngs(0))
    random = np.random.default_rng(0)
    for kind in (nnx.Param, nnx.BatchStat):
        # Means and biases of 0 would hide mistakes.
        state = jax.tree.map(
            lambda v: jnp.asarray(random.uniform(0.1, 0.4, v.shape), v.dtype), nnx.state(made, kind)
        )
        nnx.update(made, state)
    return made


def rows_of(norm: Any) -> list[Any]:
    """Return mean, variance, scale and bias of a batch norm, to be used on images."""
    return [v[...].reshape(1, 1, 1, -1) for v in (norm.mean, norm.var, norm.scale, norm.bias)]


def by_hand(network: Network, x: Any) -> dict[str, Any]:
    """Return every value, computed from the weights in evaluation."""
    found = {}
    for i, block in enumerate(network.blocks):
        found[f"blocks.{i}.conv"] = x = block.conv(x)
        norm = block.norm
        rows = rows_of(norm)
        x = (x - rows[0]) / jnp.sqrt(rows[1] + norm.epsilon) * rows[2] + rows[3]
        found[f"blocks.{i}.norm"] = x
        found[f"blocks.{i}.drop"] = found[f"blocks.{i}"] = x = nnx.relu(x)
    found["again"] = x = network.twice(x)
    found["again:1"] = x = network.twice(nnx.relu(x))
    found["pair"] = 2 * nnx.relu(x)
    found["scores"] = network.scores(found["pair"].mean((1, 2)))
    return found


def test_every_submodule_is_tapped(network: Network, same: Any):
    model = ax.adapt(network)
    expected = by_hand(network, images())
    assert list(ax.layers(model, SHAPE)) == list(expected)
    found = jax.jit(lambda m, x: ax.capture(m, x, expected))(model, images())
    for name, value in expected.items():
        same(found[name], value)
    same(model(images(), lambda _, v: v), expected["scores"])


def test_it_obeys_the_contract(network: Network, contract: Any):
    def first(x: Any) -> Any:
        norm = network.blocks[0].norm
        rows = rows_of(norm)
        x = network.blocks[0].conv(x)
        return nnx.relu((x - rows[0]) * (jax.lax.rsqrt(rows[1] + norm.epsilon) * rows[2]) + rows[3])

    contract(ax.adapt(network), SHAPE, "blocks.0", first)


def test_the_network_is_neither_copied_nor_changed(network: Network):
    own = jax.tree.leaves(nnx.state(network, nnx.Not(nnx.RngState)))
    graph = nnx.graphdef(network)
    before = [np.array(leaf) for leaf in own]
    counts = [np.array(leaf) for leaf in jax.tree.leaves(nnx.state(network, nnx.RngCount))]
    model = ax.adapt(network)
    model(images(), lambda _, v: v)
    jax.jit(lambda x: model(x, lambda _, v: v))(images())
    assert {id(leaf) for leaf in jax.tree.leaves(model)} == {id(leaf) for leaf in own}
    after = jax.tree.leaves(nnx.state(network, nnx.Not(nnx.RngState)))
    for leaf, old in zip(after, before, strict=True):
        np.testing.assert_array_equal(leaf, old)
    assert nnx.graphdef(network) == graph
    assert type(network.blocks[0]) is Block
    assert not network.blocks[0].norm.use_running_average
    assert counts == jax.tree.leaves(nnx.state(network, nnx.RngCount))


def test_all_leaves_are_numbers(network: Network):
    model = ax.adapt(network)
    assert jax.tree.leaves(nnx.state(network, nnx.RngKey))
    assert all(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in jax.tree.leaves(model))
    gradient = jax.grad(lambda m: m(images(), lambda _, v: v).sum())(model)
    assert np.abs(gradient.variables["scores"]["kernel"][...]).max() > 0


class Wrapped(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        self.parts = nnx.List([nnx.Linear(3, 3, rngs=rngs) for _ in range(3)])

    def __call__(self, x: Any) -> Any:
        run = nnx.jit(lambda part, x: jnp.tanh(part(x)))
        x = run(self.parts[1], run(self.parts[0], x))
        return nnx.remat(lambda part, x: part(x))(self.parts[2], x).mean((1, 2))


def test_transformed_modules_are_seen_through(same: Any):
    network = Wrapped(nnx.Rngs(0))
    x = jax.random.uniform(jax.random.key(0), (2, 4, 4, 3))
    logits = network(x)
    model = ax.adapt(network)
    names = ["parts.0", "parts.1", "parts.2"]
    assert list(ax.layers(model, (4, 4, 3))) == names
    found = ax.capture(model, x, names)
    for i in range(3):
        x = jnp.tanh(x) if i else x
        x = network.parts[i](x)
        same(found[f"parts.{i}"], x)
    same(x.mean((1, 2)), logits)


def test_a_module_that_takes_a_tap_is_a_model_already():
    native = ax.models.load("inception_v1_tiny")
    assert ax.adapt(native) is native
    turned = ax.adapt(native, mean=0.5)
    assert isinstance(turned, Adapted)
    assert ax.layers(turned, (32, 32, 3)) == ax.layers(native, (32, 32, 3))


def test_adapting_twice_gives_the_same_classes(network: Network):
    first: Any = ax.adapt(network)
    second: Any = ax.adapt(network)
    assert jax.tree.structure(first.variables) == jax.tree.structure(second.variables)
