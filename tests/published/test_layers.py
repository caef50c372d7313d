"""The layers of the network of the articles: their names and widths, in the literature's words."""

import pytest

from atlasjax import models, taps

# Names and channels as Lucid's model zoo lists them for InceptionV1.
LAYERS = {
    "conv2d0": 64,
    "conv2d1": 64,
    "conv2d2": 192,
    "mixed3a": 256,
    "mixed3b": 480,
    "mixed4a": 508,
    "mixed4b": 512,
    "mixed4c": 512,
    "mixed4d": 528,
    "mixed4e": 832,
    "mixed5a": 832,
    "mixed5b": 1024,
    "head0_bottleneck": 128,
    "nn0": 1024,
    "softmax0": 1008,
    "head1_bottleneck": 128,
    "nn1": 1024,
    "softmax1": 1008,
    "logits": 1008,  # Lucid's softmax2_pre_activation
}
# Positions for a picture of 224 px: Carter et al. 2019 and Olah et al. 2018 show mixed4c and
# mixed4d as 14 x 14, the early vision article conv2d0 as 112 x 112.
POSITIONS = {"conv2d0": 112, "mixed3a": 28, "mixed4c": 14, "mixed4d": 14, "mixed5b": 7}


def check(model) -> None:
    shapes = taps.layers(model)
    assert {name: shapes[name][-1] for name in LAYERS} == LAYERS
    for name, side in POSITIONS.items():
        assert shapes[name][:2] == (side, side)
    # Branches stand in the order in which their units are numbered.
    order = [
        n for n in shapes if n in {f"mixed4a/{b}" for b in ("1x1", "3x3", "5x5", "pool_reduce")}
    ]
    assert order == ["mixed4a/1x1", "mixed4a/3x3", "mixed4a/5x5", "mixed4a/pool_reduce"]
    assert [shapes[name][-1] for name in order] == [192, 204, 48, 64]


def test_the_network_that_is_known_by_name_has_the_published_layers():
    check(models.abstract("inception5h"))


@pytest.mark.published
def test_the_published_file_has_the_published_layers(network):
    check(network)
