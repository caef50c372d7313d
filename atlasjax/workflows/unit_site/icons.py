"""Icons: what each unit looks for, what it is against, and four ways to the same.

All units of a layer are drawn by one program of each kind, and each by the key of its number, so
that a unit looks the same whichever others are drawn.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import UInt8

from atlasjax import vis
from atlasjax.optvis.sizes import takes
from atlasjax.progress import bar
from atlasjax.taps import Model
from atlasjax.vis.sheet import to_bytes
from atlasjax.workflows.unit_site.pictures import Pictures, packed, unpacked
from atlasjax.workflows.unit_site.settings import UnitSettings
from atlasjax.workflows.unit_site.work import Work, by_unit

DIVERSE = 4


class Icons(NamedTuple):
    """Pictures of some units.

    Attributes:
        icon: what each looks for.
        negative: what makes it least; None where it was not asked for.
        diverse: four ways to the same; None where they were not asked for.
    """

    icon: UInt8[np.ndarray, "units s s 3"]
    negative: UInt8[np.ndarray, "units s s 3"] | None = None
    diverse: UInt8[np.ndarray, "units 4 s s 3"] | None = None


def icons(
    work: Work,
    model: Model,
    layer: str,
    units: Sequence[int],
    settings: UnitSettings,
    shape: tuple[int, int, int],
    *,
    only: bool = False,
) -> Icons:
    """Draw some units of a layer, or take what was drawn before.

    Args:
        work: where pictures are kept.
        model: a callable pytree `model(images, tap)`.
        layer: its name.
        units: their numbers.
        settings: sizes and steps.
        shape: of the network's images, which pictures are no larger than.
        only: whether what each looks for is enough.
    """
    size = _settings(model, shape, settings.icon, settings.icon_steps)
    alike = _settings(model, shape, settings.diverse, settings.diverse_steps)
    key = jax.random.key(work.seed)

    def drawn(name: str, count: int, how: vis.Settings, draw: Callable[..., Any]) -> np.ndarray:
        def some(chosen: list[int]) -> Pictures:
            images = draw(model, layer, chosen, key, how).images
            made = np.stack([to_bytes(image) for image in images])
            return packed(chosen, made.reshape(len(chosen), count, *made.shape[1:]))

        made_from = work.made_from(name, layer, size=how.size, steps=how.steps)
        with bar(f"{layer} {name}", "units") as progress:
            kept = by_unit(
                work,
                layer,
                name,
                made_from,
                units,
                Pictures,
                some,
                batch=settings.batch,
                progress=progress,
            )
        return unpacked(kept)

    icon = drawn("icon", 1, size, vis.channels)[:, 0]
    if only:
        return Icons(icon)
    negative = drawn("negative", 1, size, _against)[:, 0]
    if not settings.diverse:
        return Icons(icon, negative)
    return Icons(icon, negative, drawn("diverse", DIVERSE, alike, vis.diversity))


def _settings(model: Model, shape: tuple[int, int, int], side: int, steps: int) -> vis.Settings:
    """Return how pictures are drawn: as asked for, or of the one size that the network takes."""
    small = (min(side, shape[0]), min(side, shape[1]), shape[2])
    height, width, channels = small if takes(model, small) else shape
    return vis.Settings((height, width), steps, channels=channels)


def _against(model: Model, layer: str, units: list[int], key: Any, how: vis.Settings) -> Any:
    return vis.channels(model, layer, units, key, how, negative=True)
