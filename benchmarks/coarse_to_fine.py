"""How much compute it spares to draw finer levels from coarser ones.

    python benchmarks/coarse_to_fine.py DATA [--quick] [--json]

DATA is a folder with bvlc_googlenet/weights.safetensors and imagenet_sample/. Mixed4c is cut by the
grids 10, 20 and 40, from eight positions of every photograph. The icons are drawn in three ways:
each from noise, by plain Adam at 0.05; each from noise, by the default, with several numbers of
steps; and from coarse to fine, the coarsest level from noise and every other from its parents'
finished icons. Compute is counted in steps: one gradient of the network for one icon.

Some cells of the finest level are drawn, with their parents and their parents' parents. Every level
counts by the number of its cells, so that means and compute are those of the whole atlas. The
ratios are how many times as much compute drawing from noise takes for the same mean cosine.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cells
import jax
import numpy as np
import rich.box
import rich.console
import rich.table

import atlasjax as ax
from atlasjax.atlas.zoom import parents
from atlasjax.parallel import divide_cpu


class Size(NamedTuple):
    """How much is measured."""

    cells: int
    photographs: int | None
    grids: tuple[int, ...]
    plain: tuple[int, ...]
    fresh: tuple[int, ...]
    refined: tuple[tuple[int, int], ...]  # steps of the coarsest level, and of all others


FULL = Size(
    cells=12,
    photographs=None,
    grids=(10, 20, 40),
    plain=(16, 32, 64, 96, 128, 192),
    fresh=(16, 24, 32, 48, 96),
    refined=((32, 8), (32, 16), (96, 8), (96, 16)),
)
QUICK = Size(
    cells=6,
    photographs=100,
    grids=(4, 8),
    plain=(8, 16, 24, 32),
    fresh=(8, 16),
    refined=((16, 4), (16, 8)),
)


class Way(NamedTuple):
    """One way of drawing all levels: its name, steps for each icon, and what they reach."""

    name: str
    steps: float
    levels: tuple[cells.Reached, ...]
    whole: cells.Reached


def family(cut: cells.Cut, grids: tuple[int, ...], count: int) -> dict[int, np.ndarray]:
    """Return the directions of some cells of the finest level, and of their ancestors."""
    chosen = {grids[-1]: cut.direction[grids[-1]]}
    chosen[grids[-1]] = chosen[grids[-1]][cells.some(len(chosen[grids[-1]]), count)]
    for finer, grid in zip(grids[:0:-1], grids[-2::-1], strict=True):
        coarser = cut.direction[grid]
        chosen[grid] = coarser[np.unique(parents(chosen[finer], coarser))]
    return {grid: chosen[grid] for grid in grids}


def draw(
    cut: cells.Cut,
    directions: dict[int, np.ndarray],
    settings: ax.IconSettings,
    first: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Draw every level from noise; or, from the finished icons of the first, coarse to fine."""
    drawer = ax.icon_drawer(cut.model, cut.layer, settings, cut.white)
    made = [] if first is None else [first]
    grids = list(directions)
    for i in range(len(made), len(grids)):
        direction = directions[grids[i]]
        number = np.arange(len(direction))
        keys = ax.icon_keys(jax.random.key(0), cut.layer, grids[i], number, 0 * number)
        start = None
        if first is not None:
            start = made[-1][parents(direction, directions[grids[i - 1]])]
        made.append(ax.icons(drawer, direction, keys, start, attempts=1).icon)
    return made


def weigh(name: str, steps: list[int], found: list[cells.Reached], counts: np.ndarray) -> Way:
    whole = np.average(np.array(found), axis=0, weights=counts)
    mean = float(np.average(steps, weights=counts))
    return Way(name, mean, tuple(found), cells.Reached(*map(float, whole)))


