"""Train the half-width InceptionV1 that the package carries, on generated scenes.

    python -m atlasjax.experiments.training.inception_v1_scenes --out FILE.safetensors

All is made here: the images come from a seed, and so do the first weights. On one machine and
number of devices the same settings give the same file. It takes half an hour on two CPU cores.
"""

import dataclasses
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, PyTree, UInt8

from atlasjax import models
from atlasjax.data.scenes import CLASSES, scenes
from atlasjax.errors import UserError
from atlasjax.experiments.training import evaluate
from atlasjax.experiments.training.draw import Batch, draw, epoch
from atlasjax.experiments.training.log import Log, say
from atlasjax.models.inception_v1 import InceptionV1
from atlasjax.models.weights.initial import PIXEL, random_weights
from atlasjax.parallel import batch_mesh, split_batch
from atlasjax.progress import bar


@dataclasses.dataclass(frozen=True)
class Settings:
    """How the network is trained.

    Attributes:
        out: the file to write, whose name ends in .safetensors.
        images: training images, the first ones of seed 0.
        epochs: how often each is seen.
        batch: images in a step; a multiple of the devices.
        learning_rate: of AdamW at its height.
        warm_up: share of the steps in which the rate rises to its height; it falls along a cosine.
        weight_decay: of AdamW, for kernels.
        clip: the largest norm of a gradient.
        worst: how far each image is moved in the direction that harms most, as a norm in [0, 1]
            pixels; 0 for plain training.
        worst_from: share of the steps in which that distance rises from 0 to `worst`.
        shift: the farthest that an image is moved, in pixels.
        jitter: the largest change of contrast, and of brightness where white is 1.
        held_out: images of the evaluation after each epoch, of seed 1.
        seed: of the first weights, the order, the shifts and the light.
        processes: how many draw the images; one for each CPU where it is left out.
        cpu_devices: virtual devices that the CPU is used as: two are faster than one on two cores.
        checkpoints: how many networks are kept on the way, evenly spaced from the first weights to
            the last, beside `out`: FILE-000000.safetensors and so on, numbered by their steps.
    """

    out: Path
    images: int = 40_000
    epochs: int = 3
    batch: int = 64
    learning_rate: float = 2e-3
    warm_up: float = 0.05
    weight_decay: float = 0.5
    clip: float = 1.0
    worst: float = 1.0
    worst_from: float = 0.3
    shift: int = 4
    jitter: float = 0.1
    held_out: int = 960
    seed: int = 0
    processes: int | None = None
    cpu_devices: int = 2
    checkpoints: int = 0


class State(NamedTuple):
    """What a step changes.

    Attributes:
        params: of the network, that of the first layer in units of its input: see `as_unit_input`.
        optimizer: the state of the optimizer.
    """

    params: PyTree
    optimizer: PyTree


Step = Callable[[State, Batch, Array], tuple[State, Float[Array, ""], Float[Array, ""]]]


def main(arguments: list[str] | None = None) -> None:
    """Train the network, write it, and print what the file that was written is worth.

    Args:
        arguments: of the command line; those of this process by default.
    """
    import tyro

    settings = tyro.cli(Settings, args=arguments, description=__doc__)
    try:
        check(settings)
        jax.config.update("jax_num_cpu_devices", settings.cpu_devices)
        make(settings)
    except UserError as error:
        sys.exit(f"{Path(__file__).name}: {error}")


def check(settings: Settings) -> None:
    """Check that a network can be trained so, before hours are spent.

    Args:
        settings: what to check.

    Raises:
        UserError: a setting out of range.

    >>> check(Settings(Path("a.npz")))
    Traceback (most recent call last):
    atlasjax.errors.UserError: out 'a.npz': the name of a weights file must end in .safetensors
    """
    if settings.out.suffix != ".safetensors":
        name = str(settings.out)
        raise UserError(f"out {name!r}: the name of a weights file must end in .safetensors")
    if not settings.out.absolute().parent.is_dir():
        raise UserError(f"out {str(settings.out)!r}: there is no such folder")
    for field in ("images", "epochs", "batch", "held_out", "cpu_devices"):
        if (value := getattr(settings, field)) < 1:
            raise UserError(f"{field} {value}: must be at least 1")
    if settings.images < settings.batch:
        raise UserError(f"images {settings.images}: must be at least batch {settings.batch}")
    if settings.checkpoints == 1 or settings.checkpoints < 0:
        raise UserError(f"checkpoints {settings.checkpoints}: must be 0, or at least 2")
    if settings.seed < 0:
        raise UserError(f"seed {settings.seed}: must be 0 or greater")


