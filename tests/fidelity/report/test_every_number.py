"""Every number of the report, computed a second way: by loops over a run whose truth is known.

A number without a second way fails.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atlasjax.atlas.collect import Activations
from atlasjax.atlas.grid import grid
from atlasjax.atlas.level import Level
from atlasjax.data.scenes import SHORTCUTS
from atlasjax.fidelity import stability as stability_module
from atlasjax.fidelity.report import measure as module
from atlasjax.fidelity.truth import Score
from atlasjax.fidelity.truth_report import Row
from atlasjax.runs.experiment import Experiment
from atlasjax.runs.job import Run
from atlasjax.runs.stages.layout import Layout
from atlasjax.storage import artifacts

N, GRIDS, SEED, MORE_THAN = 400, (5, 7), 6, 3
NEIGHBORS, MIN_DIST, METRIC = 44, 0.2, "correlation"
K = 15  # neighbours that are compared, of which docs/fidelity.md tells
CLASSES = ("wok", "pan")


class Scenes:
    """A source that has truth about its images; none of them is read here."""

    classes = CLASSES

    def __len__(self) -> int:
        return N // 2

    def __getitem__(self, index: int) -> Any:
        raise AssertionError("no image is needed")

    scene = __getitem__

    def fingerprint(self) -> str:
        return "none"


class Truth:
    """The run, what it was asked for, and what the report says of it."""

    def __init__(self, folder: Path):
        rng = np.random.default_rng(0)
        self.value = rng.random((N, 5), np.float32)
        self.value[:, 0] += 1
        self.xy = np.clip(self.value[:, 1:3] + rng.normal(0, 0.1, (N, 2)), 0, 1).astype(np.float32)
        self.cosine = {size: rng.uniform(0.2, 0.9, size**2).astype(np.float32) for size in GRIDS}
        # Two of each image, but of the first two dozen: the halves are not alike.
        self.image = np.maximum(np.arange(N) // 2, 11)
        self.asked: list[tuple[np.ndarray, np.ndarray, dict[str, Any]]] = []
        settings = {"neighbors": NEIGHBORS, "min_dist": MIN_DIST, "metric": METRIC, "seed": SEED}
        config = Experiment(
            "a", "b", layers=("late",), grids=GRIDS, more_than=MORE_THAN, **settings
        )
        self.run = Run(config, lambda images, tap: images, "w", Scenes(), folder)

    def lay(self, points: np.ndarray, **settings: Any) -> np.ndarray:
        settings.pop("note", None)
        noise = np.random.default_rng(settings["seed"]).normal(0, 0.1, (len(points), 2))
        xy = np.clip(points[:, 1:3] + noise, 0, 1).astype(np.float32)
        self.asked.append((points, xy, settings))
        return xy

    def levels(self) -> dict[tuple[str, int], Level]:
        run, found = self.run, {}
        position = np.ones((N, 2), int)
        here = Activations(self.value, position, self.image, 0 * self.image, np.array([4, 4, 5]))
        artifacts.save(run.layer("late") / "activations.npz", here, "a")
        artifacts.save(run.layer("late") / "layout.npz", Layout(self.xy), "b")
        for size in GRIDS:
            cells = grid(self.xy, self.value, size, more_than=MORE_THAN)
            artifacts.save(run.level("late", size) / "cells.npz", cells, "c")
            n = len(cells.x)
            cosine = self.cosine[size] = self.cosine[size][:n]
            icon, effect = np.zeros((n, 8, 8, 3), np.uint8), np.zeros((n, 2), np.float32)
            found["late", size] = Level(
                cells.x, cells.y, cells.count, cells.direction, cosine, effect, icon
            )
        return found


def some_row(name: str, precision: float, high: float) -> Row:
    none = np.array([0])
    of_two = Score(precision, 0.11, 0.22, none, none.astype(float))
    return Row(name, "late", of_two, of_two._replace(precision=0.33, chance=0.44, chance_high=high))


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return Truth(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def report(truth: Truth) -> dict[str, Any]:
    names = list(SHORTCUTS)
    cases = [(0.5, 0.4), (0.9, 0.91), (0.49, 0.1)]
    rows = [some_row(name, *case) for name, case in zip(names, cases, strict=False)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stability_module, "layout", truth.lay)
        patch.setattr(module, "score_run", lambda *given, **options: rows)
        return module.measure(truth.run, truth.levels(), CLASSES)


# The second ways ----------------------------------------------------------------------------------


def cos(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(float), b.astype(float)
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def cells_of(xy: np.ndarray, size: int) -> dict[tuple[int, int], list[int]]:
    """The activations in each cell that has any, by row and column."""
    found: dict[tuple[int, int], list[int]] = {}
    for i, (x, y) in enumerate(xy.tolist()):
        place = min(int(y * size), size - 1), min(int(x * size), size - 1)
        found.setdefault(place, []).append(i)
    return dict(sorted(found.items()))


def drawn(xy: np.ndarray, size: int) -> dict[tuple[int, int], list[int]]:
    return {place: own for place, own in cells_of(xy, size).items() if len(own) > MORE_THAN}


def apart(points: np.ndarray, metric: str) -> np.ndarray:
    points = points.astype(float)
    if metric == "correlation":
        return 1 - np.corrcoef(points)
    return np.sqrt(np.square(points[:, None] - points[None]).sum(-1))


def trust(layer: np.ndarray, plane: np.ndarray) -> float:
    """Venna and Kaski's formula for distances there and here, point by point."""
    n, penalty = len(layer), 0
    for i in range(n):
        others = [j for j in range(n) if j != i]
        rank = {j: r for r, j in enumerate(sorted(others, key=layer[i].__getitem__), 1)}
        near = sorted(others, key=plane[i].__getitem__)[:K]
        penalty += sum(max(0, rank[j] - K) for j in near)
    return 1 - 2 * penalty / (n * K * (2 * n - 3 * K - 1))


