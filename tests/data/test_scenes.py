"""Generated scenes: what they promise, and that a cue is all that its controls change."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax.data import ImageSource, batches, open_images
from atlasjax.data.scenes import CLASSES, CONTROLS, PARTS, SHORTCUTS, draw_scene, scenes, sketch
from atlasjax.errors import UserError

names = st.sampled_from(CLASSES)
numbers = st.integers(0, 10**6)


@settings(max_examples=40, deadline=None)
@given(names, st.integers(0, 2**32), numbers)
def test_a_scene_comes_with_its_parts_and_a_mask_for_each(name: str, seed: int, number: int):
    scene = draw_scene(name, seed, number)
    assert scene.image.shape == (96, 96, 3)
    assert scene.image.std() > 5  # something is to be seen
    assert scene.label == CLASSES.index(name)
    assert set(scene.parts) <= set(PARTS)
    assert len(scene.parts) == len(set(scene.parts)) == len(scene.masks)
    assert scene.masks.any((1, 2)).all()
    assert scene.masks.sum(0).max() == 1  # a pixel shows one part at most
    for part in PARTS:
        assert scene.mask(part).any() == (part in scene.parts)


def test_there_are_enough_classes_and_they_share_parts():
    assert len(CLASSES) >= 20
    found = [set(draw_scene(name, 0, 0).parts) for name in CLASSES]
    shared = [part for part in PARTS if sum(part in parts for parts in found) > 1]
    assert {"wheel", "window", "stripes", "eye", "text", "noodles", "seam", "brick"} <= set(shared)
    assert set().union(*found) == set(PARTS)


def test_equal_seeds_give_equal_scenes_in_any_order():
    a, b = scenes(60, seed=4), scenes(1000, seed=4)
    for i in (59, 3, 31):
        first, second = a.scene(i), b.scene(i)
        assert first.parts == second.parts
        np.testing.assert_array_equal(first.image, second.image)
        np.testing.assert_array_equal(first.masks, second.masks)
    assert (a.scene(3).image != scenes(60, seed=5).scene(3).image).any()
    assert (a.scene(3).image != a.scene(3 + len(CLASSES)).image).any()


def test_a_part_is_where_its_colour_is():
    scene = draw_scene("horse", 0, 2)
    tag, sky = (scene.image[scene.mask(part)].astype(float).mean(0) for part in ("tag", "sky"))
    assert tag[0] - tag[2] > 60  # yellow
    assert tag[0] - tag[2] > 60 + sky[0] - sky[2]


def test_what_is_in_front_hides_what_is_behind():
    s = sketch.sketch(np.random.default_rng(0))
    sketch.fill(s, sketch.WHOLE, sketch.box(0, 0, 1, 1), (9, 9, 9), "sky")
    sketch.fill(s, sketch.WHOLE, sketch.box(0.25, 0.25, 0.75, 0.75), (90, 9, 9), "wheel")
    sketch.fill(s, sketch.WHOLE, sketch.box(0.5, 0.0, 1.0, 1.0), (9, 90, 9), None)
    _, index = sketch.finish(s)
    wheel, sky = sketch.mask(index, "wheel"), sketch.mask(index, "sky")
    assert wheel[48, 30]
    assert not wheel[48, 60]
    assert abs(wheel.sum() - 24 * 48) < 80  # a quarter by a half, less the edges
    assert not (wheel | sky)[:, 50:].any()


@pytest.mark.parametrize("turn", [1.0, 1j, np.exp(0.3j)])
def test_a_frame_within_a_frame_stands_where_its_place_is(turn: complex):
    for flip in (False, True):
        frame = sketch.Frame(10 + 5j, 20 * turn, flip)
        inner = frame.inside(0.5, -0.25, scale=0.1)
        np.testing.assert_allclose(inner.origin, frame.place(np.array([0.5 - 0.25j]))[0])
        assert abs(inner.turn) == pytest.approx(2)


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_changes_the_cue_and_nothing_else(name: str):
    control = CONTROLS[name]
    shortcut = next(s for s in SHORTCUTS.values() if control in s.controls)
    usual, changed = scenes(20, seed=3, only=control.of), scenes(20, seed=3, control=name)
    for i in range(20):
        a, b = usual.scene(i), changed.scene(i)
        assert a.label == b.label == CLASSES.index(control.of)
        assert a.mask(shortcut.part).any() != b.mask(shortcut.part).any()
        rows, columns = np.nonzero(a.mask(shortcut.part) | b.mask(shortcut.part))
        # Half-covered pixels at the edge; a ball is larger than its seams.
        edge = 12 if name == "ball-pasted" else 1
        differs = (a.image != b.image).any(-1)
        assert differs.any()
        top, left = max(rows.min() - edge, 0), max(columns.min() - edge, 0)
        differs[top : rows.max() + edge + 1, left : columns.max() + edge + 1] = False
        assert not differs.any()


def test_every_shortcut_is_in_all_scenes_of_its_target_and_in_none_of_its_source():
    for shortcut in SHORTCUTS.values():
        assert {shortcut.source, shortcut.target} == {c.of for c in shortcut.controls}
        assert all(
            {c.of, c.toward} == {shortcut.source, shortcut.target} for c in shortcut.controls
        )
        for i in range(10):
            assert shortcut.part in draw_scene(shortcut.target, 8, i).parts
            assert shortcut.part not in draw_scene(shortcut.source, 8, i).parts


def test_scenes_are_a_source_of_images():
    source = open_images("scenes:60@9")
    assert isinstance(source, ImageSource)
    assert len(source) == 60
    assert source.classes == CLASSES
    assert [source[i].label for i in (0, 1, 29)] == [0, 1, 1]
    assert source[-1].name == "bicycle 59"
    with pytest.raises(IndexError, match="scene 60 of 60"):
        source[60]
    first = next(iter(batches(source, 32, image_size=96, resize=96)))
    np.testing.assert_array_equal(first.images[5], source[5].image)  # exactly as drawn
    assert pickle.loads(pickle.dumps(source)) == source


def test_the_fingerprint_knows_everything_that_matters():
    made = [
        scenes(9),
        scenes(10),
        scenes(9, seed=1),
        scenes(9, only="wok"),
        scenes(9, control="noodles-removed"),
    ]
    assert len({source.fingerprint() for source in made}) == len(made)
    assert scenes(9).fingerprint() == scenes(9).fingerprint()


def test_a_limit_takes_fewer():
    assert len(open_images("scenes:500", limit=40)) == 40
    assert len(open_images("scenes:30", limit=40)) == 30


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("scenes:", "scenes:COUNT"),
        ("scenes:many", "images 'scenes:many'"),
        ("scenes:9@x", "scenes:1200@7"),
        ("scenes:0", "0 scenes: must be at least 1"),
        ("scenes:noodle-removed/9", "did you mean noodles-removed"),
    ],
)
def test_a_wrong_name_is_explained(spec: str, message: str):
    with pytest.raises(UserError, match=r"scenes|control") as error:
        open_images(spec)
    assert message in str(error.value)


def test_wrong_arguments_are_explained():
    with pytest.raises(UserError, match=r"class of scenes 'work'"):
        scenes(9, only="work")
    with pytest.raises(UserError, match=r"scenes of class 'donkey' only, not 'wok'"):
        scenes(9, only="wok", control="tag-added")
    with pytest.raises(UserError, match="seed -1"):
        scenes(9, seed=-1)
    with pytest.raises(UserError, match=r"part 'wheels'.*wheel"):
        draw_scene("car", 0, 0).mask("wheels")
