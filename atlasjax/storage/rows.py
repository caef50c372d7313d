"""Rows: an artifact too large for memory, written piece by piece and read by the page.

It is an archive like any other artifact (see `artifacts`), whose one array is never held whole.
"""

import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from atlasjax.errors import UserError
from atlasjax.storage import artifacts, seal


def write(
    path: Path,
    name: str,
    pieces: Iterable[np.ndarray],
    shape: tuple[int, ...],
    dtype: Any,
    made_from: str,
) -> None:
    """Write an artifact of one array that comes in pieces, whole or not at all.

    Args:
        path: the file, ending in `.npz`.
        name: of the array, as the artifact's NamedTuple has it.
        pieces: parts of the array along its leading axis, in order.
        shape: of the whole array.
        dtype: of the whole array.
        made_from: see `artifacts.fingerprint`.

    Raises:
        ValueError: the pieces do not make up the shape.

    >>> import tempfile
    >>> from typing import NamedTuple
    >>> class Table(NamedTuple):
    ...     value: np.ndarray
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "table.npz"
    ...     write(path, "value", [np.ones((1, 2)), np.zeros((2, 2))], (3, 2), "f2", "x")
    ...     artifacts.load(path, Table, "x").value.sum(1).tolist()
    [2.0, 0.0, 0.0]
    """
    dtype, written = np.dtype(dtype), 0
    header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    with artifacts.atomic(path, lasting=True) as temporary:
        with zipfile.ZipFile(temporary, "w") as archive:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                npy.write_array_header_2_0(file, header)
                for piece in pieces:
                    if piece.shape[1:] != shape[1:]:
                        raise ValueError(f"a piece of shape {piece.shape} for an array of {shape}")
                    file.write(np.ascontiguousarray(piece, dtype).data)
                    written += len(piece)
            if written != shape[0]:
                raise ValueError(f"{written} rows for an array of {shape[0]}")
            with archive.open(f"{artifacts.FINGERPRINT}.npy", "w") as file:
                npy.write_array(file, np.array(made_from))
        seal.seal(temporary)


def mapped(path: Path, name: str, made_from: str | None = None) -> np.ndarray | None:
    """Return an artifact's array as it lies on disk, read when and where it is looked at.

    The file is read through once, piece by piece, to see that it is not damaged.

    Args:
        path: the file, whose array is not compressed.
        name: of the array.
        made_from: the fingerprint asked for; any will do when None.

    Returns:
        The array, read-only, or None where it is absent, damaged or made from something else.

    >>> mapped(Path("nowhere.npz"), "value") is None
    True
    """
    if made_from is not None and not artifacts.holds(path, made_from):
        return None
    try:
        with path.open("rb") as file:
            if not seal.whole(file):
                return None
            with zipfile.ZipFile(file) as archive:
                entry = archive.getinfo(f"{name}.npy")
            if entry.compress_type != zipfile.ZIP_STORED:
                return None
            file.seek(entry.header_offset + 26)
            # A local header of 30 bytes ends with the lengths of two texts that follow it.
            file.seek(sum(struct.unpack("<HH", file.read(4))), 1)
            version = npy.read_magic(file)
            read = {1: npy.read_array_header_1_0, 2: npy.read_array_header_2_0}[version[0]]
            shape, fortran, dtype = read(file)
            order = "F" if fortran else "C"
            return np.memmap(path, dtype, "r", file.tell(), shape, order)
    except artifacts.ABSENT:
        return None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    except MemoryError:
        raise
    except Exception:  # another kind of archive; as in `artifacts.load`
        return None
