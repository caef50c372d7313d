"""Flax Linen: every submodule's value, against Linen's own capture of intermediates."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import atlasjax as ax
from atlasjax.adapters.adapt import check_taps
from atlasjax.adapters.adapted import Adapted

SHAPE = (12, 12, 3)


class Block(nn.Module):
    width: int

    @nn.compact
    def __call__(self, x: Any, train: bool) -> Any:
        x = nn.Conv(self.width, (3, 3), name="conv")(x)
        x = nn.BatchNorm(use_running_average=not train)(x)
        return nn.Dropout(0.5, deterministic=not train)(nn.relu(x))


class Network(nn.Module):
    """Blocks, a module called twice, and one that returns a tuple."""

    classes: int = 5

    def setup(self) -> None:
        self.blocks = [Block(8), Block(16)]
        self.twice = nn.Conv(16, (3, 3))
        self.pair = Pair()
        self.scores = nn.Dense(self.classes)

    def __call__(self, x: Any, train: bool = True) -> Any:
        for block in self.blocks:
            x = block(x, train)
        x = nn.relu(self.twice(nn.relu(self.twice(x))))
        x, count = self.pair(x)
        return self.scores(x.mean((1, 2)) / count)


class Pair(nn.Module):
    def __call__(self, x: Any) -> Any:
        return 2 * x, 3


def started(module: nn.Module, shape: tuple[int, ...] = SHAPE, **flags: Any) -> Any:
    """Return variables not as at the start: means and biases of 0 would hide mistakes."""
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), jnp.zeros((1, *shape)), **flags))
    random = np.random.default_rng(0)
    return jax.tree.map(lambda v: jnp.asarray(random.uniform(0.1, 0.4, v.shape), v.dtype), shapes)


def images(shape: tuple[int, ...] = SHAPE) -> Any:
    return jax.random.uniform(jax.random.key(7), (2, *shape))


def intermediates(module: nn.Module, variables: Any, x: Any, **flags: Any) -> dict[str, list[Any]]:
    """Return what Linen captures, for each path one value for each call."""
    settings = {"capture_intermediates": True, "mutable": ["intermediates"], **flags}
    _, state = jax.jit(lambda v, x: module.apply(v, x, **settings))(variables, x)
    found: dict[str, list[Any]] = {}
    for path, value in jax.tree_util.tree_leaves_with_path(
        state["intermediates"], is_leaf=lambda node: isinstance(node, tuple)
    ):
        names = [key.key for key in path]
        assert names[-1] == "__call__"
        found[".".join(names[:-1])] = list(value)
    return found


@pytest.fixture(scope="module")
def network() -> tuple[Network, Any]:
    return Network(), started(Network(), train=False)


def test_every_submodule_is_tapped_as_linen_captures_it(network: Any, same: Any):
    module, variables = network
    model = ax.adapt(module, variables=variables)
    expected = intermediates(module, variables, images(), train=False)
    names = list(ax.layers(model, SHAPE))
    assert names == [
        *(f"blocks_0.{part}" for part in ("conv", "BatchNorm_0", "Dropout_0")),
        "blocks_0",
        *(f"blocks_1.{part}" for part in ("conv", "BatchNorm_0", "Dropout_0")),
        *("blocks_1", "twice", "twice:1", "pair", "scores"),
    ]
    assert {name.split(":")[0] for name in names} == expected.keys() - {""}
    found = jax.jit(lambda x: ax.capture(model, x, names))(images())
    for name, value in found.items():
        path, _, call = name.partition(":")
        wanted = expected[path][int(call or 0)]
        same(value, wanted[0] if isinstance(wanted, tuple) else wanted)
    same(model(images(), lambda _, v: v), expected[""][0])


def test_it_obeys_the_contract(network: Any, contract: Any):
    module, variables = network
    model = ax.adapt((module, variables))
    alone = Network()

    def first(x: Any) -> Any:
        return alone.apply(variables, x, method=lambda net, x: net.blocks[0](x, False))

    contract(model, SHAPE, "blocks_0", first)


def test_the_network_is_neither_copied_nor_changed(network: Any):
    module, variables = network
    before = [np.array(leaf) for leaf in jax.tree.leaves(variables)]
    model = ax.adapt(module, variables=variables)
    jax.jit(lambda x: model(x, lambda _, v: v))(images())
    for leaf, own, old in zip(
        jax.tree.leaves(model), jax.tree.leaves(variables), before, strict=True
    ):
        assert leaf is own
        np.testing.assert_array_equal(own, old)
    assert module == Network()
    assert module.scope is None


def test_a_bound_module_has_its_variables(network: Any, same: Any):
    module, variables = network
    model = ax.adapt(module.bind(variables))
    same(model(images(), lambda _, v: v), module.apply(variables, images(), train=False))


class Wrapped(nn.Module):
    """Parts under each of Linen's transformations that keep a value in one piece, or do not."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        for i in range(2):
            x = nn.jit(Part)(4, name=f"jit_{i}")(x)
        x = nn.remat(Part)(4, name="remat")(x)
        many = nn.scan(Part, {"params": 0}, split_rngs={"params": True}, length=3)
        x, _ = many(4, True, name="scan")(x)
        return nn.Dense(3, name="last")(x.mean((1, 2)))


