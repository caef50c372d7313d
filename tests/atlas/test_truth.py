"""Truth: scores against brute force, by properties, and of a small run written by hand."""

from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax import storage
from atlasjax.atlas.collect import Activations
from atlasjax.atlas.grid import Cells, average, grid
from atlasjax.atlas.truth import on_part, push, score, strongest
from atlasjax.data import Example
from atlasjax.data.scenes import SHORTCUTS as PLANTED
from atlasjax.data.scenes import scenes
from atlasjax.errors import UserError
from atlasjax.receptive import ReceptiveField
from atlasjax.stages.effects import CellAttributions
from atlasjax.truth_report import Row, SceneSource, Shortcut, score_run

SOURCE, TARGET = 1, 2


def some_level(seed: int, n: int = 60, size: int = 4):
    """A level with random members, attributions and truth."""
    rng = np.random.default_rng(seed)
    cells = grid(rng.random((n, 2)), np.zeros((n, 1)), size, more_than=1)
    attribution = rng.normal(size=(len(cells.x), 3)).astype(np.float32)
    return cells, attribution, rng.random(n) < 0.3


def permuted(cells: Cells, order: np.ndarray) -> Cells:
    """The same cells in another order, with the members left where they are."""
    one_each = {k: v[order] for k, v in cells._asdict().items() if k != "member"}
    return cells._replace(**one_each)


# Push and strongest -------------------------------------------------------------------------------


def test_push_is_the_difference_of_two_columns():
    attribution = np.array([[5.0, 1.0, 4.0], [0.0, 2.0, -1.0]], np.float32)
    assert push(attribution, SOURCE, TARGET).tolist() == [3.0, -3.0]
    assert push(attribution, TARGET, SOURCE).tolist() == [-3.0, 3.0]


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (3, 0, "source class 3: must be from 0 to 2"),
        (0, -1, "target class -1: must be from 0 to 2"),
        (1, 1, "source and target are both class 1"),
    ],
)
def test_push_refuses_classes_that_make_no_sense(source: int, target: int, message: str):
    with pytest.raises(UserError, match=message):
        push(np.zeros((2, 3), np.float32), source, target)


def test_strongest_takes_equals_in_their_order_and_all_where_there_are_few():
    assert strongest(np.array([1.0, 1.0, 3.0, 1.0]), 3).tolist() == [2, 0, 1]
    assert strongest(np.array([1.0, 2.0])).tolist() == [1, 0]
    with pytest.raises(UserError, match="count 0: must be at least 1"):
        strongest(np.array([1.0]), 0)


# On the part --------------------------------------------------------------------------------------


def brute_force(activations: Activations, masks: np.ndarray, field: ReceptiveField) -> list[bool]:
    found = []
    for (row, column), image in zip(activations.position, activations.image, strict=True):
        y, x = field.offset + field.stride * row, field.offset + field.stride * column
        pixels = np.argwhere(masks[image])
        distance = min((np.hypot(r - y, c - x) for r, c in pixels), default=np.inf)
        found.append(bool(distance <= field.stride))
    return found


def some_activations(rng: np.random.Generator, n: int, images: int) -> Activations:
    return Activations(
        value=np.zeros((n, 1), np.float32),
        position=rng.integers(0, 8, (n, 2)),
        image=rng.integers(0, images, n),
        label=np.zeros(n, int),
        shape=np.array([8, 8, 1]),
    )


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 999),
    stride=st.sampled_from([1.0, 2.0, 4.0, 5.0]),
    offset=st.sampled_from([-7.0, -0.5, 0.0, 1.5, 6.0]),  # the last positions are outside
    density=st.sampled_from([0.0, 0.01, 0.2, 1.0]),
)
def test_positions_on_the_part_are_what_brute_force_finds(seed, stride, offset, density):
    rng = np.random.default_rng(seed)
    masks = rng.random((3, 16, 21)) < density
    masks[0] = False
    activations = some_activations(rng, 30, 3)
    field = ReceptiveField(stride, offset, 9)
    found = on_part(activations, lambda image: masks[image], field)
    assert found.tolist() == brute_force(activations, masks, field)


