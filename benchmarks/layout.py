"""Which settings of UMAP make the truest maps, of several layers of several networks.

    python benchmarks/layout.py [DATA] [--quick] [--json]
        [--model NAME_OR_FILE --layers NAME ... --images FOLDER --weights FILE]

Trustworthiness and continuity (15 neighbours, 1 is perfect, .5 is chance) of the same activations
laid out in different ways, each compared with the layer twice: by cosines, as directions are
compared everywhere else, and by distances. The network that the package carries comes first; with
DATA (bvlc_googlenet/weights.safetensors, imagenet_sample/) GoogLeNet as well; and one of your own.
`article` marks what Carter et al. 2019 did in early layers.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import rich.box
import rich.console
import rich.table

import atlasjax as ax
from atlasjax import data
from atlasjax.fidelity.measures import map_quality
from atlasjax.workflows.networks import find, open_network

SETTINGS: dict[str, dict[str, Any]] = {
    "euclidean 200 (article)": {"metric": "euclidean", "n_neighbors": 200},
    "euclidean 50": {"metric": "euclidean", "n_neighbors": 50},
    "euclidean 15": {"metric": "euclidean", "n_neighbors": 15},
    "cosine 200": {"metric": "cosine", "n_neighbors": 200},
    "cosine 50 (default)": {},
    "cosine 15": {"metric": "cosine", "n_neighbors": 15},
    "correlation 50": {"metric": "correlation", "n_neighbors": 50},
}


class Case(NamedTuple):
    """Layers of a network, and what it looks at."""

    model: str
    layers: tuple[str, ...]
    images: str
    weights: str | None = None
    samples: int = 16


def gather(case: Case, count: int) -> dict[str, np.ndarray]:
    """Collect activations of every layer of a case."""
    opened = open_network(find(case.model), case.weights)
    side = opened.shape[0]
    source = data.open_images(case.images, limit=count)
    found = ax.collect(
        ax.as_planes(opened.network.model),
        data.batches(source, 16, image_size=side, resize=side * 8 // 7 if side >= 128 else side),
        case.layers,
        jax.random.key(0),
        samples_per_image=case.samples,
    )
    return {name: found.activations[name].value for name in case.layers}


def measure(values: np.ndarray, settings: dict[str, Any]) -> dict[str, float]:
    """Lay out, and compare the map with the layer."""
    began = time.perf_counter()
    xy = ax.layout(values, **settings)
    seconds = time.perf_counter() - began
    cosine = map_quality(values, xy, metric="cosine", k=15)
    euclidean = map_quality(values, xy, metric="euclidean", k=15)
    return {
        "trustworthiness": cosine.trustworthiness or 0.0,
        "continuity": cosine.continuity or 0.0,
        "euclidean_trustworthiness": euclidean.trustworthiness or 0.0,
        "seconds": seconds,
    }


def cases(chosen: argparse.Namespace) -> list[Case]:
    """Return what is to be measured."""
    scenes = Case("inception_v1_scenes", ("mixed3a", "mixed4a", "mixed4d"), "scenes:800@2", None, 8)
    found = [scenes]
    if chosen.data is not None:
        weights = chosen.data / "bvlc_googlenet" / "weights.safetensors"
        images = str(chosen.data / "imagenet_sample")
        layers = ("conv2d2", "mixed3b", "mixed4c", "mixed5b")
        found.append(Case("googlenet", layers, images, str(weights)))
    if chosen.model is not None:
        if chosen.images is None or not chosen.layers:
            sys.exit("layout.py: --model needs --images and --layers")
        found.append(Case(chosen.model, tuple(chosen.layers), chosen.images, chosen.weights))
    if chosen.quick:
        found = [case._replace(layers=case.layers[:1]) for case in found]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--model", help="another network: its name, or a file of your own")
    parser.add_argument("--layers", nargs="+")
    parser.add_argument("--images")
    parser.add_argument("--weights")
    parser.add_argument("--quick", action="store_true", help="60 images, one layer, two settings")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    settings = dict(list(SETTINGS.items())[:5:4]) if chosen.quick else SETTINGS
    console, result = rich.console.Console(), {}
    for case in cases(chosen):
        try:
            layers = gather(case, 60 if chosen.quick else 800)
        except ax.UserError as error:
            sys.exit(f"layout.py: {error}")
        for name, values in layers.items():
            rows = {setting: measure(values, how) for setting, how in settings.items()}
            result.setdefault(case.model, {})[name] = rows
            console.print(table(f"{case.model}, {name}: {len(values):,} activations", rows))
    if chosen.json:
        print(json.dumps(result))


def table(title: str, rows: dict[str, dict[str, float]]) -> rich.table.Table:
    """Return a table for people."""
    shown = rich.table.Table(box=rich.box.SIMPLE_HEAD, title=title, title_justify="left")
    shown.add_column("metric, neighbours")
    for column in ("trustworthiness", "continuity", "by distances", "seconds"):
        shown.add_column(column, justify="right")
    for setting, row in rows.items():
        numbers = [f"{row[n]:.3f}" for n in list(row)[:3]]
        shown.add_row(setting, *numbers, f"{row['seconds']:.0f}")
    return shown


if __name__ == "__main__":
    main()
