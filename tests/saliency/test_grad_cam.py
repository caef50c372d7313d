"""Grad-CAM and its kin: by hand in NumPy, on planes, on tokens, through rectifiers of any kind."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from toy_saliency import images, linear

from atlasjax import adapt
from atlasjax.errors import UserError
from atlasjax.saliency import grad_cam, grad_cam_plus_plus, guided_grad_cam, guided_gradient
from atlasjax.targets import class_logit, scalar

MIX = np.random.default_rng(4).normal(size=(3, 5)).astype(np.float32)
OUT = np.random.default_rng(5).normal(size=(3, 3, 5, 2)).astype(np.float32)


def halved(x, tap):
    """A layer of 3 x 3 positions and 5 channels, and logits that see its positions differently."""
    value = tap("half", x.reshape(-1, 3, 2, 3, 2, 3).mean((2, 4)) @ MIX)
    tap("pooled", value.mean((1, 2)))
    return jnp.einsum("brsk,rskn->bn", value**2, OUT)


def value_and_slope(index: int) -> tuple[np.ndarray, np.ndarray]:
    value = np.asarray(images()).reshape(-1, 3, 2, 3, 2, 3).mean((2, 4)) @ MIX
    return value, 2 * value * OUT[..., index]


def enlarged(value: np.ndarray) -> np.ndarray:
    """Bilinear interpolation from 3 to 6: a quarter and three quarters, the edges held."""
    where = (np.arange(6) + 0.5) / 2 - 0.5
    weight = np.maximum(0, 1 - np.abs(np.clip(where, 0, 2)[:, None] - np.arange(3)))
    return np.einsum("ir,brs,js->bij", weight, value, weight)


@pytest.mark.parametrize("rectified", [True, False])
def test_grad_cam_by_hand(rectified: bool):
    value, slope = value_and_slope(1)
    joined = np.einsum("bk,brsk->brs", slope.mean((1, 2)), value)
    expected = enlarged(np.maximum(joined, 0) if rectified else joined)
    assert (joined < 0).any()
    found = grad_cam(halved, images(), class_logit(1), layer="half", rectified=rectified)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_grad_cam_plus_plus_by_the_derivatives_of_the_articles_exponential():
    value, slope = value_and_slope(0)
    score = (value**2 * OUT[..., 0]).sum((1, 2, 3))[:, None, None, None]
    first, second, third = (np.exp(score) * slope**n for n in (1, 2, 3))
    share = second / (2 * second + value.sum((1, 2), keepdims=True) * third)
    weight = (share * np.maximum(first, 0)).sum((1, 2))
    expected = enlarged(np.maximum(np.einsum("bk,brsk->brs", weight, value), 0))
    found = grad_cam_plus_plus(halved, images(), class_logit(0), layer="half")
    # The article's map has exp(score) as a factor, which is the same for all of a map.
    np.testing.assert_allclose(
        found, expected / np.exp(score[..., 0]), rtol=1e-3, atol=1e-4 * np.abs(found).max()
    )


def test_tokens_are_positions_and_the_class_token_is_none():
    def tokens(x, tap):
        patches = x.reshape(-1, 3, 2, 3, 2, 3).mean((2, 4)).reshape(len(x), 9, 3)
        first = jnp.full((len(x), 1, 3), 100.0)
        seen = tap("tokens", jnp.concatenate([first, patches], 1))
        return seen.sum(1)

    found = grad_cam(tokens, images(), class_logit(1), layer="tokens")
    patches = np.asarray(images()).reshape(-1, 3, 2, 3, 2, 3).mean((2, 4))[..., 1]
    np.testing.assert_allclose(found, enlarged(patches), rtol=1e-5)


def test_layers_without_positions_are_refused():
    with pytest.raises(UserError, match="'pooled' has no rows and columns"):
        grad_cam(halved, images(), class_logit(0), layer="pooled")
    with pytest.raises(UserError, match="no layer 'hal'; did you mean half"):
        grad_cam(halved, images(), class_logit(0), layer="hal")


def test_guided_backpropagation_by_hand():
    first = np.random.default_rng(6).normal(size=(3, 4)).astype(np.float32)
    second = np.random.default_rng(7).normal(size=(4, 2)).astype(np.float32)

    def network(x, tap):
        inner = jax.nn.relu((x - 0.5) @ first)
        return jnp.maximum(inner @ second, 0).sum((1, 2))

    x = np.asarray(images()) - 0.5
    inner = np.maximum(x @ first, 0)
    outer = inner @ second
    # From the top: the gradient of each output is 1, above 0; it passes where outer is above 0.
    back = np.where(outer > 0, 1.0, 0.0) * np.array([0.0, 1.0])
    back = back @ second.T
    back = np.where((inner > 0) & (back > 0), back, 0.0)
    found = guided_gradient(network, images(), class_logit(1))
    np.testing.assert_allclose(found, back @ first.T, rtol=1e-4, atol=1e-5)


def test_guided_grad_cam_is_the_product():
    def network(x, tap):
        return jnp.einsum("brsk,rskn->bn", jax.nn.relu(tap("half", halved_value(x))), OUT)

    def halved_value(x):
        return x.reshape(-1, 3, 2, 3, 2, 3).mean((2, 4)) @ MIX

    found = guided_grad_cam(network, images(), class_logit(0), layer="half")
    coarse = grad_cam(network, images(), class_logit(0), layer="half")
    fine = guided_gradient(network, images(), class_logit(0)).sum(-1)
    np.testing.assert_allclose(found, coarse * fine, rtol=1e-5, atol=1e-6)
    assert np.abs(found).max() > 0


def test_rectifiers_of_other_libraries_are_guided():
    rngs = nnx.Rngs(0)
    network = nnx.Sequential(
        nnx.Conv(3, 4, (3, 3), rngs=rngs), nnx.relu, nnx.Conv(4, 4, (3, 3), rngs=rngs), nnx.relu
    )
    model = adapt(network, output="none")
    target = scalar(lambda _, of: jax.nn.relu(of["layers.2"]).sum((1, 2, 3)), of=["layers.2"])
    found = guided_gradient(model, images(), target)
    # Through the first rectifier passes only what is positive; the convolutions are linear.
    inner = network.layers[0](images())
    top = network.layers[2](jax.nn.relu(inner))
    _, back = jax.vjp(network.layers[2], jax.nn.relu(inner))
    (cotangent,) = back((top > 0).astype(jnp.float32))
    gated = jnp.where((inner > 0) & (cotangent > 0), cotangent, 0)
    (expected,) = jax.vjp(network.layers[0], images())[1](gated)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_a_network_without_rectifiers_has_nothing_to_guide():
    normalized = nnx.LayerNorm(3, rngs=nnx.Rngs(0))  # holds its variance above 0 by a maximum
    for model in (linear, lambda x, tap: normalized(jax.nn.gelu(x)).sum((1, 2))):
        with pytest.raises(UserError, match="no rectifier"):
            guided_gradient(model, images(), class_logit(0))
