"""The networks that atlasjax knows by name, with their weights and the names of their classes.

Everything is imported when it is asked for, so that a command line which only lists the names
starts at once.
"""

from __future__ import annotations

import os
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from atlasjax.classes import ClassName, numbered
from atlasjax.errors import UserError, unknown

if TYPE_CHECKING:
    from atlasjax.adapters.entry import ModelEntry
    from atlasjax.models.inception_v1 import InceptionV1, Spec

GOOGLENET = "googlenet"
TINY = "inception_v1_tiny"
SCENES = "inception_v1_scenes"
RECIPE = "python -m atlasjax.experiments.training.inception_v1_scenes --out FILE.safetensors"
FORMATS = "a .safetensors file with Caffe's tensor names, or the original .caffemodel"
SYNSETS = "synset_words.txt"
EARLY = ("conv2d", "mixed3")  # layers that the article lays out and draws in another way


def available() -> tuple[str, ...]:
    """Return the names that `load` knows.

    >>> available()
    ('googlenet', 'inception_v1_scenes', 'inception_v1_tiny')
    """
    return (GOOGLENET, SCENES, TINY)


def spec(name: str) -> Spec:
    """Return the widths of a network and what else describes it; no weights are read.

    Args:
        name: of the network, as for `load`.

    Raises:
        UserError: no such name.

    >>> spec("inception_v1_scenes").stem
    (32, 32, 96)
    """
    if name not in available():
        raise unknown("model", name, available())
    from atlasjax.models import inception_v1

    if name == TINY:
        return inception_v1.narrow(inception_v1.GOOGLENET, 8, classes=10, name=TINY)
    if name == SCENES:
        from atlasjax.data.scenes import CLASSES

        half = inception_v1.narrow(inception_v1.GOOGLENET, 2, classes=len(CLASSES), name=SCENES)
        # The last block is as narrow as the one before it, so that the file is below 3 MB.
        blocks = (*half.blocks[:-1], ("mixed5b", half.blocks[-2][1]))
        return replace(half, blocks=blocks, mean=(127.5, 127.5, 127.5), bgr=False)
    return inception_v1.GOOGLENET


def default_weights(name: str) -> Path | None:
    """Return the weights file that the package carries for a network.

    Args:
        name: of the network, as for `load`.

    Returns:
        The file that `load` reads where no other is given; None for a network without one.

    Raises:
        UserError: no such name, or the file is missing from this installation.

    >>> default_weights("googlenet") is None
    True
    """
    if name not in available():
        raise unknown("model", name, available())
    if name != SCENES:
        return None
    path = Path(str(resources.files("atlasjax.models.weights").joinpath(f"{name}.safetensors")))
    if not path.is_file():
        raise UserError(
            f"the weights of {name} are missing: no file {str(path)!r}; make it: {RECIPE}"
        )
    return path


def load(name: str, weights: str | os.PathLike | None = None, *, seed: int = 0) -> InceptionV1:
    """Return a network with its weights.

    Args:
        name: "googlenet", BVLC GoogLeNet as trained in Caffe, which needs `weights`;
            "inception_v1_scenes", the same network with half the width, trained on the generated
            images of `atlasjax.data.scenes`, whose weights the package carries; or
            "inception_v1_tiny", with an eighth of the width and 10 classes, for tests and first
            experiments, with random weights where none are given.
        weights: a .safetensors file with Caffe's tensor names, or a .caffemodel. What is
            converted from a caffemodel is kept in the user's cache, or in `$ATLASJAX_CACHE`. A file
            called bvlc_googlenet.caffemodel must have the published checksum.
        seed: of the random weights.

    Returns:
        The network: a callable pytree from images in [0, 1] to logits.

    Raises:
        UserError: no such name; no weights where they are needed; a file that is absent,
            truncated, of neither format, or of another network.

    >>> model = load("inception_v1_tiny")
    >>> model.spec.classes
    10
    """
    network = spec(name)
    if weights is None:
        weights = default_weights(name)
    if weights is not None:
        return _read(Path(weights), network)
    if name == GOOGLENET:
        raise UserError(
            f"{name} needs trained weights (--weights PATH, or weights=PATH from Python): {FORMATS}"
        )
    from atlasjax.models.weights.initial import random_weights

    return random_weights(network, seed)


