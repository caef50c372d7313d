"""The names of the classes of networks that are known by name: which files hold them, and how."""

import os
import re
from pathlib import Path

from atlasjax.classes import ClassName, numbered
from atlasjax.errors import UserError
from atlasjax.models.specs import GOOGLENET, INCEPTION5H, TORCHVISION, Spec
from atlasjax.models.weights.known import LABELS, SYNSETS

_FILES = {GOOGLENET.name: SYNSETS, TORCHVISION.name: SYNSETS, INCEPTION5H.name: LABELS}


def file_name(network: str) -> str | None:
    """Return what the file with the names of a network's classes is called, beside its weights.

    Args:
        network: its name.

    >>> file_name("inception5h")
    'imagenet_comp_graph_label_strings.txt'
    """
    return _FILES.get(network)


def find(spec: Spec, weights: str | os.PathLike | None) -> tuple[ClassName, ...]:
    """Return the names of a network's classes, from the file beside its weights if there is one.

    torchvision's GoogLeNet has the classes of Caffe's in the same order, and takes their names
    where it has none of its own.

    Args:
        spec: the network.
        weights: its weights file.

    Returns:
        One for each logit; "class 0", "class 1" and so on where they are not known.

    Raises:
        UserError: no such weights file, or a file of class names that is not one.
    """
    from atlasjax.models.weights import store
    from atlasjax.models.weights.files import existing

    called = file_name(spec.name)
    places = [] if weights is None or called is None else [existing(weights).parent / called]
    if called == SYNSETS:
        shared = (store.class_names(name) for name in (GOOGLENET.name, TORCHVISION.name))
        places += [path for path in shared if path is not None]
    path = next((path for path in places if path.is_file()), None)
    return numbered(spec.classes) if path is None else read(spec, path)


def read(spec: Spec, path: Path) -> tuple[ClassName, ...]:
    """Read the names of a network's classes.

    Caffe's file has "n01440764 tench, Tinca tinca" on each of 1,000 lines. That of inception5h has
    a name on each of 1,001, the first being "dummy"; logits that it does not name were never used.

    Args:
        spec: the network.
        path: the file.

    Raises:
        UserError: it has lines of another number, or of another kind.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if file_name(spec.name) == LABELS:
        return _labels(lines, path, spec.classes)
    if len(lines) != spec.classes:
        raise UserError(f"{path}: {len(lines)} lines; the network has {spec.classes} classes")
    for i, line in enumerate(lines):
        if not re.match(r"n\d{8}\s+\S", line):
            raise UserError(f"{path}, line {i + 1}: must be an id and names, as n01440764 tench")
    return tuple(ClassName(*line.split(maxsplit=1)) for line in lines)


def _labels(lines: list[str], path: Path, classes: int) -> tuple[ClassName, ...]:
    named = [line.strip() for line in lines]
    while named and not named[-1]:
        named.pop()
    unused = classes - len(named)
    if not 0 <= unused < 8 or not all(named):  # 1,008 logits, of 1,001 of which there are names
        raise UserError(f"{path}: {len(named)} names; the network has {classes} classes")
    return (*(ClassName("", name) for name in named), *numbered(classes)[len(named) :])