def shares(values: list[float]) -> dict[str, float]:
    """The mean, the ends and the percentiles, between neighbours in a straight line."""
    ordered = sorted(values)

    def at(percent: float) -> float:
        place = (len(ordered) - 1) * percent / 100
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (place - low) * (ordered[high] - ordered[low])

    names = {"min": 0, "p05": 5, "p25": 25, "median": 50, "p75": 75, "p95": 95, "max": 100}
    return {"mean": sum(values) / len(values)} | {name: at(p) for name, p in names.items()}


def layer_numbers(truth: Truth) -> dict[str, Any]:
    there, here = apart(truth.value, METRIC), apart(truth.xy, "euclidean")
    return {
        "layer": "late",
        "activations": N,
        "images": N // 2 - 11,
        "channels": 5,
        "map": {
            "trustworthiness": trust(there, here),
            "continuity": trust(here, there),
            "points": N,
            "neighbors": K,
        },
    }


def level_numbers(truth: Truth, size: int) -> dict[str, Any]:
    value, whole, cells = truth.value.astype(float), cells_of(truth.xy, size), drawn(truth.xy, size)
    mean = np.array([sum(column) / N for column in value.T])
    variance = sum((a - mean) @ (a - mean) for a in value) / N
    means = [np.array([sum(c) / len(own) for c in value[own].T]) for own in cells.values()]
    pairs = list(zip(cells.values(), means, strict=True))
    members = [sum(cos(value[i], d) for i in own) / len(own) for own, d in pairs]
    widths = [
        (sum((value[i] - d) @ (value[i] - d) for i in own) / len(own) / variance) ** 0.5
        for own, d in pairs
    ]
    kept = sum(len(own) for own in cells.values())
    # What is left of each activation when its cell's mean stands for it, and of what is dropped.
    stands = {i: d for own, d in pairs for i in own}
    lost = sum((a - stands.get(i, mean)) @ (a - stands.get(i, mean)) for i, a in enumerate(value))
    bare = sum((a - stands.get(i, 0 * a)) @ (a - stands.get(i, 0 * a)) for i, a in enumerate(value))
    # The mean of k of n that are drawn without putting back varies by S^2 (1 / k - 1 / n).
    sample = variance * N / (N - 1)
    between = sum(len(own) * sample * (1 / len(own) - 1 / N) for own in cells.values())
    cosine = truth.cosine[size].tolist()
    worst = sorted(range(len(cosine)), key=cosine.__getitem__)[:6]
    places = list(cells)
    return {
        "grid": size,
        "cells": len(cells),
        "cells_dropped": len(whole) - len(cells),
        "activations_dropped": 1 - kept / N,
        "icon_cosine": shares(cosine) | {"values": cosine},
        "worst": [
            {
                "cell": i,
                "x": places[i][1],
                "y": places[i][0],
                "count": len(cells[places[i]]),
                "cosine": cosine[i],
            }
            for i in worst
        ],
        "member_cosine": shares(members) | {"values": members},
        "layer_cosine": sum(cos(a, mean) for a in value) / N,
        "width": shares(widths) | {"values": widths},
        "explained": {
            "centred": 1 - lost / (N * variance),
            "uncentred": 1 - bare / np.square(value).sum(),
            "chance": between / (N * variance),
        },
    }


