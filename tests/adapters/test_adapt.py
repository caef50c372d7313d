"""The door: which networks it takes, what it is told of their images, and one line for mistakes."""

import sys
import types
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import atlasjax as ax
from atlasjax.adapters import adapt as door
from atlasjax.adapters.adapted import Adapted, Parts
from atlasjax.adapters.signatures import evaluation, takes_tap

SHAPE = (8, 8, 3)


def toy(images: Any, tap: Any) -> Any:
    return tap("first", 2 * images).mean((1, 2))


def images() -> Any:
    return jax.random.uniform(jax.random.key(7), (2, *SHAPE))


def first(model: Any) -> Any:
    return ax.capture(model, images(), ["first"])["first"]


class Returns(nnx.Module):
    """A network of one layer, which returns what it is told to make of the layer's value."""

    def __init__(self, made: Any):
        self.linear = nnx.Linear(3, 4, rngs=nnx.Rngs(0))
        self.made = nnx.static(made)

    def __call__(self, x: Any) -> Any:
        return self.made(self.linear(x).mean((1, 2)))


# What is a network -------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [toy, jax.jit(toy, static_argnums=1), jax.tree_util.Partial(toy)])
def test_a_function_with_a_tap_is_returned_as_it_is(model: Any):
    assert ax.adapt(model) is model


@pytest.mark.parametrize(
    "network",
    [lambda x: x, lambda x, train=True: x, lambda x, mask, train: x, 3, {"params": 3}, len, None],
)
def test_what_is_no_network(network: Any):
    with pytest.raises(ax.UserError, match="is not a network that can be looked into: give a") as e:
        ax.adapt(network)
    assert "\n" not in str(e.value)
    assert all(kind in str(e.value) for kind in ("model(images, tap)", "NNX", "Linen", "PyTorch"))


def test_an_adapted_network_passes():
    model = ax.adapt(toy, mean=0.5)
    assert ax.adapt(model) is model
    with pytest.raises(ax.UserError, match="this model is adapted already: give all settings"):
        ax.adapt(model, std=2)


def test_settings_of_other_libraries():
    with pytest.raises(ax.UserError, match="variables= is for Flax Linen"):
        ax.adapt(toy, variables={})


def test_libraries_are_not_imported(monkeypatch: pytest.MonkeyPatch):
    libraries = ("keras", "flax.linen", "flax.nnx", "equinox", "torch")
    for name in libraries:
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert ax.adapt(toy) is toy
    assert not set(libraries) & set(sys.modules)


def test_a_network_in_pytorch_goes_to_its_adapter(monkeypatch: pytest.MonkeyPatch):
    Module = type("Module", (), {"__call__": lambda self, *args: None})
    given = {}

    def parts(network: Any, *, example: Any) -> Parts:
        given.update(network=network, example=example)
        return Parts({}, lambda _, x, tap: tap("conv", x).mean((2, 3)), channels_first=True)

    adapter = types.SimpleNamespace(is_network=lambda n: isinstance(n, Module), parts=parts)
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    monkeypatch.setitem(sys.modules, "atlasjax.adapters.torch", adapter)
    network = Module()
    model = ax.adapt(network, example="an example")
    assert given == {"network": network, "example": "an example"}
    assert ax.layers(model, (4, 6, 3)) == {"conv": (4, 6, 3)}


def test_adapting_computes_nothing():
    def never(x: Any) -> Any:
        raise AssertionError

    ax.adapt(Returns(never))


# Images ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "by_hand"),
    [
        ({"mean": (0.485, 0.456, 0.406), "std": [0.229, 0.224, 0.225]}, None),
        ({"mean": 127.5, "std": 127.5, "input_range": (0, 255)}, lambda x: (x - 0.5) * 2),
        ({"input_range": (-1, 1)}, lambda x: x * 2 - 1),
        ({"std": np.float32(0.5)}, lambda x: x * 2),
        ({"mean": np.array([123.0, 117.0, 104.0]), "input_range": (0, 255)}, None),
    ],
)
def test_images_become_what_the_network_expects(settings: Any, by_hand: Any):
    found = first(ax.adapt(toy, **settings))
    x = np.asarray(images(), np.float64)
    if by_hand is None:
        low, high = settings.get("input_range", (0, 1))
        x = (x * (high - low) + low - np.array(settings["mean"])) / settings.get("std", [1, 1, 1])
    else:
        x = by_hand(x)
    np.testing.assert_allclose(found, 2 * x, rtol=1e-5, atol=1e-5 * np.abs(x).max())


def test_channels_first_is_turned_around_the_network():
    def flipped(x: Any, tap: Any) -> Any:
        assert x.shape[1] == 3
        x = tap("first", 2 * x)
        return tap("rows", x[:, :, 0]).mean(2)

    model = ax.adapt(flipped, channels_first=True)
    assert ax.layers(model, (8, 6, 3)) == {"first": (8, 6, 3), "rows": (3, 6)}
    np.testing.assert_allclose(first(model), 2 * images())
    doubled = ax.intervene(model, images(), {"first": lambda v: 2 * v})
    np.testing.assert_allclose(doubled, 4 * images()[:, 0].mean(1), rtol=1e-5)


