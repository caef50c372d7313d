"""Truth for saliency: the cases are what they say, and the scores those of the measures."""

import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.data.scenes import CLASSES, draw_scene
from atlasjax.errors import UserError
from atlasjax.fidelity.saliency_truth import SEED, chance, objects, score, shortcut

WOK, PAN = CLASSES.index("wok"), CLASSES.index("frying pan")


def goes_by(colour: np.ndarray):
    """Return a network that says wok where anything has a colour, and frying pan elsewhere."""

    def model(images, tap):
        near = jnp.abs(images - jnp.asarray(colour, jnp.float32).reshape(1, 1, 1, 3)).max(-1) < 0.08
        found = (near.sum((1, 2)) > 40).astype(jnp.float32)
        logits = jnp.zeros((len(images), len(CLASSES)))
        return logits.at[:, WOK].set(found).at[:, PAN].set(0.5)

    return model


def of_noodles() -> np.ndarray:
    scene = draw_scene("wok", SEED, 0)
    return np.median(scene.image[scene.mask("noodles")], 0) / 255


def test_objects_are_without_background_and_cue():
    case = objects(1)
    scene = draw_scene("wok", SEED, WOK)
    assert (case.images[WOK] * 255).round().tolist() == scene.image.tolist()
    expected = scene.mask("body") | scene.mask("handle")
    assert (case.masks[WOK] == expected).all()
    assert not (case.masks[WOK] & scene.mask("noodles")).any()
    bowl = CLASSES.index("noodle bowl")  # whose noodles are no cue
    scene = draw_scene("noodle bowl", SEED, bowl)
    assert (case.masks[bowl] & scene.mask("noodles")).any()
    assert case.target.data.classes[:, 0].tolist() == list(range(len(CLASSES)))


def test_a_shortcut_has_the_scenes_that_change_without_the_cue():
    case = shortcut(goes_by(of_noodles()), "noodles", 12)
    assert 0 < len(case.images) <= 12
    seen = {draw_scene("wok", SEED, i).image.tobytes(): i for i in range(12)}
    for image, mask in zip(case.images, case.masks, strict=True):
        number = seen[(image * 255).round().astype(np.uint8).tobytes()]
        assert (mask == draw_scene("wok", SEED, number).mask("noodles")).all()
    assert case.target.data.classes.tolist() == [[WOK, PAN]]
    assert case.target.data.weight.tolist() == [[1, -1]]


def test_a_network_that_does_not_take_the_shortcut_has_no_case():
    with pytest.raises(UserError, match="in none of 2 scenes"):
        shortcut(lambda images, tap: jnp.zeros((len(images), 28)), "noodles", 2)
    with pytest.raises(UserError, match="no shortcut 'noodle'; did you mean noodles"):
        shortcut(goes_by(of_noodles()), "noodle", 2)


def test_the_truth_itself_scores_highest():
    case = objects(1)
    best = score(case, case.masks.astype(np.float32))
    assert best == (1, 1, 1)
    even = score(case, np.ones(case.masks.shape, np.float32))
    assert even.rank == pytest.approx(chance(case))
    worst = score(case, -case.masks.astype(np.float32))
    assert worst.pointing == worst.mass == 0
