"""Reads a `.caffemodel`, the file in which Caffe kept weights, without Caffe.

It is one protocol-buffer message, of whose hundreds of fields the weights need a dozen. Their
numbers are those of Caffe's published schema and cannot change, so the few messages are described
here instead of carrying a generated module along.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np

from atlasjax.errors import UserError
from atlasjax.models.weights import files, protobuf

ORIGINAL = "bvlc_googlenet.caffemodel"
GOOGLENET_SHA1 = "405fc5acd08a3bb12de8ee5e23a96bec22f08204"
"""The checksum that Caffe's model zoo publishes for `bvlc_googlenet.caffemodel`."""

_SCHEMA = {
    # message: {field: (number, label and type)}
    "BlobShape": {"dim": (1, "packed int64")},
    "BlobProto": {
        "num": (1, "int32"),
        "channels": (2, "int32"),
        "height": (3, "int32"),
        "width": (4, "int32"),
        # Packed floats are on the wire what bytes are, and as bytes NumPy reads them at once,
        # where the library would make millions of Python floats.
        "data": (5, "repeated bytes"),
        "shape": (7, "BlobShape"),
    },
    "V1LayerParameter": {"name": (4, "string"), "blobs": (6, "repeated BlobProto")},
    "LayerParameter": {"name": (1, "string"), "blobs": (7, "repeated BlobProto")},
    "NetParameter": {
        "layers": (2, "repeated V1LayerParameter"),
        "layer": (100, "repeated LayerParameter"),
    },
}
_LEGACY = ("num", "channels", "height", "width")


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read the weights of a caffemodel, in either of the two forms that layers had.

    Args:
        path: the file. One called `bvlc_googlenet.caffemodel` must have the published checksum.

    Returns:
        float32 arrays: the first blob of a layer as "LAYER/weight", the second as "LAYER/bias",
        any further as "LAYER/blob2" and so on, in the shapes stored.

    Raises:
        UserError: there is no such file, it is truncated or not a caffemodel, or it is called as
            the published one and is another.

    Source: `src/caffe/proto/caffe.proto` of Caffe, messages NetParameter to BlobProto.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as empty:
    ...     read(empty.name)
    Traceback (most recent call last):
    atlasjax.errors.UserError: /...: no layer in it has weights; is it a caffemodel?
    """
    path = files.existing(path)
    if is_original(path):
        check_original(path)
    net = protobuf.parse(
        protobuf.message_class(_SCHEMA, "caffe", "NetParameter"),
        files.content(path),
        str(path),
        "a caffemodel",
    )
    tensors: dict[str, np.ndarray] = {}
    for layer in (*net.layers, *net.layer):
        for i, blob in enumerate(layer.blobs):
            kind = ("weight", "bias")[i] if i < 2 else f"blob{i}"
            name = f"{layer.name}/{kind}"
            tensors[name] = _array(blob, name, path)
    if not tensors:
        raise UserError(f"{path}: no layer in it has weights; is it a caffemodel?")
    return tensors


def is_original(path: str | os.PathLike) -> bool:
    """Tell whether a file is called as the published one.

    >>> is_original("models/bvlc_googlenet.caffemodel")
    True
    """
    return Path(path).name == ORIGINAL


def check_original(path: str | os.PathLike) -> None:
    """Refuse a file that is called as the published one and is not it.

    Args:
        path: the file.

    Raises:
        UserError: its checksum is another than Caffe's model zoo publishes.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as empty:
    ...     check_original(empty.name)
    Traceback (most recent call last):
    atlasjax.errors.UserError: /...: its sha1 is da39a3ee5e6b4b0d3255bfef95601890afd80709,
    but should be 405fc5acd08a3bb12de8ee5e23a96bec22f08204: ...
    """
    found = files.digest(path, "sha1")
    if found != GOOGLENET_SHA1:
        raise UserError(
            f"{path}: its sha1 is {found}, but should be {GOOGLENET_SHA1}: the download is broken, "
            f"or these are other weights, which should not be called {ORIGINAL}"
        )


def _array(blob: Any, name: str, path: Path) -> np.ndarray:
    content = b"".join(blob.data)
    if blob.HasField("shape"):
        shape = tuple(blob.shape.dim)
    elif any(blob.HasField(field) for field in _LEGACY):
        shape = tuple(getattr(blob, field) for field in _LEGACY)
    else:
        shape = (len(content) // 4,)
    if len(content) != 4 * int(np.prod(shape)):
        raise UserError(
            f"{path}: tensor {name!r} of shape {list(shape)} has {len(content) / 4:g} values; "
            "the file is damaged"
        )
    return np.frombuffer(content, "<f4").reshape(shape)
