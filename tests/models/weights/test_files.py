"""Weight files: what is written is read again, and what cannot be read is explained."""

import hashlib

import numpy as np
import pytest

from atlasjax.errors import UserError
from atlasjax.models.weights import files

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
    path.write_text("version https://git-lfs.github.com/spec/v1\n" * 5)
    with pytest.raises(UserError, match=r"w\.safetensors: truncated, or not a safetensors file"):
        files.read(path)


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
