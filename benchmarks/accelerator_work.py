"""The work that `accelerator.py` measures: icons, collection, attribution and a whole atlas."""

import itertools
import json
import re
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import chip
import jax
import numpy as np
from jax import Array, lax

import atlasjax as ax
from atlasjax import data, models
from atlasjax.atlas.attribution import attributions
from atlasjax.atlas.batching import icon_batch
from atlasjax.atlas.drawer import icon_renderer
from atlasjax.data import Batch
from atlasjax.optvis import objectives
from atlasjax.parallel import batch_mesh, replicate
from atlasjax.taps import Model


class Size(NamedTuple):
    """How much is measured.

    Attributes:
        network: its name; "small" for one of two convolutions.
        layer: of it.
        side: of the images, in px.
        matrix: side of the matrices that are multiplied.
        copied: numbers that are copied.
        icons: batches and precisions, the most telling first.
        icon_side: in px.
        steps: of an icon.
        images: at a time, the most telling first.
        batches: of images, of each size.
        samples: positions of an image, in collection and in attribution.
        generated: images for the atlas, where there are none.
        activations: of the atlas, at least, as far as the images have positions.
        grids: of the atlas.
    """

    network: str
    layer: str
    side: int
    matrix: int
    copied: int
    icons: tuple[tuple[int, str], ...]
    icon_side: int
    steps: int
    images: tuple[int, ...]
    batches: int
    samples: int
    generated: int
    activations: int
    grids: tuple[int, ...]


FULL = Size(
    network="googlenet",
    layer="mixed4c",
    side=224,
    matrix=8192,
    copied=2**28,
    icons=(
        (256, chip.TF32),
        (256, chip.BFLOAT16),
        (1024, chip.TF32),
        (1024, chip.BFLOAT16),
        (256, chip.FLOAT32),
        (64, chip.TF32),
        (16, chip.TF32),
        (1024, chip.FLOAT32),
        (64, chip.BFLOAT16),
        (512, chip.TF32),
        (512, chip.BFLOAT16),
        (16, chip.BFLOAT16),
        (64, chip.FLOAT32),
        (16, chip.FLOAT32),
    ),
    icon_side=96,
    steps=96,
    images=(64, 256, 16),
    batches=16,
    samples=16,
    generated=800,
    activations=80_000,
    grids=(20, 40, 80, 160),
)
QUICK = Size(
    network="small",
    layer="two",
    side=64,
    matrix=256,
    copied=2**20,
    icons=((4, chip.FLOAT32), (4, chip.BFLOAT16)),
    icon_side=32,
    steps=4,
    images=(8,),
    batches=4,
    samples=4,
    generated=32,
    activations=96,
    grids=(2, 4),
)


class Task(NamedTuple):
    """What everything is measured on.

    Attributes:
        size: how much.
        entry: the network, and how an atlas finds it.
        model: the network itself.
        images: to make an atlas of.
        given: what was given, in words.
    """

    size: Size
    entry: ax.ModelEntry
    model: Model
    images: data.ImageSource
    given: str


def open_task(folder: Path | None, size: Size) -> Task:
    """Load the network and open the images, or make up what is not there."""
    weights = None if folder is None else folder / "bvlc_googlenet" / "weights.safetensors"
    photographs = None if folder is None else folder / "imagenet_sample"
    trained = size is FULL and weights is not None and weights.is_file()
    if trained:
        model = models.load(size.network, weights)
    elif size is FULL:
        from atlasjax.models.weights.initial import random_weights

        model = random_weights(models.spec(size.network))
    else:
        model = small()
    there = photographs is not None and photographs.is_dir() and size is FULL
    images = data.open_images(photographs if there else generated(size.generated, size.side))
    entry = ax.ModelEntry(size.network, lambda: model, image_size=size.side)
    given = f"{'trained' if trained else 'random'} weights, {len(images)} "
    return Task(size, entry, model, images, given + ("photographs" if there else "made-up images"))


def small() -> Model:
    """Return a network of two convolutions, which compiles in a moment."""
    rng = np.random.default_rng(0)
    shapes = ((5, 5, 3, 8), (3, 3, 8, 16), (16, 10))
    kernels = [rng.normal(size=s, scale=0.2).astype(np.float32) for s in shapes]

    def network(kernels: list[Array], images: Array, tap: Any) -> Array:
        value = images.astype(kernels[0].dtype) - 0.5
        for name, kernel in zip(("one", "two"), kernels[:2], strict=True):
            dims = ("NHWC", "HWIO", "NHWC")
            value = lax.conv_general_dilated(value, kernel, (3, 3), "SAME", dimension_numbers=dims)
            value = tap(name, jax.nn.relu(value))
        return value.mean((1, 2)) @ kernels[2]

    return jax.tree_util.Partial(network, kernels)


