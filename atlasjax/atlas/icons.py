"""Icons: each cell's average activation, drawn by feature visualization."""

import functools
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, Key, UInt8

from atlasjax.errors import UserError
from atlasjax.optvis import objectives
from atlasjax.optvis.color import correlation_for
from atlasjax.optvis.loop import Loop
from atlasjax.optvis.param import fourier, fourier_params
from atlasjax.optvis.render import renderer
from atlasjax.optvis.schedule import warmup_cosine_adam
from atlasjax.optvis.transform import similarity
from atlasjax.parallel import batch_mesh, pad_batch, share_of
from atlasjax.progress import Progress, silent
from atlasjax.taps import Model, as_pytree

SMALLEST = 8  # px


@dataclass(frozen=True)
class IconSettings:
    """How icons are drawn.

    Attributes:
        size: height and width in pixels.
        steps: optimization steps.
        learning_rate: Adam's at its peak; by default what suits the steps, see
            `schedule.warmup_cosine_adam`.
        power: of the cosine in the objective; see `objectives.direction_neuron`.
        attempts: how often an icon is drawn at most, with other keys; the best is kept.
        retry_below: the cosine from which an icon is not drawn again.
        jitter: largest shift in a step, in pixels; at most 3/16 of the size.
        scale: smallest and largest magnification in a step.
        rotate: largest angle in a step, in degrees.
        untransformed_fraction: share of the steps, the last, in which icons are seen without being
            moved, from 0 to 1; see `optvis.loop.Loop`.
        batch: icons drawn at a time.
        refine_steps: optimization steps of an icon that starts from a finished one.
        initial_scale: how much of the finished icon's spectrum they start with, from 0 to 1.
        channels: of the images that the network takes. Three are drawn in decorrelated colours,
            others each for itself.
    """

    size: int = 96
    steps: int = 96
    learning_rate: float | None = None
    power: float = 4.0
    attempts: int = 2
    retry_below: float = 0.5
    jitter: float = 6.0
    scale: tuple[float, float] = (0.95, 1.1)
    rotate: float = 5.0
    untransformed_fraction: float = 0.25
    batch: int = 16
    refine_steps: int = 16
    initial_scale: float = 0.5
    channels: int = 3


class Icons(NamedTuple):
    """Finished icons.

    Attributes:
        icon: RGB, or of as many channels as the network takes.
        cosine: between the icon's activation at the centre and its direction, without whitening.
    """

    icon: UInt8[np.ndarray, "n h w channels"]
    cosine: Float[np.ndarray, " n"]


@runtime_checkable
class Draw(Protocol):
    """What `icon_drawer` returns."""

    def __call__(
        self,
        directions: Float[np.ndarray, "n c"],
        keys: Key[Array, " n"],
        start: UInt8[np.ndarray, "n h w channels"] | None = None,
    ) -> Icons:
        """Draw up to a batch of icons; see `icon_drawer`."""
        ...


def icon_drawer(
    model: Model,
    layer: str,
    settings: IconSettings,
    whitening: Float[np.ndarray, "c c"] | None = None,
    mesh: Mesh | None = None,
) -> Draw:
    """Compile the function that draws up to a batch of icons.

    The objective is `objectives.direction_neuron` at the centre of the layer, both sides multiplied
    by the whitening matrix. An icon starts from noise; or from another that is finished, of which
    `initial_scale` times the spectrum is taken: contrast that is lowered leaves room for change.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: a layer with positions, as `planes.as_planes` shows it.
        settings: how icons are drawn.
        whitening: see `atlas.whitening`; none by default.
        mesh: the devices to share the batch; all by default.

    Returns:
        A function of directions, one key for each, and optionally one finished icon for each to
        start from; at most `settings.batch` of them.

    Raises:
        UserError: settings that nothing can be drawn with.

    Source: Carter et al. 2019, "Feature visualization", with a true cosine on both sides.
    """
    _check(settings)
    mesh, model = batch_mesh() if mesh is None else mesh, as_pytree(model)
    size = share_of(settings.batch, mesh)
    # Of icons below 32 px a shift of so many pixels would leave too little.
    jitter = min(settings.jitter, settings.size * 3 / 16)
    whiten = None if whitening is None else np.asarray(whitening, np.float32)
    fresh, refined = (
        renderer(
            fourier(settings.size, correlation=correlation_for(settings.channels)),
            similarity(jitter, settings.scale, settings.rotate),
            warmup_cosine_adam(steps, settings.learning_rate),
            Loop(
                steps,
                leaky_steps=0,  # a cell's direction is one in which its images are active
                untransformed_steps=int(settings.untransformed_fraction * steps),
            ),
            mesh,
        )
        for steps in (settings.steps, settings.refine_steps)
    )

    def draw(
        directions: Float[np.ndarray, "n c"],
        keys: Key[Array, " n"],
        start: UInt8[np.ndarray, "n h w channels"] | None = None,
    ) -> Icons:
        n = len(directions)
        target, own = pad_batch((directions.astype(np.float32), keys), size)
        objective = objectives.direction_neuron(layer, target, power=settings.power, whiten=whiten)
        measure = objectives.cosine(layer, target)
        if start is None:
            made = fresh(model, objective, measure, own)
        else:
            begin = pad_batch(_spectra(start, settings), size)
            made = refined(model, objective, measure, own, begin)
        image, reached = jax.device_get((made.image[:n], made.reached[:n]))
        return Icons(np.round(image * 255).astype(np.uint8), reached)

    return draw


