import io
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageOps

from atlasjax.data import UnreadableImage
from atlasjax.data.decode import decode, pixels
from atlasjax.data.quiet import noted


def encode(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(h=6, w=9, channels=3):
    pixels = np.random.default_rng(0).integers(0, 256, (h, w, channels), dtype=np.uint8)
    return pixels if channels > 1 else pixels[..., 0]


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_rgb_comes_out_as_it_went_in(kind):
    pixels = noise()
    image = decode(encode(Image.fromarray(pixels), kind), "x")
    np.testing.assert_array_equal(image, pixels)
    assert image.flags.writeable


def test_webp_is_read():
    pixels = noise()
    data = encode(Image.fromarray(pixels), "WEBP", lossless=True)
    np.testing.assert_array_equal(decode(data, "x"), pixels)


def test_the_first_frame_of_an_animation_is_taken():
    frames = [Image.new("RGB", (4, 3), colour) for colour in ("red", "blue")]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decode(data, "x"), np.full((3, 4, 3), [255, 0, 0]))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(orientation, kind):
    pixels = noise()
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(Image.fromarray(pixels), kind, exif=exif, **options)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(decode(data, "x"), np.asarray(upright))
    # Independently of Pillow: 6 is a camera held upright, its top row stored as the left column.
    if orientation == 6:
        np.testing.assert_array_equal(decode(data, "x"), np.rot90(pixels, -1))


def test_exif_orientation_of_a_jpeg():
    exif = Image.Exif()
    exif[0x0112] = 8
    data = encode(Image.new("RGB", (10, 20)), "JPEG", exif=exif)
    assert decode(data, "x").shape == (10, 20, 3)


def test_transparency_is_laid_over_white():
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, 3] = 0, 128, 255  # black: hidden, half hidden, shown
    image = decode(encode(Image.fromarray(rgba)), "x")
    np.testing.assert_array_equal(image[0], [[255] * 3, [127] * 3, [0] * 3])


def test_grey_with_alpha():
    image = decode(encode(Image.new("LA", (1, 1), (100, 0))), "x")
    np.testing.assert_array_equal(image, np.full((1, 1, 3), 255))


@pytest.mark.parametrize("transparency", [1, bytes([255, 0])])
def test_palette_with_transparency(transparency):
    image = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    image.putpalette([255, 0, 0, 0, 255, 0])
    decoded = decode(encode(image, transparency=transparency), "x")
    np.testing.assert_array_equal(decoded, [[[255, 0, 0], [255, 255, 255]]])


def test_sixteen_bit_grey_is_scaled_not_clipped():
    grey = np.array([[0, 128, 129, 257, 32768, 65535]], np.uint16)
    image = decode(encode(Image.fromarray(grey)), "x")
    np.testing.assert_array_equal(image[0, :, 0], [0, 0, 1, 1, 128, 255])
    assert image.shape == (1, 6, 3)


def test_cmyk_jpeg():
    image = decode(encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"), "x")
    assert np.abs(image.astype(int) - [255, 0, 0]).max() <= 3


@pytest.mark.parametrize("mode", ["1", "L"])
def test_grey_and_bilevel(mode):
    image = decode(encode(Image.new(mode, (2, 2), 255)), "x")
    np.testing.assert_array_equal(image, np.full((2, 2, 3), 255))


@pytest.mark.parametrize("mode", ["F", "I"])
def test_32_bit_pixels_are_refused_without_a_range(mode):
    data = encode(Image.new(mode, (2, 2), 7), "TIFF")
    with pytest.raises(UnreadableImage, match=r"values of 7 to 7 .*32.* no fixed range"):
        decode(data, "x")
    np.testing.assert_array_equal(decode(data, "x", (0, 14)), np.full((2, 2, 3), 128))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["I;16", "F"])
