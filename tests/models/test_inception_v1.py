"""The network: its numbers against an independent implementation, its shapes, its taps."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from atlasjax import models, taps
from atlasjax.errors import UserError
from atlasjax.models.inception_v1 import InceptionV1, relax_pooling
from atlasjax.models.specs import GOOGLENET, narrow

TOLERANCE = 1e-4  # of the largest value of the reference

BLOCK_TAPS = [
    "3x3_bottleneck/pre_relu",
    "3x3_bottleneck",
    "5x5_bottleneck/pre_relu",
    "5x5_bottleneck",
    "1x1/pre_relu",
    "3x3/pre_relu",
    "5x5/pre_relu",
    "pool_reduce/pre_relu",
    "pre_relu",
    "1x1",
    "3x3",
    "5x5",
    "pool_reduce",
]
STEM_TAPS = [
    "conv2d0/pre_relu",
    "conv2d0",
    "maxpool0",
    "localresponsenorm0",
    "conv2d1/pre_relu",
    "conv2d1",
    "conv2d2/pre_relu",
    "conv2d2",
    "localresponsenorm1",
    "maxpool1",
]


@pytest.fixture(scope="module")
def tiny() -> InceptionV1:
    return models.load("inception_v1_tiny")


@pytest.fixture(scope="module")
def abstract() -> InceptionV1:
    return nnx.eval_shape(lambda: InceptionV1(GOOGLENET, rngs=nnx.Rngs(0)))


def shape_of_logits(model: InceptionV1, h: int, w: int, channels: int = 3) -> tuple[int, ...]:
    images = jax.ShapeDtypeStruct((1, h, w, channels), jnp.float32)
    return jax.eval_shape(lambda model, x: model(x), model, images).shape


@pytest.mark.data
def test_activations_and_logits_are_those_of_the_reference(data: Path):
    model = models.load("googlenet", data / "bvlc_googlenet" / "weights.safetensors")
    with np.load(data / "bvlc_googlenet" / "reference.npz") as file:
        reference = dict(file)
    names = [key.removesuffix(".centre") for key in reference if key.endswith(".centre")]
    assert len(names) == 11

    def run(model, images):
        found = taps.capture(model, images, [*names, "logits"])
        logits = found.pop("logits")
        at_centre = {n: v[:, v.shape[1] // 2, v.shape[2] // 2] for n, v in found.items()}
        return logits, at_centre, {n: v.mean((1, 2)) for n, v in found.items()}

    images = jnp.asarray(reference["images"], jnp.float32) / 255
    logits, centre, mean = jax.jit(run)(model, images)

    def distance(a, b):
        return np.abs(np.asarray(a) - b).max() / np.abs(b).max()

    assert distance(logits, reference["logits"]) < TOLERANCE
    assert (np.argmax(logits, 1) == reference["logits"].argmax(1)).all()
    shapes = taps.layers(model)
    for name in names:
        assert shapes[name] in (tuple(reference[f"{name}.shape"]), _hwc(reference, name)), name
        assert distance(centre[name], reference[f"{name}.centre"]) < TOLERANCE, name
        assert distance(mean[name], reference[f"{name}.mean"]) < TOLERANCE, name


def _hwc(reference, name):
    c, h, w = reference[f"{name}.shape"]
    return h, w, c


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ("conv2d0", (112, 112, 64)),
        ("maxpool0", (56, 56, 64)),
        ("conv2d2", (56, 56, 192)),
        ("maxpool1", (28, 28, 192)),
        ("mixed3a", (28, 28, 256)),
        ("mixed3b", (28, 28, 480)),
        ("maxpool4", (14, 14, 480)),
        ("mixed4a", (14, 14, 512)),
        ("mixed4b", (14, 14, 512)),
        ("mixed4c", (14, 14, 512)),
        ("mixed4d", (14, 14, 528)),
        ("mixed4e", (14, 14, 832)),
        ("maxpool10", (7, 7, 832)),
        ("mixed5a", (7, 7, 832)),
        ("mixed5b", (7, 7, 1024)),
        ("avgpool0", (1024,)),
        ("logits", (1000,)),
    ],
)
def test_shapes_are_those_of_the_paper(abstract, layer, shape):
    found = jax.eval_shape(
        lambda model, x: taps.capture(model, x, [layer])[layer],
        abstract,
        jax.ShapeDtypeStruct((2, 224, 224, 3), jnp.float32),
    )
    assert found.shape == (2, *shape)


def test_names_of_all_taps(tiny):
    names = list(taps.layers(tiny))
    blocks = [name for name, _ in GOOGLENET.blocks]
    expected = list(STEM_TAPS)
    for block in blocks:
        expected += {"mixed4a": ["maxpool4"], "mixed5a": ["maxpool10"]}.get(block, [])
        expected += [*(f"{block}/{tap}" for tap in BLOCK_TAPS), block]
    assert names == [*expected, "avgpool0", "logits"]


def test_a_block_is_its_branches_side_by_side_after_relu(tiny):
    branches = ["mixed4a/1x1", "mixed4a/3x3", "mixed4a/5x5", "mixed4a/pool_reduce"]
    images = jax.random.uniform(jax.random.key(0), (1, 64, 64, 3))
    names = ["mixed4a", "mixed4a/pre_relu", *branches]
    found = jax.jit(lambda model, x: taps.capture(model, x, names))(tiny, images)
    side_by_side = np.concatenate([found[b] for b in branches], axis=-1)
    np.testing.assert_array_equal(found["mixed4a"], side_by_side)
    np.testing.assert_array_equal(found["mixed4a"], jax.nn.relu(found["mixed4a/pre_relu"]))


@pytest.mark.parametrize("size", [*range(32, 41), 64, 97, 224])
def test_every_size_from_the_smallest_is_taken(tiny, size):
    assert shape_of_logits(tiny, size, size) == (1, 10)


def test_images_need_not_be_square(tiny):
    assert shape_of_logits(tiny, 33, 64) == (1, 10)


@pytest.mark.parametrize("size", [32, 41])
def test_small_images_give_finite_logits(tiny, size):
    images = jax.random.uniform(jax.random.key(1), (2, size, size, 3))
    assert np.isfinite(jax.jit(lambda model, x: model(x))(tiny, images)).all()


@pytest.mark.parametrize(
    ("shape", "message"),
    [((31, 40, 3), "31 x 40 px; the least is 32"), ((40, 40, 1), r"\[1, 40, 40, 1\]")],
)
def test_images_that_do_not_fit_are_refused(tiny, shape, message):
    with pytest.raises(UserError, match=message):
        shape_of_logits(tiny, *shape)


def test_same_padding_and_no_normalization(tiny):
    spec = narrow(GOOGLENET, 16, classes=3)
    spec = type(spec)(**{**vars(spec), "padding": "same", "lrn": None})
    model = nnx.eval_shape(lambda: InceptionV1(spec, rngs=nnx.Rngs(0)))
    names: list[str] = []

    def record(name, value):
        names.append(name)
        return value

    images = jax.ShapeDtypeStruct((1, 65, 65, 3), jnp.float32)
    assert jax.eval_shape(lambda model, x: model(x, record), model, images).shape == (1, 3)
    assert [n for n in names if n.startswith("localresponsenorm")] == []


def test_preprocessing_is_bgr_in_255ths_minus_the_mean(tiny):
    """A first layer that picks out single channels shows what it is given."""
    structure, state = nnx.split(tiny)
    pick = np.zeros(tiny.conv2d0.kernel.shape, np.float32)
    for channel in range(3):
        pick[3, 3, channel, channel] = 1.0
    nnx.replace_by_pure_dict(state, {"conv2d0": {"kernel": jnp.asarray(pick)}})
    model = nnx.merge(structure, state)
    red, green, blue = 0.2, 0.4, 0.6
    images = jnp.broadcast_to(jnp.asarray([red, green, blue]), (1, 32, 32, 3))
    name = "conv2d0/pre_relu"
    seen = jax.jit(lambda model, x: taps.capture(model, x, [name])[name])(model, images)[0, 5, 5]
    by_hand = [255 * blue - 104, 255 * green - 117, 255 * red - 123]
    np.testing.assert_allclose(seen[:3], by_hand, rtol=1e-5)


def test_narrow_never_reaches_zero_and_names_itself():
    spec = narrow(GOOGLENET, 1000)
    assert spec.stem == (1, 1, 1)
    assert spec.name == "googlenet-1000"
    assert all(block.width == 4 for _, block in spec.blocks)


def test_relaxed_pooling_changes_gradients_and_no_values(tiny: InceptionV1):
    relaxed = relax_pooling(tiny)
    assert tiny.spec.pool_gradient == "max"
    images = jax.random.uniform(jax.random.key(0), (1, 64, 64, 3))

    @jax.jit
    def value_and_gradient(model, x):
        return jax.value_and_grad(lambda x: jnp.square(model(x)).sum())(x)

    value, gradient = value_and_gradient(tiny, images)
    same, other = value_and_gradient(relaxed, images)
    np.testing.assert_array_equal(value, same)
    assert not np.allclose(gradient, other, rtol=0.1)
    assert np.isfinite(other).all()
