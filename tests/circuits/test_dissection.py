"""Dissection against the same counted in NumPy, and with units that are masks."""

import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.circuits.dissection import best, dissect, iou, labels, published
from atlasjax.data.masks import Masked
from atlasjax.data.scenes import PARTS, masked, scenes
from atlasjax.errors import UserError

RNG = np.random.default_rng(2)
PHOTOS = RNG.integers(0, 256, (9, 16, 16, 3), dtype=np.uint8)
MASKS = np.stack([PHOTOS[..., 0] > 200, PHOTOS[..., 1] < 60, np.zeros_like(PHOTOS[..., 0]) > 0], 1)
NAMES = ("red", "not green", "nowhere")
SHARES = (0.005, 0.1, 0.25, 0.5)


def batches(size: int = 4):
    return [Masked(PHOTOS[i : i + size], MASKS[i : i + size]) for i in range(0, 9, size)]


def colours(images, tap):
    return tap("colour", jnp.concatenate([images, 1 - images], -1)).mean((1, 2))


def coarse(images, tap):
    return tap("mean", images.reshape(-1, 4, 4, 4, 4, 3).mean((2, 4))).mean((1, 2))


def test_overlaps_are_those_counted_in_numpy():
    found = dissect(colours, ["colour"], NAMES, batches, side=16, shares=SHARES)["colour"]
    value = np.concatenate([PHOTOS / np.float32(255), 1 - PHOTOS / np.float32(255)], -1)
    for level, share in enumerate(SHARES):
        exact = np.quantile(value.reshape(-1, 6), 1 - share, axis=0)
        np.testing.assert_allclose(found.threshold[level], exact, atol=2 / 1024)  # bins
        above = value > found.threshold[level]
        for part in range(3):
            both = (above & MASKS[:, part, :, :, None]).sum((0, 1, 2))
            union = (above | MASKS[:, part, :, :, None]).sum((0, 1, 2))
            np.testing.assert_allclose(
                iou(found)[level, part], both / np.maximum(union, 1), rtol=1e-6
            )
    assert found.area.tolist() == MASKS.sum((0, 2, 3)).tolist()
    assert found.pixels == PHOTOS[..., 0].size
    np.testing.assert_array_equal(published(found), iou(found)[0])


def test_a_unit_is_named_by_what_it_detects():
    found = dissect(colours, ["colour"], NAMES, batches, side=16, shares=SHARES)["colour"]
    one = best(found)
    assert one.iou[0].argmax() == 0  # red by its own channel
    assert one.iou[1].argmax() == 4  # a lack of green by its opposite
    assert not one.iou[2].any()
    first, second = labels(found, 0.3)[:2]
    assert {(first.unit, first.part), (second.unit, second.part)} == {(0, "red"), (4, "not green")}
    assert first.share == pytest.approx(0.25)


def test_thresholds_of_other_images_can_be_used():
    first = dissect(colours, ["colour"], NAMES, batches, side=16, shares=SHARES)["colour"]
    cut = {"colour": first.threshold[:, ::-1].copy()}
    found = dissect(colours, ["colour"], NAMES, batches, side=16, shares=SHARES, thresholds=cut)
    np.testing.assert_array_equal(found["colour"].threshold, cut["colour"])
    assert (found["colour"].above != first.above).any()


def test_layers_are_interpolated_between_the_centres_of_their_fields():
    """Against SciPy's own linear interpolation, even beyond the last centre."""
    interpolate = pytest.importorskip("scipy.interpolate")
    found = dissect(coarse, ["mean"], NAMES, batches, side=16, shares=SHARES)["mean"]
    value = (PHOTOS / 255).reshape(9, 4, 4, 4, 4, 3).mean((2, 4))
    centres = np.arange(4) * 4 + 1.5
    at = np.clip(np.arange(16), centres[0], centres[-1])
    grid = np.stack(np.meshgrid(at, at, indexing="ij"), -1)
    grown = np.stack(
        [interpolate.RegularGridInterpolator((centres, centres), one)(grid) for one in value]
    )
    for level in range(len(SHARES)):
        above = (grown > found.threshold[level]).sum((0, 1, 2))
        # a value may lie within float32 of a threshold
        np.testing.assert_allclose(found.above[level], above, atol=2)


def test_batches_make_no_difference_and_masks_are_shrunk_by_halves():
    one = dissect(coarse, ["mean"], NAMES, batches, side=8, shares=SHARES)["mean"]
    other = dissect(coarse, ["mean"], NAMES, lambda: batches(3), side=8, shares=SHARES)["mean"]
    np.testing.assert_allclose(one.both, other.both, atol=1)  # float32 at a threshold
    halves = MASKS.reshape(9, 3, 8, 2, 8, 2).sum((3, 5)) >= 2
    assert one.area.tolist() == halves.sum((0, 2, 3)).tolist()


def test_several_layers_are_dissected_at_once():
    def model(images, tap):
        return coarse(tap("same", images), tap)

    found = dissect(model, ["same", "mean"], NAMES, batches, shares=SHARES)
    assert [one.both.shape for one in found.values()] == [(4, 3, 3), (4, 3, 3)]


def test_scenes_come_with_masks_of_all_parts():
    source = scenes(5, seed=2)
    drawn = list(masked(source, 2))
    assert [len(batch.images) for batch in drawn] == [2, 2, 1]
    scene = source.scene(3)
    for number, part in enumerate(PARTS):
        np.testing.assert_array_equal(drawn[1].masks[1, number], scene.mask(part))
    np.testing.assert_array_equal(drawn[1].images[1], scene.image)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"shares": [0.0]}, r"shares \[0.0\]: must be between 0 and 1"),
        ({"parts": ("red",)}, "masks of 3 parts, and names of 1"),
        ({"layers": ["color"]}, "no layer 'color'; did you mean colour"),
        ({"batches": list}, "no images to dissect with"),
    ],
)
def test_mistakes_are_told(given, message: str):
    asked = {"layers": ["colour"], "parts": NAMES, "batches": batches} | given
    with pytest.raises(UserError, match=message):
        dissect(colours, **asked)
