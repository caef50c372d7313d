"""Detectors built by hand are found, and what is none is not."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.circuits import stimuli
from atlasjax.circuits.detectors import (
    CurveCriterion,
    Detectors,
    GreyCriterion,
    chosen,
    find_black_and_white,
    find_curves,
    find_high_low,
)
from atlasjax.circuits.stimuli.canvas import GREY
from atlasjax.circuits.stimuli.colours import LUMA as WEIGHTS
from atlasjax.circuits.tuning import Stage

SIDE, RADIUS = 31, 12.0
LUMA = np.asarray(WEIGHTS, np.float32)


LOOSE = CurveCriterion(invariance=0.0, strength=0.3, opposite=0.2, straight=0.6, others=1.5)


def correlate(images, kernel: Any, step: int = 8):
    """Return products of kernels [h, w, 3, units] with windows some px apart."""
    return jax.lax.conv_general_dilated(
        images, kernel, (step, step), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def in_grey(kernel: np.ndarray) -> np.ndarray:
    """Return kernels [h, w, 3, units] that look at brightness alone."""
    return kernel[:, :, None] * LUMA[:, None] / np.square(LUMA).sum()


def bands(angle: float, curved: bool) -> list[np.ndarray]:
    """Return bands within, on and outside of an arc, or along a line; each sums to 1."""
    t, middle, made = np.radians(angle), (SIDE - 1) / 2, []
    for apart in (-3.0, 0.0, 3.0):
        centre = (middle - apart * float(np.sin(t)), middle + apart * float(np.cos(t)))
        look: Any = {"size": SIDE, "width": 3.0, "paper": 0.0, "centre": centre}
        if curved:
            drawn = stimuli.curves(angle, RADIUS + apart, span=100.0, **look)
        else:
            drawn = stimuli.lines(angle + 90, **look)
        band = np.asarray(drawn)[0, :, :, 0]
        made.append(band / band.sum())
    return made


def kernels() -> tuple[np.ndarray, np.ndarray]:
    """Return what looks for strokes and for edges: two curves, and a line."""
    even, odd = [], []
    for angle, curved in ((20.0, True), (250.0, True), (70.0, False)):
        within, on, outside = bands(angle, curved)
        even.append(on - (within + outside) / 2)
        odd.append(outside - within)
    return in_grey(np.stack(even, -1)), in_grey(np.stack(odd, -1))


EVEN, ODD = kernels()
FINE = np.asarray(stimuli.textures(4, np.arange(24), size=9))[..., 0].transpose(1, 2, 0)
FINE = in_grey(FINE - FINE.mean((0, 1)))


def shapes(images, tap):
    """Detectors of curves of 20 and 250 degrees and of a line, as strokes and edges, any way."""
    even, odd = correlate(images - GREY, EVEN), correlate(images - GREY, ODD)
    answer = jnp.sqrt(jnp.square(even) + jnp.square(odd) + 1e-9) - 0.45
    return tap("shapes", jax.nn.relu(answer)).mean((1, 2))


@pytest.fixture(scope="module")
def curved() -> Detectors:
    return find_curves(shapes, "shapes", criterion=LOOSE)


def test_curve_detectors_are_found_with_their_angles(curved: Detectors):
    assert curved.answer.shape == (72, 3)
    assert sorted(curved.units.tolist()) == [0, 1]
    by_unit = dict(zip(curved.units.tolist(), curved.preferred.tolist(), strict=True))
    assert abs(by_unit[0] - 20) <= 10
    assert abs(by_unit[1] - 250) <= 10
    assert curved.measures["straight"][2] > 0.9  # the line detector is none


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(CurveCriterion)])
def test_every_bound_of_a_criterion_counts(name: str, curved: Detectors):
    bound: Any = 2.0 if name in ("strength", "invariance", "strong") else -1.0
    assert not len(chosen(curved, dataclasses.replace(LOOSE, **{name: bound})).units)


def sides(images, tap):
    """Fine on the right and coarse on the left; the other way round; fine anywhere; an edge."""
    power = jnp.abs(correlate(images, FINE, 1)).mean(-1)
    half = power.shape[2] // 2
    left, right = power[:, :, :half].mean((1, 2)), power[:, :, -half:].mean((1, 2))
    bright = images.mean((1, 3))
    edge = bright[:, -half:].mean(1) - bright[:, :half].mean(1)
    units = jnp.stack([right - left, left - right, left + right, edge], -1)
    return tap("sides", jax.nn.relu(units)[:, None, None]).mean((1, 2))


def test_fine_beside_coarse_is_found_with_its_side():
    on = Stage(48, 0, 0, (23.5, 23.5), 48)
    found = find_high_low(sides, "sides", on=on)
    by_unit = dict(zip(found.units.tolist(), found.preferred.tolist(), strict=True))
    assert set(by_unit) == {0, 1}
    assert abs((by_unit[0] + 180) % 360 - 180) <= 30
    assert abs(by_unit[1] - 180) <= 30


def colours(images, tap):
    """Contrast without colour; contrast of any colour; colour alone."""
    grey = images @ LUMA
    colour = jnp.abs(images - grey[..., None]).mean((1, 2, 3))
    contrast = grey.std((1, 2))
    units = jnp.stack([contrast - 2 * colour, contrast, colour], -1)
    return tap("colours", jax.nn.relu(units)[:, None, None]).mean((1, 2))


def test_black_and_white_without_colour_is_found():
    on = Stage(32, 0, 0, (15.5, 15.5), 32)
    found = find_black_and_white(colours, "colours", on=on)
    assert found.units.tolist() == [0]
    assert found.measures["grey"][2] == -1
    assert not len(chosen(found, GreyCriterion(always=1.1)).units)
