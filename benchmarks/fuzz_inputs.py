"""Inputs of each kind that `fuzz.py` tries: good ones, and what becomes of them when damaged.

Each function takes a generator of random numbers and a folder, makes one input, and returns how it
is read. What is known to be right was computed without the package.
"""

import io
import re
import socket
import struct
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from atlasjax.data import decode, from_archive, from_array_file, prepare
from atlasjax.models.weights import archive, convert
from atlasjax.page import server

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


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
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
    return f"x.{kind.lower()}", _saved(Image.fromarray(pixels), kind, **options), pixels


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
    return "x.png", _saved(Image.fromarray(pixels), "PNG", exif=exif), turn[way](pixels)


def _deep(random: Random) -> Made:
    values = random.integers(0, 65536, (5, 7)).astype(np.uint16)
    grey = np.round(values / 257).astype(np.uint8)
    kind = str(random.choice(["PNG", "TIFF"]))
    return "x", _saved(Image.fromarray(values), kind), np.repeat(grey[..., None], 3, -1)


def _palette(random: Random) -> Made:
    index = random.integers(0, 4, (6, 5)).astype(np.uint8)
    colours = random.integers(0, 256, (4, 3), dtype=np.uint8)
    image = Image.fromarray(index).convert("P")
    image.putpalette(colours.tobytes())
    hidden = int(random.integers(4))
    colours[hidden] = 255  # over white
    return (
        "x",
        _saved(image, str(random.choice(["PNG", "GIF"])), transparency=hidden),
        colours[index],
    )


def _clear(random: Random) -> Made:
    pixels = _grid(random, 4)
    pixels[..., 3] = np.where(pixels[..., 3] > 127, 255, 0)
    shown = np.where(pixels[..., 3:] > 0, pixels[..., :3], 255).astype(np.uint8)
    return "x.png", _saved(Image.fromarray(pixels), "PNG"), shown


def _animated(random: Random) -> Made:
    frames = [_grid(random) for _ in range(3)]
    frames = [np.resize(frame, frames[0].shape) for frame in frames]
    kind, more = str(random.choice(["PNG", "WEBP", "TIFF"])), [Image.fromarray(f) for f in frames]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = _saved(more[0], kind, save_all=True, append_images=more[1:], **options)
    return "x", data, frames[0]


def _lossy(random: Random) -> Made:
    mode = str(random.choice(["RGB", "CMYK", "L"]))
    pixels = _grid(random, {"RGB": 3, "CMYK": 4, "L": 1}[mode])
    image, kind = Image.fromarray(pixels, mode=mode), str(random.choice(["JPEG", "MPO"]))
    if mode == "CMYK" or kind == "JPEG":
        return "x", _saved(image, "JPEG"), None
    return "x", _saved(image, "MPO", save_all=True, append_images=[image]), None


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
        checked = pixels is not None and (good or make is _clear)  # a PNG has checksums
        if checked and found.shape == pixels.shape and not np.array_equal(found, pixels):
            return f"{name} by {make.__name__} has other pixels"
        return None

    return Input(good, read)


def archives(random: Random, folder: Path) -> Input:
    """A tar or zip with classes, or with names and links that lead out, whole or damaged."""
    entries = {f"{'ab'[n % 2]}/{n}.png": _plain(n) for n in range(int(random.integers(1, 5)))}
    odd = str(random.choice(["../x.png", "/etc/x.png", "a/../../x.png", "C:\\x.png", "a/x.cls"]))
    if random.random() < 0.5:
        entries[odd] = b"4" if odd.endswith("cls") else _plain(9)
    path, kind = folder / "archive", int(random.integers(3))
    if kind:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if kind == 1 else 0) as zipped:
            for name, content in entries.items():
                zipped.writestr(name, content)
    else:
        style = int(random.choice([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT]))
        with tarfile.open(path, "w", format=style) as packed:
            for name, content in entries.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                if odd == name and random.random() < 0.5:
                    info.type, info.linkname, info.size = tarfile.SYMTYPE, "/etc/hostname", 0
                packed.addfile(info, io.BytesIO(content))
    good = random.random() < 0.25
    if not good:
        path.write_bytes(damage(path.read_bytes(), random))
    images = sum(n.endswith("png") and n != odd for n in entries)

    def read() -> str | None:
        source = from_archive(path)
        for example in _readable(source):
            if leads_out(example.name):
                return f"{example.name} was read"
            if kind and not (example.image == example.image[0, 0]).all():
                return f"{example.name} has other pixels"
        return f"{len(source)} images of {images}" if good and len(source) != images else None

    return Input(good, read)


