"""Images that `fuzz.py` tries: good ones, and what becomes of them when damaged.

Each input is made from a generator of random numbers, and comes with how it is read. The pixels
that are right were computed without the package.
"""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from atlasjax.data import decode, prepare

Random = np.random.Generator


class Input(NamedTuple):
    """An input, and how it is read.

    Attributes:
        good: whether it was left as it was made, so that it must be accepted.
        read: reads it; returns what is wrong with what was made of it, None for nothing.
    """

    good: bool
    read: Callable[[], str | None]


def damage(data: bytes, random: Random) -> bytes:
    """Cut, flip, overwrite, repeat, insert or leave out bytes, once or a few times."""
    found = bytearray(data)
    for _ in range(random.integers(1, 4)):
        if not found:
            break
        at, length = int(random.integers(len(found))), int(random.integers(1, 32))
        how = int(random.integers(7))
        if how == 0:
            del found[at:]
        elif how == 1:
            found[at] ^= 1 << int(random.integers(8))
        elif how == 2:  # where headers are
            found[min(at % 64, len(found) - 1)] = int(random.integers(256))
        elif how == 3:
            found[at : at + length] = random.bytes(len(found[at : at + length]))
        elif how == 4:
            found[at:at] = found[at : at + length]
        elif how == 5:
            found[at : at + 4] = random.choice(
                [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"]
            )
        else:
            del found[at : at + length]
    return bytes(found)


# Images: name, file, and the pixels that it must give, or None where these are only nearly known.
Made = tuple[str, bytes, np.ndarray | None]


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _grid(random: Random, channels: int = 3) -> np.ndarray:
    side = random.integers(1, 24, 2)
    shape = (*side, channels) if channels > 1 else tuple(side)
    return random.integers(0, 256, shape, dtype=np.uint8)


def _lossless(random: Random) -> Made:
    kind = str(random.choice(["PNG", "BMP", "TIFF", "PPM", "TGA", "WEBP"]))
    pixels = _grid(random)
    options = {"lossless": True} if kind == "WEBP" else {}
    return f"x.{kind.lower()}", saved(Image.fromarray(pixels), kind, **options), pixels


def _turned(random: Random) -> Made:
    pixels, exif, way = _grid(random), Image.Exif(), int(random.integers(1, 9))
    exif[0x0112] = way
    turn: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.swapaxes(0, 1),
        6: lambda p: np.rot90(p, -1),
        7: lambda p: np.rot90(p, 2).swapaxes(0, 1),
        8: np.rot90,
    }
    return "x.png", saved(Image.fromarray(pixels), "PNG", exif=exif), turn[way](pixels)


def _deep(random: Random) -> Made:
    values = random.integers(0, 65536, (5, 7)).astype(np.uint16)
    grey = np.round(values / 257).astype(np.uint8)
    kind = str(random.choice(["PNG", "TIFF"]))
    return "x", saved(Image.fromarray(values), kind), np.repeat(grey[..., None], 3, -1)


def _palette(random: Random) -> Made:
    index = random.integers(0, 4, (6, 5)).astype(np.uint8)
    colours = random.integers(0, 256, (4, 3), dtype=np.uint8)
    image = Image.fromarray(index).convert("P")
    image.putpalette(colours.tobytes())
    hidden = int(random.integers(4))
    colours[hidden] = 255  # over white
    return (
        "x",
        saved(image, str(random.choice(["PNG", "GIF"])), transparency=hidden),
        colours[index],
    )


def _clear(random: Random) -> Made:
    pixels = _grid(random, 4)
    pixels[..., 3] = np.where(pixels[..., 3] > 127, 255, 0)
    shown = np.where(pixels[..., 3:] > 0, pixels[..., :3], 255).astype(np.uint8)
    return "x.png", saved(Image.fromarray(pixels), "PNG"), shown


def _animated(random: Random) -> Made:
    frames = [_grid(random) for _ in range(3)]
    frames = [np.resize(frame, frames[0].shape) for frame in frames]
    kind, more = str(random.choice(["PNG", "WEBP", "TIFF"])), [Image.fromarray(f) for f in frames]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(more[0], kind, save_all=True, append_images=more[1:], **options)
    return "x", data, frames[0]


def _lossy(random: Random) -> Made:
    mode = str(random.choice(["RGB", "CMYK", "L"]))
    pixels = _grid(random, {"RGB": 3, "CMYK": 4, "L": 1}[mode])
    image, kind = Image.fromarray(pixels, mode=mode), str(random.choice(["JPEG", "MPO"]))
    if mode == "CMYK" or kind == "JPEG":
        return "x", saved(image, "JPEG"), None
    return "x", saved(image, "MPO", save_all=True, append_images=[image]), None


def _array(random: Random) -> Made:
    file, pixels = io.BytesIO(), _grid(random)
    np.save(file, pixels)
    return "x.npy", file.getvalue(), pixels


def _claims(random: Random) -> Made:
    """A PNG, BMP or array that says to have far more pixels than there are."""
    wide, high = (int(n) for n in random.integers(20_000, 2**31 - 1, 2))
    which = int(random.integers(3))
    if which == 0:
        head = b"IHDR" + struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0)
        crc = struct.pack(">I", zlib.crc32(head))
        return "x.png", b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + crc, None
    if which == 1:
        head = struct.pack("<IiiHHIIiiII", 40, wide, high, 1, 24, 0, 0, 0, 0, 0, 0)
        return "x.bmp", b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head + bytes(100), None
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({high}, {wide}, 3), }}".encode()
    text += b" " * (63 - (10 + len(text)) % 64) + b"\n"
    return "x.npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text, None


GOOD = (_lossless, _turned, _deep, _palette, _clear, _animated, _lossy, _array)


def images(random: Random, folder: Path) -> Input:
    """An image file, whole or damaged, or with a claim that nothing holds."""
    make = random.choice(np.array([*GOOD, _claims], object))
    name, whole, pixels = make(random)
    good = make is not _claims and random.random() < 0.25
    data = whole if good or make is _claims else damage(whole, random)

    def read() -> str | None:
        found = decode.decode(data, name)
        if make is _claims:
            return f"{name} of {len(data)} bytes was decoded to {found.shape}"
        if found.dtype != np.uint8 or found.ndim != 3:
            return f"{found.dtype} {found.shape}"
        prepare(found[..., :3], 8, 8)
        checked = good or make is _clear  # a PNG has checksums
        if checked and pixels is not None and not np.array_equal(found, pixels):
            return f"{name} by {make.__name__} has other pixels"
        return None

    return Input(good, read)
