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
from atlasjax.models.inception_v1 import InceptionV1, Spec
from atlasjax.models.weights import cache, caffe, files

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


def read(path: str | os.PathLike, sha1: str | None = GOOGLENET_SHA1) -> dict[str, np.ndarray]:
    """Read the weights of a caffemodel, in either of the two forms that layers had.

    Args:
        path: the file.
        sha1: the checksum that the file must have, by default that published for BVLC GoogLeNet.
            None reads any caffemodel.

    Returns:
        float32 arrays: the first blob of a layer as "LAYER/weight", the second as "LAYER/bias",
        any further as "LAYER/blob2" and so on, in the shapes stored.

    Raises:
        UserError: there is no such file, its checksum is another, or it is truncated or not a
            caffemodel.

    Source: `src/caffe/proto/caffe.proto` of Caffe, messages NetParameter to BlobProto.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as empty:
    ...     read(empty.name)
    Traceback (most recent call last):
    atlasjax.errors.UserError: /...: its sha1 is da39a3ee5e6b4b0d3255bfef95601890afd80709,
    but should be 405fc5acd08a3bb12de8ee5e23a96bec22f08204: ...
    """
    path = files.existing(path)
    if sha1 is not None:
        _check_sha1(path, files.digest(path, "sha1"), sha1)
    net = _parse(path)
    tensors: dict[str, np.ndarray] = {}
    for layer in (*net.layers, *net.layer):
        for i, blob in enumerate(layer.blobs):
            kind = ("weight", "bias")[i] if i < 2 else f"blob{i}"
            name = f"{layer.name}/{kind}"
            tensors[name] = _array(blob, name, path)
    if not tensors:
        raise UserError(f"{path}: no layer in it has weights; is it a caffemodel?")
    return tensors


def load(path: str | os.PathLike, spec: Spec) -> InceptionV1:
    """Return the network with the weights of a caffemodel, converted once and then cached.

    Args:
        path: the file. One called `bvlc_googlenet.caffemodel` must have the published checksum.
        spec: the network that the weights belong to.

    Returns:
        The network, in float32.

    Raises:
        UserError: as `read` and `caffe.from_caffe` do.

    >>> from atlasjax.models.inception_v1 import GOOGLENET
    >>> load("none/bvlc_googlenet.caffemodel", GOOGLENET)
    Traceback (most recent call last):
    atlasjax.errors.UserError: no weights file 'none/bvlc_googlenet.caffemodel': there is no
    folder 'none'
    """
    path = files.existing(path)
    sha1 = files.digest(path, "sha1")
    if path.name == ORIGINAL:
        _check_sha1(path, sha1, GOOGLENET_SHA1)

    def convert() -> dict[str, np.ndarray]:
        return caffe.parameters(read(path, sha1=None), spec, str(path))

    values = cache.cached(spec.name, sha1, caffe.parameter_shapes(spec), convert)
    return caffe.build(values, spec)


def _check_sha1(path: Path, found: str, expected: str) -> None:
    if found != expected:
        raise UserError(
            f"{path}: its sha1 is {found}, but should be {expected}: the download is broken, "
            f"or these are other weights, which should not be called {ORIGINAL}"
        )


def _parse(path: Path) -> Any:
    from google.protobuf.message import DecodeError

    try:
        return _net_parameter().FromString(path.read_bytes())
    except (DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: truncated, or not a caffemodel ({error})") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error


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


def _net_parameter() -> Any:
    """Return the message class NetParameter, in a pool of its own beside any real Caffe's."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="caffe.proto", package="caffe", syntax="proto2")
    for message, fields in _SCHEMA.items():
        described = file.message_type.add(name=message)
        for field, (number, kind) in fields.items():
            _describe(described.field.add(name=field, number=number), kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("caffe.NetParameter"))


def _describe(field: Any, kind: str) -> None:
    """Fill in a field's label and type from their names: "repeated bytes", "packed int64"."""
    *label, type_name = kind.split()
    field.label = field.LABEL_REPEATED if label else field.LABEL_OPTIONAL
    if label == ["packed"]:
        field.options.packed = True
    if type_name in _SCHEMA:
        field.type, field.type_name = field.TYPE_MESSAGE, f".caffe.{type_name}"
    else:
        field.type = getattr(field, f"TYPE_{type_name.upper()}")
