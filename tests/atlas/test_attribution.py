"""Attribution: exact where the network is linear, and against finite differences where not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import models
from atlasjax.atlas import attribution as module
from atlasjax.atlas.attribution import attribute, attribution
from atlasjax.atlas.collect import collect
from atlasjax.atlas.positions import interior
from atlasjax.data import Batch
from atlasjax.parallel import batch_mesh
from atlasjax.taps import capture, head, identity, intervene


def images(n: int, size: int) -> jax.Array:
    return jax.random.uniform(jax.random.key(1), (n, size, size, 3))


def test_over_all_positions_it_sums_to_the_logits_of_a_linear_head():
    # After mixed5b come a mean and a matrix product: linear, with a bias.
    model = models.load("inception_v1_tiny")
    x = images(2, 64)
    height, width, _ = capture(model, x, ["mixed5b"])["mixed5b"].shape[1:]
    everywhere = np.array([(r, c) for r in range(height) for c in range(width)])
    found = attribution(model, "mixed5b", x, jnp.broadcast_to(everywhere, (2, height * width, 2)))
    logits = model(x)
    silenced = intervene(model, x, {"mixed5b": jnp.zeros_like})
    # The two sides are float32 sums of a hundred products in different orders.
    np.testing.assert_allclose(found.sum(1), logits - silenced, atol=1e-4)


def test_it_is_the_derivative_along_the_activation():
    model = models.load("inception_v1_tiny")
    x, layer = images(1, 64), "mixed4e"
    value = capture(model, x, [layer])[layer].astype(jnp.float32)
    r, c = interior(*value.shape[1:3])[0]
    found = attribution(model, layer, x, jnp.array([[[r, c]]]))[0, 0]
    along = jnp.zeros_like(value).at[:, r, c].set(value[:, r, c])
    rest = jax.jit(head(model, layer, (64, 64, 3)))
    step = 1e-2
    difference = (rest(value + step * along) - rest(value - step * along))[0] / (2 * step)
    # A central difference of float32 logits of size 1 is good to about 1e-5 / step; kinks of ReLU
    # and max pooling inside the step add to it.
    np.testing.assert_allclose(found, difference, atol=0.02 * float(jnp.abs(difference).max()))


def test_rows_belong_to_the_collected_activations():
    model = models.load("inception_v1_tiny")
    pixels = np.round(np.asarray(images(3, 64)) * 255).astype(np.uint8)
    batches = [
        Batch(pixels[:2], np.arange(2), np.zeros(2, int), ()),
        Batch(pixels[2:], np.array([2]), np.zeros(1, int), ("x.jpg: broken",)),
    ]
    key, layer = jax.random.key(0), "mixed4a"
    found = collect(model, batches, [layer], key, samples_per_image=3).activations[layer]
    seen = []
    rows = attribute(model, layer, batches, found, progress=lambda *a: seen.append(a))
    assert rows.dtype == np.float16
    assert seen == [(0, 9), (6, 9), (9, 9)]
    one = batch_mesh(jax.local_devices()[:1])
    np.testing.assert_allclose(rows, attribute(model, layer, batches, found, mesh=one), atol=2e-3)
    direct = attribution(
        model,
        layer,
        jnp.asarray(pixels[2:], jnp.float32) / 255.0,
        jnp.asarray(found.position[None, 6:]),
    )
    # Stored in half precision: 2^-11 of values up to a few units.
    np.testing.assert_allclose(rows[6:], direct[0], atol=2e-3)


WEIGHT = np.random.default_rng(3).normal(size=(3, 5, 3, 2)).astype(np.float32)


def weighed(images, tap):
    """A layer of 3 x 5 positions, each of which votes in its own way."""
    value = tap("cells", images.reshape(-1, 3, 2, 5, 2, 3).mean((2, 4)))
    return jnp.einsum("brcx,rcxk->bk", value, WEIGHT)


PLACES = np.array([(r, c) for r in range(3) for c in range(5)])


def votes(pixels: np.ndarray) -> np.ndarray:
    """What each position says, by hand: its mean colour times its weight."""
    value = pixels.reshape(-1, 3, 2, 5, 2, 3).mean((2, 4))
    return np.stack([value[:, r, c] @ WEIGHT[r, c] for r, c in PLACES], 1)


def test_a_position_is_a_row_and_a_column():
    x = jax.random.uniform(jax.random.key(1), (2, 6, 10, 3))
    found = attribution(weighed, "cells", x, jnp.broadcast_to(PLACES, (2, *PLACES.shape)))
    np.testing.assert_allclose(found, votes(np.asarray(x)), atol=1e-5)  # sums in float32


@pytest.mark.parametrize("at_a_time", [1, 4, 8, 15])
def test_groups_of_positions_come_in_their_order(at_a_time: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "AT_A_TIME", at_a_time)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 6, 10, 3), dtype=np.uint8)
    batches = [
        Batch(pixels[first:last], np.arange(first, last), np.zeros(last - first, int), ())
        for first, last in ((0, 2), (2, 3))
    ]
    order = np.random.default_rng(1).permutation(15)
    position = np.broadcast_to(PLACES[order], (3, 15, 2))
    found = list(module.attributions(weighed, "cells", batches, position))
    expected = votes(pixels / 255.0)[:, order].reshape(45, 2)
    assert [len(rows) for rows in found] == [30, 15]
    # In half precision: 2^-11 of values up to about 3.
    np.testing.assert_allclose(np.concatenate(found), expected, atol=2e-3)


@pytest.mark.data
@pytest.mark.slow
def test_googlenet_against_finite_differences(data):
    folder = data / "bvlc_googlenet"
    model = models.load("googlenet", folder / "weights.safetensors")
    x = jnp.asarray(np.load(folder / "reference.npz")["images"][:1], jnp.float32) / 255.0
    layer = "mixed4c"
    found = attribution(model, layer, x, jnp.array([[[7, 7]]]))[0, 0]

    # In double precision, so that a step can be small enough not to cross a kink of ReLU or max
    # pooling and still leave digits in the difference.
    with jax.enable_x64(True):
        double = jax.tree.map(lambda a: a.astype(jnp.float64), model)
        value = capture(double, x.astype(jnp.float64), [layer])[layer]
        along = jnp.zeros_like(value).at[:, 7, 7].set(value[:, 7, 7])

        @jax.jit
        def rest(model, value):
            black = jnp.zeros((1, 224, 224, 3), jnp.float64)
            return intervene(model, black, {layer: lambda old: value})

        step = 2.0**-16
        difference = rest(double, value + step * along) - rest(double, value - step * along)
        exact = np.asarray(difference[0] / (2 * step))
    error = np.linalg.norm(found - exact) / np.linalg.norm(exact)
    assert error < 1e-4  # what float32 leaves of a product of forty layers


TOKENS = {
    name: np.random.default_rng(seed).normal(size=shape).astype(np.float32) / shape[0] ** 0.5
    for seed, (name, shape) in enumerate(
        {"embed": (48, 6), "ask": (6, 6), "key": (6, 6), "say": (6, 6), "head": (6, 5)}.items()
    )
}


def patches_of(images):
    cut = images.reshape(-1, 3, 4, 3, 4, 3).swapaxes(2, 3).reshape(-1, 9, 48)
    first = jnp.full((len(cut), 2, 6), 0.5, cut.dtype)  # a class token and a register
    return jnp.concatenate([first, cut @ TOKENS["embed"]], 1)


def transformer(images, tap):
    """Attention, whose result depends on all tokens at once, then the class token's votes."""
    x = tap("tokens", jnp.tanh(patches_of(images)))
    mix = jax.nn.softmax((x @ TOKENS["ask"]) @ jnp.swapaxes(x @ TOKENS["key"], 1, 2))
    return (x + mix @ (x @ TOKENS["say"]))[:, 0] @ TOKENS["head"]


