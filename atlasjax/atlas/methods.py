"""Methods of layout, all of one form: activations and settings in, places out.

UMAP comes with the package. The others are imported when they are asked for, from optional extras
or from the user's own code.
"""

import functools
import importlib
import importlib.util
import inspect
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

import jax
import numpy as np
from jaxtyping import Float

from atlasjax.atlas.neighbors import METRICS, as_points, neighbors
from atlasjax.errors import UserError, unknown
from atlasjax.storage import caches

NEIGHBORS, MIN_DIST = 50, 0.05  # Carter et al. 2019
UMAP = "umap"
EXTRAS = {"cuml": "cuml", "pacmap": "pacmap", "tsne": "openTSNE"}  # packages, by the extra's name

EXACT_AT_MOST = 50_000  # points on a CPU; beyond, comparing all with all takes longer than seeking
# From a map that is there already UMAP moves points less: with its own rate and epochs they end as
# far from where they were again, and the map is no truer (benchmarks/alignment.py).
GENTLY = {"learning_rate": 0.1, "n_epochs": 200}
FIT_AT_MOST = 200_000  # points; more are placed among these by UMAP's transform
# Some of Numba's thread pools end the process when two threads use them at once.
ONE_AT_A_TIME = threading.Lock()


class Settings(NamedTuple):
    """How activations are laid out.

    Attributes:
        n_neighbors: size of the neighbourhoods that are kept together.
        min_dist: least distance between points, in UMAP's own units.
        metric: how activations are compared.
        seed: of everything random.
        dimensions: of the map: 2, or 1 for a line.
        like: places to start from, in any units; the principal components where there are none.
    """

    n_neighbors: int
    min_dist: float
    metric: str
    seed: int
    dimensions: int = 2
    like: Float[np.ndarray, "n d"] | None = None


@runtime_checkable
class Method(Protocol):
    """A layout of the user's own."""

    def __call__(
        self, activations: Float[np.ndarray, "n c"], /, *, seed: int
    ) -> Float[np.ndarray, "n 2"]:
        """Return a place for every activation, in any units, the same for the same seed."""
        ...


_Laid = Callable[[Float[np.ndarray, "n c"], Settings], Any]


def named(method: str | Method) -> _Laid:
    """Return a method of layout.

    Args:
        method: "umap"; "cuml" (UMAP on an NVIDIA GPU, which needs RAPIDS), "pacmap" or "tsne"
            (openTSNE), each an extra of the package; "module:function", a function of the user's
            that Python can import; or such a function itself.

    Returns:
        A function of activations and `Settings`.

    Raises:
        UserError: no such method, a package that is not installed, or nothing to call.

    >>> named("umapp")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no layout 'umapp'; did you mean umap, pacmap?
    """
    if not isinstance(method, str):
        return functools.partial(_own, method)
    if ":" in method:
        return functools.partial(_own, _imported(method))
    if method not in METHODS:
        raise unknown("layout", method, METHODS)
    package = EXTRAS.get(method)
    if package is not None and importlib.util.find_spec(package) is None:
        raise UserError(
            f"layout {method!r} needs {package}, which is not installed: "
            f"pip install 'atlasjax[{method}]'"
        )
    return METHODS[method]


def is_ours(method: str | Method) -> bool:
    """Tell whether a method is one of those named here, and not the user's.

    >>> is_ours("umap"), is_ours("my_layouts:circle")
    (True, False)
    """
    return isinstance(method, str) and ":" not in method


def source_of(method: str) -> str:
    """Return what tells one method from another: its name, and the code where it is the user's.

    Args:
        method: as for `named`.

    >>> source_of("umap")
    'umap'
    """
    if ":" not in method:
        return method
    try:
        return f"{method} {inspect.getsource(cast(Any, _imported(method)))}"
    except (OSError, TypeError):  # not written in Python
        return method


def umap(activations: Float[np.ndarray, "n c"], settings: Settings) -> Float[np.ndarray, "n d"]:
    """Lay out with UMAP, starting from the principal components.

    Up to `EXACT_AT_MOST` activations, or `FIT_AT_MOST` where there is an accelerator, it is given
    their exact neighbours. That is better than its own approximate search, and spares compiling it,
    which takes half a minute in every process.
    Beyond `FIT_AT_MOST` the rest is placed among those that were laid out.

    Args:
        activations: one vector a row, at least 3 rows.
        settings: how.

    Returns:
        One place a row.

    Source: McInnes et al. 2018.
    """
    with ONE_AT_A_TIME:
        if len(activations) <= FIT_AT_MOST:
            exact = is_exact(len(activations), settings.metric)
            return _fit_umap(activations, settings, exact)[1]
        return _fit_umap_to_some(activations, settings)


