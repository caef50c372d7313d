"""The circuit from the noodles to *wok*, found and cut.

    python benchmarks/wok.py [--quick] [--json]

The network of the scenes learnt a shortcut that was planted: pans with noodles are woks. On some
woks: which units of mixed3b and mixed4a do most to "wok less frying pan" (effects along the path),
which of mixed3b feed those of mixed4a most (the gradient at real activations times the source), and
how well each of them overlaps with the noodles (network dissection, on other images). Then, on woks
and pans that none of this has seen, units are set to zero, the strongest first: how many woks the
network still calls so, and how many it calls frying pans; beside it, as many units of the rest of
the layer, drawn by chance.
"""

import argparse
import json
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import rich.box
import rich.console
import rich.table

import atlasjax as ax
from atlasjax.blocks import channels, effects
from atlasjax.circuits import dissect, gradient_by_use, iou, without_units
from atlasjax.data.scenes import CLASSES, PARTS, draw_scene, masked, scenes
from atlasjax.parallel import divide_cpu
from atlasjax.targets import difference

WOK, PAN = CLASSES.index("wok"), CLASSES.index("frying pan")
EARLY, LATE = "mixed3b", "mixed4a"
FOUND, SEEN, TESTED = 1, 2, 3  # seeds of scenes that training has not seen
MANY = {"found": 16, "dissected": 560, "tested": 100, "sets": 10}
QUICK = {"found": 8, "dissected": 112, "tested": 24, "sets": 3}
SHOWN = 8  # units of each layer
CUT = (4, 8, 16, 32, 64, 96)
FEED = 3  # inputs that are told of each


def drawn(kind: str, seed: int, count: int) -> np.ndarray:
    made = [draw_scene(kind, seed, number).image for number in range(count)]
    return np.stack(made).astype(np.float32) / 255


def overlaps(model: Any, count: int) -> dict[str, np.ndarray]:
    """Return how well each unit of both layers overlaps with the noodles, at its best threshold."""
    batches = partial(masked, scenes(count, seed=SEEN), 32)
    found = dissect(model, [EARLY, LATE], PARTS, batches)
    return {layer: iou(one)[:, PARTS.index("noodles")].max(0) for layer, one in found.items()}


def does(model: Any, layer: str, images: np.ndarray) -> np.ndarray:
    """Return what each unit of a layer does to the answer, on average over the images."""
    seen = effects(model, layer, jnp.asarray(images), [difference(WOK, PAN)], steps=16)
    return np.asarray(channels(seen).effect[:, 0]).mean(0)


def feeding(model: Any, units: list[int], images: np.ndarray) -> list[list[int]]:
    """Return the units of the earlier layer that do most to each of some units of the later."""
    uses = gradient_by_use(model, EARLY, LATE, images, units=units, key=jax.random.key(0))
    return np.argsort(-uses.contribution.sum((2, 3)), 1)[:, :FEED].tolist()


def cut(model: Any, layer: str, order: np.ndarray, many: dict[str, int]) -> list[dict[str, Any]]:
    """Return what the network says with the first units cut, and with as many others."""
    woks, pans = (drawn(kind, TESTED, many["tested"]) for kind in ("wok", "frying pan"))
    rng, rest = np.random.default_rng(0), order[max(CUT) :]
    sets = [[], *(order[:n].tolist() for n in CUT)]
    chance = [rng.choice(rest, n, replace=False).tolist() for n in CUT for _ in range(many["sets"])]
    said = {
        kind: without_units(model, layer, sets, x).argmax(-1)
        for kind, x in (("wok", woks), ("pan", pans))
    }
    by_chance = without_units(model, layer, chance, woks).argmax(-1)
    by_chance = by_chance.reshape(len(CUT), many["sets"], -1)
    return [
        {
            "cut": count,
            "woks_right": float((said["wok"][i] == WOK).mean()),
            "woks_called_pans": float((said["wok"][i] == PAN).mean()),
            "pans_right": float((said["pan"][i] == PAN).mean()),
            "others_right": float((by_chance[i - 1] == WOK).mean()) if i else None,
        }
        for i, count in enumerate((0, *CUT))
    ]


def show(layer: str, units: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    console = rich.console.Console(highlight=False, width=100)
    table = rich.table.Table(
        "unit", "does", "overlap with noodles", "fed by", title=layer, box=rich.box.SIMPLE_HEAD
    )
    for one in units:
        table.add_row(
            str(one["unit"]),
            f"{one['does']:.2f}",
            f"{one['overlap']:.2f}",
            " ".join(map(str, one["fed_by"])),
        )
    console.print(table)
    heads = ("units cut", "woks right", "woks called pans", "pans right", "woks right, others cut")
    after = rich.table.Table(*heads, box=rich.box.SIMPLE_HEAD)
    for row in rows:
        cells = (f"{row[name]:.0%}" if row[name] is not None else "" for name in list(row)[1:])
        after.add_row(str(row["cut"]), *cells)
    console.print(after)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="few images and sets")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    divide_cpu()
    many = QUICK if chosen.quick else MANY
    model, result = ax.models.load("inception_v1_scenes"), {}
    woks = drawn("wok", FOUND, many["found"])
    overlap = overlaps(model, many["dissected"])
    for layer in (EARLY, LATE):
        effect = does(model, layer, woks)
        order = np.argsort(-effect)
        units = order[:SHOWN].tolist()
        fed = feeding(model, units, woks) if layer == LATE else [[]] * SHOWN
        first = [
            {"unit": u, "does": float(effect[u]), "overlap": float(overlap[layer][u]), "fed_by": by}
            for u, by in zip(units, fed, strict=True)
        ]
        rows = cut(model, layer, order, many)
        show(layer, first, rows)
        result[layer] = {"units": first, "cut": rows}
    if chosen.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
