"""Every field of an experiment, changed, changes what it says, and what depends on it is made anew.

One small run is made; for each field its folder is copied and the run made again there with another
value. Layouts and icons are stand-ins that note what they were asked for; all else is real, up to
the report. A new field without a row fails.
"""

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from atlasjax.atlas.collect import Activations
from atlasjax.atlas.drawer import Icons
from atlasjax.atlas.positions import Lattice
from atlasjax.fidelity.report import write
from atlasjax.planes import as_planes
from atlasjax.receptive import ReceptiveField
from atlasjax.runs import examples, job, pipeline, unit
from atlasjax.runs.experiment import Experiment
from atlasjax.runs.stages import activations, effects, layout
from atlasjax.runs.stages.layout import Layout
from atlasjax.storage import artifacts
from atlasjax.taps import capture
from atlasjax.workflows import begin, make

NETWORKS = '''
"""Networks of two layers and two classes: weights of one's own, or another width."""

import jax
import jax.numpy as jnp
import numpy as np

import atlasjax as ax


def halved(x):
    b, h, w, c = x.shape
    return x.reshape(b, h // 2, 2, w // 2, 2, c).mean((2, 4))


def network(scale, width):
    rng = np.random.default_rng(0)
    first = jnp.asarray(rng.random((3, 4)) * scale, jnp.float32)
    second = jnp.asarray(rng.random((4, width)), jnp.float32)

    def model(images, tap):
        x = tap("early", halved(images) @ first)
        x = tap("late", jax.nn.relu(halved(x) @ second))
        return tap("logits", x.mean((1, 2))[:, :2])

    return model


def scale_of(weights):
    return 1.0 if weights is None else float(np.load(weights))


def entry(name, width):
    early = {"image_size": 16, "early_layers": ("early",)}
    return ax.ModelEntry(name, lambda weights=None: network(scale_of(weights), width), **early)


narrow, wide = entry("narrow", 5), entry("wide", 6)


def elsewhere(activations, *, seed):
    return activations[:, :2]
'''


class Made(NamedTuple):
    """What a run left, and what was asked for on the way.

    Attributes:
        levels: the finished ones.
        config: the experiment as it is kept.
        report: the numbers.
        layouts: of each layer that was laid out the settings.
        drawers: of each layer the settings and the whitening.
        draws: of each batch its layer, how many icons, and whether they start from others.
        batches: of each pass over the images how many, how many at a time, and their sizes.
        anew: the files that were written.
        planned: those that were said to be, before anything was computed.
        said: what was said will be made again, and why.
        opens: the layer that the page opens on.
        folder: where.
    """

    levels: dict[tuple[str, int], Any]
    config: dict[str, Any]
    report: dict[str, Any]
    layouts: dict[str, dict[str, Any]]
    drawers: dict[str, tuple[Any, np.ndarray | None]]
    draws: list[tuple[str, int, bool]]
    batches: list[tuple[int, int, dict[str, int]]]
    anew: set[str]
    planned: set[str]
    said: list[str]
    opens: str
    folder: Path


class Ended(Exception):
    """A run is finished, but for its page."""