def generated(count: int, side: int) -> np.ndarray:
    """Return images of colours that change slowly, each its own."""
    coarse = np.random.default_rng(0).integers(0, 256, (count, 7, 7, 3), np.uint8)
    return coarse.repeat(-(-side // 7), 1).repeat(-(-side // 7), 2)[:, :side, :side]


def icons(task: Task, batch: int, precision: str, rounds: int = 3) -> tuple[dict, Callable]:
    """Measure a batch of icons; return what was found and what draws the batch once more."""
    size, mesh, model = task.size, batch_mesh(), replicate(task.model, batch_mesh())
    dtype = chip.BFLOAT16 if precision == chip.BFLOAT16 else chip.FLOAT32
    settings = ax.IconSettings(size=size.icon_side, steps=size.steps, batch=batch, dtype=dtype)
    make = icon_renderer(settings, settings.steps, mesh)
    channels = ax.layers(model, (size.side, size.side, 3))[task.size.layer][-1]
    target = np.random.default_rng(0).random((batch, channels), np.float32)
    white = np.eye(channels, dtype=np.float32)
    objective = objectives.direction_neuron(
        task.size.layer, target, power=settings.power, whiten=white
    )
    keys = jax.random.split(jax.random.key(0), batch)

    def draw(model: Model, objective: Any, measure: Any, keys: Any) -> tuple[Any, Any]:
        made = make(model, objective, measure, keys)
        return made.image, made.reached

    args = (model, objective, objectives.cosine(task.size.layer, target), keys)
    with chip.computing_in(precision):
        program = chip.compiled(draw, *args)
    args = jax.device_put(args)

    def run() -> tuple[Any, Any]:
        return program.run(*args)

    took = chip.seconds(run, rounds, least=0.5)
    return {
        "batch": batch,
        "precision": precision,
        "icons_per_second": batch / took,
        "icon_steps_per_second": batch * size.steps / took,
        "step_ms": 1e3 * took / size.steps,
        "kernels": program.kernels,
        "temporary_gib": program.temporary_gib,
        "trace_seconds": program.trace_seconds,
        "compile_seconds": program.compile_seconds,
        "mean_cosine": float(np.mean(jax.device_get(run()[1]))),
    }, run


def collection(task: Task, batch: int) -> dict[str, Any]:
    """Measure the collection of activations from images that are in memory."""
    times: list[tuple[float, int]] = []
    ax.collect(
        task.model,
        _held(task, batch),
        [task.size.layer],
        jax.random.key(0),
        samples_per_image=task.size.samples,
        progress=lambda done, total: times.append((time.perf_counter(), done)),
    )
    return _rates(batch, times, task.size.samples)


def reading(task: Task) -> dict[str, float]:
    """Measure how fast images are decoded and prepared, which the host does."""
    began, count = time.perf_counter(), min(len(task.images), 400)
    some = data.open_images(task.images, count)
    size: dict[str, Any] = {"image_size": task.size.side, "resize": task.size.side * 8 // 7}
    found = sum(len(batch.images) for batch in data.batches(some, 64, **size))
    return {"decoded_per_second": found / (time.perf_counter() - began)}


def attribution(task: Task, batch: int) -> dict[str, Any]:
    """Measure the attribution of positions to all classes, of images that are in memory."""
    rows, columns, _ = ax.layers(task.model, (task.size.side, task.size.side, 3))[task.size.layer]
    shape = (batch * task.size.batches, task.size.samples, 2)
    places = np.random.default_rng(0).integers(0, min(rows, columns), shape)
    times, done = [(time.perf_counter(), 0)], 0
    for found in attributions(task.model, task.size.layer, _held(task, batch), places):
        done += len(found) // task.size.samples
        times.append((time.perf_counter(), done))
    return _rates(batch, times, task.size.samples)


def _held(task: Task, batch: int) -> Iterator[Batch]:
    """Give batches of images that are in memory, all of the same ones."""
    images = generated(batch, task.size.side)
    labels = np.zeros(batch, int)
    for number in range(task.size.batches):
        yield Batch(images, np.arange(batch) + number * batch, labels, ())


def _rates(batch: int, times: list[tuple[float, int]], samples: int) -> dict[str, Any]:
    """Return the rates once all is compiled, which it is with the first batch."""
    (start, _), (first, some), *_, (last, every) = times
    images = (every - some) / (last - first)
    steady = statistics.median(b[0] - a[0] for a, b in itertools.pairwise(times[1:]))
    return {
        "batch": batch,
        "images_per_second": images,
        "activations_per_second": images * samples,
        "first_batch_seconds": first - start,
        "batch_ms": 1e3 * steady,
    }


def atlas(task: Task, folder: Path) -> dict[str, Any]:
    """Measure a whole atlas: every level, the examples, the report and the page."""
    size = task.size
    rows, columns, _ = ax.layers(task.model, (size.side, size.side, 3))[task.size.layer]
    samples = min(-(-size.activations // len(task.images)), (rows - 2) * (columns - 2))
    config = ax.Experiment(
        "accelerator", layers=(task.size.layer,), grids=size.grids, early_layers=()
    )
    config = replace(config, samples_per_image=samples, out=str(folder))
    if size is QUICK:  # nothing that takes long to compile
        config = replace(config, layout="accelerator_work:places", coarse_to_fine=False)
        config = replace(config, steps=4, icon_size=32, attempts=1, more_than=1, stability=False)
    began = time.perf_counter()
    made = ax.run(config, model=task.entry, images=task.images)
    took = time.perf_counter() - began
    levels = made.record["levels"]
    settings = config.icon_settings(task.size.layer)
    return {
        "seconds": took,
        "activations": len(task.images) * samples,
        "icons": {str(level["grid"]): level["cells"] for level in levels},
        "mean_cosine": {str(level["grid"]): level["cosine_mean"] for level in levels},
        "icon_batch": icon_batch(task.model, settings, batch_mesh()),
        "stages": stages(folder),
    }


def places(activations: np.ndarray, *, seed: int) -> np.ndarray:
    """Lay activations out by two random directions, in place of UMAP."""
    return activations @ np.random.default_rng(seed).normal(size=(activations.shape[1], 2))


def stages(folder: Path) -> dict[str, float]:
    """Return how long each stage took that a run has finished, from its log."""
    log = folder / "run.log"
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    found = [re.fullmatch(r"\S+ \S+  (.*): ([\d.]+) s", line) for line in lines]
    return {one[1]: float(one[2]) for one in found if one}


def write(folder: Path | None, name: str, text: str) -> None:
    """Write a file of the results, whole or not at all."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{name}"
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(folder / name)


def as_json(results: dict[str, Any]) -> str:
    return json.dumps(results, default=float)
