"""The section of `scale.py` on layouts."""

import time
import warnings
from typing import Any

import numpy as np

METHODS = {"umap": 10**9, "jax": 10**9, "umap-learn": 100_000}  # and the most they are asked for
COLUMNS = {"seconds": ".1f", "trustworthiness": ".4f", "continuity": ".4f"}


def measure(method: str, rows: np.ndarray) -> dict[str, Any]:
    """Lay out, and compare the map with the layer."""
    from atlasjax.fidelity.measures import map_quality

    began = time.perf_counter()
    xy = as_shipped(rows) if method == "umap-learn" else ours(method, rows)
    seconds = time.perf_counter() - began
    quality = map_quality(rows, xy, metric="cosine", k=15)
    return {
        "seconds": seconds,
        "trustworthiness": quality.trustworthiness,
        "continuity": quality.continuity,
        "device": device(),
    }


def ours(method: str, rows: np.ndarray) -> np.ndarray:
    from atlasjax.atlas.layout import layout

    return layout(rows, method=method)


def as_shipped(rows: np.ndarray) -> np.ndarray:
    from atlasjax.atlas.settings import MIN_DIST, NEIGHBORS
    from atlasjax.atlas.umap_learn import umap_module

    umap = umap_module()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = umap.UMAP(n_neighbors=NEIGHBORS, min_dist=MIN_DIST, metric="cosine")
        return np.asarray(model.fit_transform(rows))


def device() -> str:
    import jax

    return jax.devices()[0].device_kind