def _fit_umap_to_some(
    activations: Float[np.ndarray, "n c"], settings: Settings
) -> Float[np.ndarray, "n d"]:
    chosen = np.random.default_rng(settings.seed).permutation(len(activations))
    first, rest = np.sort(chosen[:FIT_AT_MOST]), np.sort(chosen[FIT_AT_MOST:])
    like = None if settings.like is None else settings.like[first]
    fitted, places = _fit_umap(activations[first], settings._replace(like=like))
    xy = np.empty((len(activations), settings.dimensions), np.float32)
    xy[first], xy[rest] = places, fitted.transform(activations[rest])
    return xy


def is_exact(count: int, metric: str) -> bool:
    """Tell whether UMAP is given the exact neighbours of so many activations.

    >>> is_exact(1000, "cosine"), is_exact(1000, "chebyshev"), is_exact(100_000, "cosine")
    (True, False, False)
    """
    most = EXACT_AT_MOST if jax.default_backend() == "cpu" else FIT_AT_MOST
    return count <= most and metric in METRICS


def umap_module() -> Any:
    """Return UMAP's module, whose import takes a second and warns where TensorFlow is absent."""
    caches.provide()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # which is how it should be here
        return importlib.import_module("umap")


def _fit_umap(
    activations: Float[np.ndarray, "n c"], settings: Settings, exact: bool = False
) -> tuple[Any, Float[np.ndarray, "n d"]]:
    umap = umap_module()
    k = min(settings.n_neighbors, len(activations) - 1)
    known = neighbors(activations, k, settings.metric) if exact else (None, None, None)
    start: Any = "pca" if settings.like is None else settings.like
    gently: Any = {} if settings.like is None else GENTLY
    model = umap.UMAP(
        n_neighbors=k,
        n_components=settings.dimensions,
        min_dist=settings.min_dist,
        metric=settings.metric,
        random_state=settings.seed,
        n_jobs=1,  # what a random_state implies: threads would race
        init=start,
        precomputed_knn=known,
        **gently,
    )
    with warnings.catch_warnings():
        # Silent neurons make zero vectors, whose cosine UMAP defines and warns of; and neighbours
        # that it did not search for let it place no further points, which it also warns of.
        warnings.simplefilter("ignore")
        return model, np.asarray(model.fit_transform(activations), np.float32)


def _cuml(activations: Float[np.ndarray, "n c"], settings: Settings) -> Any:
    model = _optional("cuml").UMAP(
        n_neighbors=min(settings.n_neighbors, len(activations) - 1),
        n_components=settings.dimensions,
        min_dist=settings.min_dist,
        random_state=settings.seed,
        output_type="numpy",
    )
    return model.fit_transform(as_points(activations, settings.metric))


def _pacmap(activations: Float[np.ndarray, "n c"], settings: Settings) -> Any:
    pacmap = _optional("pacmap")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a seed makes it slower
        model = pacmap.PaCMAP(
            n_components=settings.dimensions,
            n_neighbors=min(settings.n_neighbors, len(activations) - 1),
            random_state=settings.seed,
        )
        start = "pca" if settings.like is None else np.array(settings.like)
        return model.fit_transform(as_points(activations, settings.metric), init=start)


def _tsne(activations: Float[np.ndarray, "n c"], settings: Settings) -> Any:
    tsne = _optional("tsne")
    start: Any = "pca"
    if settings.like is not None:
        start = tsne.initialization.rescale(np.array(settings.like, np.float64))
    model = tsne.TSNE(
        n_components=settings.dimensions,
        # It looks at three times as many neighbours as its perplexity.
        perplexity=max(min(settings.n_neighbors, len(activations) - 1) / 3, 1.0),
        initialization=start,
        random_state=settings.seed,
        n_jobs=1,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(model.fit(as_points(activations, settings.metric)))


METHODS: dict[str, _Laid] = {UMAP: umap, "cuml": _cuml, "pacmap": _pacmap, "tsne": _tsne}


def _own(function: Method, activations: Float[np.ndarray, "n c"], settings: Settings) -> Any:
    if settings.dimensions != 2:  # lines are UMAP's, whatever lays out the maps
        return umap(activations, settings)
    return function(activations, seed=settings.seed)


def _imported(name: str) -> Method:
    module, _, attribute = name.partition(":")
    try:
        with _working_folder():
            found: Any = getattr(importlib.import_module(module), attribute)
    except (ImportError, ValueError) as error:
        raise UserError(f"layout {name!r}: {module!r} cannot be imported: {error}") from None
    except AttributeError:
        raise UserError(f"layout {name!r}: {module} has no {attribute!r}") from None
    if callable(found):
        return cast(Method, found)
    raise UserError(f"layout {name!r}: not a function, but {type(found).__name__}")


@contextmanager
def _working_folder() -> Iterator[None]:
    """Let modules be found where the user stands, which the installed command does not do."""
    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _optional(extra: str) -> Any:
    caches.provide()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what they miss themselves
        return importlib.import_module(EXTRAS[extra])
