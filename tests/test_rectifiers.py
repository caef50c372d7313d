"""Rectifiers are found however they are written, leak as they say, and can be looked behind."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from atlasjax import adapt
from atlasjax.errors import UserError
from atlasjax.models.pooling import max_pool
from atlasjax.rectifiers import before_rectifier, guided, leaking
from atlasjax.taps import capture, layers

X = jnp.asarray([-2.0, -0.5, 0.25, 3.0, 7.0])
RECTIFIERS = {
    "jax.nn.relu": jax.nn.relu,
    "maximum": lambda x: jnp.maximum(x, 0.0),
    "maximum, turned round": lambda x: jnp.maximum(0.0, x),
    "maximum of zeros": lambda x: jnp.maximum(x, jnp.zeros_like(x)),
    "relu6": jax.nn.relu6,
    "clip": lambda x: jnp.clip(x, 0, 6),
    "clip from below": lambda x: jnp.clip(x, min=0),
    "where": lambda x: jnp.where(x > 0, x, 0),
    "where not": lambda x: jnp.where(x <= 0, 0, x),
    "capped": lambda x: jnp.where(x <= 0, 0, jnp.where(x >= 6, 6, x)),
    "capped, by a minimum": lambda x: jnp.minimum(jnp.maximum(x, 0), 6),
    "jitted": jax.jit(lambda x: jax.nn.relu(1 * x)),
    "checkpoint": jax.checkpoint(jax.nn.relu),
    "nnx": nnx.relu,
}


@pytest.mark.parametrize("name", RECTIFIERS)
def test_gradients_leak_through_rectifiers_of_every_kind(name: str):
    rectify = RECTIFIERS[name]
    leaky = leaking(rectify, jnp.float32(0.25))
    np.testing.assert_array_equal(leaky(X), rectify(X))
    own, leaked = (jax.grad(lambda x, f=f: f(x).sum())(X) for f in (rectify, leaky))
    np.testing.assert_array_equal(leaked[2:], own[2:])  # nothing changes above zero
    np.testing.assert_array_equal(own[:2], 0)
    np.testing.assert_array_equal(leaked[:2], 0.25)
    shut = jax.grad(lambda x: leaking(rectify, jnp.float32(0))(x).sum())(X)
    np.testing.assert_array_equal(shut, own)


def test_what_is_no_rectifier_keeps_its_gradient():
    @jax.custom_jvp
    def doubled(x):
        return jnp.maximum(x, 0.0) * 2

    doubled.defjvp(lambda primals, tangents: (doubled(*primals), tangents[0] * 5))
    others = [jnp.abs, jax.nn.gelu, jax.nn.silu, lambda x: jnp.maximum(x, 1.0), doubled]
    others += [lambda x: jnp.where(x > 0, 3 * x, 0), lambda x: jnp.maximum(x, -x)]
    others += [lambda x: jnp.where(x > 0, 0, x), lambda x: jnp.where(x <= 0, 0, jnp.cos(x))]
    for other in others:
        own, leaked = (
            jax.grad(lambda x, f=f: f(x).sum())(X) for f in (other, leaking(other, X[2]))
        )
        np.testing.assert_allclose(leaked, own, rtol=1e-6)  # fused otherwise


def chain(images, tap):
    """Layers behind a rectifier at every distance from it; none taps what comes before."""
    x = images.mean((1, 2)) - 0.75
    tap("linear", x)
    a = tap("relu", jax.nn.relu(x))
    b = tap("joined", jnp.concatenate([jnp.maximum(x, 0), a], -1))
    c = tap("turned", b.reshape(len(b), 2, 3).transpose(0, 2, 1))
    d = tap("largest", c.max(2))
    e = tap("pooled", max_pool(a[:, None, None, :], 2, 1)[:, 0, 0])
    return tap("scaled", d[:, :2] / (1 + e[:, :2]))


def test_a_layer_is_looked_at_before_its_rectifier():
    shape, images = (4, 4, 3), jnp.full((1, 4, 4, 3), 0.5)
    for layer in ("relu", "joined", "turned", "largest", "pooled"):
        model, name = before_rectifier(chain, layer, shape)
        assert name == f"{layer}/pre_relu"
        assert set(layers(chain, shape)) < set(layers(model, shape))
        # Gray is at .5, the bias at -.75.
        np.testing.assert_allclose(capture(model, images, [name])[name], -0.25)
        np.testing.assert_array_equal(model(images, lambda _, x: x), chain(images, lambda _, x: x))
    for layer in ("linear", "scaled"):
        assert before_rectifier(chain, layer, shape) == (chain, layer)


def test_what_a_network_taps_itself_is_taken():
    def tapped(images, tap):
        return tap("a", jax.nn.relu(tap("a/pre_relu", images))).mean((1, 2))

    for layer in ("a", "a/pre_relu"):
        assert before_rectifier(tapped, layer, (4, 4, 3)) == (tapped, "a/pre_relu")


def test_networks_of_other_libraries_are_looked_into():
    rngs = nnx.Rngs(0)
    network = nnx.Sequential(
        nnx.Conv(3, 4, (3, 3), rngs=rngs), nnx.relu, nnx.Conv(4, 2, (1, 1), rngs=rngs)
    )

    class Block(nnx.Module):
        def __init__(self):
            self.inner = nnx.Conv(3, 4, (3, 3), rngs=rngs)

        def __call__(self, x):
            return nnx.relu(self.inner(x))

    model = adapt(nnx.Sequential(Block(), network.layers[2]), output="none")
    images = jax.random.uniform(jax.random.key(0), (1, 8, 8, 3))
    opened, name = before_rectifier(model, "layers.0", (8, 8, 3))
    found = capture(opened, images, [name, "layers.0.inner"])
    np.testing.assert_allclose(found[name], found["layers.0.inner"], atol=1e-6)  # computed twice
    assert found[name].min() < 0


def test_layers_of_pytorch_are_looked_at_before_their_rectifiers():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    layered = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, padding=1),
        torch.nn.ReLU(inplace=True),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(4, 4, 1),
        torch.nn.ReLU6(),
    )
    shape = (8, 8, 3)
    model = adapt(layered, example=shape, output="none")
    images = jax.random.uniform(jax.random.key(0), (1, *shape))
    for layer, before in (("1", "0"), ("2", None), ("4", "3")):
        opened, name = before_rectifier(model, layer, shape)
        assert name == f"{layer}/pre_relu"
        found = capture(opened, images, [name, layer])
        np.testing.assert_array_equal(jax.nn.relu(found[name]), found[layer])
        assert found[name].min() < 0
        if before:
            own = capture(model, images, [before])[before]
            np.testing.assert_allclose(found[name], own, atol=1e-6)  # computed twice


@pytest.mark.parametrize("name", RECTIFIERS)
def test_guided_gradients_are_stopped_below_zero(name: str):
    rectify, weight = RECTIFIERS[name], jnp.asarray([1.0, 1.0, -2.0, 3.0, -1.0])
    run = guided(rectify)
    np.testing.assert_array_equal(run(X), rectify(X))
    found = jax.grad(lambda x: (run(x) * weight).sum())(X)
    own = jax.grad(lambda x: rectify(x).sum())(X)
    np.testing.assert_array_equal(found, own * np.maximum(weight, 0))


def test_the_maximum_that_holds_a_variance_above_zero_is_no_rectifier():
    normalize = nnx.LayerNorm(4, rngs=nnx.Rngs(0))
    x = jax.random.normal(jax.random.key(0), (3, 4))
    with pytest.raises(UserError, match="no rectifier"):
        guided(normalize)(x)
    both = guided(lambda x: nnx.relu(normalize(x)))
    own = jax.grad(lambda x: nnx.relu(normalize(x)).sum())(x)
    np.testing.assert_allclose(jax.grad(lambda x: both(x).sum())(x), own, rtol=1e-5, atol=1e-6)
