"""Weight files on disk: safetensors read and written, and what any of them is checked for."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from atlasjax.errors import UserError, nearest
from atlasjax.storage.places import expanded


def existing(path: str | os.PathLike) -> Path:
    """Return the path of a weight file that can be read, with `~` expanded.

    Args:
        path: where the file should be.

    Returns:
        The path.

    Raises:
        UserError: there is no such file (the message names the nearest beside it), or it is a
            folder.

    >>> existing("there/is/none.safetensors")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no weights file 'there/is/none.safetensors':
    there is no folder 'there/is'
    """
    path = expanded(path)
    if path.is_dir():
        raise UserError(f"{str(path)!r} is a folder; pass the weights file itself")
    if path.is_file():
        return path
    message = f"no weights file {str(path)!r}"
    if not path.parent.is_dir():
        raise UserError(f"{message}: there is no folder {str(path.parent)!r}")
    close = nearest(path.name, (p.name for p in path.parent.iterdir() if p.is_file()))
    raise UserError(message + (f"; did you mean {', '.join(close)}?" if close else ""))


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read every tensor of a safetensors file.

    Args:
        path: the file.

    Returns:
        Arrays by name, as stored.

    Raises:
        UserError: there is no such file, or it is truncated or not a safetensors file.

    Source: the specification of the safetensors format.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> write(Path(folder.name) / "a.safetensors", {"bias": np.ones(2, np.float32)})
    >>> read(Path(folder.name) / "a.safetensors")
    {'bias': array([1., 1.], dtype=float32)}
    >>> folder.cleanup()
    """
    import safetensors
    from safetensors.numpy import load_file

    path = existing(path)
    try:
        return load_file(path)
    except safetensors.SafetensorError as error:
        raise UserError(f"{path}: truncated, or not a safetensors file ({error})") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error


def write(path: str | os.PathLike, tensors: Mapping[str, np.ndarray]) -> None:
    """Write tensors as a safetensors file, whole or not at all.

    Args:
        path: the file, whose name ends in ".safetensors"; one that is there is replaced.
        tensors: arrays by name.

    Raises:
        UserError: the name ends otherwise, or the file cannot be written.

    >>> write("a.npz", {})
    Traceback (most recent call last):
    atlasjax.errors.UserError: 'a.npz': the name of a weights file must end in .safetensors
    """
    from safetensors.numpy import save

    path = expanded(path)
    if path.suffix != ".safetensors":
        raise UserError(f"{str(path)!r}: the name of a weights file must end in .safetensors")
    content = save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()})
    try:
        _replace(path, content)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from error


def digest(path: str | os.PathLike, algorithm: str = "sha256") -> str:
    """Return the checksum of a file, read in pieces.

    Args:
        path: the file.
        algorithm: a name that `hashlib` knows: "sha256", "sha1".

    Returns:
        The checksum in hexadecimal.

    Raises:
        UserError: there is no such file, or it cannot be read.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as empty:
    ...     digest(empty.name, "sha1")
    'da39a3ee5e6b4b0d3255bfef95601890afd80709'
    """
    path = existing(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error


def _replace(path: Path, content: bytes) -> None:
    """Write beside the file, then rename, so that no reader ever sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
