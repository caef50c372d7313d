"""Data sets of Hugging Face's `datasets` as a source: by name, from a folder, or as an object.

Only what is on this machine is read; nothing is ever downloaded here, and nothing in a data set is
run. Images stay encoded until they are asked for.
"""

import hashlib
import json
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, SupportsIndex

from atlasjax.data.decode import Pixels, example, pixels, range_of
from atlasjax.data.folder import EDGE, edges
from atlasjax.data.members import leads_out
from atlasjax.data.protocol import Example, UnreadableImage, spread
from atlasjax.data.ranges import AUTO, ValueRange, checked
from atlasjax.data.walk import readable
from atlasjax.errors import UserError, reason, unknown
from atlasjax.storage.places import expanded

PREFIX = "hf:"
_GRAMMAR = "hf:NAME, hf:OWNER/NAME, hf:OWNER/NAME/CONFIG or hf:FOLDER, each with :SPLIT"
_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*){0,2}", re.ASCII)


@dataclass(frozen=True, eq=False)
class HuggingFace:
    """The images of a data set, as `from_hf` finds them.

    Attributes:
        name: what the images are called by, with the position of each behind it.
        classes: the names of the classes; empty without names.
        rows: the data set, of the columns "image", encoded, and "label", where it has one.
        positions: which rows are taken.
        within: the folders that images may lie in which the data set only points to; None for any.
        range: the values that become black and white; None for what the files say.
    """

    name: str
    classes: tuple[str, ...] = field(repr=False)
    rows: Any = field(repr=False)
    positions: Sequence[int] = field(repr=False)
    within: tuple[Path, ...] | None = field(repr=False, default=None)
    range: tuple[float, float] | None = None

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, index: SupportsIndex, /) -> Example:
        found, label, name = self._pixels(operator.index(index))
        return example(found, name, label, self.range)

    def _pixels(self, index: int) -> tuple[Pixels, int, str]:
        position = self.positions[index]
        name = f"{self.name}[{position}]"
        try:
            row = self.rows[position]
            data = _content(row["image"], self.within)
            label = -1 if row.get("label") is None else int(row["label"])
            if label < -1 or (self.classes and label >= len(self.classes)):
                raise ValueError(f"label {label} of {len(self.classes)} classes")
        except OSError as error:
            raise UnreadableImage(name, error.strerror or str(error)) from error
        except Exception as error:  # a damaged file: Arrow raises many kinds
            raise UnreadableImage(name, reason(error)) from error
        return pixels(data, name), label, name

    def fingerprint(self) -> str:
        """Return a digest of every image's size, first and last 4 KiB, and label."""
        digest = hashlib.sha256(repr(("hf", self.range, self.classes)).encode())
        rows = self.rows
        if len(self.positions) != len(rows):
            rows = rows.select(list(self.positions))
        for table in rows.with_format("arrow").iter(batch_size=256):
            labels = table["label"].to_pylist() if "label" in table.column_names else None
            images = (image for chunk in table["image"].chunks for image in _ends(chunk))
            for number, ends in enumerate(images):
                label = -1 if labels is None else labels[number]
                digest.update(f"\0{label}\0".encode() + ends)
        return digest.hexdigest()


