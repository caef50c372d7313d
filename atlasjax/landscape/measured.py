"""Loss and accuracy of one network on labelled images, which pass through it in batches."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from atlasjax.errors import UserError
from atlasjax.landscape.losses import Loss, cross_entropy
from atlasjax.parallel import pad_batch
from atlasjax.taps import Model, as_pytree, identity


class Data(NamedTuple):
    """Images in batches of one size, the last of them padded.

    Attributes:
        images: 0 to 255, or in [0, 1].
        labels: the class of each.
        count: 1 for an image, 0 for one that fills the last batch.
    """

    images: Any
    labels: Int[np.ndarray, "batches batch"]
    count: Float[np.ndarray, "batches batch"]  # pyright: ignore[reportIncompatibleMethodOverride]


def evaluate(
    model: Model, images: Any, labels: Any, *, loss: Loss = cross_entropy, batch: int = 32
) -> tuple[float, float]:
    """Return loss and accuracy of one network, as a surface has them at its point.

    Args:
        model: the network.
        images: as of `surfaces.surface`.
        labels: the class of each.
        loss: as of `surfaces.surface`.
        batch: images that are looked at together.

    >>> model = lambda x, tap: x.mean((1, 2))
    >>> evaluate(model, jnp.ones((1, 1, 1, 2)), jnp.array([1]))
    (0.693..., 0.0)
    """
    data = in_batches(model, images, labels, batch)
    value, right = _evaluated(as_pytree(model), data, loss)
    return float(value), float(right)


def answers(model: Model, images: Any, batch: int = 32) -> Int[np.ndarray, " n"]:
    """Return what a network takes each image for, which counts as right where no labels are given.

    Args:
        model: the network.
        images: as of `surfaces.surface`.
        batch: images that are looked at together.

    >>> answers(lambda x, tap: x.mean((1, 2)), jnp.eye(3)[:, None, None]).tolist()
    [0, 1, 2]
    """
    return in_batches(model, images, None, batch).labels.ravel()[: len(images)]


def in_batches(model: Model, images: Any, labels: Any, batch: int) -> Data:
    """Return images in batches of one size.

    Args:
        model: says what the images are, where no labels are given.
        images: as of `surfaces.surface`.
        labels: as of `surfaces.surface`.
        batch: at most so many together.

    Raises:
        UserError: no images, or labels that do not fit.
    """
    shape = tuple(getattr(images, "shape", ()))
    if len(shape) != 4 or not shape[0]:
        raise UserError(f"images of shape {list(shape)}: give [n, h, w, c], at least one image")
    if batch < 1:
        raise UserError(f"batch={batch}: at least 1")
    size = min(batch, shape[0])
    count = -(-shape[0] // size)
    known = np.zeros(shape[0], np.int32) if labels is None else np.asarray(labels)
    if known.shape != shape[:1] or not np.issubdtype(known.dtype, np.integer):
        raise UserError(
            f"labels of shape {list(known.shape)} and type {known.dtype} for {shape[0]} images: "
            "give one whole number for each"
        )
    rows = (jnp.asarray(images), known.astype(np.int32), np.ones(shape[0], np.float32))
    padded = [pad_batch(a, count * size).reshape(count, size, *a.shape[1:]) for a in rows]
    padded[2] = np.where(np.arange(count * size) < shape[0], 1, 0).reshape(count, size)
    data = Data(padded[0], padded[1], padded[2].astype(np.float32))
    classes = _classes(model, data)
    if labels is None:
        return data._replace(labels=np.asarray(_said(as_pytree(model), data.images), np.int32))
    if known.min() < 0 or known.max() >= classes:
        wrong = known.min() if known.min() < 0 else known.max()
        raise UserError(f"label {wrong}: the network has {classes} classes, from 0 on")
    return data


def as_float(images: Array) -> Array:
    """Return images in [0, 1], of bytes or as they are."""
    is_float = jnp.issubdtype(images.dtype, jnp.floating)
    return images if is_float else images.astype(jnp.float32) / 255


def _classes(model: Model, data: Data) -> int:
    """Return how many classes a network has."""

    def of(images: Array) -> Array:
        return model(as_float(images), identity)

    shape = jax.eval_shape(of, data.images[0]).shape
    if len(shape) != 2 or not shape[1]:
        raise UserError(f"the network returns {list(shape)}, not logits [batch, classes]")
    return shape[1]


@jax.jit
def _said(model: Model, images: Array) -> Array:
    return jax.lax.map(lambda x: model(as_float(x), identity).argmax(-1), images)


@partial(jax.jit, static_argnums=2)
def _evaluated(model: Model, data: Data, loss: Loss) -> tuple[Array, Array]:
    return measured(model, data, loss)


def measured(model: Model, data: Data, loss: Loss) -> tuple[Array, Array]:
    """Return mean loss and accuracy of one network, inside another computation.

    Args:
        model: the network.
        data: see `in_batches`.
        loss: as of `surfaces.surface`.
    """

    def add(total: tuple[Array, Array], some: Data) -> tuple[tuple[Array, Array], None]:
        logits = model(as_float(some.images), identity)
        each = loss(logits, jnp.asarray(some.labels)).astype(jnp.float32)
        right = (logits.argmax(-1) == some.labels) & jnp.isfinite(logits).all(-1)
        counted = some.count > 0
        value = jnp.where(counted, each, 0).sum()
        return (total[0] + value, total[1] + (right & counted).sum()), None

    start = (jnp.zeros((), jnp.float32), jnp.zeros((), jnp.int32))
    (value, right), _ = jax.lax.scan(add, start, data)
    total = jnp.asarray(data.count).sum()
    return value / total, right.astype(jnp.float32) / total
