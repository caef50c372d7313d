"""How well saliency methods find what the network is known to go by, on the generated scenes.

    python benchmarks/saliency.py [--quick] [--json]

The network is the one that the package carries; methods take as many samples as on the page of
`atlasjax explain`. For every method: the pointing game (pt), relevance
mass and relevance rank on the object of the class, and on the three planted cues where the network
is seen to go by them (class rather than class); how alike its maps are to those of the network with
shuffled weights, to those of a network that has learned random labels by heart, and to those of
another class; and the areas under insertion and deletion from and to a blurred image in 8 steps,
which depend on that choice. Chance is what an even map has; a random one has about the same. The
best method comes first, by relevance rank over all four columns.

Random labels are learned from the network's own weights, without anything that would keep it from
learning by heart, and images that it has learned are explained (Adebayo et al. 2018, section 4).

A second table has the groups of three layers: the intersection over union of the best of six groups
with every part that is in the image, at its best threshold, averaged over parts.
"""

import argparse
import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import rich.box
import rich.console
import rich.table

import atlasjax as ax
from atlasjax.blocks.groups import groups
from atlasjax.data.scenes import CLASSES, SHORTCUTS, draw_scene, scenes
from atlasjax.experiments.training import evaluate
from atlasjax.experiments.training.draw import draw
from atlasjax.experiments.training.inception_v1_scenes import Settings, train
from atlasjax.fidelity.masks import best_overlap
from atlasjax.fidelity.perturbation import areas, perturbation
from atlasjax.fidelity.randomization import randomized, similarity
from atlasjax.fidelity.saliency_truth import FEWEST, SEED, Case, chance, objects, order, score
from atlasjax.fidelity.saliency_truth import shortcut as shortcut_case
from atlasjax.parallel import divide_cpu
from atlasjax.planes import as_planes
from atlasjax.saliency.baselines import baseline_of
from atlasjax.saliency.methods import methods_for
from atlasjax.targets import class_logit
from atlasjax.workflows.explaining.maps import maps_of

LAYER = "mixed4e"
LAYERS = ("mixed3b", "mixed4a", "mixed4e")
MANY = {"objects": 4, "cues": 24, "checked": 14, "grouped": 56}  # images
QUICK = {"objects": 1, "cues": 4, "checked": 4, "grouped": 8}
BY_HEART = {"count": 448, "epochs": 80}
QUICKLY = {"count": 64, "epochs": 120}
CHECKS = ("weights", "by heart", "labels", "insertion", "deletion")
EIGHT = 8  # steps of insertion and deletion


class ByHeart(NamedTuple):
    """A network that has learned random labels by heart.

    Attributes:
        model: the network.
        images: some that it has learned.
        right: what they really are.
        accuracy: the share of the random labels that it gives.
    """

    model: Any
    images: Any
    right: Any
    accuracy: float


def by_heart(count: int, epochs: int, keep: int) -> ByHeart:
    """Train the network on images whose labels are drawn at random."""
    images, labels = draw(scenes(count, seed=SEED + 1), 1)
    given = np.random.default_rng(0).integers(0, len(CLASSES), count).astype(labels.dtype)
    settings = Settings(
        Path("unused.safetensors"),
        epochs=epochs,
        batch=32,
        learning_rate=1e-3,
        weight_decay=0.0,
        worst=0.0,
        shift=0,
        jitter=0.0,
    )
    with contextlib.redirect_stdout(sys.stderr):
        # A copy of its own, whose memory the training takes over.
        learned = train(ax.models.load("inception_v1_scenes"), images, given, settings)
    accuracy = evaluate.accuracy(evaluate.predictor(learned), evaluate.Drawn(images, given))
    return ByHeart(learned, images[:keep].astype(np.float32) / 255, labels[:keep], accuracy)


def measure(
    model: Any, cases: list[Case], method: str, checked: int, learned: ByHeart
) -> dict[str, Any]:
    """Return one method's scores in every case, and its checks on some images of the first."""
    began = time.perf_counter()
    maps = {
        c.name: maps_of(model, c.images, c.target, [method], layer=LAYER)[method] for c in cases
    }
    seconds = (time.perf_counter() - began) / sum(len(c.images) for c in cases)
    row: dict[str, Any] = {c.name: score(c, maps[c.name])._asdict() for c in cases}
    images, found = cases[0].images[:checked], maps[cases[0].name][:checked]
    index = cases[0].target.data.classes[:checked, 0]
    target, other = class_logit(index), class_logit((index + 1) % len(CLASSES))
    shuffled = randomized(model, jax.random.key(0))
    with_weights = maps_of(shuffled, images, target, [method], layer=LAYER)[method]
    with_label = maps_of(model, images, other, [method], layer=LAYER)[method]
    asked = class_logit(learned.right)
    of_both = [
        maps_of(network, learned.images, asked, [method], layer=LAYER)[method]
        for network in (model, learned.model)
    ]
    blurred = np.asarray(baseline_of(jnp.asarray(images), "blurred"))
    under = areas(perturbation(model, images, target, found, blurred, steps=EIGHT))
    return row | {
        "weights": mean(similarity(found, with_weights)),
        "by heart": mean(similarity(*of_both)),
        "labels": mean(similarity(found, with_label)),
        "insertion": mean(under.insertion),
        "deletion": mean(under.deletion),
        "seconds": seconds,
    }


