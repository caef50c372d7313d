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
    from atlasjax.models.inception_v1 import InceptionV1
    from atlasjax.models.specs import Spec

GOOGLENET = "googlenet"
INCEPTION5H = "inception5h"
TORCHVISION = "torchvision_googlenet"
TINY = "inception_v1_tiny"
SCENES = "inception_v1_scenes"
RECIPE = "python -m atlasjax.experiments.training.inception_v1_scenes --out FILE.safetensors"
EARLY = ("conv2d", "mixed3")  # layers that the article lays out and draws in another way


def available() -> tuple[str, ...]:
    """Return the names that `load` knows.

    >>> available()
    ('googlenet', 'inception5h', 'inception_v1_scenes', 'inception_v1_tiny',
    'torchvision_googlenet')
    """
    return (GOOGLENET, INCEPTION5H, SCENES, TINY, TORCHVISION)


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
    from atlasjax.models import specs

    if name == TINY:
        return specs.narrow(specs.GOOGLENET, 8, classes=10, name=TINY)
    if name == SCENES:
        from atlasjax.data.scenes import CLASSES

        half = specs.narrow(specs.GOOGLENET, 2, classes=len(CLASSES), name=SCENES)
        # The last block is as narrow as the one before it, so that the file is below 3 MB.
        blocks = (*half.blocks[:-1], ("mixed5b", half.blocks[-2][1]))
        return replace(half, blocks=blocks, mean=(127.5, 127.5, 127.5), bgr=False)
    published = (specs.GOOGLENET, specs.INCEPTION5H, specs.TORCHVISION)
    return {known.name: known for known in published}[name]


def default_weights(name: str) -> Path | None:
    """Return the weights file of a network that is here: in the package, or fetched before.

    Args:
        name: of the network, as for `load`.

    Returns:
        The file that `load` reads where no other is given; None for a network without one.

    Raises:
        UserError: no such name, or the file is missing from this installation.

    >>> default_weights("inception_v1_tiny") is None
    True
    """
    if name not in available():
        raise unknown("model", name, available())
    if name != SCENES:
        from atlasjax.models.weights import store

        return store.weights(name)
    path = Path(str(resources.files("atlasjax.models.weights").joinpath(f"{name}.safetensors")))
    if not path.is_file():
        raise UserError(
            f"the weights of {name} are missing: no file {str(path)!r}; make it: {RECIPE}"
        )
    return path


def load(name: str, weights: str | os.PathLike | None = None, *, seed: int = 0) -> InceptionV1:
    """Return a network with its weights.

    Args:
        name: "inception5h", the network of the article and of Lucid; "googlenet", BVLC's, as
            trained in Caffe; "torchvision_googlenet", torchvision's; "inception_v1_scenes", the
            same network with half the width, trained on the generated images of
            `atlasjax.data.scenes`, whose weights the package carries; or "inception_v1_tiny", with
            an eighth of the width and 10 classes, for tests and first experiments, with random
            weights where none are given.
        weights: the weights file: as it was published, or a .safetensors file with Caffe's tensor
            names (see `save`) or with the published ones. By default what `atlasjax weights fetch`
            or `import` put in the user's cache. What has to be converted is kept there as well; the
            cache is elsewhere where `$ATLASJAX_CACHE` says so.
        seed: of the random weights.

    Returns:
        The network: a callable pytree from images in [0, 1] to logits.

    Raises:
        UserError: no such name; no weights where they are needed; a file that is absent,
            truncated, of no known format, or of another network.

    Source: the files themselves are listed in `atlasjax.models.weights.known`.

    >>> model = load("inception_v1_tiny")
    >>> model.spec.classes
    10
    """
    network = spec(name)
    if weights is None:
        weights = default_weights(name)
        if name not in (SCENES, TINY) and weights is not None:
            from atlasjax.models.weights import store

            store.verify(name)
    if weights is not None:
        from atlasjax.models.weights import convert

        return convert.load(weights, network)
    if name != TINY:
        from atlasjax.models.weights.known import by_hand

        raise UserError(
            f"{name} needs trained weights: atlasjax weights fetch {name} (or {by_hand(name)}), "
            "or --weights PATH, weights=PATH from Python"
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
        weights: its weights file. The names are read from the file beside it that
            `class_names_file` names, where that is there.

    Returns:
        One for each logit; "class 0", "class 1" and so on where they are not known.

    Raises:
        UserError: no such name; no such weights file; a file of class names that is not one.

    >>> class_names("inception_v1_tiny")[3]
    ClassName(wnid='', name='class 3')
    """
    if name == SCENES:
        from atlasjax.data.scenes import CLASSES

        return tuple(ClassName("", scene) for scene in CLASSES)
    if name == TINY:
        return numbered(spec(name).classes)
    from atlasjax.models import labels

    return labels.find(spec(name), default_weights(name) if weights is None else weights)


def class_names_file(name: str) -> str:
    """Return what the file with the names of a network's classes is called, beside its weights.

    Args:
        name: of the network, as for `load`.

    Raises:
        UserError: its names are in no file.

    >>> class_names_file("googlenet")
    'synset_words.txt'
    """
    from atlasjax.models import labels

    found = labels.file_name(spec(name).name)
    if found is None:
        raise UserError(f"{name} has no file of class names")
    return found


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
