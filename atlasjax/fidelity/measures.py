"""Fidelity: how much of a layer its atlas keeps, and how much of it the plane distorts.

Three things stand between the activations and the picture: they are laid out on a plane, cut into
cells, and each cell is replaced by one direction. Each loses something, which is measured here.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from atlasjax.atlas.cosine import cosines, unit
from atlasjax.atlas.grid import Cells, cell_of
from atlasjax.atlas.neighbors import METRIC, as_points, neighbors
from atlasjax.atlas.rows import Rows, pieces, take

NEIGHBORS = 15  # whose loss is looked at: about what the eye takes for a group
ROUNDING = 1e-12  # a variance of so little of the energy is none: activations are in float32
POINTS = 3000  # ranks are compared all with all: memory grows with the square


class Spread(NamedTuple):
    """How alike the members of each cell are.

    Attributes:
        cosine: mean cosine of the members with the cell's direction.
        width: root mean square distance of the members from it, as a share of that of all
            activations from the layer's mean; NaN where all activations are equal.
        layer_cosine: mean cosine of all activations with the layer's mean: what one cell that holds
            everything would have.
    """

    cosine: Float[np.ndarray, " cells"]
    width: Float[np.ndarray, " cells"]
    layer_cosine: float


class Explained(NamedTuple):
    """The share of a layer's energy that remains when each activation is its cell's mean.

    Attributes:
        centred: of the variance about the layer's mean, 0 to 1; None where there is none.
        uncentred: of the sum of squares, 0 to 1; None where that is 0.
        chance: what cells of the same sizes, filled at random, keep of the variance on average.
    """

    centred: float | None
    uncentred: float | None
    chance: float | None


class Map(NamedTuple):
    """How well neighbourhoods survive on the plane.

    Attributes:
        trustworthiness: 1 where neighbours on the plane are neighbours in the layer.
        continuity: 1 where neighbours in the layer are neighbours on the plane.
        points: how many activations were compared.
        neighbors: the size of the neighbourhoods.
    """

    trustworthiness: float | None
    continuity: float | None
    points: int
    neighbors: int


def spread(cells: Cells, value: Float[np.ndarray, "n c"] | Rows) -> Spread:
    r"""Measure how alike the members of each cell are.

    With direction $d$ of a cell with members $a_i$, and mean $m$ of all $n$ activations:
    cosine $\frac{1}{k} \sum_i \cos(a_i, d)$, and width
    $\sqrt{\frac{1}{k} \sum_i |a_i - d|^2} / \sqrt{\frac{1}{n} \sum_j |a_j - m|^2}$.

    Args:
        cells: the level's cells.
        value: the layer's activations, all that were sampled.

    Returns:
        One cosine and one width for each cell, and the layer's own cosine.

    >>> value = np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0], [0.0, 2.0]])
    >>> two, zero = np.array([2, 2]), np.array([0, 1])
    >>> cells = Cells(zero, zero, two, np.array([[2.0, 0.0], [0.0, 2.0]]), np.arange(4), 2 * zero)
    >>> found = spread(cells, value)
    >>> found.cosine.tolist(), found.width.round(3).tolist()
    ([1.0, 1.0], [0.632, 0.0])
    """
    mean, variance = _centre(value)
    own, number, layer = cell_of(cells, len(value)), len(cells.count), 0.0
    direction = cells.direction.astype(np.float64)
    cosine, within = np.zeros((2, number))
    towards = unit(direction)
    for part, piece in pieces(value):
        exact, cell = piece.astype(np.float64), own[part]
        layer += cosines(exact, mean).sum()
        inside, cell = exact[cell >= 0], cell[cell >= 0]
        alike = np.einsum("nc,nc->n", unit(inside), towards[cell])
        cosine += np.bincount(cell, alike, number)
        within += np.bincount(cell, np.square(inside - direction[cell]).sum(1), number)
    cosine, within, layer = cosine / cells.count, within / cells.count, layer / len(value)
    width = np.sqrt(within / variance) if variance else np.full(number, np.nan)
    return Spread(cosine, width, float(layer))


def explained(cells: Cells, value: Float[np.ndarray, "n c"] | Rows) -> Explained:
    r"""Measure how much of the layer remains when each activation is replaced by its cell's mean.

    One minus within over total: $1 - \sum_i |a_i - d_{c(i)}|^2 / \sum_i |a_i - m|^2$ over all
    sampled activations. Those in cells that were dropped keep nothing: theirs is the layer's mean
    $m$. Without centring $m$ is 0. What random cells of the same sizes $k$ keep of the variance is
    $\sum_k (n - k) / (n (n - 1))$, about the number of cells by the number of activations.

    Args:
        cells: the level's cells.
        value: the layer's activations, all that were sampled, kept in a cell or not.

    Returns:
        The shares.

    >>> zero = np.array([0])
    >>> cells = Cells(zero, zero, zero + 2, np.array([[2.0]]), np.arange(2), zero)
    >>> explained(cells, np.array([[1.0], [3.0], [-4.0]]))
    Explained(centred=0.307..., uncentred=0.307..., chance=0.166...)
    """
    n, direction = len(value), cells.direction.astype(np.float64)
    mean, variance = _centre(value)
    energy = variance + mean @ mean
    between = cells.count @ np.square(direction - mean).sum(1) / n
    kept = cells.count @ np.square(direction).sum(1) / n
    return Explained(
        centred=float(between / variance) if variance else None,
        uncentred=float(kept / energy) if energy else None,
        chance=float((n - cells.count).sum() / (n * (n - 1))) if n > 1 else None,
    )


def map_quality(
    value: Float[np.ndarray, "n c"] | Rows,
    xy: Float[np.ndarray, "n d"],
    *,
    metric: str = METRIC,
    k: int = NEIGHBORS,
    points: int = POINTS,
    seed: int = 0,
) -> Map:
    r"""Measure trustworthiness and continuity of a layout.

    Trustworthiness is
    $1 - \frac{2}{nk(2n - 3k - 1)} \sum_i \sum_{j \in N_k(i)} \max(0, r(i,j) - k)$
    with the $k$ nearest on the plane $N_k(i)$ and ranks $r$ in the layer: it falls where the plane
    puts strangers side by side. Continuity is the same with layer and plane exchanged: it falls
    where the plane tears neighbours apart. A random layout has about 0.5.

    Args:
        value: the layer's activations, one a row.
        xy: the place of each.
        metric: by which the layer's neighbours are found; see `layout`.
        k: size of the neighbourhoods; less than half as many as there are points.
        points: if there are more activations, so many are drawn.
        seed: of the draw.

    Returns:
        Both, from 0 to 1; None for fewer than 5 activations.

    Source: Venna and Kaski 2001; computed by scikit-learn.

    >>> value = np.random.default_rng(0).normal(size=(60, 2))
    >>> found = map_quality(value, 3 * value, metric="euclidean")
    >>> found.trustworthiness, found.continuity, found.points
    (1.0, 1.0, 60)
    """
    chosen = np.arange(len(value))
    if len(value) > points:
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, points, replace=False))
    n = len(chosen)
    k = min(k, (n - 1) // 2)
    if n < 5:
        return Map(None, None, n, k)
    from sklearn.manifold import trustworthiness

    layer, plane = as_points(take(value, chosen), metric), xy[chosen]
    there = trustworthiness(layer, plane, n_neighbors=k)
    back = trustworthiness(plane, layer, n_neighbors=k)
    return Map(float(there), float(back), n, k)


class Agreement(NamedTuple):
    """How alike two layouts of the same points are.

    Attributes:
        disparity: what remains between them after moving, turning, mirroring and scaling one onto
            the other, as a share of its variance: 0 the same, 1 unrelated.
        overlap: the share of each point's nearest neighbours that is the same in both.
        chance: of the overlap, between unrelated layouts.
        points: how many points.
        neighbors: how many of each point's nearest were compared.
    """

    disparity: float | None
    overlap: float | None
    chance: float | None
    points: int
    neighbors: int


def agreement(
    one: Float[np.ndarray, "n d"], other: Float[np.ndarray, "n d"], *, k: int = NEIGHBORS
) -> Agreement:
    r"""Compare two layouts of the same points, as a whole and by neighbourhoods.

    The disparity is Procrustes': both are centred and scaled to length 1, then
    $\min_{s, R} |X - s Y R|^2 = 1 - (\sum \sigma(X^T Y))^2$. The overlap is the mean of
    $|N_k(i) \cap N'_k(i)| / k$; by chance it is $k / (n - 1)$.

    Args:
        one: the places in one.
        other: the places in the other.
        k: how many neighbours to compare; at most all others.

    Returns:
        Both, each None where it is not defined: for fewer than 3 points, or for a layout in which
        all points are at one place.

    Source: Gower 1975; scipy computes the disparity.

    >>> places = np.random.default_rng(0).normal(size=(40, 2))
    >>> found = agreement(places, 2 * places[:, ::-1] + 1)
    >>> round(found.disparity, 6), found.overlap
    (0.0, 1.0)
    """
    from scipy.spatial import procrustes

    n = len(one)
    k = min(k, n - 1)
    if n < 3 or not (np.ptp(one, 0).any() and np.ptp(other, 0).any()):
        return Agreement(None, None, None, n, k)
    disparity = procrustes(one.astype(np.float64), other.astype(np.float64))[2]
    near, far = (neighbors(xy, k + 1, "euclidean")[0][:, 1:] for xy in (one, other))
    shared = (near[:, :, None] == far[:, None, :]).any(2).mean()
    return Agreement(float(disparity), float(shared), k / (n - 1), n, k)


def _centre(value: Rows) -> tuple[Float[np.ndarray, " c"], float]:
    """Return the mean of the activations, and their mean squared distance from it."""
    mean = np.zeros(value.shape[1])
    for _, piece in pieces(value):
        mean += piece.sum(0, dtype=np.float64) / len(value)
    # In pieces, so that no second copy of a large layer is held in double precision.
    variance = float(sum(np.square(one - mean).sum() for _, one in pieces(value)) / len(value))
    return mean, variance if variance > ROUNDING * (mean @ mean) else 0.0
