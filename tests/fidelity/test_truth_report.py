"""The report on planted shortcuts: of a small run written by hand."""

from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.atlas.collect import Activations
from atlasjax.atlas.comparison import comparison
from atlasjax.atlas.grid import Cells
from atlasjax.data import Example
from atlasjax.data.scenes import SHORTCUTS as PLANTED
from atlasjax.data.scenes import scenes
from atlasjax.errors import UserError
from atlasjax.fidelity import truth_report
from atlasjax.fidelity.truth_report import Row, SceneSource, Shortcut, score_run
from atlasjax.runs.stages.effects import CellAttributions
from atlasjax.storage import artifacts


class StubShortcut(NamedTuple):
    part: str
    source: str
    target: str


class StubScene(NamedTuple):
    whole: bool

    def mask(self, part: str) -> np.ndarray:
        """The left half of the image, where it has the part."""
        mask = np.zeros((16, 16), bool)
        mask[:, :8] = self.whole and part == "noodles"
        return mask


class StubScenes:
    """Woks, pans and bowls in turn. Woks have noodles, which are white, in their left half."""

    classes = ("wok", "pan", "bowl")

    def __len__(self) -> int:
        return 12

    def scene(self, index: int) -> StubScene:
        return StubScene(index % 3 == 0)

    def __getitem__(self, index: int) -> Example:
        white = self.scene(index).mask("noodles")[..., None]
        image = np.where(white, 255, 30 + 10 * (index % 3)) * np.ones(3)
        return Example(image.astype(np.uint8), index % 3, str(index))

    def fingerprint(self) -> str:
        return "stub"


SHORTCUTS = {"noodles in woks": StubShortcut("noodles", "pan", "wok")}


