"""Weight files on disk: safetensors read and written, and what any of them is checked for."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from atlasjax.errors import UserError, nearest, reason
from atlasjax.storage.places import expanded
from atlasjax.storage.pointers import HEAD, stand_in

# The format's names of numbers, and NumPy's, or those of ml_dtypes; None for what neither has.
PLAIN = {
    "BOOL": "?",
    **{f"{kind}{8 * size}": f"<{kind.lower()}{size}" for kind in "IU" for size in (1, 2, 4, 8)},
    **{f"F{8 * size}": f"<f{size}" for size in (2, 4, 8)},
    "C64": "<c8",
}
CUSTOM = {
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2": "float8_e5m2",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
    **dict.fromkeys(("F4", "F6_E2M3", "F6_E3M2")),
}


def existing(path: str | os.PathLike) -> Path:
    """Return the path of a weight file that can be read, with `~` expanded.

    Args:
        path: where the file should be.

    Returns:
        The path.

    Raises:
        UserError: there is no such file (the message names the nearest beside it), it is a folder
            or cannot be read, or a pointer lies in its place; see `storage.pointers`.

    >>> existing("there/is/none.safetensors")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no weights file 'there/is/none.safetensors':
    there is no folder 'there/is'
    """
    path = expanded(path)
    try:
        if path.is_dir():
            raise UserError(f"{str(path)!r} is a folder; pass the weights file itself")
        if path.is_file():
            return _itself(path)
    except OSError as error:  # as where a folder above may not be looked into
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
    message = f"no weights file {str(path)!r}"
    if not path.parent.is_dir():
        raise UserError(f"{message}: there is no folder {str(path.parent)!r}")
    close = nearest(path.name, (p.name for p in path.parent.iterdir() if p.is_file()))
    raise UserError(message + (f"; did you mean {', '.join(close)}?" if close else ""))


def _itself(path: Path) -> Path:
    """Return the path, or refuse what only says where the file is."""
    with path.open("rb") as file:
        instead = stand_in(file.read(HEAD))
    if instead is not None:
        raise UserError(f"{path} is {instead}")
    return path


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read every tensor of a safetensors file.

    Args:
        path: the file.

    Returns:
        Arrays by name, as stored. Floats that NumPy does not know, of 8 bits and bfloat16, have the
        types of `ml_dtypes`, which convert to float32 as any other.

    Raises:
        UserError: there is no such file, it is truncated or not a safetensors file, or has numbers
            that are not read here, such as those of 4 bits.

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
        with safetensors.safe_open(path, framework="np") as file:
            kinds = {name: str(file.get_slice(name).get_dtype()) for name in file.keys()}  # noqa: SIM118
        return _custom(path, kinds) if set(kinds.values()) & set(CUSTOM) else load_file(path)
    except safetensors.SafetensorError as error:
        raise UserError(
            f"{path}: truncated, or not a safetensors file ({reason(error)})"
        ) from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error


def content(path: str | os.PathLike) -> bytes:
    """Return all bytes of a file.

    Args:
        path: the file.

    Raises:
        UserError: there is no such file, or it cannot be read.

    >>> content("there/is/none.pb")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no weights file 'there/is/none.pb': there is no folder 'there/is'
    """
    path = existing(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error


def _custom(path: Path, kinds: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Read a file with floats that NumPy does not know."""
    import ml_dtypes
    import safetensors

    def dtype(name: str) -> np.dtype:
        kind = kinds[name]
        known = getattr(ml_dtypes, CUSTOM.get(kind) or "", None)
        if known is None and kind not in PLAIN:
            raise UserError(
                f"{path}: tensor {name!r} is of {kind}, which is not read here; convert it to F16 "
                "or F32"
            )
        return np.dtype(PLAIN[kind] if known is None else known)

    types = {name: dtype(name) for name in kinds}
    return {
        name: np.frombuffer(found["data"], types[name]).reshape(found["shape"])
        for name, found in safetensors.deserialize(path.read_bytes())
    }


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
