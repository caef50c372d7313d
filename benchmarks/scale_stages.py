"""The section of `scale.py` on what a run does besides its layout, each in a process of its own.

A network that takes no time makes activations of images of noise, by everything that a run uses:
images are loaded, shards are written, attributions to 1,000 classes follow, and what comes after
reads them where they lie. The map is the first two coordinates, in place of a layout.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np

MOST = 10**9
# In this order: each reads what those before it have written.
METHODS = {
    "collected": MOST,
    "whitened": MOST,
    "attributed": MOST,
    "binned": MOST,
    "reported": MOST,
}
COLUMNS = {"seconds": ".1f", "per_million": ".1f", "stored_gib": ".2f"}
SIDE, CLASSES, GRIDS = 8, 1000, (20, 40, 80, 160)


class Noise:
    """So many images of noise, each the same whenever it is looked at."""

    classes = ()

    def __init__(self, count: int):
        self.count = count
        self.pixels = np.random.default_rng(0).integers(0, 256, 1 << 22, dtype=np.uint8)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        from atlasjax.data import Example

        size = SIDE * SIDE * 3
        first = index * 7919 % (len(self.pixels) - size)
        return Example(self.pixels[first : first + size].reshape(SIDE, SIDE, 3), -1, str(index))

    def fingerprint(self) -> str:
        return f"noise {self.count}"


def job(folder: Path, count: int, channels: int) -> Any:
    """Return a run of one layer of so many channels."""
    import jax
    import jax.numpy as jnp

    from atlasjax.runs.experiment import Experiment
    from atlasjax.runs.job import Run

    rng = np.random.default_rng(0)
    into = jnp.asarray(rng.normal(0, 0.1, (SIDE * SIDE * 3, channels)), jnp.float32)
    out = jnp.asarray(rng.normal(0, 0.1, (channels, CLASSES)), jnp.float32)

    def model(images: Any, tap: Any) -> Any:
        flat = (images - 0.5).reshape(len(images), 1, 1, -1)
        return tap("layer", jax.nn.relu(flat @ into))[:, 0, 0] @ out

    config = Experiment(
        "scale", "scale", ("layer",), grids=GRIDS, image_size=SIDE, resize=SIDE, image_batch=1024
    )
    return Run(config, model, "scale", Noise(count), folder)


def measure(method: str, rows: np.ndarray) -> dict[str, Any]:
    """Do one of the stages, of those before which is there what they left."""
    home = Path(str(rows.filename)).parent  # pyright: ignore[reportAttributeAccessIssue]
    folder = home / f"stages-{len(rows)}"
    folder.mkdir(exist_ok=True)
    run = job(folder, len(rows), rows.shape[1])
    began = time.perf_counter()
    globals()[method](run)
    seconds = time.perf_counter() - began
    stored = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if method == list(METHODS)[-1]:
        import shutil

        shutil.rmtree(folder)
    return {
        "seconds": seconds,
        "per_million": seconds * 1e6 / len(rows),
        "stored_gib": stored / 2**30,
    }


def collected(run: Any) -> None:
    from atlasjax.runs.stages import activations

    activations.collected(run)


def whitened(run: Any) -> None:
    from atlasjax.runs.stages import stored, whitening

    path = run.layer("layer") / stored.FILE
    whitening.whiten(run, "layer", lambda: stored.moment(path), digest(run))


def attributed(run: Any) -> None:
    from atlasjax.runs.stages import effects

    effects.attributed(run, "layer", digest(run))


def binned(run: Any) -> None:
    """Cut by every grid, and average directions and attributions in each cell."""
    from atlasjax.atlas.grid import average, grid
    from atlasjax.runs.stages import effects, stored
    from atlasjax.storage import artifacts

    values, effect = stored.read(run.layer("layer") / stored.FILE).value, effects.effects
    rows = effect(run, "layer", digest(run))[0]()
    xy = places(values)
    for size in GRIDS:
        cells = grid(xy, values, size)
        average(cells, rows)
        artifacts.save(run.level("layer", size) / "cells.npz", cells, "x")


def reported(run: Any) -> None:
    """Measure the map and every level, and choose the examples of each."""
    from atlasjax.atlas.examples import nearest
    from atlasjax.atlas.grid import Cells
    from atlasjax.fidelity.measures import explained, map_quality, spread
    from atlasjax.runs.stages import stored
    from atlasjax.storage import artifacts

    found = stored.read(run.layer("layer") / stored.FILE)
    map_quality(found.value, places(found.value))
    for size in GRIDS:
        cells = artifacts.read(run.level("layer", size) / "cells.npz", Cells)
        spread(cells, found.value)
        explained(cells, found.value)
        nearest(cells, found.value, found.image)


def digest(run: Any) -> str:
    """Return the fingerprint of the layer's activations."""
    from atlasjax.runs.stages import stored
    from atlasjax.storage import artifacts

    return str(artifacts.fingerprint_of(run.layer("layer") / stored.FILE))


def places(values: Any) -> np.ndarray:
    """Return the first two coordinates, by rank, so that cells are about equally full."""
    from atlasjax.atlas.rows import pieces

    both = np.concatenate([piece[:, :3] for _, piece in pieces(values)])
    shifted = np.stack([both[:, 0] - both[:, 1], both[:, 1] - both[:, 2]], 1)
    return (np.argsort(np.argsort(shifted, 0), 0) / len(both)).astype(np.float32)