def from_hf(spec: Any, *, limit: int | None = None, range: ValueRange | None = None) -> HuggingFace:
    """Open one split of a data set that `datasets` has on this machine.

    The images are those of the feature "image", or of the only image feature there is; the classes
    those of the feature "label", or of the only `ClassLabel` there is.

    Args:
        spec: `hf:NAME`, `hf:OWNER/NAME` or `hf:OWNER/NAME/CONFIG` of what `datasets.load_dataset`
            has prepared here before, or the folder of what `save_to_disk` saved, `hf:FOLDER`; each
            with `:SPLIT`, where there are several. Or a `datasets.Dataset`.
        limit: take only so many images, evenly spaced; None for all.
        range: the values that become black and white in images of 16 bits; see `folder`.

    Returns:
        The images, in the order of the data set. Nothing is decoded yet, but some for "auto".

    Raises:
        UserError: `datasets` is not installed; no such data set or split here; no image feature.

    >>> from_hf("hf:s3://bucket/images:train")
    Traceback (most recent call last):
    atlasjax.errors.UserError: cannot read data set 'hf:s3://bucket/images:train'; write hf:NAME...
    """
    wanted = checked(range)
    name, split = _parts(spec) if isinstance(spec, str) else ("images", None)
    datasets = _library()
    found, within = _stored(datasets, name, split) if isinstance(spec, str) else (spec, None)
    if not isinstance(found, datasets.Dataset):
        splits = ", ".join(map(str, found)) if isinstance(found, Mapping) else ""
        hint = f"one of its splits: {splits}" if splits else "a Dataset"
        raise UserError(f"images of type {type(found).__name__}, of no one order: give {hint}")
    rows, classes = _rows(datasets, found, name)
    opened = HuggingFace(
        name=name,
        classes=classes,
        rows=rows,
        positions=spread(len(rows), limit) if len(rows) else (),
        within=within,
        range=None if wanted == AUTO else wanted,
    )
    if not len(opened):
        raise UserError(f"no images in data set '{name}'")
    if wanted != AUTO:
        return opened
    return replace(opened, range=range_of(lambda index: opened._pixels(index)[0], len(opened)))


def is_hf(spec: Any) -> bool:
    """Tell whether images are `hf:` and a name, or an object of the library's.

    >>> is_hf("hf:mnist"), is_hf("mnist"), is_hf([1])
    (True, False, False)
    """
    if isinstance(spec, str):
        return spec.startswith(PREFIX)
    return any(kind.__module__.partition(".")[0] == "datasets" for kind in type(spec).__mro__)


def _library() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise UserError("hf: needs Hugging Face's datasets: pip install 'atlasjax[hf]'") from error
    if int(datasets.__version__.partition(".")[0]) < 4:
        raise UserError(
            f"hf: needs datasets 4 or newer: {datasets.__version__} runs code that comes with data "
            "sets: pip install -U datasets"
        )
    return datasets


def _parts(spec: str) -> tuple[str, str | None]:
    """Return the data set and the split of `hf:NAME:SPLIT`."""
    name, colon, split = spec.removeprefix(PREFIX).rpartition(":")
    if not colon or "/" in split or not split:
        name, split = spec.removeprefix(PREFIX).rstrip(":"), None
    if not name or "://" in name:
        raise UserError(f"cannot read data set '{spec}'; write {_GRAMMAR}")
    return name, split


def _stored(datasets: Any, name: str, split: str | None) -> tuple[Any, tuple[Path, ...]]:
    """Return a split of what is on this machine, and where its images may lie."""
    folder = expanded(name)
    if folder.is_dir():
        return _saved(datasets, folder, split), (folder.resolve(),)
    if not _NAME.fullmatch(name):
        raise UserError(f"no data set in '{name}'; write {_GRAMMAR}")
    caches = (datasets.config.HF_DATASETS_CACHE, datasets.config.HF_CACHE_HOME)
    return _prepared(datasets, name, split), tuple(Path(place).resolve() for place in caches)


def _saved(datasets: Any, folder: Path, split: str | None) -> Any:
    """Open what `save_to_disk` saved: one split, or a folder for each."""
    try:
        if (folder / "dataset_dict.json").is_file():
            there = json.loads((folder / "dataset_dict.json").read_text("utf-8"))["splits"]
            folder = folder / _chosen(str(folder), split, there)
        elif split is not None:
            raise UserError(f"the data set in '{folder}' has no splits: leave out ':{split}'")
        elif not (folder / "state.json").is_file():
            raise UserError(f"no data set that save_to_disk saved in '{folder}'; write {_GRAMMAR}")
        files = json.loads((folder / "state.json").read_text("utf-8"))["_data_files"]
        for file in files:
            if leads_out(file["filename"]):
                raise UserError(f"'{folder}': refused, since it points to {file['filename']!r}")
        return datasets.load_from_disk(str(folder))
    except UserError:
        raise
    except Exception as error:  # what is damaged: Arrow and JSON raise many kinds
        raise UserError(f"'{folder}': a damaged data set ({reason(error)})") from error


