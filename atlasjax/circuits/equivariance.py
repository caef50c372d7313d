"""Equivariance: units that are one another's turned, mirrored, scaled or recoloured copies.

A unit looks for something at one angle, and others of its layer for the same at others. It is seen
in the weights: those of one unit, turned, are those of another. Where the source has units that are
copies of one another as well, these must be exchanged along with it: what they become is the
`partner` that the layer before was found to have.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from atlasjax.errors import UserError

Transform = Callable[[Float[np.ndarray, "out in h w"]], Float[np.ndarray, "out in h w"]]
"""What is done to every kernel, such as `partial(turned, degrees=45)`, or to the colours."""


class Equivariance(NamedTuple):
    """How far units of a layer are one another's transformed copies.

    Attributes:
        correlation: of each unit's weights, transformed, with those of every unit.
        partner: for each unit the one that it becomes: of the largest correlation.
        strength: that correlation.
        without: the largest correlation that a unit has with another as it is; what does not
            exceed it is owed to likeness, not to the transformation.
    """

    correlation: Float[np.ndarray, "out out"]
    partner: Int[np.ndarray, " out"]
    strength: Float[np.ndarray, " out"]
    without: Float[np.ndarray, " out"]


def turned(weights: Float[np.ndarray, "out in h w"], degrees: float | int) -> Any:
    """Return kernels turned about their middle, to the left, by bilinear interpolation.

    Args:
        weights: between the units of two layers.
        degrees: how far.

    >>> turned(np.array([[1.0, 2.0], [3.0, 4.0]])[None, None], 90)[0, 0].round(6).tolist()
    [[2.0, 4.0], [1.0, 3.0]]
    """
    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    return _moved(weights, np.array([[cos, sin], [-sin, cos]]))


def scaled(weights: Float[np.ndarray, "out in h w"], factor: float | int) -> Any:
    """Return kernels made larger about their middle, or smaller where the factor is below 1.

    Args:
        weights: between the units of two layers.
        factor: how many times as large.

    >>> scaled(np.eye(3)[None, None], 2)[0, 0].round(2).tolist()
    [[0.5, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 0.5]]
    """
    if factor <= 0:
        raise UserError(f"factor {factor:g}: must be above 0")
    return _moved(weights, np.eye(2) / factor)


def reflected(weights: Float[np.ndarray, "out in h w"]) -> Float[np.ndarray, "out in h w"]:
    """Return kernels with left and right exchanged.

    >>> reflected(np.array([1.0, 2.0]).reshape(1, 1, 1, 2)).ravel()
    array([2., 1.])
    """
    return weights[..., ::-1]


def recoloured(weights: Float[np.ndarray, "out c h w"], degrees: float | int) -> Any:
    """Return weights from red, green and blue turned by a hue: about the axis of greys.

    Args:
        weights: from "image" to the units of a layer.
        degrees: how far; 120 takes red to green.

    Raises:
        UserError: weights that are not from three colours.

    >>> np.abs(recoloured(np.eye(3)[:1, :, None, None], 120)).round(6).ravel()
    array([0., 1., 0.])
    """
    if weights.shape[1] != 3:
        raise UserError(f"hues of {weights.shape[1]} units: weights must be from 3 colours")
    angle = np.deg2rad(degrees)
    grey = np.full(3, 3**-0.5)
    cross = np.cross(grey, np.eye(3)).T
    turn = np.cos(angle) * np.eye(3) + np.sin(angle) * cross
    turn = turn + (1 - np.cos(angle)) * np.outer(grey, grey)
    return np.einsum("dc,ochw->odhw", turn, weights)


def equivariance(
    weights: Float[np.ndarray, "out in h w"],
    transform: Transform,
    inputs: Int[np.ndarray, " n"] | None = None,
) -> Equivariance:
    """Correlate the weights of every unit, transformed, with those of all units.

    Args:
        weights: between the units of two layers.
        transform: what is done to them.
        inputs: for each source unit the one that it becomes, the `partner` of the layer before; by
            default they stay what they are, as colours do when an image is turned.

    Returns:
        Correlations over source units and positions, and the best of them.

    Raises:
        UserError: partners of another number of units.

    Source: Olah et al., "Naturally occurring equivariance in neural networks", Distill 2020.

    >>> kernels = np.array([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]]])[:, None]
    >>> equivariance(kernels, reflected).partner.tolist()
    [1, 0]
    """
    changed = np.asarray(transform(weights))
    if inputs is not None:
        if len(inputs) != weights.shape[1]:
            raise UserError(
                f"partners of {len(inputs)} units for weights from {weights.shape[1]}: "
                "must be one for each"
            )
        exchange = np.zeros((len(inputs), len(inputs)))
        exchange[np.asarray(inputs), np.arange(len(inputs))] = 1
        changed = np.einsum("ji,oihw->ojhw", exchange, changed)
    own, other = _normalized(weights), _normalized(changed)
    correlation = other @ own.T
    plain = own @ own.T
    np.fill_diagonal(plain, -1)
    partner = correlation.argmax(1)
    strength = correlation[np.arange(len(own)), partner]
    return Equivariance(correlation, partner, strength, plain.max(1))


def turns(
    weights: Float[np.ndarray, "out in h w"],
    degrees: Sequence[float | int],
    inputs: Sequence[Int[np.ndarray, " in"] | None] | None = None,
) -> tuple[Float[np.ndarray, "out out"], Float[np.ndarray, "out out"]]:
    """Find by what angle each unit of a family is turned against every other.

    Args:
        weights: between the units of two layers, of the target units of a family.
        degrees: angles to try.
        inputs: for each angle what source units become; see `equivariance`.

    Returns:
        The angle by which a unit's weights must be turned to be most like another's, and how like
        they are then, as a correlation.

    >>> bars = np.stack([np.eye(3), np.eye(3)[::-1]])[:, None]
    >>> turns(bars, (0, 45, 90))[0].tolist()
    [[0.0, 90.0], [90.0, 0.0]]
    """
    given = [None] * len(degrees) if inputs is None else inputs
    every = np.stack(
        [
            equivariance(weights, lambda w, d=d: turned(w, d), partner).correlation
            for d, partner in zip(degrees, given, strict=True)
        ]
    )
    return np.asarray(degrees, float)[every.argmax(0)], every.max(0)


def _moved(weights: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    from scipy.ndimage import affine_transform

    height, width = weights.shape[2:]
    middle = (np.array([height, width]) - 1) / 2
    offset: Any = middle - matrix @ middle
    places = np.eye(height * width).reshape(-1, height, width)
    # What becomes of one weight at each place, so that all kernels are moved by one product.
    # Beyond the border is 0, and a place that lies a rounding error beyond it is still inside.
    moved = [affine_transform(one, matrix, offset, order=1, mode="grid-constant") for one in places]
    each = np.stack(moved)
    return np.einsum("oihw,hwrc->oirc", weights, each.reshape(height, width, height, width))


def _normalized(weights: np.ndarray) -> Float[np.ndarray, "out n"]:
    rows = weights.reshape(len(weights), -1).astype(np.float64)
    rows = rows - rows.mean(1, keepdims=True)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)