class Part(nn.Module):
    width: int
    scanned: bool = False

    @nn.compact
    def __call__(self, x: Any, _: Any = None) -> Any:
        x = jnp.tanh(nn.Dense(self.width, name="dense")(x))
        return (x, None) if self.scanned else x


def test_transformed_modules_are_seen_through(same: Any):
    module, shape = Wrapped(), (4, 4, 4)
    variables = started(module, shape)
    expected = module.apply(variables, images(shape))  # JAX keeps a trace of the jitted parts
    model = ax.adapt(module, variables=variables)
    names = [
        "jit_0.dense",
        "jit_0",
        "jit_1.dense",
        "jit_1",
        "remat.dense",
        "remat",
        "last",
    ]  # not within the scan
    assert list(ax.layers(model, shape)) == names
    found = ax.capture(model, images(shape), names)
    x = images(shape)
    for part in ("jit_0", "jit_1", "remat"):
        weights = variables["params"][part]["dense"]
        x = x @ weights["kernel"] + weights["bias"].reshape(1, 1, 1, -1)
        same(found[f"{part}.dense"], x)
        x = jnp.tanh(x)
        same(found[part], x)
    same(found["last"], expected)
    jax.jit(jax.grad(lambda x: ax.capture(model, x, ["last"])["last"].sum()))(images(shape))


def test_a_module_that_takes_a_tap_uses_it(same: Any):
    class Own(nn.Module):
        @nn.compact
        def __call__(self, x: Any, tap: Any, train: bool) -> Any:
            x = tap("mine", nn.Dense(3)(x))
            return nn.Dropout(0.5, deterministic=not train)(x).mean((1, 2))

    variables = started(Own(), tap=lambda _, v: v, train=False)
    model = ax.adapt(Own(), variables=variables)
    weights = variables["params"]["Dense_0"]
    assert list(ax.layers(model, SHAPE)) == ["mine"]
    expected = images() @ weights["kernel"] + weights["bias"].reshape(1, 1, 1, -1)
    same(ax.capture(model, images(), ["mine"])["mine"], expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "Network is a Linen module, which does not hold its weights: give variables="),
        (
            {"variables": {"kernel": 3}},
            "returned, {.params.: ...}, not keys kernel",
        ),
    ],
)
def test_mistakes_with_variables(settings: Any, message: str):
    with pytest.raises(ax.UserError, match=message):
        ax.adapt(Network(), **settings)


def test_variables_of_a_wrong_kind():
    with pytest.raises(ax.UserError, match="not list"):
        ax.adapt((Network(), [3]))


def test_variables_twice(network: Any):
    with pytest.raises(ax.UserError, match="the network came with its variables: leave out"):
        ax.adapt(network, variables=network[1])


def test_a_module_that_needs_more_than_images():
    class Masked(nn.Module):
        def __call__(self, x: Any, mask: Any) -> Any:
            return x * mask

    with pytest.raises(ax.UserError, match="needs 'mask' besides its images"):
        ax.adapt(Masked(), variables={})


def test_a_module_without_parts_shows_nothing():
    model = ax.adapt(Pair(), variables={}, output="none")
    assert isinstance(model, Adapted)
    with pytest.raises(ax.UserError, match="the network taps no layer"):
        check_taps(model, SHAPE)
