"""Check: settings of an experiment with which no atlas can be made, refused before any work."""

import math

from atlasjax.atlas.drawer import SMALLEST
from atlasjax.atlas.methods import named
from atlasjax.atlas.neighbors import METRICS
from atlasjax.data import ranges
from atlasjax.errors import UserError, unknown
from atlasjax.runs.experiment import Experiment
from atlasjax.storage import artifacts


def check(config: Experiment) -> None:
    """Refuse settings with which no atlas can be made, before any work is done.

    Args:
        config: the experiment.

    Raises:
        UserError: the first setting that is out of range.

    >>> check(Experiment(name="a", model="b", layers=("c",), steps=0))
    Traceback (most recent call last):
    atlasjax.errors.UserError: steps 0: must be at least 1
    """
    least = {
        **dict.fromkeys(("samples_per_image", "steps", "attempts"), 1),
        **dict.fromkeys(("refine_steps", "more_than"), 1),
        **{n: 1 for n in ("icon_batch", "image_batch") if getattr(config, n) is not None},
        **dict.fromkeys(("icon_size", "early_icon_size"), SMALLEST),
        **dict.fromkeys(("neighbors", "early_neighbors"), 2),
        **dict.fromkeys(("min_dist", "ridge", "power", "seed"), 0),
    }
    for name, bound in least.items():
        if not getattr(config, name) >= bound:
            raise UserError(f"{name} {getattr(config, name)}: must be at least {bound}")
    for name, bound in {"min_dist": 1, "seed": 2**32 - 1}.items():  # UMAP takes no more
        if getattr(config, name) > bound:
            raise UserError(f"{name} {getattr(config, name)}: must be at most {bound}")
    if config.learning_rate is not None and not config.learning_rate > 0:
        raise UserError(f"learning_rate {config.learning_rate}: must be above 0")
    for name in ("learning_rate", "power", "ridge"):
        if math.isinf(getattr(config, name) or 0):
            raise UserError(f"{name} {getattr(config, name)}: must be finite")
    if config.max_images is not None and config.max_images < 1:
        raise UserError(f"max_images {config.max_images}: must be at least 1")
    ranges.checked(config.range)
    side, before = config.crop
    if side < SMALLEST:
        raise UserError(f"image_size {side}: must be at least {SMALLEST}")
    if before < side:
        raise UserError(f"resize {before}: must be at least image_size {side}")
    for name in ("layers", "grids"):
        values = getattr(config, name)
        if not values or len(set(values)) < len(values):
            listed = " ".join(map(str, values))
            raise UserError(f"{name} {listed or '(none)'}: name at least one, each once")
    folders = {artifacts.folder_name(layer): layer for layer in config.layers}
    for layer in config.layers:
        other = folders[artifacts.folder_name(layer)]
        if other != layer:
            raise UserError(f"layers {layer!r} and {other!r} would share a folder; run them apart")
    if config.opens_on not in (None, *config.layers):
        raise unknown("layer of the experiment to open on", str(config.opens_on), config.layers)
    for size in config.grids:
        if size < 1:
            raise UserError(f"grids {size}: must be at least 1")
    named(config.layout)
    for name in ("metric", "early_metric"):
        metric = getattr(config, name)
        if metric not in METRICS:
            raise UserError(f"{name} {metric!r}: must be one of {', '.join(METRICS)}")