def voting(images, tap):
    """All tokens vote, with a bias, and so do the images around them."""
    votes = tap("tokens", patches_of(images)) @ TOKENS["head"]
    return votes.sum(1) + images.mean((1, 2, 3))[:, None] + 1.0


def everywhere(side: int, n: int) -> jax.Array:
    places = jnp.asarray([(r, c) for r in range(side) for c in range(side)])
    return jnp.broadcast_to(places[None], (n, side * side, 2))


def test_patches_have_all_of_the_logits_but_what_others_say():
    x = images(2, 12)
    found = attribution(voting, "tokens", x, everywhere(3, 2))
    silenced = intervene(voting, x, {"tokens": lambda v: v.at[:, 2:].set(0)})
    np.testing.assert_allclose(found.sum(1), voting(x, identity) - silenced, atol=1e-4)
    first = jnp.zeros((2, 1, 2), jnp.int32)
    # The class token has the share of its own.
    one = attribution(voting, "tokens/class", x, first)[:, 0]
    np.testing.assert_allclose(one, np.full((2, 6), 0.5) @ TOKENS["head"], atol=1e-5)


@pytest.mark.parametrize("layer", ["tokens", "tokens/class", "tokens/registers"])
def test_tokens_are_held_as_they_are_for_the_image(layer: str):
    x = images(2, 12)
    value = np.asarray(capture(transformer, x, ["tokens"])["tokens"], np.float64)
    token = {"tokens": 2 + 3 + 1, "tokens/class": 0, "tokens/registers": 1}[layer]
    place = [1, 1] if layer == "tokens" else [0, 0]
    found = attribution(transformer, layer, x, jnp.full((2, 1, 2), jnp.asarray(place)))[:, 0]

    def rest(x):  # by hand, in double precision
        score = (x @ TOKENS["ask"]) @ np.swapaxes(x @ TOKENS["key"], 1, 2)
        mix = np.exp(score) / np.exp(score).sum(-1, keepdims=True)
        return (x + mix @ (x @ TOKENS["say"]))[:, 0] @ TOKENS["head"]

    along = np.zeros_like(value)
    along[:, token] = value[:, token]
    step = 1e-5
    difference = (rest(value + step * along) - rest(value - step * along)) / (2 * step)
    # What float32 leaves of a few products of size 1.
    np.testing.assert_allclose(found, difference, atol=1e-4)
    assert np.abs(difference).max() > 1e-2


def test_a_branch_is_seen_beside_the_other_branches_of_the_image():
    def product(images, tap):
        return tap("left", images.mean((1, 2))) * tap("right", 2 * images.mean((1, 2)))

    x = images(1, 4)
    first = jnp.zeros((1, 1, 2), jnp.int32)
    found = attribution(product, "left", x, first)[:, 0]
    np.testing.assert_allclose(found, product(x, identity), rtol=1e-5)


def test_without_classes_there_is_nothing_to_say():
    def bare(images, tap):
        return tap("half", images[:, ::2, ::2]).mean((1, 2))[:, :0]

    assert attribution(bare, "half", images(2, 4), everywhere(2, 2)).shape == (2, 4, 0)
    pixels = np.zeros((2, 4, 4, 3), np.uint8)
    batch = Batch(pixels, np.arange(2), np.zeros(2, int), ())
    found = collect(bare, [batch], ["half"], jax.random.key(0)).activations["half"]
    assert attribute(bare, "half", [batch], found).shape == (2, 0)