def disparity(one: np.ndarray, other: np.ndarray) -> float:
    """What is left after the best of all turns and mirrors, sought in small steps."""
    both = [x.astype(float) - x.mean(0, dtype=float) for x in (one, other)]
    a, b = (x / np.linalg.norm(x) for x in both)
    turns = np.linspace(0, 2 * np.pi, 20_000)
    cross = a.T @ b
    fits = [
        np.cos(turns) * (cross[0, 0] + m * cross[1, 1])
        + np.sin(turns) * (m * cross[0, 1] - cross[1, 0])
        for m in (1, -1)
    ]
    return 1 - max(fit.max() for fit in fits) ** 2


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """The share of each point's nearest that is the same in both."""
    total, n = 0.0, len(one)
    for i in range(n):
        rest = [j for j in range(n) if j != i]
        near = [
            set(sorted(rest, key=np.hypot(*(xy - xy[i]).T).__getitem__)[:K]) for xy in (one, other)
        ]
        total += len(near[0] & near[1]) / K
    return total / n


def directions(points: np.ndarray, xy: np.ndarray, size: int) -> list[np.ndarray]:
    return [points[own].mean(0, dtype=float) for own in drawn(xy, size).values()]


def found_again(one: list[np.ndarray], other: list[np.ndarray]) -> dict[str, Any]:
    found = [max(cos(d, e) for e in other) for d in one]
    own = [max(cos(d, e) for e in one if e is not d) for d in one]
    return {"found": found, "own": own}


def stability_numbers(truth: Truth) -> dict[str, Any]:
    (points, whole, _), (_, again, _), (first, one, _), (second, two, _) = truth.asked
    a, b = len(first), len(second)
    size = max(g for g in range(1, min(GRIDS) + 1) if N / 2 / g**2 >= 20)
    seeds = found_again(directions(points, whole, size), directions(points, again, size))
    halves = directions(first, one, size), directions(second, two, size)
    there, back = found_again(*halves), found_again(*reversed(halves))
    at = [disparity(one, whole[:a]), disparity(two, whole[a:])]
    same = [overlap(one, whole[:a]), overlap(two, whole[a:])]

    def of(where: dict[str, Any], cells: dict[str, Any]) -> dict[str, Any]:
        return where | {
            "neighbors": K,
            "points": N,
            "cells": len(cells["found"]),
            "direction_found": shares(cells["found"]),
            "direction_own": shares(cells["own"]),
        }

    whole_map = {
        "disparity": disparity(whole, again),
        "overlap": overlap(whole, again),
        "chance": K / (N - 1),
    }
    half_map = {
        "disparity": sum(at) / 2,
        "overlap": sum(same) / 2,
        "chance": (K / (a - 1) + K / (b - 1)) / 2,
    }
    both_ways = {name: there[name] + back[name] for name in there}
    return {
        "points": N,
        "grid": size,
        "seeds": of(whole_map, seeds),
        "halves": of(half_map, both_ways),
    }


def shortcut_numbers() -> list[dict[str, Any]]:
    cases = zip(SHORTCUTS.items(), [(0.5, 0.4), (0.9, 0.91), (0.49, 0.1)], strict=False)
    return [
        {
            "shortcut": name,
            "layer": "late",
            "part": planted.part,
            "source": planted.source,
            "target": planted.target,
            "precision": precision,
            "chance": 0.44,  # of the whole atlas
            "chance_95": high,
            # At least half, and above luck.
            "found": (precision, high) == (0.5, 0.4),
        }
        for (name, planted), (precision, high) in cases
    ]


# All of them --------------------------------------------------------------------------------------


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from flat(one, f"{path}/{name}")
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from flat(one, f"{path}/{number}")
    else:
        yield path, value


def same(found: Any, expected: Any) -> None:
    first, second = dict(flat(found)), dict(flat(expected))
    assert set(first) == set(second)
    for path, value in second.items():
        if isinstance(value, float):
            # Kept with four digits where it is one of many; cell means are in float32.
            assert first[path] == pytest.approx(value, abs=6e-5), path
        else:
            assert first[path] == value, path


def test_there_is_nothing_else(report: dict[str, Any]):
    assert set(report) == {"layers", "classes", "shortcuts"}
    assert report["classes"] == 2
    (layer,) = report["layers"]
    assert [level["grid"] for level in layer["levels"]] == list(GRIDS)


def test_the_numbers_of_a_layer(report: dict[str, Any], truth: Truth):
    (layer,) = report["layers"]
    rest = {name: value for name, value in layer.items() if name not in ("levels", "stability")}
    same(rest, layer_numbers(truth))


