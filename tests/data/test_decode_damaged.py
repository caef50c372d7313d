"""Images of every kind, whole, cut and flipped: right pixels, or one line, and nothing else."""

import io
import struct
import time
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from atlasjax.data import UnreadableImage, prepare
from atlasjax.data.decode import decode

RGB = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, RGB)
    return file.getvalue()


COLOUR = Image.fromarray(RGB)
GREY16 = Image.fromarray(RGB[..., 0].astype(np.uint16) * 257)
PALETTE = COLOUR.quantize(8)
CMYK = COLOUR.convert("CMYK")
CLEAR = Image.fromarray(np.concatenate([RGB, RGB[..., :1]], -1))
FRAMES = {"save_all": True, "append_images": [COLOUR.rotate(180)]}
WHOLE = {
    "png": encoded(COLOUR, "PNG"),
    "1x1": encoded(Image.new("RGB", (1, 1), "red"), "PNG"),
    "16 bits": encoded(GREY16, "PNG"),
    "16 bits in tiff": encoded(GREY16, "TIFF"),
    "palette": encoded(PALETTE, "PNG", transparency=3),
    "transparent": encoded(CLEAR, "PNG"),
    "turned": encoded(COLOUR, "PNG", exif=turned()),
    "animated png": encoded(COLOUR, "PNG", **FRAMES),
    "gif": encoded(PALETTE, "GIF", save_all=True, append_images=[PALETTE]),
    "webp": encoded(COLOUR, "WEBP", lossless=True, **FRAMES),
    "jpeg": encoded(COLOUR, "JPEG"),
    "turned jpeg": encoded(COLOUR, "JPEG", exif=turned()),
    "cmyk": encoded(CMYK, "JPEG"),
    "cmyk in tiff": encoded(CMYK, "TIFF"),
    "mpo": encoded(COLOUR, "MPO", **FRAMES),
    "tiff": encoded(COLOUR, "TIFF", compression="tiff_lzw"),
    "bmp": encoded(COLOUR, "BMP"),
    "ico": encoded(COLOUR, "ICO"),
    "tga": encoded(COLOUR, "TGA"),
    "ppm": encoded(COLOUR, "PPM"),
    "jpeg 2000": encoded(COLOUR, "JPEG2000"),
    "npy": npy(),
}
LOSSLESS = ("png", "animated png", "webp", "tiff", "bmp", "tga", "ppm", "npy")


@pytest.mark.parametrize("kind", WHOLE)
def test_whole_images_are_read_in_their_size(kind):
    image = decode(WHOLE[kind], f"x.{kind}")
    shape = (1, 1, 3) if kind == "1x1" else (7, 9, 3) if "turned" in kind else (9, 7, 3)
    assert (image.shape, image.dtype) == (shape, np.uint8)
    assert prepare(image, 4, 5).shape == (4, 4, 3)
    if kind in LOSSLESS:
        np.testing.assert_array_equal(image, RGB)


@pytest.mark.parametrize("kind", WHOLE)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_a_damaged_image_is_an_image_or_one_line(kind, data):
    found = bytearray(WHOLE[kind])
    if data.draw(st.booleans()):
        del found[data.draw(st.integers(0, len(found))) :]
    for _ in range(data.draw(st.integers(0, 4)) if found else 0):
        found[data.draw(st.integers(0, len(found) - 1))] = data.draw(st.integers(0, 255))
    start = time.monotonic()
    try:
        image = decode(bytes(found), f"x.{kind}")
    except UnreadableImage as error:
        line = str(error)
        assert "\n" not in line, line
    else:
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert prepare(image[..., :3], 4, 5).shape[:2] == (4, 4)
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("kind", ["png", "16 bits", "palette", "transparent"])
def test_a_flipped_bit_never_shows_in_a_png(kind):
    """It has checksums, so that an image is its own or none; Pillow skips some."""
    whole, refused = WHOLE[kind], 0
    expected = decode(whole, "x.png")
    for at in range(8, len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        try:
            np.testing.assert_array_equal(decode(bytes(damaged), "x.png"), expected)
        except UnreadableImage:
            refused += 1
    assert refused > len(whole) / 2


def test_pixels_with_another_checksum_are_refused():
    """These were shown as if they were the image's own."""
    whole = encoded(Image.new("L", (4, 4), 7), "PNG")
    start = whole.index(b"IDAT")
    length = int.from_bytes(whole[start - 4 : start], "big")
    other = zlib.compress(bytes([0, 9, 9, 9, 9]) * 4)
    crc = whole[start + 4 + length :][:4]
    head = whole[: start - 4] + struct.pack(">I", len(other)) + b"IDAT" + other
    rest = whole[start + 8 + length :]
    right = struct.pack(">I", zlib.crc32(b"IDAT" + other))
    assert (decode(head + right + rest, "x.png") == 9).all()
    with pytest.raises(UnreadableImage, match="the checksum of its pixels is another"):
        decode(head + crc + rest, "x.png")


def claim(kind: str, wide: int, high: int) -> bytes:
    """Return a small file that says to have so many pixels."""
    if kind == "png":
        head = b"IHDR" + struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0)
        body = b"IDAT" + zlib.compress(bytes(10))
        parts = [head, body, b"IEND"]
        chunks = [
            struct.pack(">I", len(p) - 4) + p + struct.pack(">I", zlib.crc32(p)) for p in parts
        ]
        return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
    if kind == "bmp":
        head = struct.pack("<IiiHHIIiiII", 40, wide, high, 1, 24, 0, 0, 0, 0, 0, 0)
        return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head + bytes(10)
    if kind == "ppm":
        return f"P6 {wide} {high} 255\n".encode() + bytes(10)
    if kind == "gif":
        frame = b"," + struct.pack("<HHHHB", 0, 0, wide, high, 0) + b"\2\2L\1\0"
        return b"GIF89a" + struct.pack("<HHBBB", wide, high, 0x80, 0, 0) + bytes(6) + frame + b";"
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({high}, {wide}, 3), }}".encode()
    text += b" " * (63 - (10 + len(text)) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize("kind", ["png", "bmp", "ppm", "gif", "npy"])
@given(st.integers(9_500, 65_535), st.integers(9_500, 65_535))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_no_memory_is_taken_for_what_a_header_claims(kind, wide, high):
    # Larger than Pillow's limit of 89 million pixels, and never decoded: 65535 x 65535 pixels would
    # take 12 GiB.
    start = time.monotonic()
    with pytest.raises(UnreadableImage) as refused:
        decode(claim(kind, wide, high), f"x.{kind}")
    assert (
        f"{wide} x {high} pixels" in str(refused.value)
        or "bytes" in str(refused.value)
        or (f"({wide * high} pixels)" in str(refused.value))
    )
    assert "\n" not in str(refused.value)
    assert time.monotonic() - start < 2
