"""The store: published weights that are on this machine, where `models.load` finds them by name.

Each network has a folder in the user's cache, with the file as it was published, the names of its
classes, and a record of where it came from and what its checksum was then.
"""

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from atlasjax.errors import UserError
from atlasjax.models.weights import files
from atlasjax.storage.artifacts import atomic, user_cache, write_json

RECORD = "record.json"
PUBLISHED, FIRST_USE, GIVEN = "published", "first use", "given"


@dataclass(frozen=True)
class Record:
    """What is known of stored weights.

    Attributes:
        file: what the weights file is called.
        sha256: its checksum when it came.
        source: where it came from: an address, or a path.
        trust: what says that it is the right one: a "published" checksum; what was fetched at
            "first use"; or nobody but who "given" it.
        added: when it came, in local time.
        class_names: the file with the names of its classes, if there is one.
    """

    file: str
    sha256: str
    source: str
    trust: str
    added: str
    class_names: str | None = None


def folder(network: str) -> Path:
    """Return the folder of a network's weights, which may not be there.

    >>> folder("inception5h").name
    'inception5h'
    """
    return user_cache() / "networks" / network


def record(network: str) -> Record | None:
    """Return what is known of a network's stored weights, or None where there are none.

    Args:
        network: its name.

    Raises:
        UserError: the record is damaged.

    >>> record("no such network") is None
    True
    """
    path = folder(network) / RECORD
    if not path.is_file():
        return None
    try:
        found = Record(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: damaged; remove {str(path.parent)!r} and fetch again") from error
    return found if (folder(network) / found.file).is_file() else None


def weights(network: str) -> Path | None:
    """Return the stored weights file of a network, or None where there is none.

    >>> weights("no such network") is None
    True
    """
    known = record(network)
    return None if known is None else folder(network) / known.file


def class_names(network: str) -> Path | None:
    """Return the stored file with the names of a network's classes, or None."""
    known = record(network)
    if known is None or known.class_names is None:
        return None
    path = folder(network) / known.class_names
    return path if path.is_file() else None


def add(
    network: str,
    file: Path,
    name: str,
    *,
    source: str,
    trust: str,
    class_names: Path | None = None,
) -> Record:
    """Store a network's weights, in place of any that are there.

    Args:
        network: its name.
        file: the weights file, which is copied.
        name: what it is called in the store.
        source: where it came from.
        trust: one of `PUBLISHED`, `FIRST_USE`, `GIVEN`.
        class_names: a file with the names of its classes, which is copied too; those that are there
            stay where None is given.

    Raises:
        UserError: the store cannot be written.
    """
    before = record(network)
    kept = before.class_names if before else None
    known = Record(
        name,
        files.digest(file),
        source,
        trust,
        time.strftime("%Y-%m-%d %H:%M"),
        class_names.name if class_names else kept,
    )
    copies: Mapping[str, Path] = {name: file} | (
        {class_names.name: class_names} if class_names else {}
    )
    _write(network, copies, known)
    return known


def _write(network: str, copies: Mapping[str, Path], known: Record) -> None:
    """Copy files into a network's folder, by their names there, and then write its record."""
    try:
        for copy, original in copies.items():
            with atomic(folder(network) / copy) as temporary:
                shutil.copyfile(original, temporary)
        write_json(folder(network) / RECORD, asdict(known))
    except OSError as error:
        raise UserError(f"{folder(network)}: cannot be written ({error.strerror})") from error


def add_class_names(network: str, file: Path, name: str) -> None:
    """Store a file with the names of a network's classes; its weights and their checksum stay.

    Args:
        network: its name.
        file: the file, which is copied.
        name: what it is called in the store.

    Raises:
        UserError: the weights are not here, or the store cannot be written.

    >>> add_class_names("no such network", Path("a.txt"), "b.txt")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no weights of no such network here
    """
    known = record(network)
    if known is None:
        raise UserError(f"no weights of {network} here")
    _write(network, {name: file}, replace(known, class_names=name))


def verify(network: str) -> Record:
    """Compare a network's stored weights with the checksum that they had when they came.

    Args:
        network: its name.

    Raises:
        UserError: there are none, or they have changed.

    >>> verify("no such network")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no weights of no such network here
    """
    known = record(network)
    if known is None:
        raise UserError(f"no weights of {network} here")
    path = folder(network) / known.file
    found = files.digest(path)
    if found != known.sha256:
        raise UserError(
            f"{path} has changed since it came ({known.added}): its sha256 is {found}, and was "
            f"{known.sha256}; get it again"
        )
    return known