def files(folder: Path) -> dict[str, int]:
    found = [*folder.glob("**/*.npz"), *folder.glob("report.json")]
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in found}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with networks, weights, and two sets of images."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "networks_for_fields.py").write_text(NETWORKS, encoding="utf-8")
    np.save(folder / "double.npy", np.array(2.0))
    for seed, name in enumerate(("images", "others")):
        rng = np.random.default_rng(seed)
        (folder / name).mkdir()
        for i in range(24):
            noise = rng.integers(0, 65536, (32, 32), dtype=np.uint16)
            Image.fromarray(noise).save(folder / name / f"{i:02}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield folder


def config(own: Path, **changes: Any) -> Experiment:
    plain = {
        "name": "plain",
        "model": "networks_for_fields:narrow",
        "layers": ("early", "late"),
        "images": str(own / "images"),
        "grids": (2, 4),
        "samples_per_image": 2,
        "more_than": 1,
        "icon_size": 16,
        "early_icon_size": 8,
        "icon_batch": 100,
        "image_batch": 8,
        "image_size": 16,
        "early_neighbors": 30,
        "early_metric": "euclidean",
    }
    return Experiment(**{**plain, **changes})


def gathered(model: Any, batches: Any, names: Any, key: Any, **options: Any) -> Iterator[Any]:
    """Record what `recorded` does, but always at the first positions, and without compiling."""
    del key
    k = options["samples_per_image"]
    place = np.array([(1, 1), (1, 2), (2, 1)])[:k]
    for batch in batches:
        images, found = jnp.asarray(batch.images, jnp.float32) / 255.0, {}
        for name, value in capture(as_planes(model), images, names).items():
            at = np.asarray(value)[:, place[:, 0], place[:, 1]].reshape(-1, value.shape[-1])
            position, image = np.tile(place, (len(images), 1)), batch.index.repeat(k)
            shape = np.array(value.shape[1:])
            found[name] = Activations(at, position, image, batch.label.repeat(k), shape)
        yield batch, found


def run(experiment: Experiment, folder: Path) -> Made:
    """Make a run, and note what was asked for."""
    layouts, drawers, draws, passes, ended = {}, {}, [], [], []

    def lay(points: np.ndarray, **settings: Any) -> np.ndarray:
        settings.pop("note", None)
        layouts[WIDTHS.get(points.shape[1], "joint")] = settings
        return np.random.default_rng(0).random((len(points), 2)).astype(np.float32)

    def drawer(model: Any, layer: str, settings: Any, whitening: Any, mesh: Any) -> Any:
        drawers[layer] = settings, whitening

        def draw(directions: np.ndarray, keys: Any, start: Any = None) -> Icons:
            n = len(directions)
            draws.append((layer, n, start is not None))
            icon = np.full((n, settings.size, settings.size, settings.channels), 9, np.uint8)
            return Icons(icon, np.where(np.arange(n) == 0, 0.4, 0.6).astype(np.float32))

        return draw

    def evenly(model: Any, layer: str, shape: tuple[int, int], *given: Any) -> Lattice:
        del model, layer, given
        return Lattice(*shape, 16.0, 1.5)

    def none(positions: np.ndarray) -> np.ndarray:
        return np.zeros((positions.shape[0] * positions.shape[1], 2), np.float16)

    def export(*given: Any, **options: Any) -> None:
        ended.append((*given[1:3], options["opens"]))
        raise Ended  # before the page is read again, which is not there

    real = job.batches

    def batches(source: Any, size: int, **options: Any) -> Any:
        passes.append((len(source), size, options))
        return real(source, size, **options)

    before, out = files(folder), Path(experiment.out or folder)
    planned, said = set(), []

    def keep(folder: Path, units: Any) -> None:
        planned.update(one.path for one in unit.pending(folder, units))
        unit.keep(folder, units)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "prepare", lambda job: None)  # it compiles UMAP
        patch.setattr(layout, "layout", lay)
        patch.setattr(pipeline, "icon_drawer", drawer)
        patch.setattr(job, "batches", batches)
        # What is taken of an image, where it lies, what it does, and what is measured of it: all
        # tested by themselves.
        patch.setattr(activations, "recorded", gathered)
        patch.setattr(activations, "lattice_of", evenly)
        patch.setattr(examples, "field_of", lambda *given: ReceptiveField(4.0, 1.5, 8))
        patch.setattr(effects, "attributions", lambda *given, **options: iter([none(given[3])]))
        patch.setattr(write, "measure", lambda run, levels, names: {"layers": []})
        patch.setattr(write, "page", lambda found, pictures: "")
        patch.setattr(begin, "keep", keep)
        patch.setattr(make, "export", export)
        with pytest.raises(Ended):
            make.run(experiment, out=out, say=said.append)
    levels, record, opens = ended[0]
    return Made(
        levels,
        record["experiment"],
        json.loads((out / "report.json").read_text()),
        layouts,
        drawers,
        draws,
        passes,
        {name for name, time in files(folder).items() if before.get(name) != time},
        planned,
        [line for line in said if line.startswith("again: ")],
        opens,
        out,
    )


