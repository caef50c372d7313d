"""Drawer: a batch of icons, each of a direction, by feature visualization."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Key, UInt8

from atlasjax.errors import UserError
from atlasjax.optvis import objectives
from atlasjax.optvis.color import correlation_for
from atlasjax.optvis.loop import Loop
from atlasjax.optvis.param import fourier, fourier_params
from atlasjax.optvis.render import Renderer, renderer
from atlasjax.optvis.schedule import warmup_cosine_adam
from atlasjax.optvis.transform import similarity
from atlasjax.parallel import batch_mesh, pad_batch, platform_of, replicate, share_of
from atlasjax.rewriting import optimized
from atlasjax.taps import Model

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
        dtype: what the network computes in; see `optvis.loop.Loop`.
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
    dtype: str = "float32"


class Icons(NamedTuple):
    """Finished icons.

    Attributes:
        icon: RGB, or of as many channels as the network takes.
        cosine: between the icon's activation at the centre and its direction, without whitening.
    """

    icon: UInt8[np.ndarray, "n h w channels"]
    cosine: Float[np.ndarray, " n"]


class Drawing(NamedTuple):
    """Icons on the devices, which may be at work on them: asking for their values waits.

    Attributes:
        icon: as of `Icons`.
        cosine: likewise.
    """

    icon: UInt8[Array, "n h w channels"]
    cosine: Float[Array, " n"]


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


@dataclass(frozen=True)
class Drawer:
    """What `icon_drawer` returns: a `Draw` that can be begun without being waited for.

    Attributes:
        begin: does what calling the drawer does, but returns before the icons are finished.
    """

    begin: Callable[..., Drawing]

    def __call__(
        self,
        directions: Float[np.ndarray, "n c"],
        keys: Key[Array, " n"],
        start: UInt8[np.ndarray, "n h w channels"] | None = None,
    ) -> Icons:
        """Draw up to a batch of icons; see `icon_drawer`."""
        return Icons(*jax.device_get(self.begin(directions, keys, start)))


def icon_drawer(
    model: Model,
    layer: str,
    settings: IconSettings,
    whitening: Float[np.ndarray, "c c"] | None = None,
    mesh: Mesh | None = None,
) -> Drawer:
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
    mesh = batch_mesh() if mesh is None else mesh
    model = replicate(optimized(model, platform_of(mesh)), mesh)
    size = share_of(settings.batch, mesh)
    whiten = None if whitening is None else np.asarray(whitening, np.float32)
    fresh, refined = (
        icon_renderer(settings, steps, mesh) for steps in (settings.steps, settings.refine_steps)
    )

    def begin(
        directions: Float[np.ndarray, "n c"],
        keys: Key[Array, " n"],
        start: UInt8[np.ndarray, "n h w channels"] | None = None,
    ) -> Drawing:
        n = len(directions)
        target, own = pad_batch((directions.astype(np.float32), keys), size)
        objective = objectives.direction_neuron(layer, target, power=settings.power, whiten=whiten)
        measure = objectives.cosine(layer, target)
        if start is None:
            made = fresh(model, objective, measure, own)
        else:
            spectra = _spectra(pad_batch(start, size), settings)
            made = refined(model, objective, measure, own, spectra)
        return Drawing(_in_bytes(made.image)[:n], made.reached[:n])

    return Drawer(begin)


def icon_renderer(settings: IconSettings, steps: int, mesh: Mesh) -> Renderer:
    """Return the renderer that icons are drawn with.

    Args:
        settings: how icons are drawn.
        steps: how many.
        mesh: the devices to share the batch.
    """
    # Of icons below 32 px a shift of so many pixels would leave too little.
    jitter = min(settings.jitter, settings.size * 3 / 16)
    still = int(settings.untransformed_fraction * steps)
    return renderer(
        fourier(settings.size, correlation=correlation_for(settings.channels)),
        similarity(jitter, settings.scale, settings.rotate),
        warmup_cosine_adam(steps, settings.learning_rate),
        Loop(
            steps,
            leaky_steps=0,  # a cell's direction is one in which its images are active
            untransformed_steps=still,
            dtype=settings.dtype,
        ),
        mesh,
    )


@jax.jit
def _in_bytes(image: Float[Array, "n h w c"]) -> UInt8[Array, "n h w c"]:
    """Round on the devices, so that a fourth comes to the host, which need not do it."""
    return jnp.round(image * 255).astype(jnp.uint8)


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
