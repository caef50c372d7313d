"""Planes: layers of every shape as rows and columns, and back without a change."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax.planes import MOST, as_planes, back, division, plane
from atlasjax.taps import capture, identity, intervene, layers

FEW = settings(max_examples=25, deadline=None)  # every shape compiles anew
SHAPES = st.one_of(
    st.tuples(st.integers(1, 3), st.integers(1, 5)),
    st.tuples(st.integers(1, 3), st.integers(1, 300), st.integers(1, 3)),
    st.tuples(*[st.integers(1, 4)] * 4),
    st.tuples(st.integers(1, 3)),
    st.tuples(*[st.integers(1, 3)] * 5),
)
EMBED = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
HEAD = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)


def numbered(shape: tuple[int, ...]) -> jax.Array:
    return jnp.arange(float(np.prod(shape))).reshape(shape)


def tokens(images, tap, before: int = 1):
    """3 x 3 patches of 2 px after some tokens that are the image's mean, and what they vote for."""
    patches = images.reshape(-1, 3, 2, 3, 2, 3).swapaxes(2, 3).reshape(-1, 9, 12) @ EMBED
    first = jnp.broadcast_to(patches.mean(1, keepdims=True), (len(images), before, 4))
    numbered = first * (1.0 + jnp.arange(float(before)))[None, :, None]
    values = tap("tokens", jnp.concatenate([numbered, patches], 1))
    pooled = tap("pooled", values[:, 0])
    return tap("logits", pooled @ HEAD + values[:, 1:].mean(1) @ HEAD)


def registered(images, tap):
    return tokens(images, tap, before=5)


def images(n: int = 2) -> jax.Array:
    return jax.random.uniform(jax.random.key(0), (n, 6, 6, 3))


@FEW
@given(SHAPES)
def test_a_value_comes_back_as_it_was(shape: tuple[int, ...]):
    value = numbered(shape)
    seen = plane(value)
    np.testing.assert_array_equal(back(value, seen), value)
    assert seen.ndim == (4 if 2 <= len(shape) <= 4 else len(shape))
    assert seen.shape[-1] == shape[-1]


@given(st.integers(1, 2000))
def test_tokens_are_some_before_and_a_square_or_a_column(n: int):
    before, rows, columns = division(n)
    assert before + rows * columns == n
    if columns > 1:
        assert rows == columns
        assert before <= MOST
        assert before < rows * columns
    else:
        assert (before, rows) == (0, n)


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (197, (1, 14, 14)),  # ViT-B/16 at 224 px
        (201, (5, 14, 14)),  # with four registers
        (145, (1, 12, 12)),
        (198, (2, 14, 14)),  # with a distillation token
        (257, (1, 16, 16)),
        (3136, (0, 56, 56)),  # Swin's first stage
        (4, (0, 2, 2)),
        (5, (1, 2, 2)),
        (3, (0, 3, 1)),
        (25 * 25 + MOST, (MOST, 25, 25)),
        (25 * 25 + MOST + 1, (0, 642, 1)),
    ],
)
def test_tokens_of_known_networks(n: int, expected: tuple[int, int, int]):
    assert division(n) == expected


def test_patches_stand_in_reading_order_after_those_before():
    value = numbered((1, 201, 1))
    seen = plane(value)[0, :, :, 0]
    assert seen[0, 0] == 5
    assert seen[2, 3] == 5 + 2 * 14 + 3


def test_other_patches_leave_the_tokens_before_them():
    value = numbered((2, 6, 1))
    changed = back(value, -plane(value))
    assert changed[0].ravel().tolist() == [0, 1, -2, -3, -4, -5]


def test_every_layer_is_listed_as_a_plane():
    assert layers(as_planes(tokens), (6, 6, 3)) == {
        "tokens": (3, 3, 4),
        "tokens/class": (1, 1, 4),
        "pooled": (1, 1, 4),
        "logits": (1, 1, 3),
    }
    found = layers(as_planes(registered), (6, 6, 3))
    assert found["tokens/registers"] == (1, 4, 4)
    assert layers(as_planes(tokens, vectors=False), (6, 6, 3)) == {
        "tokens": (3, 3, 4),
        "tokens/class": (1, 1, 4),
        "pooled": (4,),
        "logits": (3,),
    }


def test_what_is_no_plane_is_shown_as_it_is():
    def model(images, tap):
        tap("one", images.mean((1, 2, 3)))
        return tap("many", images[:, None]).mean((1, 2, 3))

    assert layers(as_planes(model), (4, 4, 3)) == {"one": (), "many": (1, 4, 4, 3)}


@pytest.mark.parametrize("model", [tokens, registered])
def test_planes_are_the_parts_of_the_value(model):
    x, shown = images(), as_planes(model)
    whole = capture(model, x, ["tokens"])["tokens"]
    names = [name for name in layers(shown, (6, 6, 3)) if name.startswith("tokens")]
    found = jax.jit(lambda m, x: capture(m, x, names))(shown, x)
    before = whole.shape[1] - 9
    # XLA fuses the products differently under jit.
    close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6)
    close(found["tokens"].reshape(2, 9, 4), whole[:, before:])
    close(found["tokens/class"][:, 0, 0], whole[:, 0])
    if before > 1:
        close(found["tokens/registers"][:, 0], whole[:, 1:before])


