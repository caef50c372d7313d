"""Warming up: UMAP's compilation in the background, while the images are looked at.

Numba compiles UMAP anew in every process: a few seconds where it is given the neighbours, a minute
where it seeks them and places further points. None of that depends on the activations.
"""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from atlasjax.atlas.methods import FIT_AT_MOST, ONE_AT_A_TIME, is_exact, umap_module

FEW = 100
MANY = 4200  # from 4096 points on UMAP seeks neighbours as it does among millions


def warm_up(count: int, metrics: Sequence[str]) -> threading.Thread | None:
    """Begin to compile what UMAP will need, by laying out random points.

    A layout that is begun meanwhile waits until that is done.

    Args:
        count: how many activations are to be laid out; by that `methods.umap` chooses its way.
        metrics: how they will be compared.

    Returns:
        The thread that does it; None where another is at it, or something is being laid out.

    >>> thread = warm_up(1000, ["cosine"])
    >>> if thread is not None:
    ...     thread.join()
    """
    umap = umap_module()  # here, since silencing what its import warns of is not safe in threads
    if not ONE_AT_A_TIME.acquire(blocking=False):
        return None

    def work() -> None:
        try:
            for metric in dict.fromkeys(metrics):
                _compile(umap, count, metric)
        finally:
            ONE_AT_A_TIME.release()

    # A daemon, so that an interrupted program ends without waiting for it.
    thread = threading.Thread(target=work, name="warm up UMAP", daemon=True)
    thread.start()
    return thread


def _compile(umap: Any, count: int, metric: str) -> None:
    n = FEW if is_exact(count, metric) else MANY
    points = np.random.default_rng(0).random((n, 8), np.float32)
    model = umap.UMAP(metric=metric, n_epochs=11, init="pca", random_state=0, n_jobs=1)
    model.fit(points)
    if count > FIT_AT_MOST:
        model.transform(points[:FEW])