def _spectra(
    icon: UInt8[np.ndarray, "n h w c"], settings: IconSettings
) -> Float[Array, "n 2 c h f"]:
    """Return the parameters from which icons start that are refined from finished ones."""
    if icon.shape[1:3] != (settings.size, settings.size):
        raise UserError(
            f"icons of {icon.shape[1]} x {icon.shape[2]} px to start from: must be of "
            f"{settings.size} x {settings.size} px"
        )
    find = functools.partial(fourier_params, correlation=correlation_for(settings.channels))
    whole = jax.vmap(find)(jnp.asarray(icon, jnp.float32) / 255.0)
    return settings.initial_scale * whole


def icon_keys(
    key: Key[Array, ""], layer: str, grid: int, x: Int[np.ndarray, " n"], y: Int[np.ndarray, " n"]
) -> Key[Array, " n"]:
    """Return one key for each cell, which depends on the cell's address alone.

    Args:
        key: the run's key.
        layer: the layer's name.
        grid: cells in each direction.
        x: columns of the cells.
        y: rows of the cells.

    Returns:
        The keys.

    >>> a = icon_keys(jax.random.key(0), "mixed4c", 10, np.array([1, 2]), np.array([0, 0]))
    >>> b = icon_keys(jax.random.key(0), "mixed4c", 10, np.array([2]), np.array([0]))
    >>> bool(a[1] == b[0])
    True
    """
    level = jax.random.fold_in(jax.random.fold_in(key, zlib.crc32(layer.encode())), grid)
    address = jnp.asarray(y * grid + x, jnp.uint32)
    return jax.vmap(lambda a: jax.random.fold_in(level, a))(address)


def icons(
    draw: Draw,
    directions: Float[np.ndarray, "n c"],
    keys: Key[Array, " n"],
    start: UInt8[np.ndarray, "n h w channels"] | None = None,
    *,
    batch: int = IconSettings.batch,
    attempts: int = IconSettings.attempts,
    retry_below: float = IconSettings.retry_below,
    keep: Callable[[int, Callable[[], Icons]], Icons] | None = None,
    progress: Progress = silent,
) -> Icons:
    """Draw any number of icons, a batch at a time, and those that fail once more.

    Now and then an optimization starts so far from its direction that it never finds it. Such icons
    are drawn again from another start, which is noise, together, and the best of each is kept.

    Args:
        draw: what `icon_drawer` returned.
        directions: what each icon is drawn for.
        keys: one for each; see `icon_keys`.
        start: a finished icon for each to start from at first, such as its parent's; see
            `atlas.zoom`. Noise by default.
        batch: icons at a time, at most what `draw` was compiled for.
        attempts: how often an icon is drawn at most.
        retry_below: the cosine from which an icon is not drawn again.
        keep: called with a batch's number and what computes it, and returns the batch; it may take
            it from disk instead.
        progress: called with the number of icons done, and to do so far.

    Returns:
        The icons, in the order of the directions.
    """
    n = total = len(directions)
    done = number = 0
    best = Icons(np.zeros((n, 0, 0, 3), np.uint8), np.full(n, -np.inf, np.float32))
    for attempt in range(attempts):
        # Said so that NaN, of what is not finite, is below everything.
        todo = np.flatnonzero(~(best.cosine >= retry_below)) if attempt else np.arange(n)
        total = done + len(todo)
        parts = []
        progress(done, total)
        for first in range(0, len(todo), batch):
            chosen = todo[first : first + batch]
            own = jax.vmap(jax.random.fold_in, (0, None))(keys[chosen], attempt)
            begin = () if start is None or attempt else (start[chosen],)
            compute = functools.partial(draw, directions[chosen], own, *begin)
            parts.append(compute() if keep is None else keep(number, compute))
            number, done = number + 1, done + len(chosen)
            progress(done, total)
        if parts:
            new = Icons(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
            best = new if attempt == 0 else _better(best, todo, new)
    return best


def _better(best: Icons, which: Int[np.ndarray, " k"], new: Icons) -> Icons:
    """Put the new icons that reached more in place of the old."""
    old = best.cosine[which]
    more = (new.cosine > old) | (np.isnan(old) & ~np.isnan(new.cosine))
    icon, cosine = best.icon.copy(), best.cosine.copy()
    icon[which[more]], cosine[which[more]] = new.icon[more], new.cosine[more]
    return Icons(icon, cosine)


def _check(settings: IconSettings) -> None:
    least = {
        "size": SMALLEST,
        **dict.fromkeys(("steps", "attempts", "batch", "refine_steps", "channels"), 1),
    }
    for name, bound in least.items():
        if getattr(settings, name) < bound:
            raise UserError(f"icon {name} {getattr(settings, name)}: must be at least {bound}")
    for name in ("untransformed_fraction", "initial_scale"):
        if not 0 <= getattr(settings, name) <= 1:
            raise UserError(f"icon {name} {getattr(settings, name)}: must be from 0 to 1")
