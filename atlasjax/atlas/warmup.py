"""Warming up: UMAP's compilation in the background, while the images are looked at.

Numba compiles UMAP anew in every process: a few seconds where it is given the neighbours, a minute
where it seeks them itself. None of that depends on the activations.
"""

import threading
from collections.abc import Sequence

from atlasjax.atlas import many
from atlasjax.atlas.methods import by_jax
from atlasjax.atlas.umap_learn import ONE_AT_A_TIME, compile_for, umap_module


def warm_up(count: int, metrics: Sequence[str]) -> threading.Thread | None:
    """Begin to compile what UMAP will need, by laying out random points.

    A layout that is begun meanwhile waits until that is done.

    Args:
        count: how many activations are to be laid out; by that `methods.umap` chooses its way.
        metrics: how they will be compared.

    Returns:
        The thread that does it; None where another is at it, or something is being laid out, or
        UMAP will not be needed.

    >>> thread = warm_up(1000, ["cosine"])
    >>> if thread is not None:
    ...     thread.join()
    """
    asked = [metric for metric in dict.fromkeys(metrics) if not by_jax(count, metric)]
    if not asked:
        return None
    umap_module()  # here, since silencing what its import warns of is not safe in threads
    if not ONE_AT_A_TIME.acquire(blocking=False):
        return None

    def work() -> None:
        try:
            for metric in asked:
                compile_for(metric, count, many.FIT_AT_MOST)
        finally:
            ONE_AT_A_TIME.release()

    # A daemon, so that an interrupted program ends without waiting for it.
    thread = threading.Thread(target=work, name="warm up UMAP", daemon=True)
    thread.start()
    return thread