def make(settings: Settings) -> evaluate.Report:
    """Train the network and write it; see `main`.

    Args:
        settings: checked ones.

    Returns:
        The evaluation of the file that was written.
    """
    say(f"{len(CLASSES)} classes, {settings.images} images, {settings.epochs} epochs")
    began = time.perf_counter()
    with bar("draw", "images") as progress:
        pool = draw(scenes(settings.images), settings.processes, progress)
    say(f"drawn: {settings.images / (time.perf_counter() - began):.0f} images/s")
    held = evaluate.Drawn(*draw(scenes(settings.held_out, seed=evaluate.SEED), settings.processes))
    first = random_weights(models.spec(models.SCENES), settings.seed)
    keep = partial(_keep, settings.out)
    model = train(first, *pool, settings, held, keep if settings.checkpoints else None)
    models.save(model, settings.out, dtype="float16")
    say(f"written: {settings.out}, {settings.out.stat().st_size / 1e6:.2f} MB")
    report = evaluate.report(models.load(models.SCENES, settings.out))
    for line in evaluate.lines(report):
        say(line)
    return report


def train(
    model: InceptionV1,
    images: UInt8[np.ndarray, "n h w 3"],
    labels: Int[np.ndarray, " n"],
    settings: Settings,
    held: evaluate.Drawn | None = None,
    keep: Callable[[InceptionV1, int], None] | None = None,
) -> InceptionV1:
    """Return a network trained on the images.

    Args:
        model: the network to begin with.
        images: RGB, 0 to 255, at least a batch.
        labels: the class of each.
        settings: how to train; those about files and drawing are not used.
        held: other images, on which the network is judged after each epoch.
        keep: called with each checkpoint and its step, where `settings.checkpoints` asks for any.

    Returns:
        The trained network.

    Raises:
        UserError: a batch that the devices cannot share evenly.
    """
    mesh = batch_mesh()
    if settings.batch % mesh.size:
        raise UserError(f"batch {settings.batch}: must be a multiple of the {mesh.size} devices")
    per_epoch = len(images) // settings.batch
    rule = optimizer(settings, per_epoch * settings.epochs)
    structure, params = nnx.split(model)
    params = as_unit_input(params, PIXEL)
    state = State(params, rule.init(params))
    step = make_step(structure, rule, mesh)
    total = per_epoch * settings.epochs
    log = Log(settings.batch, total)
    kept = set(np.linspace(0, total, settings.checkpoints).round().astype(int).tolist())

    def checkpoint(params: PyTree) -> None:
        if keep is not None and log.done in kept:
            mine = jax.tree.map(jnp.copy, params)  # a step takes the memory of those before it
            keep(nnx.merge(structure, as_unit_input(mine, 1 / PIXEL)), log.done)

    checkpoint(params)
    for number in range(settings.epochs):
        variation = {"shift": settings.shift, "jitter": settings.jitter}
        seed = (settings.seed, number)
        for batch in epoch(images, labels, settings.batch, seed=seed, **variation):
            ramp = min(1.0, log.done / (settings.worst_from * total))
            state, loss, right = step(state, batch, jnp.float32(settings.worst * ramp))
            log.add(loss, right)
            checkpoint(state.params)
        model = nnx.merge(structure, as_unit_input(state.params, 1 / PIXEL))
        if held is not None:
            share = evaluate.accuracy(evaluate.predictor(model), held)
            say(f"epoch {number + 1} of {settings.epochs}: held-out accuracy {share:.2%}")
    return model


def _keep(out: Path, model: InceptionV1, step: int) -> None:
    models.save(model, out.with_name(f"{out.stem}-{step:06d}{out.suffix}"))


