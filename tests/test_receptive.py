"""Receptive fields: against the recurrences of convolution arithmetic, and against toy models."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import models
from atlasjax.errors import UserError
from atlasjax.models.inception_v1 import InceptionV1
from atlasjax.models.pooling import max_pool
from atlasjax.receptive import ReceptiveField, field_within, receptive_field

STEM = {  # kernel, stride, entries before the first that Caffe pads
    "conv2d0": (7, 2, 3),
    "maxpool0": (3, 2, 0),
    "conv2d2": (3, 1, 1),
    "maxpool1": (3, 2, 0),
}
BLOCKS = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
BRANCHES = {"1x1": (1, 1, 0), "3x3": (3, 1, 1), "5x5": (5, 1, 2), "pool_reduce": (3, 1, 1)}


def after(field: ReceptiveField, kernel: int, stride: int, before: int) -> ReceptiveField:
    """The standard recurrences: what one more layer does to a receptive field."""
    return ReceptiveField(
        stride=field.stride * stride,
        offset=field.offset + ((kernel - 1) / 2 - before) * field.stride,
        size=field.size + (kernel - 1) * int(field.stride),
    )


def googlenet() -> dict[str, ReceptiveField]:
    field = ReceptiveField(1.0, 0.0, 1)
    found = {}
    for name, layer in STEM.items():
        field = found[name] = after(field, *layer)
    for block in BLOCKS:
        if block in ("4a", "5a"):
            field = after(field, 3, 2, 0)
            found[{"4a": "maxpool4", "5a": "maxpool10"}[block]] = field
        for branch, layer in BRANCHES.items():
            found[f"mixed{block}/{branch}"] = after(field, *layer)
        field = found[f"mixed{block}"] = found[f"mixed{block}/5x5"]
    return found


@pytest.fixture(scope="module")
def tiny() -> InceptionV1:
    return models.load("inception_v1_tiny")


def test_the_recurrences_give_the_published_numbers():
    fields = googlenet()
    assert fields["mixed3a/1x1"] == ReceptiveField(8.0, 6.0, 27)
    assert fields["mixed4c"][:2] == (16.0, 14.0)
    assert fields["mixed5b"][:2] == (32.0, 30.0)


@pytest.mark.parametrize(
    "layer",
    [
        "conv2d0",
        "maxpool0",
        "conv2d2",
        "mixed3a/1x1",
        "mixed3a/pool_reduce",
        "mixed3b",
        "mixed4a/3x3",
        "mixed4c",
        "mixed5b",
    ],
)
def test_googlenet(tiny: InceptionV1, layer: str):
    assert receptive_field(tiny, layer) == googlenet()[layer]


def test_weights_do_not_matter():
    shapes = models.abstract("inception_v1_tiny")
    assert receptive_field(shapes, "maxpool1") == googlenet()["maxpool1"]


def test_neither_do_trained_zeros(tiny: InceptionV1):
    dead = jax.tree.map(np.zeros_like, tiny)
    assert receptive_field(dead, "maxpool1") == googlenet()["maxpool1"]


# Toy models --------------------------------------------------------------------------------------


def one_layer(kernel: int, stride: int, pad: tuple[int, int], dilation: int = 1):
    def model(images, tap):
        weights = jnp.ones((kernel, kernel, images.shape[-1], 2))
        return tap(
            "conv",
            jax.lax.conv_general_dilated(
                images,
                weights,
                (stride, stride),
                [pad, pad],
                rhs_dilation=(dilation, dilation),
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            ),
        )

    return model


@pytest.mark.parametrize(
    ("kernel", "stride", "pad", "dilation"),
    [
        (1, 1, (0, 0), 1),
        (2, 1, (0, 1), 1),
        (3, 1, (1, 1), 1),
        (5, 3, (2, 2), 1),
        (4, 7, (0, 0), 1),  # leaves pixels out between its positions
        (3, 5, (2, 0), 1),
        (2, 1, (6, 6), 12),  # sees two pixels with a gap between
        (3, 2, (200, 200), 200),  # likewise, wider than the middle of the first image tried
        (2, 1, (0, 400), 400),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_one_convolution(kernel, stride, pad, dilation, channels):
    field = receptive_field(
        one_layer(kernel, stride, pad, dilation), "conv", channels=channels, width=96
    )
    size = (kernel - 1) * dilation + 1
    assert field == ReceptiveField(float(stride), (size - 1) / 2 - pad[0], size)


@pytest.mark.parametrize("mode", ["reflect", "edge"])
def test_padding_with_pixels_of_the_image_does_not_matter(mode: str):
    def model(images, tap):
        around = jnp.pad(images, [(0, 0), (2, 2), (2, 2), (0, 0)], mode=mode)
        return one_layer(5, 1, (0, 0))(around, tap)

    assert receptive_field(model, "conv") == ReceptiveField(1.0, 0.0, 5)


def test_positions_that_see_only_padding_do_not_matter():
    assert receptive_field(one_layer(1, 1, (3, 4)), "conv") == ReceptiveField(1.0, -3.0, 1)


def test_what_follows_the_layer_may_insist_on_its_own_image_size():
    def model(images, tap):
        x = tap("pool", max_pool(images, 2, 2))
        return tap("logits", x.reshape(len(x), -1) @ jnp.ones((192, 10)))

    assert receptive_field(model, "pool") == ReceptiveField(2.0, 0.5, 2)


def test_a_module_and_a_plain_function_agree(tiny: InceptionV1):
    def plain(images, tap):
        return tiny(images, tap)

    assert receptive_field(plain, "maxpool1") == receptive_field(tiny, "maxpool1")


def test_searching_for_nan_does_not_stop_at_them():
    jax.config.update("jax_debug_nans", True)
    try:
        assert receptive_field(one_layer(3, 1, (1, 1)), "conv").size == 3
    finally:
        jax.config.update("jax_debug_nans", False)


# Layers without a field ---------------------------------------------------------------------------


def test_a_layer_that_does_not_exist():
    with pytest.raises(UserError, match="no layer 'pool'; there are conv"):
        receptive_field(one_layer(3, 1, (1, 1)), "pool")


@pytest.mark.parametrize("layer", ["avgpool0", "logits"])
def test_a_layer_without_positions(tiny: InceptionV1, layer: str):
    with pytest.raises(UserError, match=rf"layer '{layer}' has no positions: its shape is \["):
        receptive_field(tiny, layer)


def test_a_layer_with_no_position_in_a_narrow_image():
    with pytest.raises(UserError, match="no positions in images 32 px wide"):
        receptive_field(one_layer(40, 1, (0, 0)), "conv")
    assert receptive_field(one_layer(40, 1, (0, 0)), "conv", width=40).size == 40


def test_a_layer_with_one_position_for_the_whole_image():
    def model(images, tap):
        return tap("mean", images.mean((1, 2), keepdims=True))

    with pytest.raises(UserError, match="'mean' sees the whole image: it has 1 rows"):
        receptive_field(model, "mean")


def test_a_layer_whose_positions_all_see_the_whole_image():
    def model(images, tap):
        return tap("centred", images - images.mean((1, 2), keepdims=True))

    with pytest.raises(UserError, match="'centred' sees the whole image, even one of 1024 px"):
        receptive_field(model, "centred")


def test_a_layer_finer_than_the_image():
    def model(images, tap):
        return tap("finer", images.repeat(2, 1).repeat(2, 2))

    with pytest.raises(UserError, match=r"'finer' has a position every 0\.5 px"):
        receptive_field(model, "finer")


def test_a_layer_that_hides_nan():
    def model(images, tap):
        return tap("clean", jnp.nan_to_num(images))

    with pytest.raises(UserError, match="'clean' does not pass NaN on"):
        receptive_field(model, "clean")


def test_a_field_that_can_be_measured_is_measured():
    def pool(images, tap):
        return tap("pool", (images[:, ::2] + images[:, 1::2])[:, :, ::2])

    assert field_within(pool, "pool", 16, 32) == receptive_field(pool, "pool")


def test_what_a_network_raises_for_its_own_images_is_not_hidden():
    def broken(images, tap):
        raise RuntimeError("of the network itself")

    with pytest.raises(RuntimeError, match="of the network itself"):
        field_within(broken, "any", 4, 32)
    with pytest.raises(UserError, match="no layer 'vectr'; did you mean vector"):
        field_within(lambda images, tap: tap("vector", images.mean((1, 2))), "vectr", 1, 32)


@pytest.mark.parametrize("layer", ["tokens", "tokens/class", "vector", "attention"])
def test_what_has_no_field_gets_an_even_share(layer: str):
    def network(images, tap):
        patches = images[:, ::16, ::16].reshape(len(images), -1, 3)
        tokens = tap("tokens", jnp.concatenate([patches.mean(1, keepdims=True), patches], 1))
        tap("attention", images[:, ::16, ::16] + images.mean((1, 2), keepdims=True))
        return tap("vector", tokens.mean(1))

    many = field_within(network, layer, 14, 224)
    assert many == ReceptiveField(16.0, 7.5, 80)  # five patches across
    assert field_within(network, layer, 1, 224) == ReceptiveField(224.0, 111.5, 224)