@pytest.fixture(scope="module")
def plain(own: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return run(config(own), tmp_path_factory.mktemp("plain"))


WIDTHS = {4: "early", 5: "late"}  # channels
# What is made of a layer, and of a layer at a grid.
LAYER = ("activations", "whitening", "layout", "attribution")
LEVEL = ("cells", "whitened", "attribution", "icons", "examples")
BOTH = ("early", "late")
REPORT = {"report.json"}


def of(layers: tuple[str, ...], *stages: str) -> set[str]:
    return {f"layers/{layer}/{stage}.npz" for layer in layers for stage in stages}


def at(layers: tuple[str, ...], *stages: str, grids: tuple[int, ...] = (2, 4)) -> set[str]:
    places = [f"{layer}/grid-{grid}" for layer in layers for grid in grids]
    return {f"layers/{place}/{stage}.npz" for place in places for stage in stages}


ACTIVATIONS = of(BOTH, *LAYER) | at(BOTH, *LEVEL) | REPORT | {"skipped.npz"}
EVERYTHING = ACTIVATIONS | of(BOTH, "field")
OF_NETWORK = EVERYTHING - {"skipped.npz"}
MAPS = of(BOTH, "layout") | at(BOTH, *LEVEL) | REPORT
LATE_MAP = of(("late",), "layout") | at(("late",), *LEVEL) | REPORT
ICONS = at(BOTH, "icons") | REPORT
LATE_WHITENING = of(("late",), "whitening") | at(("late",), "whitened", "icons") | REPORT
OTHER = ("early-other", "late-other")
SECOND = MAPS | of(OTHER, *LAYER) | at(OTHER, *LEVEL) | of(OTHER, "field")


def laid(made: Made, name: str) -> dict[str, Any]:
    """A setting of those layers' layouts that were made."""
    return {layer: settings[name] for layer, settings in made.layouts.items()}


def asked(made: Made, name: str) -> dict[str, Any]:
    """A setting of those layers' icons that were drawn."""
    return {layer: getattr(settings, name) for layer, (settings, _) in made.drawers.items()}


def white(made: Made) -> dict[str, bool]:
    """Which layers' icons were drawn whitened, of those that were drawn."""
    return {layer: matrix is not None for layer, (_, matrix) in made.drawers.items()}


def spread(made: Made) -> float:
    """How unlike the late layer's whitening is to doing nothing."""
    return float(np.linalg.cond(np.asarray(made.drawers["late"][1]))) - 1


def drawn(made: Made, layer: str) -> list[tuple[int, bool]]:
    return [(n, started) for name, n, started in made.draws if name == layer]


def sampled(made: Made) -> int:
    return len(artifacts.read(made.folder / "layers" / "late" / "layout.npz", Layout).xy)


def mean(made: Made) -> float:
    return float(made.levels["late", 2].direction.mean())


Says = Callable[[Made, Made], bool]


def turns(read: Callable[[Made, str], dict[str, Any]], name: str, *values: Any) -> Says:
    """Tell what a setting was in both layers, and is in those that are made anew."""
    early, late, *anew = values
    after = dict(zip(BOTH, anew, strict=True)) if len(anew) == 2 else anew[0]
    return lambda a, b: (read(a, name), read(b, name)) == ({"early": early, "late": late}, after)


# For each field another value, whether what it says is so before and after, and what is made anew.
ROWS: dict[str, tuple[Any, Says, set[str]]] = {
    "name": ("another", lambda a, b: b.report["name"] == "another", REPORT),
    "model": (
        "networks_for_fields:wide",
        lambda a, b: [m.levels["late", 2].direction.shape[1] for m in (a, b)] == [5, 6],
        OF_NETWORK,
    ),
    # It is the coarsest layer, whose positions are its own; but it has no map before it any more.
    "layers": (("late",), lambda a, b: {n for n, _ in b.levels} == {"late"}, LATE_MAP),
    "weights": ("{own}/double.npy", lambda a, b: mean(b) == pytest.approx(2 * mean(a)), OF_NETWORK),
    "images": ("{own}/others", lambda a, b: mean(a) != mean(b), ACTIVATIONS),
    "grids": (
        (2, 8),
        lambda a, b: [sorted({g for _, g in m.levels}) for m in (a, b)] == [[2, 4], [2, 8]],
        at(BOTH, *LEVEL, grids=(8,)) | REPORT,
    ),
    "samples_per_image": (3, lambda a, b: [sampled(m) for m in (a, b)] == [48, 72], ACTIVATIONS),
    "max_images": (20, lambda a, b: [m.batches[0][0] for m in (a, b)] == [24, 20], ACTIVATIONS),
    # Half of the noise is white, and the rest as evenly grey as all of it was: 3/4 for 1/2.
    "range": (
        (0, 32768),
        lambda a, b: mean(b) == pytest.approx(1.5 * mean(a), rel=0.05),
        ACTIVATIONS,
    ),
    "image_size": (
        24,
        lambda a, b: [m.batches[0][2]["image_size"] for m in (a, b)] == [16, 24],
        EVERYTHING,
    ),
    "resize": (
        20,
        lambda a, b: [m.batches[0][2]["resize"] for m in (a, b)] == [16, 20],
        ACTIVATIONS,
    ),
    "align": (
        False,
        lambda a, b: [m.layouts["late"]["like"] is None for m in (a, b)] == [False, True],
        # The early layer had the places of the late one.
        of(("early",), *LAYER) | at(("early",), *LEVEL) | LATE_MAP,
    ),
    "other_model": (
        "networks_for_fields:wide",
        lambda a, b: b.levels["late (other)", 2].direction.shape[1] == 6,
        SECOND,
    ),
    "other_weights": (
        "{own}/double.npy",
        lambda a, b: (
            float(b.levels["late (other)", 2].direction.mean()) == pytest.approx(2 * mean(a))
        ),
        SECOND,
    ),
    "more_than": (
        2,
        lambda a, b: [m.levels["late", 4].count.min() for m in (a, b)] == [2, 3],
        at(BOTH, *LEVEL) | REPORT,
    ),
    "layout": (
        "networks_for_fields:elsewhere",
        turns(laid, "method", *["umap"] * 2, *["networks_for_fields:elsewhere"] * 2),
        MAPS,
    ),
    "neighbors": (
        7,
        turns(laid, "n_neighbors", 30, 50, {"late": 7}),
        LATE_MAP,
    ),
    "min_dist": (0.3, turns(laid, "min_dist", 0.05, 0.05, 0.3, 0.3), MAPS),
    "metric": (
        "correlation",
        turns(laid, "metric", "euclidean", "cosine", {"late": "correlation"}),
        LATE_MAP,
    ),
    "early_layers": (
        (),
        lambda a, b: (
            white(a) == {"early": False, "late": True}
            and white(b) == {"early": True, "late": True}
            and asked(b, "size") == {"early": 16, "late": 16}
            and laid(b, "metric") == {"early": "cosine", "late": "cosine"}
        ),
        of(("early",), "whitening") | MAPS,
    ),
    # A map depends on the one before it.
    "early_neighbors": (
        7,
        turns(laid, "n_neighbors", 30, 50, 7, 50),
        MAPS,
    ),
    "early_metric": (
        "correlation",
        turns(laid, "metric", "euclidean", "cosine", "correlation", "cosine"),
        MAPS,
    ),
    "early_icon_size": (
        12,
        turns(asked, "size", 8, 16, {"early": 12}),
        at(("early",), "icons") | REPORT,
    ),
    "steps": (33, turns(asked, "steps", 96, 96, 33, 33), ICONS),
    "icon_size": (
        12,
        turns(asked, "size", 8, 16, {"late": 12}),
        at(("late",), "icons") | REPORT,
    ),
    "learning_rate": (0.07, turns(asked, "learning_rate", None, None, 0.07, 0.07), ICONS),
    "power": (2.5, turns(asked, "power", 4.0, 4.0, 2.5, 2.5), ICONS),
    "ridge": (
        5.0,
        lambda a, b: spread(a) > spread(b) > 0,
        LATE_WHITENING,
    ),
    "whiten": (
        False,
        lambda a, b: white(a) == {"early": False, "late": True} and white(b) == {"late": False},
        LATE_WHITENING,
    ),
    # Of four icons one reaches .4, and the others .6; so does the one again.
    "attempts": (
        3,
        lambda a, b: (
            drawn(a, "late")[:3] == [(4, False), (1, False), (len(a.levels["late", 4].x), True)]
            and drawn(b, "late")[:3] == [(4, False), (1, False), (1, False)]
        ),
        ICONS,
    ),
    "retry_below": (
        0.7,
        lambda a, b: [drawn(m, "late")[1] for m in (a, b)] == [(1, False), (4, False)],
        ICONS,
    ),
    "coarse_to_fine": (
        False,
        lambda a, b: [any(s for _, s in drawn(m, "late")) for m in (a, b)] == [True, False],
        at(BOTH, "icons", grids=(4,)) | REPORT,
    ),
    # The coarsest grid's icons start from noise.
    "refine_steps": (
        5,
        turns(asked, "refine_steps", 16, 16, 5, 5),
        at(BOTH, "icons", grids=(4,)) | REPORT,
    ),
    "icon_batch": (3, lambda a, b: not b.drawers, set()),
    "image_batch": (4, lambda a, b: a.batches[0][1] == 8 and not b.batches, set()),
    "stability": (
        False,
        lambda a, b: [m.report["stability"] for m in (a, b)] == [True, False],
        REPORT,
    ),
    "seed": (5, turns(laid, "seed", 0, 0, 5, 5), ACTIVATIONS),
    "opens_on": ("early", lambda a, b: (a.opens, b.opens) == ("late", "early"), set()),
    "out": ("{own}/elsewhere", lambda a, b: {*files(b.folder)} == a.anew, set()),
}


def test_every_field_has_a_row():
    assert set(ROWS) == {field.name for field in dataclasses.fields(Experiment)}


def test_a_run_makes_everything_and_again_nothing(plain: Made, own: Path):
    assert plain.anew == EVERYTHING
    again = run(config(own), plain.folder)
    assert (again.anew, again.layouts, again.draws, again.batches) == (set(), {}, [], [])


@pytest.mark.parametrize("name", ROWS)
def test_a_field_changes_what_it_says_and_what_depends_on_it_is_made_anew(
    name: str, plain: Made, own: Path, tmp_path: Path
):
    value, says, anew = ROWS[name]
    value = value.format(own=own) if isinstance(value, str) else value
    assert getattr(config(own), name) != value
    shutil.copytree(plain.folder, tmp_path / "run")
    made = run(config(own, **{name: value}), tmp_path / "run")
    assert says(plain, made)
    assert made.anew == anew
    # The places of layers are measured before the plan is made.
    elsewhere = made.folder != tmp_path / "run"
    written = {*files(made.folder)} if elsewhere else anew
    aside = {path for path in written if path.endswith("field.npz")}
    assert made.planned - aside == written - aside
    again = set() if elsewhere else {*files(plain.folder)} & made.planned
    assert bool(made.said) == bool(again)


def test_it_is_said_before_what_is_made_again_and_why(plain: Made, own: Path, tmp_path: Path):
    shutil.copytree(plain.folder, tmp_path / "run")
    made = run(config(own, neighbors=20, steps=9, images=str(own / "images")), tmp_path / "run")
    assert "again: layout of late, since neighbors is 20, was 50" in made.said
    assert "again: cells of late (2, 4), since the layout is" in made.said
    assert "again: icons of early (2), since steps is 9, was 96" in made.said
    assert "again: icons of late (2), since steps is 9, was 96; the cells are" in made.said
    assert not [line for line in made.said if "activations" in line.partition(", since")[0]]
    other = run(config(own, images=str(own / "others")), tmp_path / "run")
    assert "again: activations of early, late, since the images are others" in other.said
    assert "again: layout of early, since the activations are" in other.said


def test_icons_are_drawn_again_where_the_grid_that_they_start_from_is_another(
    plain: Made, own: Path, tmp_path: Path
):
    shutil.copytree(plain.folder, tmp_path / "run")
    made = run(config(own, grids=(3, 4)), tmp_path / "run")
    finer = at(BOTH, "icons", grids=(4,))
    assert made.anew == at(BOTH, *LEVEL, grids=(3,)) | finer | REPORT