def leads_out(name: str) -> bool:
    return name.startswith(("/", "C:")) or ".." in name.replace("\\", "/").split("/")


def _readable(source: Any) -> Any:
    from atlasjax.data import UnreadableImage

    for index in range(len(source)):
        try:
            yield source[index]
        except UnreadableImage:
            continue


def _plain(number: int) -> bytes:
    return _saved(Image.new("RGB", (4, 3), (number, 7, 0)), "PNG")


def arrays(random: Random, folder: Path) -> Input:
    """A .npy or .npz file, whole or damaged."""
    pixels = random.integers(0, 256, (3, 4, 5, 3), dtype=np.uint8)
    path = folder / str(random.choice(["a.npy", "a.npz"]))
    if path.suffix == ".npy":
        np.save(path, pixels)
    else:
        np.savez(path, images=pixels, labels=np.arange(3), classes=["a", "b", "c"])
    good = random.random() < 0.25
    if not good:
        path.write_bytes(damage(path.read_bytes(), random))
    checked = good or path.suffix == ".npz"  # which has checksums

    def read() -> str | None:
        found = [example.image for example in from_array_file(path)]
        return "other pixels" if checked and not np.array_equal(found, pixels) else None

    return Input(good, read)


def _field(number: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content)
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _safetensors(random: Random) -> bytes:
    from safetensors.numpy import save

    kind = random.choice([np.float32, np.float16, np.int8])
    return save({"conv1/7x7_s2/weight": np.ones((4, 3), kind), "b": np.ones(2, kind)})


def _caffemodel(random: Random) -> bytes:
    shape = _field(7, _field(1, _varint(2) + _varint(3)))
    blob = shape + _field(5, random.bytes(24))
    layer = _field(1, b"conv1/7x7_s2") + _field(2, b"Convolution") + _field(7, blob) * 2
    return _field(1, b"net") + _field(100, layer)


def _graph(random: Random) -> bytes:
    shape = _field(2, _field(2, _field(1, 2)) + _field(2, _field(1, 3)))
    tensor = _field(1, 1) + shape + _field(4, random.bytes(24))
    attribute = _field(1, b"value") + _field(2, _field(8, tensor))
    return _field(1, _field(1, b"conv2d0_w") + _field(2, b"Const") + _field(5, attribute))


def _pth(random: Random) -> bytes:
    import torch

    file, old = io.BytesIO(), bool(random.random() < 0.3)
    tensors = {"conv1.conv.weight": torch.ones(4, 3), "step": torch.tensor(1)}
    torch.save(tensors, file, _use_new_zipfile_serialization=not old)
    return file.getvalue()


WEIGHTS = {
    ".safetensors": _safetensors,
    ".caffemodel": _caffemodel,
    ".pb": _graph,
    ".pth": _pth,
}


