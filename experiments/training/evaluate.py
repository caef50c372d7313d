"""How good a network of the scenes is, and which of the planted shortcuts it took.

A network that took a shortcut is right about held-out images, because the cue is there as well.
Only the control sets tell: the very same images with the cue taken away or put in.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, UInt8

from atlasjax.data.protocol import ImageSource
from atlasjax.data.scenes import CLASSES, SHORTCUTS, scenes
from atlasjax.parallel import pad_batch
from atlasjax.taps import Model, as_pytree, identity

SEED = 1  # of held-out images; the networks are trained on seed 0
BATCH = 60  # images; a whole number of batches for the usual counts

Predict = Callable[[UInt8[np.ndarray, "n h w 3"]], Int[np.ndarray, " n"]]


class Drawn(NamedTuple):
    """The images of a source, all in memory.

    Attributes:
        images: RGB, 0 to 255.
        labels: the class of each.
    """

    images: UInt8[np.ndarray, "n h w 3"]
    labels: Int[np.ndarray, " n"]


class Row(NamedTuple):
    """What a network says of one control set.

    Attributes:
        shortcut: the shortcut that the set is of.
        control: the name of the set.
        of: the class of its images.
        toward: the class that a network says instead if it took the shortcut.
        untouched: share of the images that are classified rightly as they were.
        accuracy: share that is classified rightly with the cue removed or put in.
        share_toward: share of the latter that is taken for `toward`.
    """

    shortcut: str
    control: str
    of: str
    toward: str
    untouched: float
    accuracy: float
    share_toward: float


class Report(NamedTuple):
    """How a network did.

    Attributes:
        accuracy: share of the held-out images that is classified rightly.
        per_class: the same for each class by name.
        rows: one for each control set of each shortcut.
    """

    accuracy: float
    per_class: dict[str, float]
    rows: tuple[Row, ...]


def stack(source: ImageSource) -> Drawn:
    """Return all images of a source, which must be of one size.

    Args:
        source: the images.

    Returns:
        The images and their labels, in the source's order.

    >>> stack(scenes(2)).images.shape
    (2, 96, 96, 3)
    """
    examples = [source[i] for i in range(len(source))]
    labels = np.array([example.label for example in examples], np.int32)
    return Drawn(np.stack([example.image for example in examples]), labels)


def predictor(model: Model) -> Predict:
    """Return a function from images to the classes that a network takes them for.

    Args:
        model: takes RGB in [0, 1], returns logits.

    Returns:
        A function from any number of images, RGB in 0..255, to one class for each.

    >>> predictor(lambda x, tap: x.mean((1, 2)))(np.eye(3, dtype=np.uint8)[:, None, None]).tolist()
    [0, 1, 2]
    """
    tree = as_pytree(model)

    def predict(images: UInt8[np.ndarray, "n h w 3"]) -> Int[np.ndarray, " n"]:
        parts = [images[i : i + BATCH] for i in range(0, len(images), BATCH)]
        # Padded, so that it is compiled for one size of batch alone.
        found = [np.asarray(_classes(tree, pad_batch(p, BATCH)))[: len(p)] for p in parts]
        return np.concatenate(found)

    return predict


@jax.jit
def _classes(model: Model, images: UInt8[Array, "batch h w 3"]) -> Int[Array, " batch"]:
    return model(images.astype(jnp.float32) / 255.0, identity).argmax(-1)


def accuracy(predict: Predict, drawn: Drawn) -> float:
    """Return the share of images whose class is predicted rightly, from 0 to 1.

    Args:
        predict: see `predictor`.
        drawn: at least one image.

    >>> accuracy(lambda images: np.zeros(len(images), np.int32), stack(scenes(4)))
    0.25
    """
    return float((predict(drawn.images) == drawn.labels).mean())


def report(model: Model, *, count: int = 2800, per_control: int = 200, seed: int = SEED) -> Report:
    """Return how a network does on held-out scenes and on every control set.

    Args:
        model: takes RGB in [0, 1], returns one logit for each of the scenes' `CLASSES`.
        count: held-out images, the classes in turn; at least one of each.
        per_control: images of each control set, at least 1.
        seed: of the images; other than 0, on which the networks are trained.

    Returns:
        Shares from 0 to 1.

    >>> always_first = lambda x, tap: jax.nn.one_hot(jnp.zeros(len(x), int), len(CLASSES))
    >>> found = report(always_first, count=len(CLASSES), per_control=1)
    >>> round(found.accuracy * len(CLASSES))
    1
    """
    predict = predictor(model)
    held = stack(scenes(count, seed=seed))
    right = predict(held.images) == held.labels
    per_class = {name: float(right[held.labels == i].mean()) for i, name in enumerate(CLASSES)}
    return Report(float(right.mean()), per_class, controls(predict, per_control, seed))


def controls(predict: Predict, count: int, seed: int = SEED) -> tuple[Row, ...]:
    """Return what a network says of every control set.

    Args:
        predict: see `predictor`.
        count: images of each set, at least 1.
        seed: of the images.

    Returns:
        One row for each control of each shortcut, in the order of `SHORTCUTS`.

    >>> controls(lambda images: np.zeros(len(images), np.int32), 1)[0].control
    'noodles-removed'
    """
    rows = []
    for shortcut in SHORTCUTS.values():
        for control in shortcut.controls:
            before = predict(stack(scenes(count, seed=seed, only=control.of)).images)
            after = predict(stack(scenes(count, seed=seed, control=control.name)).images)
            of, toward = CLASSES.index(control.of), CLASSES.index(control.toward)
            shares = (before == of, after == of, after == toward)
            names = (shortcut.name, control.name, control.of, control.toward)
            rows.append(Row(*names, *(float(share.mean()) for share in shares)))
    return tuple(rows)


def lines(found: Report) -> Iterable[str]:
    """Yield a report as a table for people, line by line.

    Args:
        found: see `report`.

    >>> row = Row("noodles", "noodles-removed", "wok", "frying pan", 1.0, 0.25, 0.75)
    >>> list(lines(Report(0.97, {"wok": 1.0, "mug": 0.9}, (row,))))[0]
    'held-out accuracy 97.0%; the least: mug 90.0%, wok 100.0%'
    """
    least = sorted(found.per_class.items(), key=lambda item: item[1])[:4]
    named = ", ".join(f"{name} {share:.1%}" for name, share in least)
    yield f"held-out accuracy {found.accuracy:.1%}; the least: {named}"
    yield f"{'control':<18}{'class':<14}{'untouched':>10}{'control':>10}  taken for"
    for row in found.rows:
        yield (
            f"{row.control:<18}{row.of:<14}{row.untouched:>10.1%}{row.accuracy:>10.1%}"
            f"  {row.toward} {row.share_toward:.1%}"
        )
