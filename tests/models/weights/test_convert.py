"""Which network a file is of, by what is in it, and the wrong one named."""

import numpy as np
import pytest
from wire import chunk

from atlasjax import models
from atlasjax.errors import UserError
from atlasjax.models.specs import GOOGLENET, INCEPTION5H, TORCHVISION
from atlasjax.models.weights import caffe, convert, files, inception5h, torchvision


def zeros(shapes) -> dict[str, np.ndarray]:
    return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A safetensors file for each network with each naming that it has."""
    folder = tmp_path_factory.mktemp("weights")
    written = {
        "googlenet": caffe.tensor_shapes(GOOGLENET),
        "inception5h": inception5h.tensor_shapes(INCEPTION5H),
        "inception5h-caffe": caffe.tensor_shapes(INCEPTION5H),
        "torchvision_googlenet": torchvision.tensor_shapes(TORCHVISION),
        "torchvision_googlenet-caffe": caffe.tensor_shapes(TORCHVISION),
    }
    for name, shapes in written.items():
        files.write(folder / f"{name}.safetensors", zeros(shapes))
    return folder


@pytest.mark.parametrize(
    "name",
    [
        "googlenet",
        "inception5h",
        "inception5h-caffe",
        "torchvision_googlenet",
        "torchvision_googlenet-caffe",
    ],
)
def test_the_content_tells_the_network(folder, name):
    path = folder / f"{name}.safetensors"
    network = name.partition("-")[0]
    assert convert.identify(path) == (network, ".safetensors")
    assert models.load(network, path).spec.name == network


@pytest.mark.parametrize(
    ("asked", "given"),
    [("googlenet", "inception5h"), ("inception5h", "torchvision_googlenet")],
)
def test_the_weights_of_another_known_network_are_named(folder, asked, given):
    with pytest.raises(UserError, match=f"weights of {given}, not of {asked}: .* --model {given}"):
        models.load(asked, folder / f"{given}.safetensors")


def test_a_tensor_that_is_missing_is_named_by_the_files_own_name(folder, tmp_path):
    tensors = files.read(folder / "inception5h.safetensors")
    del tensors["mixed4a_3x3_w"]
    files.write(tmp_path / "a.safetensors", tensors)
    with pytest.raises(UserError, match="no tensor 'mixed4a_3x3_w'"):
        convert.identify(tmp_path / "a.safetensors")


def test_an_archive_is_not_weights_itself(tmp_path):
    (tmp_path / "inception5h.zip").touch()
    with pytest.raises(UserError, match=r"an archive; unpack it, or: .* import inception5h\.zip"):
        models.load("inception5h", tmp_path / "inception5h.zip")


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (b"\x80\x02}q\x00.", ".pth"),
        (b"\x10\0\0\0\0\0\0\0{}", ".safetensors"),
        (chunk(1, chunk(1, b"input") + chunk(2, b"Placeholder")), ".pb"),
        (chunk(1, chunk(1, bytes(300))), ".pb"),  # a length of two bytes
        (chunk(1, b"GoogleNet"), ".caffemodel"),
    ],
)
def test_formats_are_known_by_their_first_bytes(tmp_path, content, suffix):
    (tmp_path / "file").write_bytes(content)
    assert convert.format_of(tmp_path / "file") == suffix


@pytest.mark.parametrize("content", [b"", b"\x89none of these", b"PK\3\4 none"])
def test_another_format_is_named(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(UserError, match=r"file: (neither an archive nor a|a damaged archive)"):
        convert.identify(tmp_path / "file")


def test_a_page_in_place_of_a_download_says_what_it_is(tmp_path):
    (tmp_path / "file").write_bytes(b"<!DOCTYPE html><title>404</title>")
    with pytest.raises(UserError, match="a page in HTML, as a download that failed leaves it"):
        convert.identify(tmp_path / "file")