def weights(random: Random, folder: Path) -> Input:
    """A file of weights in each format, whole or damaged, read as what it is called or is."""
    suffix = str(random.choice([*WEIGHTS, ".zip"]))
    data, member = WEIGHTS.get(suffix, _graph)(random), str(random.choice(["a/w.pb", "../w.pb"]))
    if suffix == ".zip":
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr(member, data)
        data = file.getvalue()
    good, by_content = bool(random.random() < 0.1), bool(random.random() < 0.5)
    path = folder / f"weights{suffix}"
    path.write_bytes(data if good else damage(data, random))

    def unpack() -> str | None:
        (folder / "out").mkdir()
        if archive.is_archive_with(path, ["w.pb"]):
            archive.unpack(path, ["w.pb"], folder / "out")
        return "a file was written outside" if (folder / "w.pb").exists() else None

    def read() -> str | None:
        found = convert.READERS[convert.format_of(path) if by_content else suffix](path)
        wrong = [n for n, t in found.items() if not isinstance(t, np.ndarray)]
        return f"{wrong[0]} is no array" if wrong else None

    outward = suffix == ".zip" and member.startswith("..")
    return Input(good and not outward, unpack if suffix == ".zip" else read)


PIECES = (
    "..", ".", "%2e", "%2e%2e", "%252e%252e", "%2f", "%252f", "/", "//", "\\", "%5c", "%00", "\0",
    "%", "%zz", "%c0%ae", "%ff", "secret.txt", "beside", "out", "etc", "passwd", "index.html",
    ".hidden", "C:", "file:", "http://", "?", "#", ";", " ", "\t", "\r\n", "\xe4", "a" * 300, "~",
)  # fmt: skip
HOSTS = (
    "localhost", "127.0.0.1:80", "[::1]", "evil.example", "localhost.evil.example", "", "\0", "[",
    "127.0.0.1, evil.example", "0.0.0.0", "a:b:c", "\xff", "localhost\r\nHost: evil.example",
)  # fmt: skip


class Served(NamedTuple):
    """A server of a run folder: its port, and what ends it."""

    port: int
    stop: Callable[[], None]


def served(folder: Path) -> Served:
    """Serve a folder with a secret beside it, in it hidden, and behind a link in it."""
    run = folder / "run"
    (folder / "beside").mkdir()
    run.mkdir()
    for place in folder / "secret.txt", folder / "beside" / "secret.txt", run / ".hidden":
        place.write_text("secret")
    for name in "atlas.json", "atlas.js", "index.html":
        (run / name).write_text("shown")
    (run / "out").symlink_to(folder)
    made = server.make_server(run)
    thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
    thread.start()

    def stop() -> None:
        made.shutdown()
        made.server_close()

    return Served(made.server_port, stop)


def requests(random: Random, served: Served) -> Input:
    """A request for any path, by any host, or bytes that are none."""
    path = "/" + "".join(random.choice(PIECES, int(random.integers(0, 8))))
    host, good = str(random.choice(HOSTS)), bool(random.random() < 0.1)
    if good:
        path, host = "/index.html", str(random.choice(HOSTS[:3]))
    text = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nRange: bytes=0-9\r\n\r\n".encode("latin-1")
    if not good and random.random() < 0.3:
        text = damage(text, random)

    def read() -> str | None:
        with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        if b"secret" in body.replace(b"secret.txt", b"") or b"root:" in body:
            return f"{text!r} was answered with {body[:80]!r}"
        if not head.startswith(b"HTTP/"):
            # The oldest protocol, whose answers have no head: the page, or one that says why not.
            if answer == b"shown" and re.search(rb"Host: (localhost|127|\[::1)", text):
                return None
            if b"<h1>Error response</h1>" in answer or not answer:
                raise Refused("a page that says why")
            return f"{text!r} was answered with {answer[:80]!r}"
        if head.split(b" ")[1:2] not in ([b"200"], [b"206"]):
            raise Refused(head.partition(b"\r\n")[0].decode("latin-1") or "nothing")
        foreign = re.search(rb"^host:.*evil", text, re.IGNORECASE | re.MULTILINE)
        return f"{text!r} was answered to a foreign name" if foreign else None

    return Input(good, read)


class Refused(Exception):
    """A request that was refused, as it should be."""
