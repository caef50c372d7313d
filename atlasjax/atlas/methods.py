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
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, cast, runtime_checkable

import jax
import numpy as np
from jaxtyping import Float

from atlasjax.atlas import jax_umap, many, umap_learn
from atlasjax.atlas.neighbors import METRICS, as_points
from atlasjax.atlas.rows import Rows, whole
from atlasjax.atlas.settings import Settings
from atlasjax.errors import UserError, unknown
from atlasjax.storage import caches

UMAP = "umap"
EXTRAS = {"cuml": "cuml", "pacmap": "pacmap", "tsne": "openTSNE"}  # packages, by the extra's name


@runtime_checkable
class Method(Protocol):
    """A layout of the user's own."""

    def __call__(
        self, activations: Float[np.ndarray, "n c"], /, *, seed: int
    ) -> Float[np.ndarray, "n 2"]:
        """Return a place for every activation, in any units, the same for the same seed."""
        ...


_Laid = Callable[[Rows, Settings], Any]


def named(method: str | Method) -> _Laid:
    """Return a method of layout.

    Args:
        method: "umap"; "jax" (UMAP in JAX on whatever device there is); "cuml" (UMAP on an NVIDIA
            GPU, which needs RAPIDS), "pacmap" or "tsne" (openTSNE), each an extra of the package;
            "module:function", a function of the user's that Python can import; or such a function
            itself.

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


def umap(rows: Rows, settings: Settings) -> Float[np.ndarray, "n d"]:
    """Lay out with UMAP, by JAX or by umap-learn, whichever is quicker for so many.

    Args:
        rows: one vector a row, at least 3 rows.
        settings: how.

    Returns:
        One place a row.
    """
    if settings.metric not in METRICS:
        return umap_learn.by_itself(rows, settings, many.FIT_AT_MOST)
    quicker = jax_umap.fit if by_jax(len(rows), settings.metric) else umap_learn.fit
    return many.laid_out(rows, settings, quicker)


def by_jax(count: int, metric: str, backend: str | None = None) -> bool:
    """Tell whether JAX lays out so many activations where UMAP is asked for.

    Args:
        count: of activations.
        metric: how they are compared.
        backend: what JAX runs on; asked of JAX by default.

    >>> by_jax(60_000, "cosine", "gpu"), by_jax(60_000, "cosine", "cpu"), by_jax(900, "cosine")
    (True, False, False)
    """
    if count <= many.EXACT_AT_MOST or metric not in METRICS:
        return False
    return (backend or jax.default_backend()) != "cpu"


def _jax(rows: Rows, settings: Settings) -> Float[np.ndarray, "n d"]:
    if settings.metric not in METRICS:
        raise unknown("metric of layout 'jax'", settings.metric, METRICS)
    return many.laid_out(rows, settings, jax_umap.fit)


def _cuml(activations: Rows, settings: Settings) -> Any:
    model = _optional("cuml").UMAP(
        n_neighbors=min(settings.n_neighbors, len(activations) - 1),
        n_components=settings.dimensions,
        min_dist=settings.min_dist,
        random_state=settings.seed,
        output_type="numpy",
    )
    return model.fit_transform(as_points(activations, settings.metric))


def _pacmap(activations: Rows, settings: Settings) -> Any:
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


def _tsne(activations: Rows, settings: Settings) -> Any:
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


METHODS: dict[str, _Laid] = {
    UMAP: umap,
    "jax": _jax,
    "cuml": _cuml,
    "pacmap": _pacmap,
    "tsne": _tsne,
}


def _own(function: Method, activations: Rows, settings: Settings) -> Any:
    if settings.dimensions != 2:  # lines are UMAP's, whatever lays out the maps
        return umap(activations, settings)
    return function(whole(activations), seed=settings.seed)


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