def test_the_distance_is_euclidean_and_the_stride_included():
    mask = np.zeros((20, 20), bool)
    mask[10, 10] = True
    layer = some_activations(np.random.default_rng(0), 3, 1)._replace(
        position=np.array([[1, 2], [1, 1], [2, 3]]), image=np.zeros(3, int)
    )
    # Centres (5, 10), (5, 5) and (10, 15): 5, 7.07 and 5 px away.
    found = on_part(layer, lambda image: mask, ReceptiveField(5.0, 0.0, 1))
    assert found.tolist() == [True, False, True]


def test_each_image_is_asked_for_once():
    asked = []

    def mask_of(image: int):
        asked.append(image)
        return np.ones((8, 8), bool)

    activations = some_activations(np.random.default_rng(0), 50, 4)
    assert on_part(activations, mask_of, ReceptiveField(1.0, 0.0, 1)).all()
    assert asked == [0, 1, 2, 3]


# Score --------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 999), count=st.integers(1, 20))
def test_score_is_what_a_loop_finds(seed: int, count: int):
    cells, attribution, on = some_level(seed)
    found = score(cells, attribution, on, SOURCE, TARGET, count=count, draws=20)
    ranked = sorted(
        range(len(cells.x)), key=lambda i: attribution[i, SOURCE] - attribution[i, TARGET]
    )[:count]
    members = [cells.member[cells.start[i] :][: cells.count[i]] for i in ranked]
    assert found.cells.tolist() == ranked
    assert found.precision == pytest.approx(on[np.concatenate(members)].mean())
    assert found.fraction.tolist() == pytest.approx([on[m].mean() for m in members])
    assert 0 <= found.precision <= 1
    assert 0 <= found.chance <= 1
    # Independently of the loop over members: the library's own averages.
    means = average(cells, on[:, None].astype(np.float32))[:, 0]
    np.testing.assert_allclose(found.fraction, means[ranked], rtol=1e-6)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 999), shuffle=st.integers(0, 999))
def test_the_order_of_the_cells_does_not_matter(seed: int, shuffle: int):
    cells, attribution, on = some_level(seed)
    order = np.random.default_rng(shuffle).permutation(len(cells.x))
    first = score(cells, attribution, on, SOURCE, TARGET, count=5, draws=5)
    other = score(permuted(cells, order), attribution[order], on, SOURCE, TARGET, count=5, draws=5)
    assert other.precision == first.precision
    assert order[other.cells].tolist() == first.cells.tolist()
    assert other.fraction.tolist() == first.fraction.tolist()


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 999), st.booleans())
def test_all_or_nothing_on_the_part(seed: int, everything: bool):
    cells, attribution, on = some_level(seed)
    found = score(cells, attribution, np.full_like(on, everything), SOURCE, TARGET, draws=5)
    assert (found.precision, found.chance, found.chance_high) == (float(everything),) * 3


def test_chance_is_the_expectation_over_all_choices():
    cells, attribution, on = some_level(3, size=3)
    pairs = [(i, j) for i in range(len(cells.x)) for j in range(i)]
    spans = zip(cells.start, cells.count, strict=True)
    hits = [on[cells.member[s : s + c]].sum() for s, c in spans]
    exact = np.mean([(hits[i] + hits[j]) / (cells.count[i] + cells.count[j]) for i, j in pairs])
    found = score(cells, attribution, on, SOURCE, TARGET, count=2, draws=4000)
    # 4000 draws with a standard deviation below .2: an error of .003, five times over.
    assert found.chance == pytest.approx(exact, abs=0.016)
    assert found.chance < found.chance_high <= 1


def test_chance_depends_on_the_seed_alone():
    level = some_level(0)
    same = [score(*level, SOURCE, TARGET, count=3, draws=9, seed=s).chance for s in (1, 1, 2)]
    assert same[0] == same[1] != same[2]