@pytest.mark.parametrize("model", [tokens, registered])
def test_the_model_computes_what_it_did(model):
    np.testing.assert_array_equal(as_planes(model)(images(), identity), model(images(), identity))


def test_an_edit_of_each_part_is_put_back_in_its_place():
    x = images()
    raw = capture(registered, x, ["tokens"])["tokens"]
    seen = []

    def keep(name, value):
        if name == "tokens":
            seen.append(value)
        return value

    def model(images, tap):
        def both(name, value):
            return keep(name, tap(name, value))

        return registered(images, both)

    edits = {"tokens": lambda v: 2 * v, "tokens/class": lambda v: -v}
    intervene(as_planes(model), x, edits | {"tokens/registers": jnp.zeros_like})
    factor = np.array([-1, 0, 0, 0, 0, *[2] * 9], np.float32)
    np.testing.assert_allclose(seen[0], raw * factor[None, :, None])


def test_twice_is_once():
    once = as_planes(tokens)
    assert jax.tree.structure(as_planes(once)) == jax.tree.structure(once)
    twice = as_planes(as_planes(tokens, vectors=False))
    assert layers(twice, (6, 6, 3)) == layers(once, (6, 6, 3))


def test_it_is_a_pytree_with_the_models_leaves():
    @jax.tree_util.register_pytree_node_class
    class Network:
        def __init__(self, weight):
            self.weight = weight

        def __call__(self, images, tap):
            return tap("tokens", images.reshape(len(images), -1, 3) @ self.weight).mean(1)

        def tree_flatten(self):
            return (self.weight,), None

        @classmethod
        def tree_unflatten(cls, aux, leaves):
            return cls(*leaves)

    shown = as_planes(Network(jnp.ones((3, 2))))
    assert [leaf.shape for leaf in jax.tree.leaves(shown)] == [(3, 2)]
    gradient = jax.jit(jax.grad(lambda m, x: m(x, identity).sum()))(shown, jnp.ones((1, 4, 4, 3)))
    np.testing.assert_allclose(jax.tree.leaves(gradient)[0], 1.0)
    # A network whose weights are shapes alone.
    hollow = as_planes(Network(jax.ShapeDtypeStruct((3, 2), jnp.float32)))
    assert layers(hollow, (4, 4, 3)) == {"tokens": (4, 4, 2)}


def test_it_is_differentiated_as_the_model_is():
    x, along = images(), images()[::-1]
    shown = as_planes(registered)
    for model in (shown, registered):
        value, change = jax.jvp(lambda x, m=model: m(x, identity), (x,), (along,))
        # The network is linear, so that its derivative along an image is its value there.
        np.testing.assert_allclose(change, value[::-1], rtol=1e-5)
    one, two = (jax.grad(lambda x, m=m: m(x, identity).sum())(x) for m in (shown, registered))
    np.testing.assert_allclose(one, two, rtol=1e-5)


def attentive(images, tap):
    """Attention of two heads over 1 + 9 tokens."""
    numbers = jnp.arange(float(2 * 10 * 10)).reshape(1, 2, 10, 10)
    return tap("block.attn", images.mean((1, 2, 3))[:, None, None, None] + numbers).sum((1, 3))


def test_attention_is_seen_as_the_tokens_that_read():
    found = capture(as_planes(attentive), images(), ["block.attn", "block.attn/class"])
    raw = capture(attentive, images(), ["block.attn"])["block.attn"]
    assert layers(as_planes(attentive), (6, 6, 3)) == {
        "block.attn": (3, 3, 20),
        "block.attn/class": (1, 1, 20),
    }
    # The patch in row 1 and column 2 is token 6; its channels are both heads' weights on all.
    np.testing.assert_array_equal(found["block.attn"][1, 1, 2], raw[1, :, 6].ravel())
    np.testing.assert_array_equal(found["block.attn/class"][0, 0, 0], raw[0, :, 0].ravel())


def test_an_edit_of_attention_is_put_back_where_it_was():
    doubled = {"block.attn": lambda value: 2 * value, "block.attn/class": jnp.zeros_like}
    found = intervene(as_planes(attentive), images(), doubled)
    raw = np.array(capture(attentive, images(), ["block.attn"])["block.attn"])
    raw[:, :, 0], raw[:, :, 1:] = 0, 2 * raw[:, :, 1:]
    np.testing.assert_allclose(found, raw.sum((1, 3)), rtol=1e-6)


def test_planes_of_such_a_shape_are_no_attention():
    for name, shape in (("conv", (3, 4, 4)), ("attention", (4, 4, 4)), ("attention", (4, 5, 6))):
        model = lambda x, tap, n=name, s=shape: tap(n, jnp.ones((len(x), *s))).sum((1, 2))  # noqa: E731
        assert layers(as_planes(model), (6, 6, 3)) == {name: shape}
