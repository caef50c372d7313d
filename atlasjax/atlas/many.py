"""Many activations: too many to compare all with all, or to lay out all at once.

How many that is depends on the device. On a CPU neighbours are sought beyond `EXACT_AT_MOST`, and
beyond `FIT_AT_MOST` some are laid out, the rest is placed among them, and then all move a little
to where their neighbours among all are. An accelerator compares all with all, and lays out all.
"""

from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Float

from atlasjax.atlas import approximate, jax_umap
from atlasjax.atlas.neighbors import Neighbors, neighbors, space_of
from atlasjax.atlas.placing import placed
from atlasjax.atlas.rows import Chosen, Rows, pieces, take
from atlasjax.atlas.settings import Settings

EXACT_AT_MOST = 50_000  # beyond, comparing all with all takes longer than seeking
FIT_AT_MOST = 200_000  # beyond, it takes too long
REFINED_BY = 25  # neighbours of each, when all are placed: memory grows with them

Fit = Callable[[Rows, Neighbors, Settings], Float[np.ndarray, "n d"]]


def laid_out(rows: Rows, settings: Settings, fit: Fit) -> Float[np.ndarray, "n d"]:
    """Lay out all rows, or some of them and the rest among these.

    Args:
        rows: one vector a row, at least 3 rows.
        settings: how.
        fit: lays out rows of which the neighbours are known.

    Returns:
        One place a row.
    """
    k = max(min(settings.n_neighbors, len(rows) - 1), 2)
    accelerated = jax.default_backend() != "cpu"
    if accelerated or len(rows) <= EXACT_AT_MOST:
        return fit(rows, neighbors(rows, k, settings.metric), settings)
    chosen = np.random.default_rng(settings.seed).permutation(len(rows))
    first, rest = np.sort(chosen[:FIT_AT_MOST]), np.sort(chosen[FIT_AT_MOST:])
    some = take(rows, first)
    space = space_of(some, settings.metric)
    index = approximate.index_of(space.points(some))
    known = approximate.neighbors_among(index, k, settings.metric)
    like = None if settings.like is None else settings.like[first]
    places = fit(some, known, settings._replace(like=like))
    xy = np.empty((len(rows), settings.dimensions), np.float32)
    xy[first] = places
    if len(rest):
        for part, piece in pieces(Chosen(rows, rest)):
            xy[rest[part]] = placed(index, places, space.points(piece), settings)
        del some, index, known, places  # what comes takes as much memory again
        known = approximate.neighbors_in_bytes(rows, space, min(k, REFINED_BY))
        xy = jax_umap.refine(xy, known, settings)
    return xy
