"""Keras on JAX: every layer's value, against Keras's own models that end at each layer."""

import os
import threading
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import atlasjax as ax

os.environ["KERAS_BACKEND"] = "jax"
keras = pytest.importorskip("keras", reason="needs Keras: pip install 'atlasjax[test]'")

SHAPE = (16, 16, 3)
layers = keras.layers


@pytest.fixture(autouse=True)
def keras_promotes() -> Iterator[None]:
    """Keras relies on types and ranks being promoted, which the suite otherwise forbids."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def images(shape: tuple[int, ...] = SHAPE) -> Any:
    return jax.random.uniform(jax.random.key(7), (2, *shape))


def shaken(network: Any) -> Any:
    """Change weights from those of the start, where means and biases of 0 would hide mistakes."""
    random = np.random.default_rng(0)
    for v in network.weights:
        if v.dtype == "float32":
            v.assign(v.value + 0.2 * random.uniform(size=v.shape))
    return network


def functional() -> Any:
    """A network with preprocessing, a nested model used twice, an addition and two outputs."""
    block = keras.Sequential(
        [layers.Conv2D(8, 3, padding="same", name="conv"), layers.BatchNormalization(name="norm")],
        name="block",
    )
    x = inputs = keras.Input(SHAPE)
    x = layers.Rescaling(2.0, offset=-1, name="rescale")(x)
    x = layers.RandomFlip(name="flip")(x)
    x = first = layers.Conv2D(8, 3, padding="same", activation="relu", name="stem")(x)
    x = layers.Activation("tanh", name="tanh")(block(block(x)))
    x = layers.Add(name="add")([x, first])
    x = layers.Dropout(0.5, name="drop")(layers.GlobalAveragePooling2D(name="pool")(x))
    outputs = [layers.Dense(5, name="scores")(x), layers.Dense(2, name="other")(x)]
    return shaken(keras.Model(inputs, outputs))


NAMES = [
    *("rescale", "flip", "stem", "block.conv", "block.norm", "block", "block.conv:1"),
    *("block.norm:1", "block:1", "tanh", "add", "pool", "drop", "scores", "other"),
]


def test_every_layer_of_a_functional_network(same: Any):
    network = functional()
    model = ax.adapt(network, output=0)
    assert sorted(ax.layers(model, SHAPE)) == sorted(NAMES)
    found = jax.jit(lambda m, x: ax.capture(m, x, NAMES))(model, images())
    names = [name for name in NAMES if "block" not in name]
    whole = keras.Model(network.inputs, [network.get_layer(name).output for name in names])
    for name, value in zip(names, whole(images(), training=False), strict=True):
        same(found[name], value)
    block = network.get_layer("block")
    conv, norm = block.layers[-2:]
    for call, x in (("", found["stem"]), (":1", found["block"])):
        same(found[f"block.conv{call}"], conv(x))
        same(found[f"block.norm{call}"], norm(conv(x), training=False))
        same(found[f"block{call}"], norm(conv(x), training=False))
    same(model(images(), lambda _, v: v), network(images(), training=False)[0])
    other = ax.adapt(network, output="other")
    same(other(images(), lambda _, v: v), network(images(), training=False)[1])


def test_two_outputs_of_which_none_is_named():
    with pytest.raises(ax.UserError, match=r"returns 2 outputs: say which .* one of 0, 1, or"):
        ax.layers(ax.adapt(functional()), SHAPE)


def test_it_obeys_the_contract(contract: Any):
    network = functional()
    alone = keras.Model(network.inputs, network.get_layer("stem").output)
    contract(ax.adapt(network, output=0), SHAPE, "stem", lambda x: alone(x, training=False))


@pytest.mark.slow
def test_every_layer_of_mobilenet(same: Any):
    shape = (32, 32, 3)
    network = keras.applications.MobileNetV2(shape, alpha=0.35, weights=None, classes=7)
    shaken(network)
    named = [layer for layer in network.layers if not isinstance(layer, layers.InputLayer)]
    model = ax.adapt(network)
    found = jax.jit(lambda m, x: ax.capture(m, x, [layer.name for layer in named]))(
        model, images(shape)
    )
    assert len(found) == 155
    whole = keras.Model(network.inputs, [layer.output for layer in named])
    expected = jax.jit(lambda x: whole(x, training=False))(images(shape))
    for layer, value in zip(named, expected, strict=True):
        same(found[layer.name], value, 1e-4)  # fifty layers of float32


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = [Block(name=f"block_{i}") for i in range(2)]
        self.scores = layers.Dense(5, name="scores")

    def call(self, x: Any, training: bool = True) -> Any:
        for block in self.blocks:
            x = block(x)
        x = self.scores(x.mean((1, 2)))
        return {"scores": 100 * x if training else x}


class Block(keras.layers.Layer):
    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        drop = layers.Dropout(0.5, name="drop")
        self.parts = {"conv": layers.Conv2D(4, 3, name="conv"), "drop": drop}

    def build(self, shape: Any) -> None:
        self.parts["conv"].build(shape)
        self.built = True

    def call(self, x: Any) -> Any:
        return keras.ops.tanh(self.parts["drop"](self.parts["conv"](x)))


def test_every_layer_of_a_subclassed_network(same: Any):
    network = Subclassed()
    with pytest.raises(ax.UserError, match=r"the Keras network 'subclassed\S*' has no weights yet"):
        ax.adapt(network)
    network(images())
    shaken(network)
    x, expected = images(), {}
    for i, block in enumerate(network.blocks):
        conv = block.parts["conv"](x)
        x = jnp.tanh(conv)
        expected |= {f"block_{i}.conv": conv, f"block_{i}.drop": conv, f"block_{i}": x}
    expected["scores"] = network.scores(x.mean((1, 2)))
    model = ax.adapt(network)
    assert list(ax.layers(model, SHAPE)) == list(expected)
    for name, value in ax.capture(model, images(), expected).items():
        same(value, expected[name])
    same(model(images(), lambda _, v: v), expected["scores"])


def broken(name: str, value: Any) -> Any:
    raise ZeroDivisionError


def test_the_network_is_neither_copied_nor_changed(same: Any):
    network = functional()
    weights = [v.value for v in network.variables]
    before = [np.array(v) for v in weights]
    kinds = [type(layer) for layer in network.layers]
    outputs = network(images(), training=False)
    model = ax.adapt(network, output=0)
    model(images(), lambda _, v: v)
    with pytest.raises(ZeroDivisionError):
        model(images(), broken)
    with pytest.raises(ValueError, match="expected shape"):  # from within Keras
        model(images()[:, :4], lambda _, v: v)
    assert [id(v.value) for v in network.variables] == [id(v) for v in weights]
    leaves = {id(leaf) for leaf in jax.tree.leaves(model)}
    assert leaves == {id(v) for v in weights if v.dtype == jnp.float32}
    assert len(leaves) < len(weights)  # the others are seeds
    for value, old in zip(weights, before, strict=True):
        np.testing.assert_array_equal(value, old)
    assert [type(layer) for layer in network.layers] == kinds
    assert type(network.get_layer("block").layers[-1]) is layers.BatchNormalization
    for new, old in zip(network(images(), training=False), outputs, strict=True):
        same(new, old)


def test_threads_may_share_a_network():
    network = functional()
    found = []
    models = [ax.adapt(network, output=0) for _ in range(3)]
    # JAX's settings are those of each thread.
    threads = [
        threading.Thread(target=lambda m=m: found.append(sorted(shapes_of(m)))) for m in models
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [sorted(NAMES)] * 3


def shapes_of(model: Any) -> dict[str, tuple[int, ...]]:
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return ax.layers(model, SHAPE)


def test_another_backend(monkeypatch: pytest.MonkeyPatch):
    network = keras.Sequential([keras.Input(SHAPE), layers.Flatten()])
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    with pytest.raises(ax.UserError, match="Keras runs on 'tensorflow': set KERAS_BACKEND=jax"):
        ax.adapt(network)


def test_several_inputs():
    a, b = keras.Input(SHAPE), keras.Input(SHAPE)
    network = keras.Model([a, b], layers.Add()([a, b]))
    with pytest.raises(ax.UserError, match="has 2 inputs; it must take images only"):
        ax.adapt(network)
