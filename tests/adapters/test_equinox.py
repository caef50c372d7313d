"""Equinox: every submodule's value of the whole batch, against layers mapped by hand."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import atlasjax as ax

eqx: Any = pytest.importorskip("equinox", reason="needs Equinox: pip install 'atlasjax[test]'")

SHAPE = (12, 12, 3)


class Block(eqx.Module):
    conv: Any
    activation: Any

    def __init__(self, inputs: int, outputs: int, key: Any):
        self.conv = eqx.nn.Conv2d(inputs, outputs, 3, padding=1, key=key)
        self.activation = eqx.nn.Lambda(jnp.tanh)

    def __call__(self, x: Any) -> Any:
        return self.activation(self.conv(x))


class Network(eqx.Module):
    """Blocks, a convolution called twice, a layer mapped over positions, and dropout."""

    blocks: Any
    twice: Any
    mix: Any
    drop: Any
    scores: Any

    def __init__(self, key: Any):
        keys = jax.random.split(key, 5)
        self.blocks = [Block(3, 8, keys[0]), Block(8, 16, keys[1])]
        self.twice = eqx.nn.Conv2d(16, 16, 3, padding=1, key=keys[2])
        self.mix = {"in": eqx.nn.Linear(16, 16, key=keys[3])}
        self.drop = eqx.nn.Dropout(0.5)
        self.scores = eqx.nn.Linear(16, 5, key=keys[4])

    def __call__(self, x: Any, key: Any = None) -> Any:
        for block in self.blocks:
            x = block(x)
        x = self.twice(self.twice(x))
        tokens = jax.vmap(self.mix["in"])(x.reshape(16, -1).T)
        return self.scores(self.drop(tokens.mean(0), key=key))


def images() -> Any:
    return jax.random.uniform(jax.random.key(7), (2, *SHAPE))


def last(x: Any) -> Any:
    return jnp.moveaxis(x, 1, -1)


@pytest.fixture(scope="module")
def network() -> Network:
    return Network(jax.random.key(0))


def by_hand(network: Network, images: Any) -> dict[str, Any]:
    found, x = {}, jnp.moveaxis(images, -1, 1)
    for i, block in enumerate(network.blocks):
        x = jax.vmap(block.conv)(x)
        found[f"blocks.{i}.conv"] = last(x)
        x = jnp.tanh(x)
        found[f"blocks.{i}.activation"] = found[f"blocks.{i}"] = last(x)
    x = jax.vmap(network.twice)(x)
    found["twice"] = last(x)
    x = jax.vmap(network.twice)(x)
    found["twice:1"] = last(x)
    x = x.reshape(len(x), 16, -1).transpose(0, 2, 1)
    found["mix.in"] = x = jax.vmap(jax.vmap(network.mix["in"]))(x)
    found["drop"] = x = x.mean(1)
    found["scores"] = jax.vmap(network.scores)(x)
    return found


def test_every_submodule_is_tapped_for_the_whole_batch(network: Network, same: Any):
    model = ax.adapt(network)
    expected = by_hand(network, images())
    assert list(ax.layers(model, SHAPE)) == list(expected)
    found = jax.jit(lambda m, x: ax.capture(m, x, expected))(model, images())
    for name, value in expected.items():
        same(found[name], value)
    same(model(images(), lambda _, v: v), expected["scores"])


def test_it_obeys_the_contract(network: Network, contract: Any):
    contract(ax.adapt(network), SHAPE, "blocks.0", lambda x: by_hand(network, x)["blocks.0"])


def test_the_network_is_neither_copied_nor_changed(network: Network):
    own, tree = jax.tree.flatten(network)
    arrays = [leaf for leaf in own if isinstance(leaf, jax.Array)]
    before = [np.array(leaf) for leaf in arrays]
    model = ax.adapt(network)
    jax.jit(lambda x: model(x, lambda _, v: v))(images())
    assert [id(leaf) for leaf in jax.tree.leaves(model)] == [id(leaf) for leaf in arrays]
    assert jax.tree.structure(network) == tree
    for leaf, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(leaf, old)
    assert type(network.blocks[0]) is Block
    assert not network.drop.inference


class Normalized(eqx.Module):
    """Batch norm, whose statistics are a state beside the network."""

    conv: Any
    norm: Any

    def __init__(self, key: Any):
        self.conv = eqx.nn.Conv2d(3, 4, 3, key=key)
        self.norm = eqx.nn.BatchNorm(4, "batch", mode="ema")

    def __call__(self, x: Any, state: Any) -> Any:
        x, state = self.norm(self.conv(x), state)
        return x.mean((1, 2)), state


def test_a_network_with_its_state(same: Any):
    network, state = eqx.nn.make_with_state(Normalized)(key=jax.random.key(0))
    # One step of training, so that its statistics are not those of the start.
    x = jnp.moveaxis(images(), -1, 1)
    training = jax.vmap(network, axis_name="batch", in_axes=(0, None), out_axes=(0, None))
    _, state = training(x, state)
    model = ax.adapt((network, state))
    evaluation = eqx.nn.inference_mode(network)
    expected = jax.vmap(evaluation, axis_name="batch", in_axes=(0, None), out_axes=(0, None))
    for _ in range(2):  # a state may be used once only
        same(model(images(), lambda _, v: v), expected(x, state)[0])
    assert list(ax.layers(model, SHAPE)) == ["conv", "norm"]
    same(ax.capture(model, images(), ["norm"])["norm"].mean((1, 2)), expected(x, state)[0])
    with pytest.raises(ax.UserError, match="Normalized has layers with state"):
        ax.adapt(network)


def test_jitted_and_rematerialized_parts_are_seen_through(same: Any):
    class Wrapped(eqx.Module):
        parts: Any

        def __call__(self, x: Any) -> Any:
            run = eqx.filter_jit(lambda part, x: jnp.tanh(part(x)))
            x = run(self.parts[1], run(self.parts[0], x.reshape(-1)))
            return eqx.filter_checkpoint(self.parts[2])(x)

    network = Wrapped([eqx.nn.Linear(3, 3, key=jax.random.key(i)) for i in range(3)])
    x = jax.random.uniform(jax.random.key(0), (2, 1, 1, 3))
    logits = jax.vmap(network)(x.reshape(2, 3, 1, 1))
    found = ax.capture(ax.adapt(network), x, ["parts.0", "parts.1", "parts.2"])
    value = x.reshape(2, 3)
    for i in range(3):
        value = jnp.tanh(value) if i else value
        value = jax.vmap(network.parts[i])(value)
        same(found[f"parts.{i}"], value)
    same(value, logits)


def test_a_key_without_a_default_is_none():
    class Keyed(eqx.Module):
        linear: Any

        def __call__(self, x: Any, key: Any) -> Any:
            assert key is None
            return self.linear(x.mean((1, 2)))

    network = Keyed(eqx.nn.Linear(3, 2, key=jax.random.key(0)))
    assert ax.layers(ax.adapt(network), SHAPE) == {"linear": (2,)}