def test_only_values_of_the_batch_are_tapped_and_names_are_unique():
    def many(x: Any, tap: Any) -> Any:
        x = tap("a", tap("b", tap("a", x)))
        tap("whole", x.sum())
        tap("table", jnp.ones((3, 4)))
        tap("numbers", jnp.ones(x.shape[0], jnp.int32))
        return tap("a", x.mean((1, 2)))

    model = ax.adapt(many, mean=0.5)
    assert list(ax.capture(model, images(), ["a", "b", "a:1", "a:2"])) == ["a", "b", "a:1", "a:2"]
    seen: list[str] = []
    model(images(), lambda name, value: seen.append(name) or value)
    assert seen == ["a", "b", "a:1", "a:2"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"input_range": (1, 0)}, r"input_range=\(1, 0\): what black is must be less"),
        ({"input_range": (0, 0)}, "must be less than what white is"),
        ({"input_range": (0, float("inf"))}, "must be less than what white is"),
        ({"std": 0}, r"std=\[0.0\]: deviations must be greater than 0"),
        ({"std": [1.0, 1.0, -1.0]}, "deviations must be greater than 0"),
        ({"mean": float("nan")}, "mean=nan: a finite number, or one for each channel"),
        ({"mean": []}, r"mean=\[\]: a finite number"),
        ({"std": np.ones((3, 1))}, "a finite number, or one for each channel"),
        ({"mean": [0.5, 0.5], "std": [1, 1, 1]}, "mean of 2 channels with std of 3"),
    ],
)
def test_mistakes_with_settings(settings: Any, message: str):
    with pytest.raises(ax.UserError, match=message):
        ax.adapt(toy, **settings)


@pytest.mark.parametrize("name", ["mean", "std"])
def test_channels_that_do_not_fit(name: str):
    settings: Any = {name: [0.5, 0.5]}
    model = ax.adapt(toy, **settings)
    with pytest.raises(ax.UserError, match=f"{name} of 2 channels for images of 3: give one"):
        ax.layers(model, SHAPE)


# Outputs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "output"),
    [
        (lambda x: x, None),
        (lambda x: [x], None),
        (lambda x: {"only": x}, None),
        (lambda x: (2 * x, x), 1),
        (lambda x: {"b": x, "a": 2 * x}, "b"),
        (lambda x: nn.FrozenDict(b=x, a=2 * x), "b"),
    ],
)
def test_one_output_stands_for_the_logits(made: Any, output: Any):
    network = Returns(made)
    logits = ax.adapt(network, output=output)(images(), lambda _, v: v)
    expected = network.linear(images()).mean((1, 2))
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)


def test_a_layer_may_stand_for_the_logits():
    class Features(nnx.Module):
        def __init__(self) -> None:
            self.linear = nnx.Linear(3, 4, rngs=nnx.Rngs(0))

        def __call__(self, x: Any) -> Any:
            return self.linear(x.mean((1, 2))).reshape(-1, 2, 2)

    model = ax.adapt(Features(), output="linear")
    assert model(images(), lambda _, v: v).shape == (2, 4)
    assert ax.adapt(Features(), output="none")(images(), lambda _, v: v).shape == (2, 0)


@pytest.mark.parametrize(
    ("made", "output", "message"),
    [
        (lambda x: (x, x), None, "the network returns 2 outputs: say which"),
        (lambda x: {"a": x, "b": x}, None, "output=, one of 'a', 'b', or a layer's name"),
        (lambda x: {"a": x, "b": x}, "c", "no output 'c': there are 'a', 'b', the layers, and"),
        (lambda x: (x, x), 2, "no output 2: there are 0, 1, the layers"),
        (lambda x: x[:, 0], None, r"output 0 of shape \[1\] and type float32 cannot stand for"),
        (lambda x: {"a": (x, x), "b": x}, "a", "output 'a' is a tuple, not an array"),
    ],
)
def test_mistakes_with_outputs(made: Any, output: Any, message: str):
    with pytest.raises(ax.UserError, match=message) as e:
        ax.layers(ax.adapt(Returns(made), output=output), SHAPE)
    assert "\n" not in str(e.value)


def test_a_network_that_shows_nothing():
    door.check_taps(toy, SHAPE)
    with pytest.raises(ax.UserError, match="the network taps no layer: what is to be seen"):
        door.check_taps(lambda images, tap: images.mean((1, 2)), SHAPE)


# Signatures --------------------------------------------------------------------------------------


def test_networks_are_told_that_nobody_trains():
    def call(
        x: Any,
        train: Any,
        *args: Any,
        training: bool = True,
        is_training: bool = False,
        deterministic: Any = None,
        eval: bool = False,
        key: Any,
        state: Any,
    ) -> None: ...

    told = {"train": False, "training": False, "eval": True, "key": None}
    assert evaluation(call, known=("state",)) == told
    with pytest.raises(ax.UserError, match="the network needs 'state' besides its images"):
        evaluation(call)


@pytest.mark.parametrize(
    ("function", "positional", "named"),
    [
        (lambda x, tap: x, True, True),
        (lambda x, tap=None: x, True, True),
        (lambda x, t: x, True, False),
        (lambda x, t, /: x, True, False),
        (lambda x, t=None: x, False, False),
        (lambda x, *, tap: x, False, False),
        (lambda x: x, False, False),
        (3, False, False),
    ],
)
def test_models_are_told_by_their_signature(function: Any, positional: bool, named: bool):
    assert takes_tap(function) == positional
    assert takes_tap(function, named=True) == named


def test_an_adapted_network_is_a_pytree():
    model = ax.adapt(Returns(lambda x: x), mean=0.5)
    assert isinstance(model, Adapted)
    copy = jax.tree.map(lambda leaf: leaf, model)
    assert copy.inputs.mean == (0.5,)
    np.testing.assert_array_equal(copy(images()), model(images()))
