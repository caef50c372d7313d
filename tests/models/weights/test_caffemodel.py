"""Caffemodels, written here byte by byte as the wire format has it, and read by the reader."""

import hashlib
import struct

import numpy as np
import pytest
from wire import chunk, number, varint

from atlasjax import models
from atlasjax.errors import UserError
from atlasjax.models.specs import GOOGLENET, narrow
from atlasjax.models.weights import caffe, caffemodel, convert, parameters

SPEC = narrow(GOOGLENET, 32, classes=4, name="narrow")


def blob(array: np.ndarray, legacy: bool) -> bytes:
    data = chunk(5, struct.pack(f"<{array.size}f", *array.ravel().tolist()))
    if not legacy:
        return chunk(7, chunk(1, b"".join(map(varint, array.shape)))) + data
    four = (1,) * (4 - array.ndim) + array.shape
    return b"".join(number(i + 1, n) for i, n in enumerate(four)) + data


def encode(tensors: dict[str, np.ndarray], legacy: bool) -> bytes:
    """Return a NetParameter with a layer for each weight and bias, and one without either."""
    field, name_field, blobs_field = (2, 4, 6) if legacy else (100, 1, 7)
    layers = {n.rpartition("/")[0]: [] for n in tensors}
    for name, tensor in tensors.items():
        layers[name.rpartition("/")[0]].append(chunk(blobs_field, blob(tensor, legacy)))
    kind = number(5, 4) if legacy else chunk(2, b"Convolution")
    net = chunk(1, b"GoogleNet") + chunk(field, chunk(name_field, b"data") + kind)
    for name, blobs in layers.items():
        net += chunk(field, chunk(name_field, name.encode()) + kind + b"".join(blobs))
    return net


def random_tensors() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    shapes = caffe.tensor_shapes(SPEC) | {"loss1/fc/weight": (2, 3), "loss1/fc/bias": (2,)}
    return {name: generator.standard_normal(s, np.float32) for name, s in shapes.items()}


@pytest.mark.parametrize("legacy", [True, False], ids=["V1LayerParameter", "LayerParameter"])
def test_both_forms_of_layers_are_read(tmp_path, legacy):
    tensors = random_tensors()
    path = tmp_path / "mine.caffemodel"
    path.write_bytes(encode(tensors, legacy))
    found = caffemodel.read(path)
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name].reshape(tensor.shape), tensor)
    if not legacy:
        assert {n: t.shape for n, t in found.items()} == {n: t.shape for n, t in tensors.items()}
    read = caffe.parameters(found, SPEC)
    assert read.keys() == parameters.shapes(SPEC).keys()


def test_data_in_several_pieces_is_joined(tmp_path):
    path = tmp_path / "mine.caffemodel"
    pieces = chunk(5, struct.pack("<2f", 1, 2)) + chunk(5, struct.pack("<f", 3))
    path.write_bytes(chunk(100, chunk(1, b"fc") + chunk(7, pieces)))
    np.testing.assert_array_equal(caffemodel.read(path)["fc/weight"], [1, 2, 3])


def test_further_blobs_are_numbered(tmp_path):
    path = tmp_path / "mine.caffemodel"
    one = chunk(7, blob(np.ones(1, np.float32), legacy=False))
    path.write_bytes(chunk(100, chunk(1, b"bn") + 3 * one))
    assert list(caffemodel.read(path)) == ["bn/weight", "bn/bias", "bn/blob2"]


def test_the_published_checksum_is_compared(tmp_path):
    path = tmp_path / "bvlc_googlenet.caffemodel"
    path.write_bytes(encode(random_tensors(), legacy=True))
    sha1 = hashlib.sha1(path.read_bytes()).hexdigest()
    with pytest.raises(UserError, match=f"{sha1}, but should be {caffemodel.GOOGLENET_SHA1}"):
        caffemodel.read(path)
    assert caffemodel.read(path.rename(tmp_path / "mine.caffemodel"))


def test_a_file_called_as_the_original_must_be_it(tmp_path, monkeypatch):
    monkeypatch.setenv("ATLASJAX_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "bvlc_googlenet.caffemodel"
    path.write_bytes(encode(random_tensors(), legacy=True))
    with pytest.raises(UserError, match="other weights, which should not be called"):
        models.load("googlenet", path)
    with pytest.raises(UserError, match="has shape"):
        models.load("googlenet", path.rename(tmp_path / "other.caffemodel"))
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("keep", [0.99, 0.5, 0.001])
def test_a_truncated_file_is_named(tmp_path, keep):
    path = tmp_path / "mine.caffemodel"
    whole = encode(random_tensors(), legacy=True)
    path.write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(UserError, match=r"mine\.caffemodel: truncated, or not a caffemodel"):
        caffemodel.read(path)


@pytest.mark.parametrize("content", [b"", b"name: 'GoogleNet'\n", b"\x00" * 64, b"\x89PNG\r\n" * 9])
def test_a_file_of_another_format_is_named(tmp_path, content):
    path = tmp_path / "mine.caffemodel"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"mine\.caffemodel: .* caffemodel"):
        caffemodel.read(path)


def test_a_blob_of_too_few_values_is_named(tmp_path):
    path = tmp_path / "mine.caffemodel"
    short = number(1, 2) + number(2, 2) + number(3, 1) + number(4, 1) + chunk(5, bytes(12))
    path.write_bytes(chunk(2, chunk(4, b"conv1") + chunk(6, short)))
    with pytest.raises(UserError, match=r"'conv1/weight' of shape \[2, 2, 1, 1\] has 3 values"):
        caffemodel.read(path)


def test_the_second_load_comes_from_the_cache_and_is_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("ATLASJAX_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "mine.caffemodel"
    path.write_bytes(encode(random_tensors(), legacy=True))
    first = caffe.to_caffe(convert.load(path, SPEC))
    monkeypatch.setattr(convert, "READERS", {".caffemodel": None})  # a second conversion would fail
    second = caffe.to_caffe(convert.load(path, SPEC))
    assert len(list((tmp_path / "cache" / "weights").glob("narrow-*"))) == 1
    for name, tensor in first.items():
        np.testing.assert_array_equal(second[name], tensor)