def test_with_fewer_cells_than_asked_for_chance_is_all_of_them():
    cells, attribution, on = some_level(0, size=2)
    found = score(cells, attribution, on, SOURCE, TARGET, count=10, draws=7)
    assert len(found.cells) == 4
    assert found.precision == pytest.approx(on[cells.member].mean())
    assert found.chance == pytest.approx(found.precision)
    assert found.chance_high == pytest.approx(found.precision)


def test_only_cells_among_those_allowed_are_chosen_and_drawn():
    cells, attribution, on = some_level(1)
    among = np.zeros(len(cells.x), bool)
    among[[2, 5]] = True
    found = score(cells, attribution, on, SOURCE, TARGET, among=among, draws=5)
    assert sorted(found.cells.tolist()) == [2, 5]
    assert found.chance == pytest.approx(found.precision)
    everything = score(cells, attribution, on, SOURCE, TARGET, among=among | True, draws=5)
    plain = score(cells, attribution, on, SOURCE, TARGET, draws=5)
    assert everything.chance == plain.chance
    assert everything.cells.tolist() == plain.cells.tolist()


def test_a_score_of_nothing_is_refused():
    cells, attribution, on = some_level(0)
    nothing = np.zeros(len(cells.x), bool)
    with pytest.raises(UserError, match="`among` leaves out all of them"):
        score(cells, attribution, on, SOURCE, TARGET, among=nothing)
    with pytest.raises(UserError, match="draws 0: must be at least 1"):
        score(cells, attribution, on, SOURCE, TARGET, draws=0)


# A whole run --------------------------------------------------------------------------------------


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


def write_run(folder: Path, resize: int = 16) -> Path:
    """Two cells of one layer: the first of positions on noodles, the other of other positions."""
    size = {"image_size": resize, "resize": resize}
    experiment = {"layers": ["pool/2"], "grids": [1, 2], **size}
    storage.write_json(folder / "run.json", {"experiment": experiment})
    storage.write_json(folder / "atlas.json", {})
    image = np.arange(12).repeat(2)
    activations = Activations(
        value=np.zeros((24, 3), np.float32),
        position=np.tile([[1, 0], [1, 3]], (12, 1)),
        image=image,
        label=image % 3,
        shape=np.array([resize // 4, resize // 4, 3]),
    )
    on = np.flatnonzero((image % 3 == 0) & (activations.position[:, 1] == 0))
    cells = Cells(
        x=np.array([0, 1]),
        y=np.array([0, 0]),
        count=np.array([len(on), 24 - len(on)]),
        direction=np.zeros((2, 3), np.float32),
        member=np.concatenate([on, np.setdiff1d(np.arange(24), on)]),
        start=np.array([0, len(on)]),
    )
    # In the whole atlas it is the wrong cell that pushes to wok.
    effect = CellAttributions(np.array([[0, 0, 0], [9, 0, 0]], np.float32))
    layer = folder / "layers" / "pool-2"
    storage.save(layer / "activations.npz", activations, "x")
    storage.save(layer / "grid-2" / "cells.npz", cells, "x")
    storage.save(layer / "grid-2" / "attribution.npz", effect, "x")
    return folder


def scored(folder: Path, shortcuts=SHORTCUTS, count: int = 1) -> list[Row]:
    source = StubScenes()
    return score_run(folder, quarter, source, shortcuts, size=4, more_than=1, count=count)


def test_the_comparison_finds_what_the_whole_atlas_does_not(tmp_path: Path):
    rows = scored(write_run(tmp_path))
    assert [(r.shortcut, r.layer) for r in rows] == [("noodles in woks", "pool/2")]
    assert rows[0].score.precision == 1.0  # the brightest positions are on the noodles
    assert rows[0].everywhere.precision == 0.0
    assert rows[0].everywhere.chance == pytest.approx(0.5, abs=0.05)  # one of the two cells
    assert rows[0].ratio == rows[0].score.precision / rows[0].everywhere.chance


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
    ["run.json", "layers/pool-2/activations.npz", "layers/pool-2/grid-2/cells.npz"],
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
