"""Weights by name: what is published, what is here, and how the one becomes the other."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from atlasjax.errors import UserError
from atlasjax.progress import bar
from atlasjax.storage.artifacts import user_cache, write_json

if TYPE_CHECKING:
    from atlasjax.models.weights.known import Published, Remote
    from atlasjax.models.weights.store import Record

FIRST_USES = "first_uses.json"


class Here(NamedTuple):
    """Published weights that are on this machine.

    Attributes:
        published: what is known of their network.
        path: the weights file.
        record: where it came from.
    """

    published: "Published"
    path: Path
    record: "Record"


def listed() -> "list[tuple[Published, Here | None]]":
    """Return the networks with published weights, and what of them is here.

    >>> [published.name for published, here in listed()]
    ['googlenet', 'inception5h', 'torchvision_googlenet']
    """
    from atlasjax.models.weights.known import KNOWN

    return [(published, _here(published)) for published in KNOWN]


def _here(published: "Published") -> Here | None:
    from atlasjax.models.weights import store

    record = store.record(published.name)
    return None if record is None else _kept(published, record)


def _kept(published: "Published", record: "Record") -> Here:
    from atlasjax.models.weights import store

    return Here(published, store.folder(published.name) / record.file, record)


def fetch(name: str, *, again: bool = False) -> Here:
    """Fetch a network's published weights, so that `models.load` finds them by name.

    A published checksum is compared. Where there is none, that of the first file that came is
    remembered, and another one refused later.

    Args:
        name: of the network.
        again: fetch what is here already, and trust it even if it is another file than at first.

    Returns:
        What is here now.

    Raises:
        UserError: no such network, or the file cannot be got or is not what it should be. The
            message says how to get it by hand.
    """
    from atlasjax.models.weights import fetch as fetching
    from atlasjax.models.weights import known

    published = known.published(name)
    here = _here(published)
    if here is not None and not again:
        return here
    partial = user_cache() / "networks" / ".partial"
    try:
        with bar(f"fetch {name}", "MB") as progress:
            file = fetching.download(published.weights, partial / published.weights.file, progress)
    except UserError as error:
        raise UserError(f"{error} ({known.by_hand(name)})") from error
    try:
        trust = _trusted(published.weights, file, again)
        return _stored(published, file, published.weights.url, trust)
    finally:
        file.unlink(missing_ok=True)


def fetch_class_names(name: str) -> Path | None:
    """Fetch the names of a network's classes, where they are in a file of their own.

    Args:
        name: of the network, whose weights are here.

    Returns:
        The file; None where there is no such file, or the names are here already.

    Raises:
        UserError: it cannot be got, or is no file of class names.
    """
    from atlasjax.models.weights import fetch as fetching
    from atlasjax.models.weights import known, store

    remote, record = known.published(name).class_names, store.record(name)
    if remote is None or record is None or store.class_names(name) is not None:
        return None
    partial = user_cache() / "networks" / ".partial"
    file = fetching.download(remote, partial / remote.file)
    try:
        _trusted(remote, file, again=False)
        return add_class_names(name, file)
    finally:
        file.unlink(missing_ok=True)


def add_class_names(name: str, file: Path) -> Path | None:
    """Store a file with the names of a network's classes beside its weights.

    Args:
        name: of the network, whose weights are here.
        file: one name on each line, in the order of the logits.

    Raises:
        UserError: the weights are not here, or the file does not fit them.
    """
    from atlasjax import models
    from atlasjax.models import labels
    from atlasjax.models.weights import store

    if store.record(name) is None:
        raise UserError(f"no weights of {name} here")
    labels.read(models.spec(name), file)
    store.add_class_names(name, file, models.class_names_file(name))
    return store.class_names(name)


def take(file: str | Path) -> Here:
    """Import a weights file: find out by its content which network it is, and store it.

    Args:
        file: as it was published, or another training of the same network.

    Returns:
        What is here now.

    Raises:
        UserError: it is absent, truncated, of no known format, or of no network known here.

    >>> take("there/is/none.pb")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no weights file 'there/is/none.pb': there is no folder 'there/is'
    """
    from atlasjax.models.weights import files, known, store

    path = files.existing(file)
    with _unpacked(path) as (weights, names):
        network, name = _identified(weights)
        published = known.published(network)
        record = store.add(
            network,
            weights,
            name,
            source=str(path.absolute()),
            trust=_given(published, path),
            class_names=names or _beside(network, path),
        )
    return _kept(published, record)


def verify(name: str) -> Here:
    """Compare a network's weights with the checksum that they had when they came.

    Args:
        name: of the network.

    Raises:
        UserError: no such network, none of it is here, or it has changed.
    """
    from atlasjax.models.weights import known, store

    published = known.published(name)
    record = store.verify(name)
    return _kept(published, record)


@contextmanager
def _unpacked(path: Path) -> Iterator[tuple[Path, Path | None]]:
    """Yield the weights file, and the class names where they are in the same archive."""
    from atlasjax.models.weights import archive, inception5h
    from atlasjax.models.weights.known import LABELS

    wanted = (inception5h.ORIGINAL, LABELS)
    if not archive.is_archive_with(path, wanted[:1]):
        yield path, None
        return
    with tempfile.TemporaryDirectory() as folder:
        found = archive.unpack(path, wanted, Path(folder))
        yield found[inception5h.ORIGINAL], found.get(LABELS)


def _identified(weights: Path) -> tuple[str, str]:
    """Return which network a file is of, and what it is called in the store."""
    from atlasjax.models.weights import convert

    found = convert.identify(weights)
    fits = weights.suffix == found.suffix or {weights.suffix, found.suffix} == {".pt", ".pth"}
    return found.network, weights.name if fits else f"{weights.stem}{found.suffix}"


def _stored(published: "Published", file: Path, source: str, trust: str) -> Here:
    """Store what was fetched, once it is found to be the network that it should be."""
    from atlasjax.models.weights import store

    with _unpacked(file) as (weights, names):
        network, name = _identified(weights)
        if network != published.name:
            raise UserError(f"{source}: weights of {network}, not of {published.name}")
        record = store.add(network, weights, name, source=source, trust=trust, class_names=names)
    return _kept(published, record)


def _given(published: "Published", path: Path) -> str:
    """Return what speaks for a file that was got by hand: its checksum, or who gave it."""
    from atlasjax.models.weights import fetch as fetching
    from atlasjax.models.weights import store

    if not published.weights.is_published:
        return store.GIVEN
    try:
        fetching.check(published.weights, path)
    except UserError:
        return store.GIVEN
    return store.PUBLISHED


def _trusted(remote: "Remote", file: Path, again: bool) -> str:
    """Compare a file with what came from its address at first, where no checksum is published."""
    import json

    from atlasjax.models.weights import files, store

    if remote.is_published:
        return store.PUBLISHED
    path = user_cache() / "networks" / FIRST_USES
    first = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    found = files.digest(file)
    if first.get(remote.url, found) != found and not again:
        raise UserError(
            f"{remote.url}: its sha256 is {found}, and was {first[remote.url]} when it came first; "
            "nothing of it is kept (--again trusts it)"
        )
    write_json(path, first | {remote.url: found})
    return store.FIRST_USE


def _beside(network: str, path: Path) -> Path | None:
    """Return the class names that lie beside a file that was got by hand, if they do."""
    from atlasjax import models

    beside = path.parent / models.class_names_file(network)
    return beside if beside.is_file() else None
