"""How maps of successive layers are best aligned, and what that costs each map.

    python benchmarks/alignment.py [--quick] [--json] [--model NAME --weights FILE --images FOLDER]
        [--layers NAME ...]

The same places of the same images in every layer, laid out in several ways. Distance: between a
point's places in successive maps, on average, as a share of the map's side; that of two random
points is about .5. Trustworthiness (scikit-learn's, of 15 neighbours): whether what is near on a
map is near in its layer; on average over the layers, and in the worst.

    independent  each layer by itself
    turned       each by itself, then turned to the one before as a whole (Procrustes)
    from before  each starts from the map before, with UMAP's own rate, and is turned to it
    gently       the same with a tenth of the rate: what `atlasjax run` does
    AlignedUMAP  umap-learn's, which pulls the layers' points together while it lays them out
"""

import argparse
import itertools
import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import rich.box
import rich.console
import rich.table

import atlasjax as ax
from atlasjax import data, models
from atlasjax.atlas.collect import check_layers
from atlasjax.atlas.layout import normalize, turned
from atlasjax.atlas.neighbors import METRIC
from atlasjax.atlas.positions import lattice_of, together
from atlasjax.atlas.settings import MIN_DIST, NEIGHBORS

Layers = list[np.ndarray]
SETTINGS: Any = {"min_dist": MIN_DIST, "metric": METRIC}


def gather(chosen: argparse.Namespace, count: int) -> Layers:
    """Collect the same places of the same images in every layer."""
    model = models.load(chosen.model, chosen.weights)
    size, resize = (96, 96) if chosen.model == models.SCENES else (224, 256)
    shapes = check_layers(model, chosen.layers, (size, size, 3), chosen.samples)
    lattices = {n: lattice_of(model, n, shape, size) for n, shape in shapes.items()}
    source = data.open_images(chosen.images, limit=count)
    found = ax.collect(
        model,
        data.batches(source, 16, image_size=size, resize=resize),
        chosen.layers,
        jax.random.key(0),
        samples_per_image=chosen.samples,
        choose=together(lattices, chosen.samples),
    )
    return [found.activations[name].value for name in chosen.layers]


def independent(layers: Layers) -> Layers:
    return [ax.layout(values) for values in layers]


def turned_after(layers: Layers) -> Layers:
    maps = independent(layers)
    for i in range(1, len(maps)):
        maps[i] = normalize(turned(maps[i], maps[i - 1]))
    return maps


def from_before(layers: Layers) -> Layers:
    maps = [ax.layout(layers[0])]
    for values in layers[1:]:
        maps.append(ax.layout(values, like=maps[-1]))
    return maps


def from_before_freely(layers: Layers) -> Layers:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import umap

        maps = [ax.layout(layers[0])]
        for values in layers[1:]:
            start: Any = maps[-1]
            fit = umap.UMAP(NEIGHBORS, init=start, random_state=0, n_jobs=1, **SETTINGS)
            laid = np.asarray(fit.fit_transform(values), np.float32)
            maps.append(normalize(turned(laid, maps[-1])))
    return maps


def aligned_umap(layers: Layers) -> Layers:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import umap

        same = {i: i for i in range(len(layers[0]))}
        fitted = umap.AlignedUMAP(n_neighbors=NEIGHBORS, random_state=0, **SETTINGS).fit(
            layers, relations=[same] * (len(layers) - 1)
        )
    maps: Any = fitted.embeddings_
    low, high = np.concatenate(maps).min(0), np.concatenate(maps).max(0)
    return [normalize(((xy - low) / (high - low)).astype(np.float32)) for xy in maps]


WAYS: dict[str, Callable[[Layers], Layers]] = {
    "independent": independent,
    "turned": turned_after,
    "from before": from_before_freely,
    "gently": from_before,
    "AlignedUMAP": aligned_umap,
}


def measure(layers: Layers, maps: Layers) -> dict[str, float]:
    from sklearn.manifold import trustworthiness

    steps = itertools.pairwise(maps)
    distance = np.mean([np.linalg.norm(a - b, axis=1).mean() for a, b in steps])
    trust = [
        float(trustworthiness(values, xy, n_neighbors=15, metric=METRIC))
        for values, xy in zip(layers, maps, strict=True)
    ]
    return {
        "distance": float(distance),
        "trustworthiness": float(np.mean(trust)),
        "worst": min(trust),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default=models.SCENES)
    parser.add_argument("--weights", help="its weights file, where it needs one")
    parser.add_argument("--images", default="scenes:1120@2")
    parser.add_argument("--layers", nargs="+", default=["mixed3a", "mixed4a", "mixed4d"])
    parser.add_argument("--samples", type=int, default=4, help="places of each image")
    parser.add_argument("--quick", action="store_true", help="100 images instead of 400")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    try:
        layers = gather(chosen, 100 if chosen.quick else 400)
    except ax.UserError as error:
        sys.exit(f"alignment.py: {error}")
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
    table.add_column(f"{len(layers[0]):,} places, {' '.join(chosen.layers)}")
    for column in ("distance", "trustworthiness", "worst", "seconds"):
        table.add_column(column, justify="right")
    rows = {}
    for way, lay in WAYS.items():
        began = time.perf_counter()
        maps = lay(layers)
        seconds = time.perf_counter() - began
        rows[way] = measure(layers, maps) | {"seconds": round(seconds, 1)}
        found = [f"{rows[way][c]:.3f}" for c in ("distance", "trustworthiness", "worst")]
        table.add_row(way, *found, f"{seconds:.0f}")
    rich.console.Console(highlight=False, soft_wrap=True).print(table)
    if chosen.json:
        print(json.dumps({"layers": chosen.layers, "places": len(layers[0]), "ways": rows}))


if __name__ == "__main__":
    main()
