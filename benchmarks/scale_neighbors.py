"""The section of `scale.py` on the search for neighbours."""

import importlib.util
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from atlasjax.atlas.approximate import index_of, neighbors_among
from atlasjax.atlas.neighbors import as_points, neighbors

NEAREST = (15, 50)  # beside itself
ASKED = 1_000  # points whose true neighbours are found, by comparing each with all
METHODS = {"faiss": 200_000, "usearch": 200_000, "pynndescent": 200_000, "exact": 50_000}
COLUMNS = {"seconds": ".1f", "recall of 15": ".4f", "recall of 50": ".4f"}


def measure(method: str, rows: np.ndarray) -> dict[str, Any] | None:
    """Seek the nearest of all by cosine, and compare with the true ones of some."""
    if method in ("usearch", "pynndescent") and importlib.util.find_spec(method) is None:
        return None
    rows = np.asarray(rows)
    began = time.perf_counter()
    found = _SOUGHT[method](rows, max(NEAREST) + 1)
    seconds = time.perf_counter() - began
    some = np.random.default_rng(0).choice(len(rows), min(ASKED, len(rows)), replace=False)
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    true = [np.argsort(-(unit @ unit[i]), kind="stable")[: max(NEAREST) + 1] for i in some]
    recall = {
        f"recall of {k}": float(
            np.mean(
                [
                    len(np.intersect1d(found[i][: k + 1], near[: k + 1])) / (k + 1)
                    for i, near in zip(some, true, strict=True)
                ]
            )
        )
        for k in NEAREST
    }
    return {"seconds": seconds} | recall


def _faiss(rows: np.ndarray, k: int) -> np.ndarray:
    return neighbors_among(index_of(as_points(rows, "cosine")), k, "cosine")[0]


def _exact(rows: np.ndarray, k: int) -> np.ndarray:
    return neighbors(rows, k)[0]


def _usearch(rows: np.ndarray, k: int) -> np.ndarray:
    from usearch.index import Index  # pyright: ignore[reportMissingImports]

    index = Index(ndim=rows.shape[1], metric="cos", dtype="f32")
    index.add(np.arange(len(rows)), rows)
    return index.search(rows, k).keys.astype(np.int64)


def _pynndescent(rows: np.ndarray, k: int) -> np.ndarray:
    from pynndescent import NNDescent

    found = NNDescent(rows, n_neighbors=k, metric="cosine", random_state=0).neighbor_graph
    assert found is not None, "it is there once the index is"
    return found[0]


_SOUGHT: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "faiss": _faiss,
    "usearch": _usearch,
    "pynndescent": _pynndescent,
    "exact": _exact,
}
