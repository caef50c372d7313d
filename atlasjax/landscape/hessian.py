"""The Hessian of the loss by its products with vectors: leading eigenvectors, and curvature."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Key

from atlasjax.errors import UserError
from atlasjax.landscape.directions import Direction
from atlasjax.landscape.losses import Loss, cross_entropy
from atlasjax.landscape.measured import Data, as_float, in_batches
from atlasjax.landscape.surfaces import check_directions, grid_of
from atlasjax.landscape.weights import Weights, moved, weights_of
from atlasjax.parallel import batch_mesh, pad_batch, split_batch
from atlasjax.progress import Progress, silent
from atlasjax.taps import Model, identity

Product = Callable[[Float[Array, " n"]], Float[Array, " n"]]
STEPS = 30
NONE_LEFT = 1e-5  # of the largest entry so far: what is left of a vector is rounding


class Spectrum(NamedTuple):
    """Leading eigenvectors of the Hessian.

    Attributes:
        values: eigenvalues, the largest in size first.
        directions: the eigenvectors, of length 1.
        residual: how far each is from being one, |H v - value v|.
    """

    values: Float[np.ndarray, " count"]
    directions: tuple[Direction, ...]
    residual: Float[np.ndarray, " count"]


class Curvature(NamedTuple):
    """The extreme eigenvalues of the Hessian over a grid.

    Attributes:
        coordinates: the places along each direction.
        smallest: the least eigenvalue, negative where the loss curves down.
        largest: the greatest.
    """

    coordinates: tuple[Float[np.ndarray, " points"], ...]
    smallest: Float[np.ndarray, "*grid"]
    largest: Float[np.ndarray, "*grid"]

    @property
    def ratio(self) -> Float[np.ndarray, "*grid"]:
        """Return |smallest / largest|, the paper's measure: near 0 where the loss is convex."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.abs(self.smallest / self.largest)


def eigenvectors(
    model: Model,
    images: Any,
    labels: Any = None,
    count: int = 2,
    *,
    steps: int = STEPS,
    loss: Loss = cross_entropy,
    batch: int = 32,
    key: Key[Array, ""] | None = None,
) -> Spectrum:
    """Return the eigenvectors of the Hessian whose eigenvalues are largest in size.

    By the method of Lanczos, with every vector made orthogonal to all before. The basis of `steps`
    vectors as long as the weights is held in memory.

    Args:
        model: the network.
        images: as of `surface`.
        labels: as of `surface`.
        count: how many.
        steps: of the method, each of which is a product of the Hessian and a vector.
        loss: as of `surface`.
        batch: images that are looked at together.
        key: of the first vector.

    Returns:
        Eigenvalues, and directions that move all that is trained.

    Raises:
        UserError: as of `surface`; fewer steps than eigenvectors.

    >>> model = jax.tree_util.Partial(lambda w, x, tap: x.mean((1, 2)) @ w, jnp.zeros((1, 2)))
    >>> found = eigenvectors(model, jnp.ones((1, 1, 1, 1)), jnp.array([0]), 1)
    >>> found.values.round(4).tolist()
    [0.5]
    """
    weights = weights_of(model)
    size = _size(weights)
    steps = min(steps, size)
    if not 1 <= count <= steps:
        raise UserError(
            f"{count} eigenvectors by {steps} steps: from 1 to as many as there are steps"
        )
    data = in_batches(model, images, labels, batch)
    start = jax.random.key(0) if key is None else key

    @jax.jit
    def compute(values: tuple[Array, ...], data: Data) -> tuple[Array, Array, Array]:
        return lanczos(_product(weights, values, data, loss), size, steps, start)

    diagonal, beside, basis = compute(weights.values, data)
    values, inner = _eigen(diagonal, beside)
    order = np.argsort(-np.abs(values))[:count]
    vectors = np.asarray(basis).T @ inner[:, order]
    vectors /= np.linalg.norm(vectors, axis=0)
    residual = np.abs(float(beside[-1]) * inner[-1, order])
    directions = tuple(_as_direction(weights, vector) for vector in vectors.T)
    return Spectrum(values[order], directions, residual)