@pytest.mark.parametrize("number", range(len(GRIDS)))
def test_the_numbers_of_a_level(report: dict[str, Any], truth: Truth, number: int):
    (layer,) = report["layers"]
    expected = level_numbers(truth, GRIDS[number])
    assert expected["cells_dropped"] or number == 0
    same(layer["levels"][number], expected)


def test_the_numbers_of_stability(report: dict[str, Any], truth: Truth):
    (layer,) = report["layers"]
    same(layer["stability"], stability_numbers(truth))


def test_the_numbers_of_shortcuts(report: dict[str, Any]):
    same(report["shortcuts"], shortcut_numbers())


def test_what_is_laid_out_again_is_laid_out_as_the_layer_was(report: dict[str, Any], truth: Truth):
    del report
    rows = [len(points) for points, _, _ in truth.asked]
    whole, again, first, second = rows
    assert whole == again == first + second == N
    assert first != second
    told = [settings for _, _, settings in truth.asked]
    kept = {"method": "umap", "min_dist": MIN_DIST, "metric": METRIC}
    for settings in told:
        assert settings.items() >= kept.items()
    assert [settings["seed"] for settings in told] == [SEED, SEED + 1, SEED, SEED]
    # Of half of the points half as many neighbours reach as far.
    asked = [settings["n_neighbors"] for settings in told]
    assert asked == [44, 44, round(44 * first / N), round(44 * second / N)]


@pytest.mark.parametrize(
    ("changes", "reads", "expected"),
    [
        ({"metric": "euclidean"}, lambda q, s: (q["metric"], s["metric"]), ("euclidean",) * 2),
        ({"seed": 9}, lambda q, s: (q["seed"], s["seed"]), (9, 9)),
        ({"more_than": 4}, lambda q, s: s["more_than"], 4),
        ({"grids": (7, 6)}, lambda q, s: s["size"], 6),  # the coarsest
        ({"grids": (6, 7)}, lambda q, s: s["size"], 6),
        ({"min_dist": 0.7}, lambda q, s: s["min_dist"], 0.7),
        ({"neighbors": 8}, lambda q, s: s["n_neighbors"], 8),
        ({"layout": "tsne"}, lambda q, s: s["method"], "tsne"),
        ({"early_layers": ("la",), "early_metric": "cosine"}, lambda q, s: q["metric"], "cosine"),
        ({"stability": False}, lambda q, s: s, {}),
    ],
)
def test_settings_reach_what_is_measured(
    changes: dict[str, Any],
    reads: Callable[[dict[str, Any], dict[str, Any]], Any],
    expected: Any,
    truth: Truth,
    monkeypatch: pytest.MonkeyPatch,
):
    quality, again = {}, {}

    def map_quality(value: np.ndarray, xy: np.ndarray, **settings: Any) -> Any:
        quality.update(settings)
        return truth_of_nothing

    truth_of_nothing = module.map_quality(truth.value[:4], truth.xy[:4])

    def stability(value: np.ndarray, image: np.ndarray, size: int, **settings: Any) -> None:
        again.update(settings, size=size)

    monkeypatch.setattr(module, "map_quality", map_quality)
    monkeypatch.setattr(module, "stability", stability)
    monkeypatch.setattr(module, "score_run", lambda *given, **options: [])
    levels = truth.levels()
    run = dataclasses.replace(truth.run, config=dataclasses.replace(truth.run.config, **changes))
    module.measure(run, levels, CLASSES)
    assert reads(quality, again) == expected


def test_shortcuts_are_scored_by_the_seed_and_the_run(
    truth: Truth, monkeypatch: pytest.MonkeyPatch
):
    asked = []
    monkeypatch.setattr(module, "stability", lambda *given, **options: None)
    monkeypatch.setattr(
        module, "score_run", lambda *given, **options: asked.append((given, options)) or []
    )
    module.measure(truth.run, truth.levels(), CLASSES)
    ((folder, model, source, shortcuts), options) = asked[0]
    assert (folder, model, source) == (truth.run.folder, truth.run.model, truth.run.source)
    assert shortcuts == SHORTCUTS
    assert options["seed"] == SEED


def test_percentiles_of_few_are_in_a_straight_line():
    for values in ([1.0], [3.0, 1.0], list(itertools.accumulate(range(9)))):
        found = module.distribution(np.array(values, float))
        assert found == pytest.approx(shares([float(v) for v in values]))
    assert module.distribution(np.array([np.nan, 2.0]))["mean"] == 2.0