def entry(name: str) -> ModelEntry:
    """Return how a network is loaded, what it expects of its images, and its classes' names.

    Args:
        name: of the network, as for `load`.

    Raises:
        UserError: no such name.

    >>> entry("inception_v1_scenes").image_size
    96
    """
    if name not in available():
        raise unknown("model", name, available())
    from atlasjax.adapters.entry import ModelEntry

    def loaded(weights: str | None = None, seed: int = 0) -> InceptionV1:
        return load(name, weights, seed=seed)

    return ModelEntry(
        name,
        loaded,
        image_size=96 if name == SCENES else 224,
        class_names=lambda weights: class_names(name, weights),
        early_layers=EARLY,
    )


def abstract(name: str) -> InceptionV1:
    """Return a network whose weights are shapes alone: enough for `taps.layers`, and no file.

    Args:
        name: of the network, as for `load`.

    Raises:
        UserError: no such name.

    >>> abstract("inception_v1_tiny").classifier.kernel.shape
    (128, 10)
    """
    from flax import nnx

    from atlasjax.models.inception_v1 import InceptionV1

    return nnx.eval_shape(lambda: InceptionV1(spec(name), rngs=nnx.Rngs(0)))


def class_names(name: str, weights: str | os.PathLike | None = None) -> tuple[ClassName, ...]:
    """Return the names of a network's classes, in the order of its logits.

    Args:
        name: of the network, as for `load`.
        weights: its weights file. For googlenet the names are read from `synset_words.txt` beside
            it ("n01440764 tench, Tinca tinca" on each line), where that is there.

    Returns:
        One for each logit; "class 0", "class 1" and so on where they are not known.

    Raises:
        UserError: no such name; no such weights file; a `synset_words.txt` that is not one.

    >>> class_names("inception_v1_tiny")[3]
    ClassName(wnid='', name='class 3')
    """
    if name == SCENES:
        from atlasjax.data.scenes import CLASSES

        return tuple(ClassName("", scene) for scene in CLASSES)
    count = spec(name).classes
    if name == GOOGLENET and weights is not None:
        from atlasjax.models.weights.files import existing

        beside = existing(weights).parent / SYNSETS
        if beside.is_file():
            return _read_synsets(beside, count)
    return numbered(count)


def weights_hash(path: str | os.PathLike) -> str:
    """Return the sha256 of a weights file, in hexadecimal.

    Args:
        path: the file; it is read in pieces.

    Raises:
        UserError: there is no such file.

    >>> weights_hash(os.devnull)
    Traceback (most recent call last):
    atlasjax.errors.UserError: no weights file '/dev/null'...
    """
    from atlasjax.models.weights.files import digest

    return digest(path)


def save(model: InceptionV1, path: str | os.PathLike, *, dtype: str = "float32") -> None:
    """Write a network's weights as safetensors with Caffe's tensor names, for `load` to read.

    Args:
        model: the network.
        path: the file, whose name ends in ".safetensors"; one that is there is replaced.
        dtype: "float32", or "float16" for half the size and three digits.

    Raises:
        UserError: another dtype, weights too large for float16, or a file that cannot be written.

    >>> save(load("inception_v1_tiny"), "a.safetensors", dtype="int8")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no dtype of weights 'int8'; there are float32, float16
    """
    import numpy as np

    from atlasjax.models.weights import caffe, files

    if dtype not in ("float32", "float16"):
        raise unknown("dtype of weights", dtype, ("float32", "float16"))
    tensors = caffe.to_caffe(model)
    for name, tensor in tensors.items():
        largest = np.abs(tensor).max()
        if largest > np.finfo(dtype).max:
            raise UserError(f"tensor {name!r} has values up to {largest:g}, too large for {dtype}")
    files.write(path, {name: tensor.astype(dtype) for name, tensor in tensors.items()})


def _read(path: Path, spec: Spec) -> InceptionV1:
    from atlasjax.models.weights import caffe, caffemodel, files

    path = files.existing(path)
    if path.suffix == ".safetensors":
        return caffe.from_caffe(files.read(path), spec, str(path))
    if path.suffix == ".caffemodel":
        return caffemodel.load(path, spec)
    raise UserError(f"{path}: weights are read from {FORMATS}")


def _read_synsets(path: Path, count: int) -> tuple[ClassName, ...]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if len(lines) != count:
        raise UserError(f"{path}: {len(lines)} lines; the network has {count} classes")
    found = tuple(ClassName(*line.split(maxsplit=1)) for line in lines if len(line.split()) > 1)
    if len(found) != count:
        wrong = next(i for i, line in enumerate(lines) if len(line.split()) < 2)
        raise UserError(f"{path}, line {wrong + 1}: must be an id and names, as n01440764 tench")
    return found