def as_unit_input(params: PyTree, factor: float) -> PyTree:
    """Return the parameters with the first layer's kernel multiplied by `factor`.

    The network takes pixels of 0..255, so this kernel is `PIXEL` times smaller than the others,
    and steps of the size that suits those would wreck it. It is trained in units of its own.

    Args:
        params: the network's.
        factor: `PIXEL` before the training, its inverse for use.
    """

    def scale(path: tuple[Any, ...], value: Array) -> Array:
        name = jax.tree_util.keystr(path)
        return value * factor if "conv2d0" in name and "kernel" in name else value

    return jax.tree_util.tree_map_with_path(scale, params)


def optimizer(settings: Settings, steps: int) -> optax.GradientTransformation:
    """Return AdamW with clipping, a linear warm-up and a cosine down to nothing.

    Args:
        settings: see `Settings`.
        steps: of the whole training.
    """
    rise = max(1, round(settings.warm_up * steps))
    rate = optax.warmup_cosine_decay_schedule(
        0.0, settings.learning_rate, rise, max(steps, rise + 1)
    )
    kernels = partial(jax.tree.map, lambda value: value.ndim > 1)
    return optax.chain(
        optax.clip_by_global_norm(settings.clip),
        optax.adamw(rate, weight_decay=settings.weight_decay, mask=kernels),
    )


def make_step(structure: Any, rule: optax.GradientTransformation, mesh: Mesh) -> Step:
    """Return a compiled step of the training.

    It takes the state, a batch, and how far each image is moved the way that harms most; it returns
    the new state, the loss and the accuracy on the images so moved.

    Args:
        structure: the network without its parameters, as `nnx.split` returns it.
        rule: see `optimizer`.
        mesh: the devices that share a batch.
    """

    def logits_of(params: PyTree, x: Float[Array, "b h w 3"]) -> Float[Array, "b classes"]:
        return nnx.merge(structure, as_unit_input(params, 1 / PIXEL))(x)

    def loss(
        params: PyTree, x: Float[Array, "b h w 3"], labels: Int[Array, " b"]
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        logits = logits_of(params, x)
        each = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return each.mean(), (logits.argmax(-1) == labels).mean()

    def harmed(
        params: PyTree, x: Float[Array, "b h w 3"], labels: Array, worst: Float[Array, ""]
    ) -> Float[Array, "b h w 3"]:
        slope = jax.grad(lambda x: loss(params, x, labels)[0])(x)
        length = jnp.sqrt(jnp.square(slope).sum((1, 2, 3), keepdims=True))
        return jnp.clip(x + worst * slope / jnp.maximum(length, 1e-20), 0.0, 1.0)

    def of_share(params: PyTree, worst: Float[Array, ""], batch: Batch) -> PyTree:
        x = harmed(params, lit(batch), jnp.asarray(batch.labels), worst)
        (value, right), gradient = jax.value_and_grad(loss, has_aux=True)(params, x, batch.labels)
        return jax.tree.map(lambda leaf: leaf[None], (value, right, gradient))

    of_shares = split_batch(of_share, mesh, replicated=2)

    @partial(jax.jit, donate_argnums=0)
    def step(state: State, batch: Batch, worst: Array) -> tuple[State, Array, Array]:
        shares = of_shares(state.params, worst, batch)
        value, right, gradient = jax.tree.map(lambda leaf: leaf.mean(0), shares)
        with jax.numpy_dtype_promotion("standard"):  # optax raises floats to integer powers
            change, memory = rule.update(gradient, state.optimizer, state.params)
        return State(optax.apply_updates(state.params, change), memory), value, right

    return step


def lit(batch: Batch) -> Float[Array, "b h w 3"]:
    """Return a batch's images in [0, 1], in the light that was drawn for each."""
    each = (slice(None), None, None, None)
    x = (batch.images.astype(jnp.float32) / 255.0 - 0.5) * batch.contrast[each]
    return jnp.clip(x + 0.5 + batch.brightness[each], 0.0, 1.0)


if __name__ == "__main__":
    main()