def mean(values: np.ndarray) -> float:
    """Return the mean of what is there: maps that are even have no rank correlation."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def overlaps(model: Any, count: int) -> dict[str, dict[str, float]]:
    """Return for each layer and part the mean overlap of the best group."""
    scenes = [draw_scene(CLASSES[i % len(CLASSES)], SEED, i) for i in range(count)]
    images = np.stack([scene.image for scene in scenes]).astype(np.float32) / 255
    see = jax.jit(lambda m, x: ax.capture(as_planes(m), x, LAYERS))
    values = {name: np.asarray(value) for name, value in see(model, images).items()}
    return {layer: of_layer(values[layer], scenes) for layer in LAYERS}


def of_layer(value: np.ndarray, scenes: list[Any]) -> dict[str, float]:
    by_part: dict[str, list[float]] = {}
    for i, scene in enumerate(scenes):
        maps = groups(value[i : i + 1], 6, jax.random.key(0)).map[0]
        shape = (maps.shape[-1], *scene.image.shape[:2])
        sized = np.asarray(jax.image.resize(np.moveaxis(maps, -1, 0), shape, "bilinear"))
        for part, mask in zip(scene.parts, scene.masks, strict=True):
            if mask.sum() >= FEWEST:
                by_part.setdefault(part, []).append(best_overlap(sized, mask).iou)
    return {part: float(np.mean(found)) for part, found in sorted(by_part.items())}


def show(rows: dict[str, Any], cases: list[Case], found: dict[str, dict[str, float]]) -> None:
    console = rich.console.Console(highlight=False, soft_wrap=True, width=150)
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
    table.add_column("method")
    for case in cases:
        table.add_column(f"{case.name}: pt mass rank", justify="right")
    for column in (*CHECKS, "s/image"):
        table.add_column(column, justify="right")
    for name, row in rows.items():
        scores = [" ".join(f"{v:.2f}" for v in row[case.name].values()) for case in cases]
        checks = [f"{row[c]:.2f}" for c in CHECKS]
        table.add_row(name, *scores, *checks, f"{row['seconds']:.2f}")
    table.add_row("chance", *(f"{chance(case):.2f}" for case in cases), *[""] * 6)
    table.add_row("images", *(str(len(case.images)) for case in cases), *[""] * 6)
    console.print(table)
    parts = rich.table.Table("part", *LAYERS, box=rich.box.SIMPLE_HEAD)
    for part in found[LAYERS[0]]:
        parts.add_row(part, *(f"{found[layer][part]:.2f}" for layer in LAYERS))
    parts.add_row("mean", *(f"{np.mean(list(found[layer].values())):.2f}" for layer in LAYERS))
    console.print(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="a sixth of the images")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    divide_cpu()
    many = QUICK if chosen.quick else MANY
    model = ax.models.load("inception_v1_scenes")
    cues = [shortcut_case(model, name, many["cues"]) for name in SHORTCUTS]
    cases = [objects(many["objects"]), *cues]
    learned = by_heart(keep=many["checked"], **(QUICKLY if chosen.quick else BY_HEART))
    print(f"random labels learned: {learned.accuracy:.1%}", file=sys.stderr, flush=True)
    rows = {}
    for name in methods_for(model, (96, 96, 3), LAYER):
        rows[name] = measure(model, cases, name, many["checked"], learned)
        print(f"{name}: {rows[name]['seconds']:.2f} s an image", file=sys.stderr, flush=True)
    ranked = order({name: scores_of(row, cases) for name, row in rows.items()})
    rows = {name: rows[name] for name in ranked}
    found = overlaps(model, many["grouped"])
    show(rows, cases, found)
    print(f"Of the random labels {learned.accuracy:.1%} were learned by heart.")
    if chosen.json:
        even = {case.name: chance(case) for case in cases}
        print(
            json.dumps(
                {"methods": rows, "chance": even, "groups": found, "learned": learned.accuracy}
            )
        )


def scores_of(row: dict[str, Any], cases: list[Case]) -> dict[str, Any]:
    from atlasjax.fidelity.saliency_truth import Score

    return {case.name: Score(**row[case.name]) for case in cases}


if __name__ == "__main__":
    main()
