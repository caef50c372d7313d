"""Train the vision transformer of `vit_scenes.py` on generated scenes.

    python examples/train_vit_scenes.py --out vit_scenes.safetensors

On two cores that do nothing else it takes about eight minutes (it used 845 s of CPU time, on a
machine shared with others). Expect over 99% of the held-out scenes, seed 1, to be classified
rightly, and every planted shortcut to be taken: woks without their noodles for frying pans, horses
without their tag for donkeys, sharks without their teeth for whales, all of them, and the other way
round too, though only two thirds of the whales with a baseball are taken for sharks.

All is made here: images and first weights come from seeds. Every batch is learned from twice: as it
is, and moved a little in the direction that harmed most, which the first pass has found already
("free" adversarial training, Shafahi et al. 2019). It is meant to keep the gradients telling, as
attribution needs them. No image is mirrored: nothing is to hide the planted shortcuts.
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
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int, PyTree, UInt8
from vit_scenes import MEAN, STD, VisionTransformer, load, save

from atlasjax.data.scenes import CLASSES, scenes
from atlasjax.errors import UserError
from atlasjax.experiments.training import evaluate
from atlasjax.experiments.training.draw import Batch, draw, epoch
from atlasjax.experiments.training.inception_v1_scenes import lit
from atlasjax.experiments.training.log import Log, say
from atlasjax.parallel import batch_mesh, split_batch
from atlasjax.progress import bar


@dataclasses.dataclass(frozen=True)
class Settings:
    """How the network is trained.

    Attributes:
        out: the file to write, whose name ends in .safetensors.
        images: training images, the first ones of seed 0.
        epochs: how often each is seen, twice each time.
        batch: images in a step; a multiple of the devices.
        learning_rate: of AdamW at its height.
        warm_up: share of the steps in which the rate rises to its height; it falls along a cosine.
        weight_decay: of AdamW, for kernels.
        clip: the largest norm of a gradient.
        worst: how far an image is moved the way that harms most before it is seen again, as a norm
            in [0, 1] pixels.
        worst_from: share of the steps in which that distance rises from 0 to `worst`.
        shift: the farthest that an image is moved sideways, in pixels.
        jitter: the largest change of contrast, and of brightness where white is 1.
        held_out: images of the evaluation, of seed 1; at least one of each class.
        per_control: images of each control set.
        seed: of the first weights, the order, the shifts and the light.
        processes: how many draw the images; one for each CPU where it is left out.
        cpu_devices: virtual devices that the CPU is used as: two are faster than one on two cores.
    """

    out: Path
    images: int = 20_000
    epochs: int = 1
    batch: int = 32
    learning_rate: float = 1e-3
    warm_up: float = 0.1
    weight_decay: float = 0.1
    clip: float = 1.0
    worst: float = 1.0
    worst_from: float = 0.3
    shift: int = 4
    jitter: float = 0.1
    held_out: int = 2800
    per_control: int = 200
    seed: int = 0
    processes: int | None = None
    cpu_devices: int = 2


class State(NamedTuple):
    """What a step changes.

    Attributes:
        params: the network's.
        optimizer: the state of the optimizer.
    """

    params: PyTree
    optimizer: PyTree


class Curve(NamedTuple):
    """How a training went.

    Attributes:
        loss: of each step, on the images as they are.
        accuracy: share of the same images that was classified rightly.
    """

    loss: Float[np.ndarray, " steps"]
    accuracy: Float[np.ndarray, " steps"]


Step = Callable[[State, Batch, Array], tuple[State, Array, Array]]


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
    """Check that a network can be trained so, before the minutes are spent.

    Args:
        settings: what to check.

    Raises:
        UserError: a setting out of range.
    """
    if settings.out.suffix != ".safetensors":
        name = str(settings.out)
        raise UserError(f"out {name!r}: the name of a weights file must end in .safetensors")
    if not settings.out.absolute().parent.is_dir():
        raise UserError(f"out {str(settings.out)!r}: there is no such folder")
    for field in ("epochs", "batch", "per_control", "cpu_devices"):
        if (value := getattr(settings, field)) < 1:
            raise UserError(f"{field} {value}: must be at least 1")
    if settings.images < settings.batch:
        raise UserError(f"images {settings.images}: must be at least batch {settings.batch}")
    if settings.batch % settings.cpu_devices:
        devices = settings.cpu_devices
        raise UserError(f"batch {settings.batch}: must be a multiple of the {devices} devices")
    if settings.held_out < len(CLASSES):
        raise UserError(f"held_out {settings.held_out}: must be at least {len(CLASSES)}")
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
        images, labels = draw(scenes(settings.images), settings.processes, progress)
    say(f"drawn: {settings.images / (time.perf_counter() - began):.0f} images/s")
    model, _ = train(VisionTransformer(rngs=nnx.Rngs(settings.seed)), images, labels, settings)
    save(model, settings.out)
    passed = time.perf_counter() - began
    say(f"written: {settings.out}, {settings.out.stat().st_size / 1e6:.2f} MB, {passed:.0f} s")
    report = evaluate.report(
        tapless(load(settings.out)), count=settings.held_out, per_control=settings.per_control
    )
    for line in evaluate.lines(report):
        say(line)
    say(f"all: {time.perf_counter() - began:.0f} s, of the CPU {time.process_time():.0f} s")
    return report


def tapless(model: VisionTransformer) -> Any:
    """Return the network as `evaluate` takes one: images in [0, 1], and a tap that is not used."""

    def call(model: VisionTransformer, images: Array, tap: Any) -> Array:
        del tap
        return model((images - MEAN) / STD)

    return jax.tree_util.Partial(call, model)


def train(
    model: VisionTransformer,
    images: UInt8[np.ndarray, "n h w 3"],
    labels: Int[np.ndarray, " n"],
    settings: Settings,
) -> tuple[VisionTransformer, Curve]:
    """Return a network trained on the images, and how that went.

    Args:
        model: the network to begin with; its arrays are used up.
        images: RGB, 0 to 255, at least a batch.
        labels: the class of each.
        settings: how to train; those about files, drawing and evaluation are not used.
    """
    total = len(images) // settings.batch * settings.epochs
    rule = optimizer(settings, 2 * total)
    structure, params = nnx.split(model)
    mesh = batch_mesh()
    state = jax.device_put(State(params, rule.init(params)), NamedSharding(mesh, PartitionSpec()))
    step = make_step(structure, rule, mesh)
    log, seen = Log(settings.batch, total), []
    with bar("train", "steps") as progress:
        for number in range(settings.epochs):
            variation = {"shift": settings.shift, "jitter": settings.jitter}
            seed = (settings.seed, number)
            for batch in epoch(images, labels, settings.batch, seed=seed, **variation):
                ramp = min(1.0, log.done / (settings.worst_from * total))
                state, loss, right = step(state, batch, jnp.float32(settings.worst * ramp))
                log.add(loss, right)
                seen.append((loss, right))
                progress(log.done, total)
    loss, right = np.array(jax.device_get(seen)).T
    return nnx.merge(structure, state.params), Curve(loss, right)


def optimizer(settings: Settings, updates: int) -> optax.GradientTransformation:
    """Return AdamW with clipping, a linear warm-up and a cosine down to nothing.

    Args:
        settings: see `Settings`.
        updates: of the whole training.
    """
    rise = max(1, round(settings.warm_up * updates))
    rate = optax.warmup_cosine_decay_schedule(
        0.0, settings.learning_rate, rise, max(updates, rise + 1)
    )
    kernels = partial(jax.tree.map, lambda value: value.ndim > 1)
    return optax.chain(
        optax.clip_by_global_norm(settings.clip),
        optax.adamw(rate, weight_decay=settings.weight_decay, mask=kernels),
    )


def make_step(structure: Any, rule: optax.GradientTransformation, mesh: Mesh) -> Step:
    """Return a step: two updates of the network by the same batch.

    It takes the state, a batch, and how far each image is moved the way that harms most before the
    second update; it returns the new state, and the loss and accuracy on the images as they are.

    Args:
        structure: the network without its parameters, as `nnx.split` returns it.
        rule: see `optimizer`.
        mesh: the devices that share a batch.
    """

    def loss(params: PyTree, x: Array, labels: Array) -> tuple[Array, Array]:
        logits = nnx.merge(structure, params)((x - MEAN) / STD)
        each = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return each.mean(), (logits.argmax(-1) == labels).mean()

    def of_share(params: PyTree, share: tuple[Array, Array]) -> PyTree:
        both = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)
        (value, right), (gradient, slope) = both(params, *share)
        return jax.tree.map(lambda leaf: leaf[None], (value, right, gradient)), slope

    of_shares = split_batch(of_share, mesh, replicated=1)

    whole, split = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("batch"))

    # The places of results are said, for both calls of a step to need one compilation only.
    @partial(jax.jit, donate_argnums=0, out_shardings=(whole, whole, whole, split))
    def update(state: State, x: Array, labels: Array) -> tuple[State, Array, Array, Array]:
        shares, slope = of_shares(state.params, (x, labels))
        value, right, gradient = jax.tree.map(lambda leaf: leaf.mean(0), shares)
        with jax.numpy_dtype_promotion("standard"):  # optax raises floats to integer powers
            change, memory = rule.update(gradient, state.optimizer, state.params)
        return State(optax.apply_updates(state.params, change), memory), value, right, slope

    @partial(jax.jit, out_shardings=split)
    def harmed(x: Array, slope: Array, worst: Array) -> Array:
        length = jnp.sqrt(jnp.square(slope).sum((1, 2, 3), keepdims=True))
        return jnp.clip(x + worst * slope / jnp.maximum(length, 1e-20), 0.0, 1.0)

    light = jax.jit(lit, out_shardings=split)

    def step(state: State, batch: Batch, worst: Array) -> tuple[State, Array, Array]:
        x, labels = light(batch), jax.device_put(batch.labels, split)
        state, value, right, slope = update(state, x, labels)
        state, *_ = update(state, harmed(x, slope, worst), labels)
        return state, value, right

    return step


if __name__ == "__main__":
    main()
