"""Data sets prepared by TensorFlow Datasets as a source, read without TensorFlow.

Only what is already on the disk is read, in the ArrayRecord format, which has random access.
Nothing is ever downloaded here: where something is missing, the error holds the line that prepares
it.
"""

import hashlib
import operator
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, SupportsIndex

from atlasjax.data.decode import Pixels, example, pixels, range_of
from atlasjax.data.protocol import Example, UnreadableImage, spread
from atlasjax.data.ranges import AUTO, ValueRange, checked
from atlasjax.errors import UserError, reason, unknown
from atlasjax.storage.places import expanded

_GRAMMAR = "NAME/SPLIT, NAME:VERSION/SPLIT, NAME/CONFIG/SPLIT or FOLDER/SPLIT"
_VERSION = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True, eq=False)
class Records:
    """One split of a prepared data set, as `from_tfds` finds it.

    Attributes:
        name: the data set with its configuration and version.
        split: which part of it.
        classes: the names of the classes; empty without labels.
        positions: which records of the split are taken.
        records: the serialized `tf.train.Example`s of the whole split.
        image: the name of the image feature.
        label: the name of the label feature, or None.
        range: the values that become black and white; None for what the files say.
    """

    name: str
    split: str
    classes: tuple[str, ...] = field(repr=False)
    positions: Sequence[int] = field(repr=False)
    records: Sequence[bytes] = field(repr=False)
    image: str = "image"
    label: str | None = "label"
    range: tuple[float, float] | None = None

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, index: SupportsIndex, /) -> Example:
        found, label, name = self._pixels(operator.index(index))
        return example(found, name, label, self.range)

    def _pixels(self, index: int) -> tuple[Pixels, int, str]:
        from tensorflow_datasets.proto import tf_example_pb2

        parse: Any = tf_example_pb2.Example.FromString  # pyright: ignore[reportAttributeAccessIssue]
        position = self.positions[index]
        name = f"{self.name}/{self.split}[{position}]"
        try:
            example = parse(self.records[position]).features.feature
            data = example[self.image].bytes_list.value[0]
            label = example[self.label].int64_list.value[0] if self.label else -1
        except Exception as error:  # a damaged shard: the readers raise many kinds
            raise UnreadableImage(name, reason(error)) from error
        return pixels(data, name), label, name

    def fingerprint(self) -> str:
        """Return a digest of the name, version, split, length, choice of records and range.

        A prepared version never changes, by the rules of TensorFlow Datasets.
        """
        positions = hashlib.sha256(repr(list(self.positions)).encode()).hexdigest()
        parts = ["tfds", self.name, self.split, str(len(self.records)), positions]
        parts += [] if self.range is None else [repr(self.range)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def from_tfds(
    spec: str,
    data_dir: str | os.PathLike[str] | None = None,
    *,
    limit: int | None = None,
    range: ValueRange | None = None,
) -> Records:
    """Open one split of a data set prepared as ArrayRecord.

    The images are those of the feature "image", or of the only image feature there is; the labels
    those of the feature "label", where it is a `ClassLabel`.

    Args:
        spec: `NAME/SPLIT`, `NAME:VERSION/SPLIT`, `NAME/CONFIG/SPLIT`, or the folder of a prepared
            data set and a split, `/path/to/NAME/1.0.0/SPLIT`. A split may be a part or a sum, as in
            `train[:100]`, `train[50%:]+test`. Without a version, the newest that is prepared.
        data_dir: where prepared data sets are; by default `$TFDS_DATA_DIR`, or
            `~/tensorflow_datasets`.
        limit: take only so many images, evenly spaced; None for all.
        range: the values that become black and white in images of 16 bits; see `folder`.

    Returns:
        The images, in the order of the records. Nothing is decoded yet, but some for "auto".

    Raises:
        UserError: no such data set, version, configuration or split; not prepared, or not as
            ArrayRecord; no image feature.

    >>> from_tfds("tfds:cifar10/train", data_dir="nowhere")
    Traceback (most recent call last):
    atlasjax.errors.UserError: data set 'cifar10' is not prepared in 'nowhere'; prepare it with:
    python -c "import tensorflow_datasets as tfds; tfds.builder('cifar10', data_dir='nowhere',
    file_format='array_record').download_and_prepare()" (for some this needs TensorFlow)
    """
    import tensorflow_datasets as tfds

    wanted = checked(range)
    dataset, split = _parts(spec.removeprefix("tfds:"))
    if _is_folder(dataset):
        where = str(expanded(dataset)) if dataset.startswith("~") else dataset
    else:
        home = data_dir or os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
        where = str(_find(dataset, expanded(home)))
    if not (tfds.core.Path(where) / "dataset_info.json").exists():
        raise UserError(f"no prepared data set in '{where}'; write {_GRAMMAR}")
    builder = tfds.builder_from_directory(where)
    info: Any = builder.info
    if "array_record" not in {f.value for f in info.available_file_formats()}:
        name = "/".join(filter(None, [info.name, info.config_name]))
        raise UserError(
            f"data set '{info.full_name}' is stored as {info.file_format.value}, which has no "
            f"random access; set TFDS_DATA_DIR to another folder and {_recipe(name)}"
        )
    image, label, classes = _features(info)
    records = _open(builder, split)
    opened = Records(
        name=info.full_name,
        split=split,
        classes=classes,
        positions=spread(len(records), limit),
        records=records,
        image=image,
        label=label,
        range=None if wanted == AUTO else wanted,
    )
    if wanted != AUTO:
        return opened
    return replace(opened, range=range_of(lambda index: opened._pixels(index)[0], len(opened)))


def _parts(spec: str) -> tuple[str, str]:
    dataset, slash, split = spec.rpartition("/")
    if not (slash and dataset and split):
        raise UserError(f"no split in 'tfds:{spec}'; write {_GRAMMAR}, for example {spec}/train")
    return dataset, split


def _is_folder(dataset: str) -> bool:
    if dataset.startswith((".", "~")) or os.path.isabs(dataset) or "://" in dataset:
        return True
    return (Path(dataset) / "dataset_info.json").is_file()


def _find(dataset: str, home: Path) -> Path:
    """Return the folder of a prepared data set: home/name[/config]/version."""
    path, _, version = dataset.partition(":")
    name, *rest = path.split("/")
    if rest and not version and _VERSION.fullmatch(rest[-1]):
        version = rest.pop()  # NAME/VERSION, as TensorFlow Datasets prints it
    if not re.fullmatch(r"\w+", name) or len(rest) > 1:
        raise UserError(f"cannot read data set 'tfds:{dataset}'; write {_GRAMMAR}")
    top = home / name
    configs = [c for c in _folders(top) if _versions(top / c)]
    if rest and rest[0] not in configs and (configs or _versions(top)):
        raise unknown(f"configuration of data set '{name}' named", rest[0], configs)
    if not rest and not _versions(top) and len(configs) > 1:
        listed = ", ".join(f"{name}/{c}" for c in configs)
        raise UserError(f"data set '{name}' has several configurations; say which: {listed}")
    folder = top / rest[0] if rest else top if _versions(top) else top.joinpath(*configs)
    there = _versions(folder)
    if not there:
        raise _not_there(name, dataset, home)
    if version and version not in there:
        raise unknown(f"version of data set '{path}' prepared, named", version, there)
    return folder / (version or there[-1])


def _folders(path: Path) -> list[str]:
    return sorted(p.name for p in path.iterdir() if p.is_dir()) if path.is_dir() else []


def _versions(path: Path) -> list[str]:
    """List the versions prepared in a folder, the newest last."""
    found = [v for v in _folders(path) if _VERSION.fullmatch(v)]
    return sorted(found, key=lambda v: [int(n) for n in v.split(".")])


def _not_there(name: str, dataset: str, home: Path) -> UserError:
    """Return the error for a data set of which nothing is prepared."""
    import tensorflow_datasets as tfds

    known = tfds.list_builders(with_community_datasets=False)
    if name in known:
        recipe = _recipe(dataset, home)
        return UserError(f"data set '{dataset}' is not prepared in '{home}'; {recipe}")
    return unknown("data set", name, [*(n for n in _folders(home) if n != name), *known])


def _recipe(dataset: str, home: Path | None = None) -> str:
    """Return how to prepare a data set, with a line for the shell."""
    where = "" if home is None else f", data_dir='{home}'"
    return (
        'prepare it with: python -c "import tensorflow_datasets as tfds; '
        f"tfds.builder('{dataset}'{where}, file_format='array_record').download_and_prepare()\" "
        "(for some this needs TensorFlow)"
    )


def _features(info: Any) -> tuple[str, str | None, tuple[str, ...]]:
    """Return the names of the image and label features, and the classes."""
    import tensorflow_datasets as tfds

    features = dict(info.features)
    images = [n for n, f in features.items() if isinstance(f, tfds.features.Image)]
    image = "image" if "image" in images else images[0] if len(images) == 1 else None
    if image is None:
        there = ", ".join(sorted(images or features))
        raise UserError(
            f"data set '{info.full_name}' has no image feature to choose: one named 'image', or a "
            f"single one of any name; there are {there}"
        )
    if features[image].np_dtype.kind == "f":
        raise UserError(
            f"feature '{image}' of data set '{info.full_name}' holds float32 images, "
            "whose range is not known; images must be uint8 or uint16"
        )
    label = features.get("label")
    if not isinstance(label, tfds.features.ClassLabel):
        return image, None, ()
    return image, "label", tuple(label.names or ())


def _open(builder: Any, split: str) -> Sequence[bytes]:
    """Open the records of a split, having checked that it and its first file are there."""
    import tensorflow_datasets as tfds

    splits = builder.info.splits
    for part in split.split("+"):
        name = part.partition("[")[0].strip()
        if name not in splits and name != "all":
            raise unknown(f"split of data set '{builder.info.full_name}' named", name, splits)
    try:
        files = splits[split].file_instructions
        if not files:
            raise ValueError("it is empty")
        if not tfds.core.Path(files[0].filename).exists():
            raise ValueError(f"its file '{files[0].filename}' is missing")
        raw = tfds.decode.DeserializeMethod.RAW_BYTES
        return builder.as_data_source(split, deserialize_method=raw)
    except ValueError as error:
        raise UserError(
            f"cannot read split '{split}' of data set '{builder.info.full_name}': {reason(error)}"
        ) from error
