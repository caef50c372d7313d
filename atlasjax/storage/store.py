"""Stores: arrays larger than memory, written in shards as they come, and read in pieces.

A store is a folder with a Zarr 3 array, whose chunks along the leading axis are the shards.
TensorStore writes and reads them, as does every other program that knows Zarr. Each shard is a file
of its own, there whole or not at all, and ends with a checksum of its own (the codec crc32c), which
is looked at whenever it is read.

Zarr takes a shard that is not there for zeros. So an artifact beside the store, its index, names
the files of the store with the SHA-256 of each; what is not as the index says is damaged.
"""

import contextlib
import errno
import functools
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from atlasjax.errors import UserError
from atlasjax.storage import artifacts, seal
from atlasjax.storage.remedy import damaged

META = "zarr.json"
FILES, SUMS = "files", "sums"  # arrays of an index: which files beside it, and their digests
CACHE = 1 << 26  # bytes of shards that are kept while others are read
LOCKS = ".__lock"  # ends the name of a shard that TensorStore is writing


@dataclass(frozen=True)
class Stored:
    """An array in a store; a slice of it is read when it is asked for. See `atlas.rows.Rows`.

    Attributes:
        folder: the store.
        shape: of the array.
        dtype: of the numbers.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as home:
    ...     create(Path(home) / "a", (3, 2), 2, np.float32)
    ...     _ = write(Path(home) / "a", 0, np.ones((2, 2), np.float32))
    ...     Stored(Path(home) / "a", (3, 2), np.dtype(np.float32))[1:2].tolist()
    [[1.0, 1.0]]
    """

    folder: Path
    shape: tuple[int, ...]
    dtype: Any

    def __len__(self) -> int:
        """Return the length of the leading axis."""
        return self.shape[0]

    def __getitem__(self, part: slice) -> np.ndarray:
        """Return some successive rows.

        Raises:
            UserError: the shard that they are in is damaged.
        """
        start, stop, step = part.indices(len(self))
        try:
            found = self._array[start : max(start, stop)].read().result()
        except ValueError as error:  # TensorStore's, of data that are not as they were written
            raise damaged(self.folder) from error
        return np.asarray(found)[::step] if step != 1 else np.asarray(found)

    @functools.cached_property
    def _array(self) -> Any:
        try:
            return _opened(self.folder, {"cache_pool": {"total_bytes_limit": CACHE}}, read=True)
        except ValueError as error:
            raise damaged(self.folder / META) from error


def create(folder: Path, shape: tuple[int, ...], rows: int, dtype: Any) -> None:
    """Make a store in a folder, unless it is there; one of another form is removed.

    Args:
        folder: where.
        shape: of the whole array.
        rows: of each shard; the last may have fewer.
        dtype: of the numbers.

    Raises:
        UserError: what is there is no store.
    """
    metadata = {
        "shape": list(shape),
        "data_type": np.dtype(dtype).name,
        "chunk_grid": {
            "name": "regular",
            "configuration": {"chunk_shape": [rows, *shape[1:]]},
        },
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
    }
    try:
        with _told():
            _opened(folder, {}, create=True, open=True, metadata=metadata)
    except ValueError:
        if folder.exists() and not is_store(folder):
            raise UserError(f"{folder} is no store, and is left as it is") from None
        remove(folder)
        _opened(folder, {}, create=True, metadata=metadata)


def write(folder: Path, number: int, piece: np.ndarray) -> str:
    """Write a shard, whole or not at all.

    Args:
        folder: the store.
        number: of the shard.
        piece: what is in it.

    Returns:
        The SHA-256 of its file.
    """
    array = _opened(folder, {}, write=True, store_data_equal_to_fill_value=True)
    first = number * array.chunk_layout.write_chunk.shape[0]
    with _told():
        array[first : first + len(piece)].write(piece).result()
    return digest(folder / shard(number, piece.ndim))


def shard(number: int, dimensions: int = 2) -> str:
    """Return where a shard lies in its store.

    >>> shard(12)
    'c/12/0'
    """
    return "/".join(["c", str(number), *["0"] * (dimensions - 1)])


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return seal.digest_of(file)


def is_store(folder: Path) -> bool:
    """Tell whether there is a store in a folder, whole or not."""
    return (folder / META).is_file() or (folder / "c").is_dir()


def remove(folder: Path) -> None:
    """Remove a store, and nothing else that is in its folder."""
    if not is_store(folder) or folder.is_symlink():
        return
    (folder / META).unlink(missing_ok=True)
    shutil.rmtree(folder / "c", ignore_errors=True)
    for path in folder.glob(f"*{LOCKS}"):
        path.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def beside(index: Path) -> Mapping[str, str]:
    """Return the files that an artifact speaks for, with the SHA-256 of each; mostly none.

    Args:
        index: the artifact. Its files are in the folder of its name.
    """
    with artifacts.opened(index) as file:
        found = None if file is None else artifacts.taken(file, (FILES, SUMS), None)
    if found is None:
        return {}
    return dict(zip(map(str, found[0]), map(str, found[1]), strict=True))


def folder_of(index: Path) -> Path:
    """Return the store that an index is of: `activations/` beside `activations-00003.npz`.

    >>> folder_of(Path("a/activations-00003.npz")).as_posix()
    'a/activations'
    """
    name, _, number = index.stem.rpartition("-")
    return index.with_name(name if name and number.isdigit() else index.stem)


def lacking(index: Path) -> list[str]:
    """Return the files that an artifact speaks for and that are not there.

    Args:
        index: the artifact.
    """
    folder = folder_of(index)
    return [name for name in beside(index) if not (folder / name).is_file()]


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Raise that a disk is full as everything else does; TensorStore has one error for all."""
    try:
        yield
    except ValueError as error:
        for number in (errno.ENOSPC, errno.EDQUOT):
            if os.strerror(number) in str(error):
                raise OSError(number, os.strerror(number)) from None
        raise


def _opened(folder: Path, context: Mapping[str, Any], **options: Any) -> Any:
    import tensorstore

    spec = {
        "driver": "zarr3",
        "kvstore": {"driver": "file", "path": f"{folder.absolute()}/"},
        "context": context,
        "recheck_cached_metadata": False,
        "recheck_cached_data": False,
    }
    for name in ("metadata", "store_data_equal_to_fill_value"):
        if name in options:
            spec[name] = options.pop(name)
    return tensorstore.open(spec, **options).result()
