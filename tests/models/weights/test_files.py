"""Weight files: what is written is read again, and what cannot be read is explained."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from atlasjax import models
from atlasjax.errors import UserError
from atlasjax.models.weights import caffe, files

TENSORS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(4, np.float16)}


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "w.safetensors"
    files.write(path, {"transposed": TENSORS["a"].T} | TENSORS)
    found = files.read(path)
    np.testing.assert_array_equal(found["transposed"], TENSORS["a"].T)
    np.testing.assert_array_equal(found["a"], TENSORS["a"])
    assert found["b"].dtype == np.float16
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]


@pytest.mark.parametrize("keep", [0, 5, 60, -4])
def test_a_truncated_file_is_named(tmp_path, keep):
    path = tmp_path / "w.safetensors"
    files.write(path, TENSORS)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"w\.safetensors: truncated, or not a safetensors file"):
        files.read(path)


def test_a_file_of_another_format_is_named(tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_text("weights\n" * 50)
    with pytest.raises(UserError, match=r"w\.safetensors: truncated, or not a safetensors file"):
        files.read(path)


POINTERS = {
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2\nsize 2917392\n": (
        "is a Git LFS pointer to 2917392 bytes that were not fetched: run `git lfs pull`"
    ),
    "/annex/objects/SHA256E-s2917392--4d7a2.safetensors\n": "is a git-annex pointer",
    "<!DOCTYPE html><html><title>404</title>": "is a page in HTML, as a download that failed",
}


@pytest.mark.parametrize("text", POINTERS)
@pytest.mark.parametrize("ending", ["safetensors", "caffemodel"])
def test_a_pointer_in_place_of_a_file_is_told(text, ending, tmp_path):
    path = tmp_path / f"bvlc_googlenet.{ending}"
    path.write_text(text)
    with pytest.raises(UserError, match=POINTERS[text]):
        models.load("googlenet", path)


def written(path, kinds):
    """Write a file by the format's specification, of any kind of numbers."""
    header, content = {}, b""
    for name, (kind, array) in kinds.items():
        ends = [len(content), len(content) + array.nbytes]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": ends}
        content += array.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content)


@pytest.mark.parametrize(
    ("kind", "byte", "value"),
    # By the definitions: E4M3 has a bias of 7, E5M2 of 15, the FNUZ ones 8 and 16, E8M0 127.
    [
        ("F8_E4M3", 0b0_0111_100, 1.5),
        ("F8_E5M2", 0b1_01111_10, -1.5),
        ("F8_E4M3FNUZ", 0b0_0111_100, 0.75),
        ("F8_E5M2FNUZ", 0b0_01111_10, 0.75),
        ("F8_E8M0", 130, 8.0),
    ],
)
def test_floats_of_8_bits_are_read(kind, byte, value, tmp_path):
    path = tmp_path / "w.safetensors"
    plain = np.arange(6, dtype=np.int16).reshape(2, 3)
    written(path, {"a": (kind, np.full((3, 2), byte, np.uint8)), "b": ("I16", plain)})
    found = files.read(path)
    np.testing.assert_array_equal(found["a"].astype(np.float32), np.full((3, 2), value))
    np.testing.assert_array_equal(found["b"], plain)


def test_bfloat16_is_read_and_4_bits_are_named(tmp_path):
    path = tmp_path / "w.safetensors"
    half = np.array([1.5, -2.0], np.float32).view(np.uint16)[1::2]
    written(path, {"a": ("BF16", half)})
    np.testing.assert_array_equal(files.read(path)["a"].astype(np.float32), [1.5, -2])
    written(path, {"a": ("F4", np.zeros((2, 1), np.uint8))})
    text = path.read_bytes().replace(b"[2, 1]", b"[2, 2]")
    path.write_bytes(text)
    with pytest.raises(UserError, match=r"tensor 'a' is of F4, which is not read here; convert"):
        files.read(path)


def test_a_network_is_loaded_from_floats_of_8_bits(tmp_path):
    network = models.spec("inception_v1_tiny")
    ones = {
        name: ("F8_E4M3", np.full(shape, 0b0_0111_100, np.uint8))
        for name, shape in caffe.tensor_shapes(network).items()
    }
    written(tmp_path / "w.safetensors", ones)
    model = models.load("inception_v1_tiny", tmp_path / "w.safetensors")
    assert model.classifier.bias is not None
    np.testing.assert_array_equal(model.classifier.bias[...], np.full(10, 1.5))


def test_a_file_that_may_not_be_looked_at_is_named(tmp_path, monkeypatch):
    def refused(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_dir", refused)  # root may look everywhere
    with pytest.raises(UserError, match=r"w: cannot be read \(Permission denied\)$"):
        files.existing(tmp_path / "w")


def test_a_missing_file_suggests_the_nearest_beside_it(tmp_path):
    (tmp_path / "weights.safetensors").touch()
    with pytest.raises(UserError, match=r"wieghts.*did you mean weights\.safetensors\?"):
        files.read(tmp_path / "wieghts.safetensors")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(UserError, match=r"there is no folder '.*nowhere'"):
        files.read(tmp_path / "nowhere" / "w.safetensors")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(UserError, match="is a folder; pass the weights file itself"):
        files.read(tmp_path)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(UserError, match="cannot be written"):
        files.write(tmp_path / "nowhere" / "w.safetensors", TENSORS)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "w.safetensors"
    files.write(path, TENSORS)
    monkeypatch.setattr("pathlib.Path.replace", _full_disk)
    with pytest.raises(UserError, match="no space"):
        files.write(path, {})
    assert files.read(path).keys() == TENSORS.keys()
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]


def _full_disk(*_):
    raise OSError(28, "no space")


def test_digest(tmp_path):
    path = tmp_path / "w"
    path.write_bytes(b"weights" * 100_000)
    assert files.digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()