def _prepared(datasets: Any, name: str, split: str | None) -> Any:
    """Open what `load_dataset` prepared before, without asking anybody."""
    from datasets.packaged_modules.cache.cache import Cache

    owned, config = name.split("/"), None
    if len(owned) == 3:
        config = owned.pop()
    whole = "/".join(owned)
    try:
        builder = Cache(
            dataset_name=owned[-1],
            repo_id=whole,
            config_name=config,
            version="auto",
            hash="auto",
        )
        splits = list(builder.info.splits or ())
    except Exception as error:
        download = f"load_dataset('{whole}'{f', {config!r}' if config else ''})"
        raise UserError(
            f"data set '{name}' is not on this machine ({reason(error)}); prepare it with: "
            f'python -c "from datasets import load_dataset; {download}"'
        ) from error
    chosen = _chosen(name, split, splits)
    try:
        return builder.as_dataset(split=chosen)
    except Exception as error:
        raise UserError(f"data set '{name}': damaged ({reason(error)})") from error


def _chosen(name: str, split: str | None, there: Sequence[str]) -> str:
    if split is not None and split in there and not leads_out(split) and "/" not in split:
        return split
    if split is not None:
        raise unknown(f"split of data set '{name}' named", split, there)
    if len(there) != 1:
        raise UserError(f"data set '{name}' has several splits; say which: {', '.join(there)}")
    return _chosen(name, there[0], there)


def _rows(datasets: Any, found: Any, name: str) -> tuple[Any, tuple[str, ...]]:
    """Return the columns of images and labels, called so, and the classes."""
    features = dict(found.features)
    images = [n for n, f in features.items() if isinstance(f, datasets.Image)]
    image = "image" if "image" in images else images[0] if len(images) == 1 else None
    if image is None:
        there = ", ".join(sorted(images or features)) or "none"
        raise UserError(
            f"data set '{name}' has no image feature to choose: one named 'image', or a single one "
            f"of any name; there are {there}"
        )
    known = [n for n, f in features.items() if isinstance(f, datasets.ClassLabel)]
    label = "label" if "label" in features else known[0] if len(known) == 1 else None
    kind = features.get(label) if label else None
    numbers = str(getattr(kind, "dtype", "")).startswith(("int", "uint"))
    columns = [image, *([label] if label and numbers else [])]
    rows = found.with_format(None).select_columns(columns)
    rows = rows.rename_columns(dict(zip(columns, ("image", "label"), strict=False)))
    rows = rows.cast_column("image", datasets.Image(decode=False))
    names = getattr(kind, "names", None) if numbers else None
    return rows, tuple(map(readable, names or ()))


def _content(image: Mapping[str, Any] | None, within: tuple[Path, ...] | None) -> bytes:
    """Return the file of an image, which is in the data set, or which that points to."""
    if image is None:
        raise ValueError("there is no image")
    if image["bytes"] is not None:
        return image["bytes"]
    path = image["path"]
    if path is None or "://" in path:
        raise ValueError(f"its file is not on this machine: {path}")
    place = Path(path).resolve()
    if within is not None and not any(place.is_relative_to(folder) for folder in within):
        raise ValueError(f"its file lies outside the data set: {path}")
    return place.read_bytes()


def _ends(chunk: Any) -> list[bytes]:
    """Return the size and both ends of the images of a piece of a column."""
    names = [chunk.type.field(i).name for i in range(chunk.type.num_fields)]
    columns = dict(zip(names, chunk.flatten(), strict=True))
    found = []
    for data, path in zip(columns["bytes"], columns["path"], strict=True):
        content = data.as_buffer() if data.is_valid else None
        if content is not None:
            view = memoryview(content)
            found.append(b"%d\0" % len(view) + bytes(view[:EDGE]) + bytes(view[-EDGE:]))
        else:
            found.append(edges(Path(path.as_py())) if path.is_valid else b"nothing")
    return found
