"""Convert: from a weights file of any format to the network that is in it.

A file has a format, which says how its tensors are read, and a naming, which says whose they are
and how they are laid out. Both are looked up here, and nowhere else.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from atlasjax.errors import UserError
from atlasjax.models import specs
from atlasjax.models.inception_v1 import InceptionV1
from atlasjax.models.specs import Spec
from atlasjax.models.weights import (
    archive,
    cache,
    caffe,
    caffemodel,
    files,
    inception5h,
    parameters,
    torchvision,
)

FORMATS = "a .safetensors, .caffemodel, .pb (TensorFlow's graph) or .pth (PyTorch) file"
SPECS = {spec.name: spec for spec in (specs.GOOGLENET, specs.INCEPTION5H, specs.TORCHVISION)}

_Tensors = Mapping[str, np.ndarray]
READERS: dict[str, Callable[[Path], _Tensors]] = {
    ".safetensors": files.read,
    ".caffemodel": caffemodel.read,
    ".pb": inception5h.read,
    ".pth": torchvision.read,
    ".pt": torchvision.read,
}


class Naming(NamedTuple):
    """Whose names a file's tensors have.

    Attributes:
        sign: a tensor that every file with these names has.
        converter: the module with their `tensor_shapes` and `parameters`.
        network: the one network that has tensors of these names; None where all can have.
    """

    sign: str
    converter: Any
    network: str | None


NAMINGS = (
    Naming("conv1/7x7_s2/weight", caffe, None),
    Naming("conv2d0_w", inception5h, specs.INCEPTION5H.name),
    Naming("conv1.conv.weight", torchvision, specs.TORCHVISION.name),
)


def load(path: str | os.PathLike, spec: Spec) -> InceptionV1:
    """Return the network with the weights of a file.

    What takes long to convert is kept in the user's cache.

    Args:
        path: the file, in one of `FORMATS`.
        spec: the network that the weights belong to.

    Returns:
        The network, in float32.

    Raises:
        UserError: a file that is absent, truncated, of no known format, or of another network.

    >>> load("none/bvlc_googlenet.caffemodel", specs.GOOGLENET)
    Traceback (most recent call last):
    atlasjax.errors.UserError: no weights file 'none/bvlc_googlenet.caffemodel': there is no
    folder 'none'
    """
    path = files.existing(path)
    if path.suffix == ".zip":
        raise UserError(f"{path}: an archive; unpack it, or: atlasjax weights import {path.name}")
    if path.suffix not in READERS:
        raise UserError(f"{path}: weights are read from {FORMATS}")

    def convert() -> dict[str, np.ndarray]:
        return _converted(READERS[path.suffix](path), spec, str(path))

    if path.suffix == ".safetensors":
        return parameters.build(convert(), spec)
    if caffemodel.is_original(path):
        caffemodel.check_original(path)  # also what is in the cache already
    values = cache.cached(spec.name, files.digest(path), parameters.shapes(spec), convert)
    return parameters.build(values, spec)


def _converted(tensors: _Tensors, spec: Spec, source: str) -> dict[str, np.ndarray]:
    naming = _naming(tensors)
    if naming is None:  # say what is missing, by the names that this file format has
        return caffe.parameters(tensors, spec, source)
    if naming.network is not None and spec.name in SPECS and spec.name != naming.network:
        raise UserError(
            f"{source}: weights of {naming.network}, not of {spec.name}: "
            f"name it, as in --model {naming.network}"
        )
    return naming.converter.parameters(tensors, spec, source)


def _naming(tensors: Iterable[str]) -> Naming | None:
    given = set(tensors)
    return next((naming for naming in NAMINGS if naming.sign in given), None)


class Identified(NamedTuple):
    """What a weights file is.

    Attributes:
        network: the name of the network whose weights are in it.
        suffix: of its format, as in ".pb", whatever it is called.
    """

    network: str
    suffix: str


def identify(path: str | os.PathLike) -> Identified:
    """Find out by a file's content which network is in it, and see that all of it is there.

    Args:
        path: the file, whatever it is called.

    Raises:
        UserError: it is absent, truncated, of no known format, or of no network known here.

    >>> identify(os.devnull)
    Traceback (most recent call last):
    atlasjax.errors.UserError: no weights file '/dev/null'...
    """
    path = files.existing(path)
    suffix = format_of(path)
    tensors = READERS[suffix](path)
    naming = _naming(tensors)
    if naming is None:
        some = ", ".join(sorted(tensors)[:3])
        raise UserError(
            f"{path}: of no network known here, which are {', '.join(SPECS)}: its tensors are "
            f"called {some or 'nothing'}"
        )
    candidates = [naming.network] if naming.network else [*SPECS]
    fits = [name for name in candidates if _has_shapes(tensors, naming, SPECS[name])]
    network = (fits or candidates)[0]
    naming.converter.parameters(tensors, SPECS[network], str(path))  # which says what is wrong
    return Identified(network, suffix)


def _has_shapes(tensors: _Tensors, naming: Naming, spec: Spec) -> bool:
    expected = naming.converter.tensor_shapes(spec)
    return all(n in tensors and tensors[n].size == np.prod(s) for n, s in expected.items())


def format_of(path: Path) -> str:
    """Return the suffix of a file's format, found by its first bytes.

    Args:
        path: the file.

    Raises:
        UserError: none of the known formats begins so.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     _ = file.write(bytes([128, 2]))
    ...     file.flush()
    ...     format_of(Path(file.name))
    '.pth'
    """
    with path.open("rb") as file:
        head = file.read(64)
    if head[:2] == b"PK":
        return _format_of_archive(path)
    if head[:1] == b"\x80":  # how every pickle begins
        return ".pth"
    if head[8:9] == b"{":  # behind its length
        return ".safetensors"
    if head[:1] == b"\n":
        # Both begin with their first field: a graph with a node, whose first field is its name
        # again; a caffemodel with a name.
        inside = 2 + next((i for i, byte in enumerate(head[1:]) if byte < 0x80), 0)
        return ".pb" if head[inside : inside + 1] == b"\n" else ".caffemodel"
    raise UserError(f"{path}: neither an archive nor {FORMATS}")


def _format_of_archive(path: Path) -> str:
    with archive.opened(path) as opened:
        names = opened.namelist()
    if any(name.endswith("data.pkl") for name in names):  # as PyTorch writes since 1.6
        return ".pth"
    raise UserError(
        f"{path}: an archive of other files than weights: {', '.join(names[:3]) or 'of none'}"
    )
