"""Taps: capture, heads and interventions, their composition with transforms, and their cost."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import models
from atlasjax.errors import UserError
from atlasjax.models.inception_v1 import InceptionV1
from atlasjax.models.layers import local_response_norm
from atlasjax.models.pooling import max_pool
from atlasjax.taps import as_pytree, capture, head, identity, intervene, layers

SIZE = 64
SHAPE = (SIZE, SIZE, 3)
DEEPER_AND_DEEPER = ["conv2d0", "maxpool1", "mixed3a", "mixed4c", "mixed5b"]

A = np.array([[1.0, -2.0], [0.5, 3.0], [2.0, 1.0]], np.float32)
B = np.array([[2.0, 0.0, 1.0], [-1.0, 4.0, 0.5]], np.float32)


def toy(images, tap):
    """Two products over the channels with a square between, then the mean over positions."""
    x = tap("first", images @ A)
    x = tap("square", x * x)
    return tap("logits", (x @ B).mean((1, 2)))


def toy_by_hand(images: np.ndarray) -> dict[str, np.ndarray]:
    first = images.astype(np.float64) @ A
    return {"first": first, "square": first**2, "logits": (first**2 @ B).mean((1, 2))}


def toy_images(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2, 4, 5, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def tiny() -> InceptionV1:
    return models.load("inception_v1_tiny")


def flops(function, *arguments) -> float:
    cost = jax.jit(function).lower(*arguments).compile().cost_analysis()
    assert cost is not None
    return cost["flops"]


# Values ------------------------------------------------------------------------------------------

FLOAT32 = 1e-5  # relative: sums of a few float32 products


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit], ids=["plain", "jit"])
def test_capture_gives_the_values_in_the_order_asked_for(transform):
    images = toy_images()
    captured = transform(lambda x: capture(toy, x, ["square", "first"]))(jnp.asarray(images))
    expected = toy_by_hand(images)
    np.testing.assert_allclose(captured["square"], expected["square"], rtol=FLOAT32, atol=FLOAT32)
    np.testing.assert_allclose(captured["first"], expected["first"], rtol=FLOAT32, atol=FLOAT32)
    assert list(capture(toy, jnp.asarray(images), ["square", "first"])) == ["square", "first"]


def test_capture_has_the_gradient_of_what_it_captures():
    images = toy_images()
    gradient = jax.jit(jax.grad(lambda x: capture(toy, x, ["square"])["square"].sum()))(images)
    by_hand = 2 * (images @ A) @ A.T
    np.testing.assert_allclose(gradient, by_hand, rtol=1e-4, atol=1e-4)


def test_capture_has_the_jvp_of_what_it_captures():
    images, tangent = toy_images(), toy_images(1)

    def of(x):
        return capture(toy, x, ["square"])["square"]

    value, change = jax.jvp(of, (jnp.asarray(images),), (jnp.asarray(tangent),))
    np.testing.assert_allclose(value, (images @ A) ** 2, rtol=FLOAT32, atol=FLOAT32)
    by_hand = 2 * (images @ A) * (tangent @ A)
    np.testing.assert_allclose(change, by_hand, rtol=1e-4, atol=1e-4)


def test_attribution_is_the_jvp_of_a_head():
    value = np.random.default_rng(2).normal(size=(2, 4, 5, 2)).astype(np.float32)
    after = head(toy, "first", (4, 5, 3))
    _, change = jax.jit(lambda v: jax.jvp(after, (v,), (v,)))(value)
    np.testing.assert_allclose(change, (2 * value**2 @ B).mean((1, 2)), rtol=1e-4, atol=1e-4)


def test_a_head_after_capture_is_the_model(tiny):
    names = ["conv2d0", "maxpool1", "mixed3b", "mixed4c", "mixed5b", "avgpool0"]
    images = jax.random.uniform(jax.random.key(0), (2, *SHAPE))
    found = jax.jit(lambda m, x: capture(m, x, [*names, "logits"]))(tiny, images)
    logits = found.pop("logits")
    assert np.ptp(logits, axis=0).min() > 0  # the two images are told apart

    def heads(model, values):
        return {name: head(model, name, SHAPE)(v) for name, v in values.items()}

    for name, again in jax.jit(heads)(tiny, found).items():
        # The same float32 operations, fused differently.
        tolerance = 1e-5 * float(np.abs(logits).max())
        np.testing.assert_allclose(again, logits, rtol=0, atol=tolerance, err_msg=name)


def test_layers_are_what_capture_gives(tiny):
    shapes = layers(tiny, SHAPE)
    images = jax.ShapeDtypeStruct((2, *SHAPE), jnp.float32)
    found = jax.eval_shape(lambda m, x: capture(m, x, list(shapes)), tiny, images)
    assert {name: v.shape for name, v in found.items()} == {
        name: (2, *shape) for name, shape in shapes.items()
    }
    assert shapes["mixed3a"] == (8, 8, 32)
    assert list(layers(toy, (4, 5, 3)).items()) == [
        ("first", (4, 5, 2)),
        ("square", (4, 5, 2)),
        ("logits", (3,)),
    ]


# Interventions -----------------------------------------------------------------------------------


def test_ablating_a_channel_takes_away_its_share():
    images = toy_images()
    logits = intervene(toy, jnp.asarray(images), {"square": lambda v: v.at[..., 0].set(0)})
    square = toy_by_hand(images)["square"]
    np.testing.assert_allclose(logits, square[..., 1].mean((1, 2))[:, None] * B[1], rtol=1e-4)


def test_steering_adds_what_the_rest_makes_of_the_direction():
    images, direction = toy_images(), np.array([0.5, -1.0], np.float32)

    def steer(value):
        return value + jnp.asarray(direction)[None, None, None]

    logits = jax.jit(lambda x: intervene(toy, x, {"square": steer}))(images)
    expected = toy_by_hand(images)["logits"] + direction @ B
    np.testing.assert_allclose(logits, expected, rtol=1e-4)


def test_edits_add_up_and_none_is_the_model():
    images = jnp.asarray(toy_images())
    np.testing.assert_array_equal(intervene(toy, images, {}), toy(images, identity))
    both = intervene(toy, images, {"first": lambda v: 2 * v, "square": lambda v: 3 * v})
    np.testing.assert_allclose(both, 12 * toy(images, identity), rtol=FLOAT32)


def test_an_edit_is_cast_to_the_type_of_the_layer():
    images = jnp.asarray(toy_images())
    logits = intervene(toy, images, {"first": lambda v: v.astype(jnp.bfloat16)})
    assert logits.dtype == jnp.float32


def test_a_silenced_layer_silences_the_gradient_before_it():
    images = jnp.asarray(toy_images())

    def gradient(edits):
        return jax.jit(jax.grad(lambda x: intervene(toy, x, edits).sum()))(images)

    assert np.abs(gradient({})).max() > 0
    assert not gradient({"first": jnp.zeros_like}).any()


def test_a_function_becomes_a_pytree_and_a_module_is_one(tiny):
    images = toy_images()
    logits = jax.jit(lambda m, x: m(x, identity))(as_pytree(toy), images)
    np.testing.assert_allclose(logits, toy_by_hand(images)["logits"], rtol=1e-4)
    assert as_pytree(tiny) is tiny


# Mistakes ----------------------------------------------------------------------------------------


def test_a_layer_that_is_not_there_names_the_nearest(tiny):
    images = jnp.zeros((1, 4, 5, 3))
    message = "no layer 'sqare'; did you mean square"
    with pytest.raises(UserError, match=message):
        capture(toy, images, ["first", "sqare"])
    with pytest.raises(UserError, match=message):
        intervene(toy, images, {"sqare": jnp.zeros_like})
    with pytest.raises(UserError, match=message):
        head(toy, "sqare", (4, 5, 3))(jnp.zeros((1, 4, 5, 2)))
    abstract = jax.ShapeDtypeStruct((1, *SHAPE), jnp.float32)
    with pytest.raises(UserError, match=r"no layer 'mixed4z'; did you mean .*mixed4[a-e]"):
        jax.eval_shape(lambda m, x: capture(m, x, ["mixed4z"]), tiny, abstract)


def test_a_head_refuses_the_value_of_another_image_size():
    with pytest.raises(UserError, match=r"'first' has shape \[1, 4, 5, 2\] for images \[4, 5, 3\]"):
        head(toy, "first", (4, 5, 3))(jnp.zeros((1, 4, 4, 2)))


def test_an_edit_must_keep_the_shape():
    with pytest.raises(UserError, match=r"'first' returned shape \[1, 4, 5, 1\]"):
        intervene(toy, jnp.zeros((1, 4, 5, 3)), {"first": lambda v: v[..., :1]})


def test_a_name_tapped_twice_is_refused_wherever_it_would_be_ambiguous():
    def twice(images, tap):
        return tap("other", tap("same", 2 * tap("same", images)).sum((1, 2, 3)))

    images = jnp.ones((1, 4, 5, 3))
    with pytest.raises(UserError, match="taps the name 'same' twice"):
        layers(twice, (4, 5, 3))
    with pytest.raises(UserError, match="taps the name 'same' twice"):
        capture(twice, images, ["same"])
    with pytest.raises(UserError, match="taps the name 'same' twice"):
        intervene(twice, images, {"same": jnp.zeros_like})
    assert capture(twice, images, ["other"])["other"].tolist() == [120.0]


# Cost, by XLA's own account ----------------------------------------------------------------------


def chain(images, tap):
    """Four square products of known cost."""
    x = images
    for i in range(4):
        x = tap(f"{i}", x @ jnp.full((64, 64), 0.1 * i + 0.1))
    return x.sum((1, 2))


def test_costs_of_a_chain_of_products_are_those_of_arithmetic():
    images = jnp.ones((1, 16, 16, 64))
    product = 2 * 16 * 16 * 64 * 64
    for i in range(4):
        up_to = flops(lambda x, n=f"{i}": capture(chain, x, [n])[n], images)
        rest = flops(head(chain, f"{i}", (16, 16, 64)), images)
        # What is not a product is the last sum: one addition for each entry.
        assert up_to == pytest.approx((i + 1) * product, rel=0.01)
        assert rest == pytest.approx((3 - i) * product + 16 * 16 * 64, rel=0.01)


def stem_by_hand(model: InceptionV1, images):
    """Everything up to maxpool1, written from the submodules without any tap."""
    x = (images * 255.0 - jnp.array([123.0, 117.0, 104.0])[None, None, None])[..., ::-1]
    x = jax.nn.relu(model.conv2d0(x))
    x = local_response_norm(max_pool(x, 3, 2))
    x = jax.nn.relu(model.conv2d2(jax.nn.relu(model.conv2d1(x))))
    return max_pool(local_response_norm(x), 3, 2)


@pytest.fixture(scope="module")
def cost_up_to(tiny) -> dict[str, float]:
    images = jnp.zeros((1, *SHAPE))
    return {
        name: flops(lambda m, x, n=name: capture(m, x, [n])[n], tiny, images)
        for name in [*DEEPER_AND_DEEPER, "logits"]
    }


def test_capturing_a_layer_costs_the_network_up_to_it_and_no_more(tiny, cost_up_to):
    images = jnp.zeros((1, *SHAPE))
    # The capture and the function written by hand are the same computation.
    by_hand = flops(stem_by_hand, tiny, images)
    assert cost_up_to["logits"] == flops(lambda m, x: m(x), tiny, images)
    assert cost_up_to["maxpool1"] == pytest.approx(by_hand, rel=0.01)
    # The first convolution, 7 x 7 with stride 2 and a border of 3, of which XLA leaves out what
    # falls on the border; all the rest (preprocessing, relu) is some operations for each value.
    offsets = 2 * np.arange(SIZE // 2)[:, None] - 3 + np.arange(7)
    inside = int(((offsets >= 0) & (offsets < SIZE)).sum())
    assert cost_up_to["conv2d0"] == pytest.approx(2 * inside**2 * 3 * 8, rel=0.03)


def test_cost_grows_with_depth(cost_up_to):
    costs = list(cost_up_to.values())
    assert (np.diff(costs) > 0).all()
    assert cost_up_to["maxpool1"] < 0.7 * cost_up_to["logits"]


@pytest.mark.parametrize("name", ["maxpool1", "mixed4c", "mixed5b"])
def test_a_head_costs_only_what_follows(tiny, cost_up_to, name: str):
    value = jnp.zeros((1, *layers(tiny, SHAPE)[name]))
    rest = flops(lambda m, v: head(m, name, SHAPE)(v), tiny, value)
    full = cost_up_to["logits"]
    # Fusion across the layer may repeat or save a few operations; seen: 0.2%.
    assert cost_up_to[name] + rest == pytest.approx(full, rel=0.01)
    assert rest < full / 2
