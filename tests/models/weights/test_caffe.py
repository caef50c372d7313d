"""Caffe's names and layouts, and what is said of tensors that do not fit."""

import numpy as np
import pytest
from flax import nnx

from atlasjax.errors import UserError
from atlasjax.models.inception_v1 import InceptionV1
from atlasjax.models.specs import GOOGLENET, narrow
from atlasjax.models.weights import caffe, parameters

SPEC = narrow(GOOGLENET, 32, classes=4, name="narrow")


def random_tensors(spec=SPEC) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    shapes = caffe.tensor_shapes(spec)
    return {name: generator.standard_normal(s, np.float32) for name, s in shapes.items()}


@pytest.mark.parametrize("spec", [GOOGLENET, SPEC])
def test_the_table_covers_every_parameter_of_the_network(spec):
    abstract = nnx.eval_shape(lambda: InceptionV1(spec, rngs=nnx.Rngs(0)))
    flat = nnx.to_flat_state(nnx.state(abstract))
    shapes = {".".join(map(str, path)): leaf.shape for path, leaf in flat}
    assert parameters.shapes(spec) == shapes
    assert len(caffe.tensor_shapes(spec)) == 116


def test_layouts():
    tensors = random_tensors()
    found = caffe.parameters(tensors, SPEC)
    three, one = found["mixed4c.three.kernel"], found["mixed4c.one.kernel"]
    assert three[1, 2, 0, 3] == tensors["inception_4c/3x3/weight"][3, 0, 1, 2]
    assert one[5, 2] == tensors["inception_4c/1x1/weight"][2, 5, 0, 0]
    assert found["classifier.kernel"][7, 3] == tensors["loss3/classifier/weight"][3, 7]
    np.testing.assert_array_equal(found["conv2d0.bias"], tensors["conv1/7x7_s2/bias"])


def test_there_and_back():
    tensors = random_tensors()
    back = caffe.to_caffe(caffe.from_caffe(tensors, SPEC))
    assert back.keys() == tensors.keys()
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(back[name], tensor)


def test_leading_ones_are_dropped_and_halves_widened():
    tensors = random_tensors()
    blobs = {n: t.reshape((1,) * (4 - t.ndim) + t.shape) for n, t in tensors.items()}
    blobs["conv1/7x7_s2/bias"] = blobs["conv1/7x7_s2/bias"].astype(np.float16)
    found = caffe.parameters(blobs, SPEC)
    assert {n: v.shape for n, v in found.items()} == parameters.shapes(SPEC)
    assert {v.dtype for v in found.values()} == {np.dtype(np.float32)}


def test_auxiliary_heads_are_ignored():
    auxiliary = {"loss1/conv/weight": np.zeros(3), "loss2/classifier/bias": np.zeros(1)}
    assert len(caffe.parameters(random_tensors() | auxiliary, SPEC)) == 116


def refusal(tensors, spec=SPEC) -> str:
    with pytest.raises(UserError) as caught:
        caffe.parameters(tensors, spec, "a.safetensors")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_tensors_are_named_and_counted():
    tensors = random_tensors()
    del tensors["inception_5b/3x3/weight"], tensors["loss3/classifier/bias"]
    assert refusal(tensors) == (
        "a.safetensors: no tensor 'inception_5b/3x3/weight' of shape [12, 6, 3, 3]; "
        "2 of the 116 tensors of narrow are missing"
    )


def test_another_networks_tensors_are_refused():
    message = refusal({"fc6/weight": np.zeros((2, 2)), "fc7/weight": np.zeros((2, 2))})
    assert message == (
        "a.safetensors: weights of another network than narrow: it has no tensor 'fc6/weight' "
        "and 1 more; 116 of the 116 tensors of narrow are missing"
    )
    message = refusal(random_tensors() | {"fc6/weight": np.zeros((2, 2))})
    assert message == (
        "a.safetensors: weights of another network than narrow: it has no tensor 'fc6/weight'"
    )


def test_another_shape_is_refused():
    assert refusal(random_tensors(), GOOGLENET) == (
        "a.safetensors: tensor 'conv1/7x7_s2/weight' has shape [2, 3, 7, 7]; "
        "that of googlenet has [64, 3, 7, 7]"
    )


def test_integers_are_refused():
    tensors = random_tensors()
    tensors["conv2/3x3/bias"] = tensors["conv2/3x3/bias"].astype(np.int32)
    assert "tensor 'conv2/3x3/bias' is of int32" in refusal(tensors)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bad):
    tensors = random_tensors()
    tensors["conv2/3x3/bias"][1] = bad
    assert "'conv2/3x3/bias' has 1 of 6 values that are NaN or infinite" in refusal(tensors)