def ways(
    cut: cells.Cut, size: Size, reached: Callable[[np.ndarray, np.ndarray], cells.Reached]
) -> dict[str, list[Way]]:
    """Draw by plain Adam, by the default with every number of steps, then coarse to fine."""
    directions = family(cut, size.grids, size.cells)
    counts = np.array([len(cut.direction[grid]) for grid in size.grids])

    def way(name: str, made: list[np.ndarray], steps: list[int]) -> Way:
        pairs = zip(made, directions.values(), strict=True)
        return weigh(name, steps, [reached(icon, d) for icon, d in pairs], counts)

    adam = [cells.by_plain_adam(cut, direction, size.plain) for direction in directions.values()]
    plain = [
        way(f"plain Adam, {n}", [made[n] for made in adam], [n] * len(counts)) for n in size.plain
    ]
    drawn = {n: draw(cut, directions, ax.IconSettings(steps=n)) for n in size.fresh}
    fresh = [way(f"default, {n}", made, [n] * len(counts)) for n, made in drawn.items()]
    zoomed = []
    for first, then in size.refined:
        made = draw(cut, directions, ax.IconSettings(refine_steps=then), drawn[first][0])
        steps = [first] + [then] * (len(counts) - 1)
        zoomed.append(way(f"coarse to fine, {first} then {then}", made, steps))
    return {"plain": plain, "fresh": fresh, "zoomed": zoomed}


def ratios(noise: list[Way], way: Way) -> dict[str, float | None]:
    """Return how many times as much compute drawing from noise takes for the same mean cosine."""
    found = {}
    for kind in cells.Reached._fields:
        curve = [getattr(other.whole, kind) for other in noise]
        steps = cells.steps_to(getattr(way.whole, kind), [other.steps for other in noise], curve)
        found[kind] = None if steps is None else steps / way.steps
    return found


def show(drawn: dict[str, list[Way]], grids: tuple[int, ...]) -> None:
    """Print what every way reaches; and of those from coarse to fine, the ratios to the others."""
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
    table.add_column("steps of an icon")
    headings = ("mean steps", *(f"grid {grid}" for grid in grids), "all", "moved")
    for column in (*headings, "plain Adam takes", "default takes"):
        table.add_column(column, justify="right")
    for kind, found in drawn.items():
        for way in found:
            shown = [f"{r.plain:.3f} / {r.white:.3f}" for r in (*way.levels, way.whole)]
            shown.append(f"{way.whole.moved:.3f} / {way.whole.moved_white:.3f}")
            if kind == "zoomed":
                shown += [times(drawn[other], way) for other in ("plain", "fresh")]
            table.add_row(way.name, f"{way.steps:.1f}", *shown)
    rich.console.Console(highlight=False, width=cells.WIDTH).print(table)
    print("cosines: as they are / whitened; ratios: the same, of all levels as they are")


def times(noise: list[Way], way: Way) -> str:
    found = ratios(noise, way)
    most = f"> {noise[-1].steps / way.steps:.1f} x"
    shown = (found[kind] for kind in ("plain", "white"))
    return " / ".join(most if value is None else f"{value:.1f} x" for value in shown)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--quick", action="store_true", help="two levels, few cells and steps")
    parser.add_argument("--cells", type=int, help="of the finest level; 12 by default, quick 6")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    chosen = parser.parse_args()
    divide_cpu()  # as the command line does
    size = QUICK if chosen.quick else FULL
    size = size if chosen.cells is None else size._replace(cells=chosen.cells)
    try:
        cut = cells.cut(chosen.data, "mixed4c", size.grids, size.photographs)
    except ax.UserError as error:
        sys.exit(f"coarse_to_fine.py: {error}")
    drawn = ways(cut, size, cells.measure(cut))
    show(drawn, size.grids)
    if chosen.json:
        rows = [
            {"name": way.name, "steps": way.steps, **way.whole._asdict()}
            | {f"{other}_takes": ratios(drawn[other], way) for other in ("plain", "fresh")}
            for found in drawn.values()
            for way in found
        ]
        print(json.dumps({"grids": size.grids, "ways": rows}))


if __name__ == "__main__":
    main()
