"""Archives, arrays, weights and requests that `fuzz.py` tries; images are in `fuzz_images.py`."""

import io
import re
import socket
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from fuzz_images import Input, Random, damage, saved
from PIL import Image

from atlasjax.data import Example, ImageSource, UnreadableImage, from_archive, from_array_file
from atlasjax.models.weights import archive, convert
from atlasjax.page import server


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


def _readable(source: ImageSource) -> Iterator[Example]:
    for index in range(len(source)):
        try:
            yield source[index]
        except UnreadableImage:
            continue


def _plain(number: int) -> bytes:
    return saved(Image.new("RGB", (4, 3), (number, 7, 0)), "PNG")


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

    kind = str(random.choice(["float32", "float16", "int8"]))
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
        if body.strip() == b"secret" or b"root:x:" in answer:
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