def extremes(
    model: Model,
    images: Any,
    labels: Any = None,
    *,
    steps: int = STEPS,
    loss: Loss = cross_entropy,
    batch: int = 32,
) -> tuple[float, float]:
    """Return the smallest and the largest eigenvalue of the Hessian.

    Args:
        model: the network.
        images: as of `surface`.
        labels: as of `surface`.
        steps: of Lanczos' method; see `eigenvectors`.
        loss: as of `surface`.
        batch: images that are looked at together.

    >>> model = jax.tree_util.Partial(lambda w, x, tap: x.mean((1, 2)) @ w, jnp.zeros((1, 2)))
    >>> least, most = extremes(model, jnp.ones((1, 1, 1, 1)), jnp.array([0]))
    >>> round(most, 4), abs(least) < 1e-5
    (0.5, True)
    """
    zero = tuple(jnp.zeros_like(value) for value in weights_of(model).values)
    settings = {"steps": steps, "loss": loss, "batch": batch}
    found = curvature(model, [zero], images, labels, at=[[0.0]], **settings)
    return float(found.smallest[0]), float(found.largest[0])


def curvature(
    model: Model,
    directions: Sequence[Direction],
    images: Any,
    labels: Any = None,
    *,
    at: Sequence[Any],
    steps: int = STEPS,
    loss: Loss = cross_entropy,
    batch: int = 32,
    mesh: Mesh | None = None,
    progress: Progress = silent,
) -> Curvature:
    """Return the extreme eigenvalues of the Hessian at every point of a grid.

    Where their ratio is near 0 the loss is all but convex, whatever a plot of two directions shows;
    see Li et al. 2018, section 6. A point takes `steps` products with the Hessian, each of which
    costs about four times what a gradient does: use few images and few points.

    Args:
        model: the network at 0.
        directions: as of `surface`.
        images: as of `surface`.
        labels: as of `surface`.
        at: the places along each direction.
        steps: of Lanczos' method.
        loss: as of `surface`.
        batch: images that are looked at together.
        mesh: the devices; all by default.
        progress: called with the points that are done.

    Returns:
        Both eigenvalues at each point; not finite where the loss is not.

    Raises:
        UserError: as of `surface`.
    """
    weights = weights_of(model)
    check_directions(weights, directions)
    places, points = grid_of(at, len(directions))
    if steps < 1:
        raise UserError(f"steps={steps}: at least 1")
    data, mesh = in_batches(model, images, labels, batch), mesh or batch_mesh()
    size = _size(weights)
    steps = min(steps, size)

    def share(values: Any, along: Any, data: Data, points: Array) -> tuple[Array, Array]:
        def one(point: Array) -> tuple[Array, Array]:
            product = _product(weights, moved(values, along, point), data, loss)
            diagonal, beside, _ = lanczos(product, size, steps, jax.random.key(0))
            return diagonal, beside

        return jax.lax.map(one, points)

    compute, found = split_batch(share, mesh, replicated=3), []
    for first in range(0, len(points), mesh.size):
        some = points[first : first + mesh.size].astype(np.float32)
        parts = compute(weights.values, tuple(directions), data, pad_batch(some, mesh.size))
        found += [_eigen(d, b)[0][[0, -1]] for d, b in zip(*parts, strict=True)][: len(some)]
        progress(len(found), len(points))
    shape = tuple(map(len, places))
    least, most = np.array(found).T
    return Curvature(places, least.reshape(shape), most.reshape(shape))