def test_planes_of_more_than_8_bits_are_turned_upright(mode, orientation):
    values = np.random.default_rng(0).integers(0, 256, (6, 9)) * 257
    values = values.astype(np.uint16 if mode == "I;16" else np.float32)
    exif = Image.Exif()
    exif[0x0112] = orientation
    colour = Image.fromarray((values // 257).astype(np.uint8)).convert("RGB")
    expected = decode(encode(colour, "TIFF", exif=exif), "x")
    data = encode(Image.fromarray(values), "TIFF", exif=exif)
    np.testing.assert_array_equal(decode(data, "x", (0, 65535)), expected)


def test_colours_of_16_bits_keep_their_units():
    # Pillow writes none, so a PNG is put together by hand: 2 x 1 pixels of RGB, 4095 and 65535.
    import struct
    import zlib

    def chunk(kind, content):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    row = b"\0" + struct.pack(">6H", *[4095] * 3, *[65535] * 3)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0))
    data += chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    np.testing.assert_array_equal(decode(data, "x")[0, :, 0], [15, 255])
    # Of the lower byte nothing is left: 15 * 257 = 3855.
    np.testing.assert_array_equal(decode(data, "x", (0, 4095))[0, :, 0], [240, 255])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_a_truncated_file_is_unreadable(kind):
    data = encode(Image.fromarray(noise(64, 64)), kind)
    with pytest.raises(UnreadableImage) as caught:
        decode(data[: len(data) // 2], "cut.img")
    assert caught.value.name == "cut.img"
    assert caught.value.reason
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_image():
    with pytest.raises(UnreadableImage, match=r"^x: not an image$"):
        decode(b"GIF 404", "x")
    with pytest.raises(UnreadableImage, match=r"^x: the file is empty$"):
        decode(b"", "x")
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2\nsize 29173\n"
    with pytest.raises(UnreadableImage, match=r"^x: a Git LFS pointer to 29173 bytes"):
        decode(pointer, "x")


def test_postscript_is_never_run():
    with pytest.raises(UnreadableImage, match="not an image"):
        decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n", "x")


@pytest.mark.parametrize("action", ["error", "ignore"])
@pytest.mark.parametrize("most", [100, 70, 10])  # below, above by less than 2 times, by more
def test_a_decompression_bomb_is_unreadable_whatever_the_filters(monkeypatch, action, most):
    data = encode(Image.new("RGB", (9, 10)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        if most == 100:
            assert decode(data, "x").shape == (10, 9, 3)
            return
        with pytest.raises(UnreadableImage, match=r"x: .*pixels"):
            decode(data, "x")


@pytest.mark.parametrize("action", ["error", "ignore"])
def test_damaged_exif_costs_the_orientation_not_the_image(action):
    exif = b"Exif\0\0II*\0\x08\0\0\0" + b"\x05\0" + b"\xff" * 20  # five tags promised, none whole
    data = encode(Image.new("RGB", (8, 4), "white"), "JPEG", exif=exif)
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        assert decode(data, "x").shape == (4, 8, 3)


def malformed_mpo():
    """Two pictures in one file, of which the second is cut off, and with it what tells of both."""
    first, second = (Image.new("RGB", (32, 32), colour) for colour in ("red", "blue"))
    data = encode(first, "MPO", save_all=True, append_images=[second])
    return data.replace(b"MPF\0II*\0\x08\0\0\0", b"MPF\0II*\0\xff\xff\0\0", 1)


@pytest.mark.parametrize("action", ["error", "always"])
def test_what_pillow_warns_of_is_kept_with_the_file_and_not_printed(action, capsys):
    exif = b"Exif\0\0II*\0\x08\0\0\0" + b"\x05\0" + b"\xff" * 20
    damaged = encode(Image.new("RGB", (8, 4), "white"), "JPEG", exif=exif)
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        for _ in range(2):  # every file by itself, though Python tells a thing once
            assert any("EXIF" in note for note in pixels(damaged, "x").notes)
        found = pixels(malformed_mpo(), "x")
        assert any("MPO" in note for note in found.notes)
        assert found.values.shape == (32, 32, 3)
        assert pixels(encode(Image.new("RGB", (8, 4))), "x").notes == ()
        with pytest.warns(UserWarning, match="of somebody else"):  # others are warned as ever
            warnings.warn("of somebody else", stacklevel=1)
    assert capsys.readouterr() == ("", "")


def test_another_thread_is_warned_while_an_image_is_read():
    def other():
        with noted() as notes:
            warnings.warn("of this thread", stacklevel=1)
            return notes

    before = list(warnings.filters)
    with noted() as notes, ThreadPoolExecutor(1) as pool:
        assert pool.submit(other).result() == ["of this thread"]
        assert len(warnings.filters) > len(before)
    assert notes == []
    assert warnings.filters == before  # and nothing is left behind