def quarter(images, tap):
    """A layer of stride 4 whose centres are at 1.5 px and so on; brightness speaks for woks."""
    n, h, w, c = images.shape
    value = tap("pool/2", images.reshape(n, h // 4, 4, w // 4, 4, c).mean((2, 4)))
    wok = value.mean((1, 2, 3))
    return jnp.stack([wok, 0.5 - wok, 0.0 * wok], -1)


LAYOUT = {"neighbors": 7, "min_dist": 0.3, "metric": "euclidean", "seed": 3}


@pytest.fixture(autouse=True)
def laid(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Lay comparisons out downwards without a UMAP, which takes long; keep what they are told."""
    told = []

    def without(value: Any, effect: Any, source: int, target: int, **settings: Any) -> Any:
        told.append({"activations": len(value), "pair": (source, target)} | settings)
        return comparison(value, effect, source, target, vertical="principal")

    monkeypatch.setattr(truth_report, "comparison", without)
    return told


def write_run(folder: Path, resize: int = 16) -> Path:
    """A layer of every position, brightness in its first channel, in two cells.

    The first has the positions near noodles, which are white in the left half, the other the rest.
    """
    side, generator = resize // 4, np.random.default_rng(0)
    settings = {"name": "stub", "model": "stub", "layers": ["pool/2"], "grids": [1, 2]} | LAYOUT
    size = {"image_size": resize, "resize": resize}
    artifacts.write_json(folder / "run.json", {"experiment": settings | size})
    artifacts.write_json(folder / "atlas.json", {})
    place = np.stack(np.meshgrid(range(side), range(side), indexing="ij"), -1).reshape(-1, 2)
    image, position = np.arange(12).repeat(side**2), np.tile(place, (12, 1))
    column = position[:, 1] * 4 / side  # of four
    white = (image % 3 == 0) & (column < 2)
    value = generator.random((len(image), 3)) * 0.2 + 0.1
    value[:, 0] = np.where(white, 0.9, 0.1) + 0.01 * generator.random(len(image))
    activations = Activations(
        value=value.astype(np.float32),
        position=position,
        image=image,
        label=image % 3,
        shape=np.array([side, side, 3]),
    )
    on = np.flatnonzero((image % 3 == 0) & (column < 2 + 4 / side))  # or a stride beside
    cells = Cells(
        x=np.array([0, 1]),
        y=np.array([0, 0]),
        count=np.array([len(on), len(image) - len(on)]),
        direction=np.zeros((2, 3), np.float32),
        member=np.concatenate([on, np.setdiff1d(np.arange(len(image)), on)]),
        start=np.array([0, len(on)]),
    )
    wok = value[:, 0] / side**2
    each = CellAttributions(np.stack([wok, 0.0 * wok, 0.0 * wok], -1).astype(np.float16))
    # In the whole atlas it is the wrong cell that pushes to wok.
    effect = CellAttributions(np.array([[0, 0, 0], [9, 0, 0]], np.float32))
    layer = folder / "layers" / "pool-2"
    artifacts.save(layer / "activations.npz", activations, "x")
    artifacts.save(layer / "attribution.npz", each, "x")
    artifacts.save(layer / "grid-2" / "cells.npz", cells, "x")
    artifacts.save(layer / "grid-2" / "attribution.npz", effect, "x")
    return folder


def scored(folder: Path, shortcuts=SHORTCUTS, count: int = 1) -> list[Row]:
    return score_run(folder, quarter, StubScenes(), shortcuts, count=count)


def test_the_comparison_finds_what_the_whole_atlas_does_not(tmp_path: Path):
    rows = scored(write_run(tmp_path))
    assert [(r.shortcut, r.layer) for r in rows] == [("noodles in woks", "pool/2")]
    assert rows[0].score.precision == 1.0  # the brightest positions are on the noodles
    assert rows[0].everywhere.precision == 0.0
    assert rows[0].everywhere.chance == pytest.approx(0.5, abs=0.05)  # one of the two cells
    assert rows[0].ratio == rows[0].score.precision / rows[0].everywhere.chance


def test_the_comparison_is_of_images_of_the_two_classes_and_as_the_experiment_says(
    tmp_path: Path, laid: list[dict[str, Any]]
):
    scored(write_run(tmp_path))
    own = {"n_neighbors": 7, "min_dist": 0.3, "metric": "euclidean", "seed": 3}
    assert laid == [{"activations": 8 * 16, "pair": (1, 0)} | own]


def test_masks_are_resized_as_the_images_are(tmp_path: Path):
    row = scored(write_run(tmp_path, resize=32))[0]
    assert row.score.precision == 1.0


def test_a_part_that_is_nowhere_has_no_ratio(tmp_path: Path):
    nowhere = {"steam": StubShortcut("steam", "pan", "wok")}
    row = scored(write_run(tmp_path), nowhere)[0]
    assert (row.score.precision, row.score.chance, row.ratio) == (0.0, 0.0, None)


def test_a_class_that_the_images_do_not_have(tmp_path: Path):
    wrong = {"a": StubShortcut("noodles", "pan", "woks")}
    with pytest.raises(UserError, match="no class 'woks'; did you mean wok"):
        scored(write_run(tmp_path), wrong)


@pytest.mark.parametrize(
    "name",
    [
        "run.json",
        "layers/pool-2/activations.npz",
        "layers/pool-2/attribution.npz",
        "layers/pool-2/grid-2/cells.npz",
    ],
)
def test_a_damaged_run_says_which_file(tmp_path: Path, name: str):
    (write_run(tmp_path) / name).write_text("{}")
    with pytest.raises(UserError, match=f"{name} is missing or damaged"):
        scored(tmp_path)


def test_the_scenes_are_what_is_asked_of_a_source():
    source = scenes(2)
    assert isinstance(source, SceneSource)
    for shortcut in PLANTED.values():
        assert isinstance(shortcut, Shortcut)
        assert {shortcut.source, shortcut.target} <= set(source.classes)
        assert source.scene(0).mask(shortcut.part).shape == (96, 96)
