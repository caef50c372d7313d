import io
import zipfile
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atlasjax.data import UnreadableImage, from_array_file, open_images
from atlasjax.data.decode import decode
from atlasjax.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)


def header(shape: object, dtype: str = "|u1", content: bytes = b"") -> bytes:
    """Return a .npy file that claims what it likes."""
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (63 - (10 + len(text)) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text + content


def test_images_of_a_file_are_those_of_the_array(tmp_path):
    np.save(tmp_path / "a.npy", IMAGES)
    np.savez(tmp_path / "b.npz", images=IMAGES, labels=[0, 1, 1, 0, -1], classes=["cat", "dog"])
    np.savez_compressed(tmp_path / "c.npz", IMAGES)
    sources = [open_images(tmp_path / name) for name in ("a.npy", "b.npz", "c.npz")]
    for source in sources:
        np.testing.assert_array_equal([example.image for example in source], IMAGES)
    assert sources[1].classes == ("cat", "dog")
    assert [example.label for example in sources[1]] == [0, 1, 1, 0, -1]
    fingerprints = [source.fingerprint() for source in sources]
    assert fingerprints[0] == fingerprints[2] == open_images(IMAGES).fingerprint()
    assert fingerprints[1] != fingerprints[0]  # it has labels
    assert len(open_images(str(tmp_path / "b.npz"), limit=2)) == 2


def test_a_npy_stays_on_the_disk_and_takes_a_range(tmp_path):
    np.save(tmp_path / "a.npy", np.full((2, 4, 4), 2048, np.uint16))
    assert open_images(tmp_path / "a.npy", range=(0, 4096))[1].image[0, 0, 0] == 128


class Boom:
    def __reduce__(self):
        return exec, ("raise SystemExit('the file was executed')",)


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_objects_are_never_made(tmp_path, name):
    save = np.save if name == "a.npy" else np.savez
    save(tmp_path / name, np.array([Boom()], object))
    with pytest.raises(UserError, match=r"a.np.: damaged.*Python objects, which are never made"):
        open_images(tmp_path / name)
    data = io.BytesIO()
    np.save(data, np.array([[Boom()]], object))
    with pytest.raises(UnreadableImage, match="Python objects, which are never made"):
        decode(data.getvalue(), "x.npy")


CLAIMS = {
    "far too many": header((10**9, 10**9, 3)),
    "a little too many": header((2, 2, 2, 3), content=bytes(23)),
    "too few": header((2, 2, 2, 3), content=bytes(25)),
    "below zero": header((-1, -1, 3)),
    "objects": header((2, 2), "|O", b"cos\nsystem\n(S'true'\ntR."),
    "no size at all": header((10**15, 3), "|V0"),
    "no shape": header("'x'"),
    "code": header("__import__('os').getpid()"),
    "too long a header": header("(" * 20000),
    "nothing": b"",
    "half a header": header((2, 2))[:40],
    "another version": b"\x93NUMPY\x09\0" + bytes(100),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_a_header_claims_is_compared_with_what_is_there(tmp_path, claim):
    """A claim of 10^18 bytes was taken at its word, and ended in a MemoryError."""
    (tmp_path / "a.npy").write_bytes(CLAIMS[claim])
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", CLAIMS[claim])
    for name in "a.npy", "a.npz":
        with pytest.raises(UserError, match=rf"{name}: .*damaged, or no array") as refused:
            open_images(tmp_path / name)
        assert "\n" not in str(refused.value)
    with pytest.raises(UnreadableImage) as unreadable:
        decode(CLAIMS[claim], "x.npy")
    assert "\n" not in str(unreadable.value)


def test_an_array_of_more_pixels_than_an_image_has_is_not_decoded(monkeypatch):
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UnreadableImage, match="11 x 10 pixels are more than the limit of 100"):
        decode(header((10, 11), content=bytes(110)), "x.npy")
    assert decode(header((10, 10), content=bytes(100)), "x.npy").shape == (10, 10, 3)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"one": IMAGES, "two": IMAGES}, "no array called 'images' in it; there are one, two"),
        ({"labels": np.zeros(3)}, "no array called 'images' in it; there are labels"),
        ({"images": IMAGES, "labels": [1]}, r"labels of shape \[1\] for 5 images"),
        ({"images": IMAGES, "classes": [1, 2]}, r"'classes' must be text \[classes\], not int64"),
        ({"images": IMAGES[0, 0]}, r"a.npz: images of shape \[7, 3\]"),
        ({"images": np.array(["a"])}, r"a.npz: images of shape \[1\]"),
        ({}, "a.npz: no array called 'images' in it; there are nothing|a.npz: damaged"),
    ],
)
def test_arrays_that_are_no_images_are_refused_by_the_files_name(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=message):
        open_images(tmp_path / "a.npz")
    with pytest.raises(UserError, match=r"no file '.*none.npz'"):
        from_array_file(tmp_path / "none.npz")


def test_what_does_not_fit_into_memory_says_how_to_save_it(tmp_path, monkeypatch):
    monkeypatch.setattr("atlasjax.data.array_file.MOST", 100)
    np.savez_compressed(tmp_path / "a.npz", np.zeros((100, 100, 100), np.uint8))
    with pytest.raises(UserError, match=r"once unpacked, all in memory: save the images as .npy"):
        open_images(tmp_path / "a.npz")


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.sampled_from(["a.npy", "a.npz"]), st.data())
def test_a_damaged_file_is_refused_or_gives_images(tmp_path, name, data):
    np.save(tmp_path / "a.npy", IMAGES)
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=np.arange(5))
    content = bytearray((tmp_path / name).read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    for _ in range(data.draw(st.integers(0, 3)) if content else 0):
        content[data.draw(st.integers(0, min(299, len(content) - 1)))] ^= data.draw(
            st.integers(1, 255)
        )
    (tmp_path / name).write_bytes(content)
    with suppress(UserError):
        source = open_images(tmp_path / name)
        for example in source:
            assert example.image.dtype == np.uint8
        if name == "a.npz":  # which has checksums
            np.testing.assert_array_equal([example.image for example in source], IMAGES)
