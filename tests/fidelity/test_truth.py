"""Truth: scores against brute force, and by properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax.atlas.collect import Activations
from atlasjax.atlas.grid import Cells, average, grid
from atlasjax.errors import UserError
from atlasjax.fidelity.truth import on_part, push, score, strongest
from atlasjax.receptive import ReceptiveField

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


def test_what_is_above_luck_is_above_nineteen_draws_of_twenty():
    # Of forty cells of four one has four hits, two have three, five have two: of single cells a
    # fortieth has more than three, three fortieths have at least three, a fifth at least two.
    count, start = np.full(40, 4), 4 * np.arange(40)
    cells = Cells(np.arange(40), 0 * start, count, np.zeros((40, 1)), np.arange(160), start)
    hits = np.array([4, 3, 3, 2, 2, 2, 2, 2, *[0] * 32])
    on = np.arange(160) % 4 < hits[np.arange(160) // 4]
    effect = np.zeros((40, 3), np.float32)
    found = score(cells, effect, on, SOURCE, TARGET, count=1, draws=4000)
    assert found.chance_high == 0.75
    # The mean of a single cell's share, whose deviation over 4000 draws is .004.
    assert found.chance == pytest.approx(hits.mean() / 4, abs=0.02)


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
