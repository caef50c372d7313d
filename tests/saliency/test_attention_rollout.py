"""Attention rollout: by products in NumPy, found by shape, and what is said where it is missing."""

import importlib
import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toy_saliency import images, linear

from atlasjax import adapt
from atlasjax.errors import UserError
from atlasjax.planes import as_planes
from atlasjax.saliency import attention_layers, attention_rollout
from atlasjax.taps import capture, layers
from atlasjax.targets import class_logit

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def transformer(x, tap, before: int = 1, last: bool = False):
    """3 x 3 patches after some tokens, two blocks of two heads; `last` has the heads last."""
    patches = x.reshape(-1, 3, 2, 3, 2, 3).mean((2, 4)).reshape(len(x), 9, 3)
    values = jnp.concatenate([jnp.ones((len(x), before, 3)), patches], 1)
    for block in range(2):
        products = jnp.einsum("bqc,bkc,hc->bhqk", values, values, HEADS[block])
        weights = jax.nn.softmax(products, -1)
        if last:
            weights = jnp.moveaxis(tap(f"{block}.attention", jnp.moveaxis(weights, 1, -1)), -1, 1)
        else:
            weights = tap(f"{block}.attention", weights)
        values = tap(f"{block}", values + jnp.einsum("bhqk,bkc->bqc", weights, values))
    return values[:, 0]


HEADS = np.random.default_rng(8).normal(size=(2, 2, 3)).astype(np.float32)


def rolled(before: int) -> np.ndarray:
    """The articles' product, over the layers from the first."""
    names = ["0.attention", "1.attention"]
    reach = np.eye(9 + before)[None]
    for value in capture(partial(transformer, before=before), images(), names).values():
        reach = (0.5 * np.asarray(value).mean(1) + 0.5 * np.eye(9 + before)) @ reach
    first = reach[:, 0] if before else reach.mean(1)
    return first[:, before:].reshape(-1, 3, 3)


@pytest.mark.parametrize("before", [0, 1, 5])
@pytest.mark.parametrize("last", [False, True])
def test_the_product_by_hand(before: int, last: bool):
    model = partial(transformer, before=before, last=last)
    assert attention_layers(model, (6, 6, 3)) == ["0.attention", "1.attention"]
    found = attention_rollout(model, images(), class_logit(0))
    expected = jax.image.resize(jnp.asarray(rolled(before), jnp.float32), (2, 6, 6), "bilinear")
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    again = attention_rollout(as_planes(model), images(), class_logit(0))
    np.testing.assert_allclose(again, found, rtol=1e-6)


def test_layers_may_be_named():
    only = attention_rollout(transformer, images(), class_logit(0), attention=["1.attention"])
    both = attention_rollout(transformer, images(), class_logit(0))
    assert np.abs(only - both).max() > 1e-3
    with pytest.raises(UserError, match=r"'0' has shape \[10, 3\]"):
        attention_rollout(transformer, images(), class_logit(0), attention=["0"])
    with pytest.raises(UserError, match=r"no layer '0\.attn'"):
        attention_rollout(transformer, images(), class_logit(0), attention=["0.attn"])


def test_a_network_without_attention_is_told_what_is_missing():
    def square(x, tap):  # a plane with as many channels as columns is no attention
        tap("attentive", jnp.ones((len(x), 3, 4, 4)))
        return linear(x, tap)

    for model in (linear, square):
        with pytest.raises(UserError, match="needs attention as taps"):
            attention_rollout(model, images(), class_logit(0))


def test_the_transformer_of_the_scenes_taps_its_attention(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    from flax import nnx

    module = importlib.import_module("vit_scenes")
    network = module.VisionTransformer(width=16, depth=2, heads=2, rngs=nnx.Rngs(0))
    model, shape = adapt(network, mean=0.5, std=0.5), (96, 96, 3)
    names = attention_layers(model, shape)
    assert names == [f"blocks.{i}.attention.attention_fn.weights" for i in range(2)]
    shown = layers(as_planes(model), shape)
    assert shown[names[0]] == (12, 12, 2 * 145)  # tokens that read, not 2 x 145 positions
    assert shown[f"{names[0]}/class"] == (1, 1, 2 * 145)
    x = jax.random.uniform(jax.random.key(0), (1, *shape))

    def look(model, x):
        weights = capture(model, x, names[:1])[names[0]]
        return weights, attention_rollout(model, x, class_logit(0))

    weights, found = jax.jit(look)(model, x)
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)
    assert found.shape == (1, 96, 96)
    # It computes what the library's own attention does.
    own = nnx.MultiHeadAttention(2, 16, decode=False, keep_rngs=False, rngs=nnx.Rngs(1))
    nnx.update(own, nnx.state(network.blocks[0].attention, nnx.Param))
    read = jax.random.normal(jax.random.key(1), (1, 5, 16))
    np.testing.assert_allclose(own(read), network.blocks[0].attention(read), atol=1e-5)
    sys.modules.pop("vit_scenes", None)
