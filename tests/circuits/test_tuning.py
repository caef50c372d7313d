"""Tuning of units that were built by hand, so that what they are tuned to is known."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.circuits import stimuli
from atlasjax.circuits.selectivity import angular
from atlasjax.circuits.tuning import Stage, stage, tuning, tuning_map
from atlasjax.errors import UserError
from atlasjax.parallel import batch_mesh

ANGLES = np.arange(0, 360, 5.0)
OWN = (0, 40, 115, 250)  # degrees: angles of the units built here
SIDE = 25
BIAS = 30.0  # a curve that fits is answered 78


def kernels(draw) -> np.ndarray:
    """Return kernels [h, w, 3, units], each a stimulus less its mean."""
    drawn = np.asarray(draw(np.array(OWN, np.float32)), np.float32)
    return (drawn - drawn.mean((1, 2, 3), keepdims=True)).transpose(1, 2, 3, 0)


CURVES = kernels(lambda a: stimuli.curves(a, 9, size=SIDE))


def correlate(images, kernel: Any):
    """Return products of kernels [h, w, 3, units] with every window, 4 px apart."""
    return jax.lax.conv_general_dilated(
        images, kernel, (4, 4), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def detectors(images, tap):
    """A layer of curve detectors, one position every 4 px, after a rectifier, with a threshold."""
    x = correlate(images, CURVES)
    return tap("curves", jax.nn.relu(x - BIAS)).mean((1, 2))


def test_a_hand_built_curve_detector_peaks_at_its_angle():
    answer = tuning(detectors, "curves", stimuli.curves, {"angle": ANGLES, "radius": 9.0})
    assert answer.shape == (len(ANGLES), len(OWN))
    found = angular(ANGLES, answer)
    assert found.preferred.tolist() == list(OWN)
    assert found.strength.min() > 0.7
    assert answer.min() < 0  # before the rectifier, after which the least would be 0


def test_the_answer_is_the_product_of_kernel_and_stimulus_at_the_stage():
    on = stage(detectors, "curves")
    assert (on.field, on.centre) == (SIDE, (on.row * 4 + 12.0, on.column * 4 + 12.0))
    answer = tuning(detectors, "curves", stimuli.curves, {"angle": ANGLES[:3], "radius": 9.0})
    # The stimulus is seen as the kernel sees it, whichever position is read: centred.
    seen = np.asarray(stimuli.curves(ANGLES[:3], 9.0, size=SIDE), np.float64)
    expected = np.einsum("bhwc,hwcu->bu", seen, CURVES.astype(np.float64)) - BIAS
    np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-4)  # float32 sums of 2000


def test_a_map_has_an_axis_for_each_parameter_and_is_largest_at_the_built_radius():
    axes = {"radius": [5.0, 9.0, 14.0], "angle": ANGLES}
    answer = tuning_map(detectors, "curves", stimuli.curves, axes)
    assert answer.shape == (3, len(ANGLES), len(OWN))
    assert (answer.max(1).argmax(0) == 1).all()
    alone = tuning(detectors, "curves", stimuli.curves, {"radius": 14.0, "angle": 30.0})
    np.testing.assert_allclose(answer[2, 6], alone[0], rtol=1e-5, atol=1e-5)


def test_lines_tell_orientation_alone():
    bars = kernels(lambda a: stimuli.lines(a, size=SIDE))

    def model(images, tap):
        x = correlate(images, bars)
        return tap("bars", jax.nn.relu(x)).mean((1, 2))

    angles = np.arange(0, 180, 5.0)
    found = angular(angles, tuning(model, "bars", stimuli.lines, {"angle": angles}), 180)
    assert found.preferred.tolist() == [angle % 180 for angle in OWN]


def branches(images, tap):
    """Rectified branches side by side, as in GoogLeNet's mixed layers but with no other taps."""
    parts = []
    for kernel in (CURVES[..., :2], CURVES[..., 2:]):
        x = correlate(images, kernel)
        parts.append(jnp.maximum(x - BIAS, 0.0))
    return tap("mixed", jnp.concatenate(parts, -1)).mean((1, 2))


def test_what_goes_into_the_rectifiers_of_branches_is_read():
    given = {"angle": ANGLES[:7], "radius": 9.0}
    whole = tuning(detectors, "curves", stimuli.curves, given)
    np.testing.assert_allclose(
        tuning(branches, "mixed", stimuli.curves, given), whole, rtol=1e-5, atol=1e-5
    )


def test_batches_and_devices_make_no_difference():
    given = {"angle": ANGLES[:11], "radius": 9.0}
    one = tuning(detectors, "curves", stimuli.curves, given, at_a_time=64)
    mesh = batch_mesh(jax.local_devices()[:1])
    few = tuning(detectors, "curves", stimuli.curves, given, at_a_time=3, mesh=mesh)
    np.testing.assert_allclose(one, few, rtol=1e-5, atol=1e-5)


def test_whatever_draws_images_can_be_asked():
    def draw(level, size, centre):
        del centre
        return jnp.broadcast_to(level[:, None, None, None], (len(level), size, size, 3))

    def toy(images, tap):
        return tap("grey", images - 0.5).mean((1, 2))

    found = tuning(toy, "grey", draw, {"level": [0.0, 0.25, 1.0]}, on=Stage(8, 4, 4, (4.0, 4.0), 1))
    np.testing.assert_allclose(found[:, 0], [-0.5, -0.25, 0.5])
    inked = partial(stimuli.discs, ink=(1.0, 0.0, 0.0), paper=0.0)
    on = Stage(8, 4, 4, (4.0, 4.0), 1)
    assert tuning(toy, "grey", inked, {"radius": 3.0}, on=on).tolist() == [[0.5, -0.5, -0.5]]


def test_mistakes_are_told():
    with pytest.raises(UserError, match="no layer 'curve'; did you mean curves"):
        stage(detectors, "curve")
    with pytest.raises(UserError, match="2 of angle, 3 of radius: must be one for all"):
        tuning(detectors, "curves", stimuli.curves, {"angle": [0, 1], "radius": [1, 2, 3]})
