"""Converted weights, kept so that the next run need not convert them again.

An entry is an Orbax checkpoint and the checksum of its files. The checksum is there because Orbax
does not notice a damaged value, and because it is better not to show it a truncated file at all.
Nothing that goes wrong with the cache is an error: weights can always be converted.
"""

import contextlib
import hashlib
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from atlasjax.storage.artifacts import user_cache

CHECKPOINT = "checkpoint"
CHECKSUM = "sha256"


def folder() -> Path:
    """Return the folder of converted weights: in `$ATLASJAX_CACHE`, or the user's cache.

    >>> folder().name
    'weights'
    """
    return user_cache() / "weights"


def entry(name: str, digest: str) -> Path:
    """Return where the weights converted from one file are kept.

    Args:
        name: of the network.
        digest: the checksum of the file that they come from.

    >>> entry("googlenet", "405fc5acd08a3bb12de8ee5e23a96bec22f08204").name
    'googlenet-405fc5acd08a3bb1'
    """
    return folder() / f"{name}-{digest[:16]}"


def cached(
    name: str,
    digest: str,
    shapes: Mapping[str, tuple[int, ...]],
    convert: Callable[[], dict[str, np.ndarray]],
) -> dict[str, np.ndarray]:
    """Return what `convert` returns, from the cache where it is there.

    An entry that is damaged, or of other shapes, is converted and written anew; a cache that
    cannot be written is done without.

    Args:
        name: of the network.
        digest: the checksum of the file that `convert` reads.
        shapes: the shape of each array that `convert` returns.
        convert: returns float32 arrays by name.

    Returns:
        The arrays.

    >>> import os
    >>> from unittest.mock import patch
    >>> with tempfile.TemporaryDirectory() as temporary:
    ...     with patch.dict(os.environ, ATLASJAX_CACHE=temporary):
    ...         first = cached("toy", "00", {"a": (2,)}, lambda: {"a": np.ones(2, np.float32)})
    ...         again = cached("toy", "00", {"a": (2,)}, lambda: {})
    >>> again
    {'a': array([1., 1.], dtype=float32)}
    """
    place = entry(name, digest)
    found = load(place, shapes)
    if found is None:
        found = convert()
        store(place, found)
    return found


def load(place: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray] | None:
    """Return the arrays of an entry, or None where it is absent or not as it was written.

    Args:
        place: the entry.
        shapes: the shape of each array that it should hold.

    >>> load(Path("/nowhere"), {}) is None
    True
    """
    # Orbax raises whatever its layers raise; none of it matters more than converting again.
    with contextlib.suppress(Exception):
        if (place / CHECKSUM).read_text() != _checksum(place / CHECKPOINT):
            return None
        target = {n: np.broadcast_to(np.float32(0), shape) for n, shape in shapes.items()}
        with _checkpointer() as checkpointer:
            found = checkpointer.restore(place / CHECKPOINT, target)
        if {n: array.shape for n, array in found.items()} == dict(shapes):
            return found
    return None


def store(place: Path, values: Mapping[str, np.ndarray]) -> bool:
    """Write an entry, replacing one that is there; any number of processes may do so at once.

    Args:
        place: the entry.
        values: the arrays by name.

    Returns:
        Whether it is now there. A cache that cannot be written is no error.

    >>> import os
    >>> store(Path(os.devnull) / "weights" / "toy-00", {})
    False
    """
    temporary = None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
        new = temporary / "new"
        with _checkpointer() as checkpointer:
            checkpointer.save(new / CHECKPOINT, dict(values))
        (new / CHECKSUM).write_text(_checksum(new / CHECKPOINT))
        with contextlib.suppress(FileNotFoundError):
            place.rename(temporary / "old")  # a folder cannot be renamed onto one with content
        new.rename(place)
        return True
    except Exception:  # a full disk, no permission, another process that was faster
        return place.is_dir()
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def _checkpointer() -> Iterator[Any]:
    """An Orbax checkpointer that waits for no other process, and says nothing."""
    import jax
    import orbax.checkpoint as ocp

    here = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(
        primary_host=here,
        active_processes={here},
        barrier_sync_key_prefix=f"atlasjax_cache_{here}",
    )
    with _quiet("absl"), ocp.StandardCheckpointer(multiprocessing_options=alone) as checkpointer:
        yield checkpointer


@contextlib.contextmanager
def _quiet(logger: str) -> Iterator[None]:
    before = logging.getLogger(logger).level
    logging.getLogger(logger).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logging.getLogger(logger).setLevel(before)


def _checksum(checkpoint: Path) -> str:
    """Return the checksum of all files of a folder, with their names."""
    whole = hashlib.sha256()
    for path in sorted(p for p in checkpoint.rglob("*") if p.is_file()):
        with path.open("rb") as file:
            part = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{path.relative_to(checkpoint).as_posix()} {part}\n".encode())
    return whole.hexdigest()
