"""Weights files cut, flipped and overwritten: arrays, or one line, and never anything else."""

import io
import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save
from wire import chunk, number, varint

from atlasjax.errors import UserError
from atlasjax.models.weights import archive, convert

pytestmark = pytest.mark.filterwarnings("ignore:Detected pickle protocol")

VALUES = struct.pack("<6f", *range(6))
BLOB = chunk(7, chunk(1, varint(2) + varint(3))) + chunk(5, VALUES)
CAFFE = chunk(1, b"net") + chunk(100, chunk(1, b"conv") + chunk(7, BLOB))
TENSOR = number(1, 1) + chunk(2, chunk(2, number(1, 2)) + chunk(2, number(1, 3))) + chunk(4, VALUES)
CONSTANT = (
    chunk(1, b"w") + chunk(2, b"Const") + chunk(5, chunk(1, b"value") + chunk(2, chunk(8, TENSOR)))
)
WHOLE = {
    ".caffemodel": CAFFE,
    ".pb": chunk(1, CONSTANT),
    ".safetensors": save({"w": np.arange(6, dtype=np.float32).reshape(2, 3)}),
}


def pth(old: bool) -> bytes:
    torch = pytest.importorskip("torch", reason="needs PyTorch: pip install '.[torch]'")
    file = io.BytesIO()
    tensors = {"w": torch.arange(6.0).reshape(2, 3)}
    torch.save(tensors, file, _use_new_zipfile_serialization=not old)
    return file.getvalue()


def damaged(data: st.DataObject, content: bytes) -> bytes:
    found = bytearray(content)
    if data.draw(st.booleans()):
        del found[data.draw(st.integers(0, len(found))) :]
    for _ in range(data.draw(st.integers(0, 4)) if found else 0):
        found[data.draw(st.integers(0, len(found) - 1))] = data.draw(st.integers(0, 255))
    return bytes(found)


fuzzed = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("suffix", WHOLE)
def test_whole_files_are_read(tmp_path, suffix):
    (tmp_path / f"w{suffix}").write_bytes(WHOLE[suffix])
    (found,) = convert.READERS[suffix](tmp_path / f"w{suffix}").values()
    np.testing.assert_array_equal(found, np.arange(6).reshape(2, 3).astype(np.float32))


@pytest.mark.parametrize("suffix", WHOLE)
@fuzzed
@given(st.data())
def test_a_damaged_file_is_told_in_one_line(tmp_path, suffix, data):
    path = tmp_path / f"w{suffix}"
    path.write_bytes(damaged(data, WHOLE[suffix]))
    with suppress(UserError):
        found = convert.READERS[suffix](path)
        assert all(isinstance(array, np.ndarray) for array in found.values())


@pytest.mark.parametrize("old", [False, True])
@fuzzed
@given(st.data())
def test_a_damaged_file_of_pytorch_is_told_in_one_line(tmp_path, old, data):
    path = tmp_path / "w.pth"
    path.write_bytes(damaged(data, pth(old)))
    with suppress(UserError):
        assert all(isinstance(a, np.ndarray) for a in convert.READERS[".pth"](path).values())


@pytest.mark.parametrize("reader", [".pth", ".safetensors"])
def test_a_safetensors_file_cut_off_is_a_line_whatever_reads_it(tmp_path, reader):
    """PyTorch hands what is called so to safetensors, whose error came through."""
    pytest.importorskip("torch", reason="needs PyTorch: pip install '.[torch]'")
    path = tmp_path / "w.safetensors"
    path.write_bytes(WHOLE[".safetensors"][:-4])
    with pytest.raises(UserError, match="truncated, or not a"):
        convert.READERS[reader](path)


def test_what_is_quoted_of_a_file_can_be_printed(tmp_path):
    """The line that quoted the type of a tensor held its control signs."""
    path = tmp_path / "w.safetensors"
    path.write_bytes(WHOLE[".safetensors"].replace(b"F32", b"F\x7f2"))
    with pytest.raises(UserError, match=r"unknown variant `F\\x7f2`") as refused:
        convert.READERS[".safetensors"](path)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("suffix", [".pb", ".caffemodel"])
def test_a_name_that_is_no_text_is_a_line(tmp_path, suffix):
    """It came as bytes, which no name is compared with."""
    name = {".pb": b"Const", ".caffemodel": b"conv"}[suffix]
    (tmp_path / f"w{suffix}").write_bytes(WHOLE[suffix].replace(name, b"\xa7" + name[1:]))
    with pytest.raises(UserError, match=r"truncated, or not a .*\(a name that is no text\)"):
        convert.READERS[suffix](tmp_path / f"w{suffix}")


def zipped(name: str = "a/w.pb", content: bytes = b"weights " * 200) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(name, content)
    return file.getvalue()


def imported(folder: Path) -> None:
    """Unpack an archive as `atlasjax weights import` does."""
    if archive.is_archive_with(folder / "a.zip", ["w.pb"]):
        archive.unpack(folder / "a.zip", ["w.pb"], folder / "in")


def changed(content: bytes, at: int, new: bytes) -> bytes:
    return content[:at] + new + content[at + len(new) :]


DIRECTORY = zipped().index(b"PK\1\2")
END = zipped().index(b"PK\5\6")
ODD = {
    "no directory where it says": changed(zipped(), END + 16, b"\xff\xff\xff\x00"),
    "a directory that is none": changed(zipped(), DIRECTORY, b"none"),
    "a version to come": changed(zipped(), DIRECTORY + 6, b"\xfe"),
    "a name that is no text": changed(
        changed(zipped(), DIRECTORY + 46, b"\xff"), DIRECTORY + 9, b"\x08"
    ),
    "content that cannot be unpacked": changed(zipped(), 36, b"\xff" * 8),
    "another packing": changed(zipped(), DIRECTORY + 10, b"\x63"),
    "a password": changed(zipped(), DIRECTORY + 8, b"\1"),
    "a name that leads out": zipped("../w.pb"),
}


@pytest.mark.parametrize("odd", ODD)
def test_a_damaged_archive_is_told_in_one_line(tmp_path, odd):
    """Each of these ended in another error of Python's."""
    (tmp_path / "in").mkdir()
    (tmp_path / "a.zip").write_bytes(ODD[odd])
    with pytest.raises(UserError, match=r"a.zip: (a damaged archive|refused)") as refused:
        imported(tmp_path)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "w.pb").exists()


def test_a_folder_of_the_name_is_no_file(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        made.writestr("w.pb/", b"")
    assert not archive.is_archive_with(tmp_path / "a.zip", ["w.pb"])


@fuzzed
@given(st.data())
def test_whatever_becomes_of_an_archive_nothing_is_written_outside(tmp_path, data):
    (tmp_path / "in").mkdir(exist_ok=True)
    (tmp_path / "a.zip").write_bytes(
        damaged(data, zipped(data.draw(st.sampled_from(["w.pb", "../w.pb"]))))
    )
    with suppress(UserError):
        imported(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"in", "a.zip"}