def lanczos(
    product: Product, size: int, steps: int, key: Key[Array, ""]
) -> tuple[Float[Array, " steps"], Float[Array, " steps"], Float[Array, "steps n"]]:
    """Bring a symmetric matrix to tridiagonal form, on the space of its first powers.

    Args:
        product: of the matrix and a vector.
        size: of the vectors.
        steps: how many, at most `size`.
        key: of the first vector, and of those that begin anew where the space is used up.

    Returns:
        The diagonal; what is beside it, of which the last is what the method leaves out; and the
        basis, one vector in each row.

    Source: Lanczos 1950; with full reorthogonalization, as in Golub and Van Loan, section 10.3.

    >>> diagonal, beside, basis = lanczos(lambda v: 2 * v, 2, 2, jax.random.key(0))
    >>> diagonal.round(3).tolist(), abs(beside).max() < 1e-5
    ([2.0, 2.0], Array(True, dtype=bool))
    """
    keys = jax.random.split(key, steps + 1)

    def fresh(i: Any, basis: Array) -> Array:
        return _unit(_aside(jax.random.normal(keys[i], (size,), jnp.float32), basis))

    def step(i: Any, state: tuple[Array, Array, Array, Array]) -> tuple[Array, ...]:
        diagonal, beside, basis, v = state
        basis = basis.at[i].set(v)
        w = product(v)
        diagonal = diagonal.at[i].set(jnp.vdot(v, w))
        w = _aside(w, basis)
        length = jnp.linalg.norm(w)
        scale = jnp.abs(diagonal).max() + beside.max()
        over = length <= NONE_LEFT * scale + 1e-30
        v = jnp.where(over, fresh(i + 1, basis), w / jnp.where(over, 1, length))
        return diagonal, beside.at[i].set(jnp.where(over, 0, length)), basis, v

    none = jnp.zeros(steps, jnp.float32)
    basis = jnp.zeros((steps, size), jnp.float32)
    diagonal, beside, basis, _ = jax.lax.fori_loop(
        0, steps, step, (none, none, basis, fresh(0, basis))
    )
    return diagonal, beside, basis


def _aside(vector: Array, basis: Array) -> Array:
    """Take out of a vector what lies in the basis; twice, since once leaves rounding."""
    for _ in range(2):
        vector = vector - basis.T @ (basis @ vector)
    return vector


def _unit(vector: Array) -> Array:
    return vector / jnp.maximum(jnp.linalg.norm(vector), 1e-30)


def _eigen(diagonal: Any, beside: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvalues, increasing, and vectors of the tridiagonal form."""
    d, b = np.asarray(diagonal, np.float64), np.asarray(beside, np.float64)[:-1]
    if not (np.isfinite(d).all() and np.isfinite(b).all()):
        return np.full(len(d), np.nan), np.full((len(d), len(d)), np.nan)
    return np.linalg.eigh(np.diag(d) + np.diag(b, 1) + np.diag(b, -1))


def _size(weights: Weights) -> int:
    pairs = zip(weights.values, weights.trained, strict=True)
    return sum(value.size for value, trained in pairs if trained)


def _product(weights: Weights, values: Sequence[Array], data: Data, loss: Loss) -> Product:
    """Return the product of a vector and the Hessian of the mean loss, batch by batch."""

    def total(values: tuple[Array, ...], some: Data) -> Array:
        logits = weights.rebuild(values)(as_float(some.images), identity)
        return jnp.where(some.count > 0, loss(logits, jnp.asarray(some.labels)), 0).sum()

    def product(vector: Float[Array, " n"]) -> Float[Array, " n"]:
        along = _as_direction(weights, vector)

        def add(found: tuple[Array, ...], some: Data) -> tuple[tuple[Array, ...], None]:
            slope = jax.grad(partial(total, some=some))
            _, change = jax.jvp(slope, (tuple(values),), (along,))
            return tuple(f + c for f, c in zip(found, change, strict=True)), None

        start = tuple(jnp.zeros_like(value) for value in values)
        found, _ = jax.lax.scan(add, start, data)
        kept = [f.ravel() for f, t in zip(found, weights.trained, strict=True) if t]
        return jnp.concatenate(kept).astype(jnp.float32) / jnp.asarray(data.count).sum()

    return product


def _as_direction(weights: Weights, vector: Any) -> Direction:
    """Cut a vector of all that is trained into arrays; what is not trained stays."""
    parts, first = [], 0
    for value, trained in zip(weights.values, weights.trained, strict=True):
        if not trained:
            parts.append(jnp.zeros_like(value))
            continue
        part = vector[first : first + value.size]
        parts.append(jnp.asarray(part).reshape(value.shape).astype(value.dtype))
        first += value.size
    return tuple(parts)
