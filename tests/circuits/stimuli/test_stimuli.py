"""Stimuli against drawings made another way: finely sampled shapes, and formulas in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax.circuits import stimuli
from atlasjax.circuits.stimuli import colours
from atlasjax.errors import UserError

SIZE, FINER = 33, 16
# Coverage is that of a straight edge across the pixel's axis; on a diagonal it is off by up to
# (sqrt(2) - 1)^2 / 4 / sqrt(2) = .03 of a pixel for each edge, at ends and tips by more.
EDGE = 0.04


def finely(inside, size: int = SIZE) -> np.ndarray:
    """Return how much of each pixel a shape covers, by asking many points in it."""
    at = (np.arange(size * FINER) + 0.5) / FINER - 0.5 - (size - 1) / 2
    cover = inside(at[None, :], -at[:, None]).astype(float)
    return cover.reshape(size, FINER, size, FINER).mean((1, 3))


def grey(images) -> np.ndarray:
    found = np.asarray(images)
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 1
    assert (found[..., 0] == found[..., 1]).all()
    return found[..., 0]


def turned(x, y, angle):
    t = np.radians(angle)
    return x * np.cos(t) + y * np.sin(t), y * np.cos(t) - x * np.sin(t)


@pytest.mark.parametrize("angle", [0, 35, 90, 200])
@pytest.mark.parametrize("radius", [6, 11])
def test_a_curve_is_part_of_a_ring_that_bulges_in_its_direction(angle: int, radius: int):
    def arc(x, y):
        u, v = turned(x, y, angle)
        far = np.hypot(u + radius, v)
        on = (np.abs(far - radius) <= 1.5) & (np.abs(np.arctan2(v, u + radius)) <= np.radians(50))
        for sign in (1, -1):  # round ends
            end = radius * np.exp(1j * np.radians(sign * 50)) - radius
            on |= np.hypot(u - end.real, v - end.imag) <= 1.5
        return on

    found = grey(stimuli.curves(angle, radius, size=SIZE, span=100, width=3))[0]
    expected = 0.5 + 0.5 * finely(arc)
    assert np.abs(found - expected).max() < 2 * EDGE


@pytest.mark.parametrize("angle", [0, 30, 45, 120])
def test_lines_corners_and_edges_lie_where_geometry_says(angle: int):
    def line(x, y):
        u, v = turned(x, y, angle)
        return (np.abs(v) <= 1.5) & (np.abs(u) <= 40)

    found = grey(stimuli.lines(angle, size=SIZE, width=3))[0]
    assert np.abs(found - 0.5 - 0.5 * finely(line)).max() < EDGE

    def corner(x, y):
        on = np.zeros(np.broadcast_shapes(x.shape, y.shape), bool)
        for side in (1, -1):
            arm = np.radians(angle + 180 + side * 30)
            along = x * np.cos(arm) + y * np.sin(arm)
            across = y * np.cos(arm) - x * np.sin(arm)
            on |= (np.abs(across) <= 1.5) & (along >= 0)
        return on | (np.hypot(x, y) <= 1.5)

    found = grey(stimuli.corners(angle, 60, size=SIZE, width=3))[0]
    away = np.hypot(*np.meshgrid(np.arange(SIZE) - 16, np.arange(SIZE) - 16)) > 6
    assert np.abs(found - 0.5 - 0.5 * finely(corner))[away].max() < EDGE

    half = finely(lambda x, y: turned(x, y, angle)[0] > 0)
    found = grey(stimuli.brightness_gradients(angle, 1, size=SIZE))[0]
    assert np.abs(found - half).max() < 2 * EDGE


def test_circles_and_discs_cover_what_they_should():
    ring = finely(lambda x, y: np.abs(np.hypot(x, y) - 9) <= 1)
    assert np.abs(grey(stimuli.circles(9, size=SIZE, width=2))[0] - 0.5 - ring / 2).max() < EDGE
    disc = finely(lambda x, y: np.hypot(x, y) <= 9)
    assert np.abs(grey(stimuli.discs(9, size=SIZE))[0] - 0.5 - disc / 2).max() < EDGE
    edge = finely(lambda x, y: np.hypot(x, y + 9) <= 9)
    assert np.abs(grey(stimuli.curved_edges(90, 9, size=SIZE))[0] - 0.5 - edge / 2).max() < EDGE


@pytest.mark.parametrize(("angle", "wavelength", "phase"), [(0, 5, 0), (30, 7.5, 90), (110, 3, 20)])
def test_a_gabor_is_its_formula_averaged_over_pixels(angle, wavelength, phase):
    x, y = np.meshgrid(np.arange(SIZE) - 16.0, 16.0 - np.arange(SIZE))
    across = turned(x, y, angle)[1]
    t = np.radians(angle)
    fade = np.sinc(np.sin(t) / wavelength) * np.sinc(np.cos(t) / wavelength)
    wave = np.cos(2 * np.pi * across / wavelength + np.radians(phase))
    expected = 0.5 + 0.5 * fade * wave * np.exp(-(x**2 + y**2) / (2 * 4.0**2))
    found = grey(stimuli.gabors(angle, wavelength, 4.0, phase, size=SIZE))[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)  # angles in float32


def test_a_grating_is_the_mean_of_its_wave_over_each_pixel():
    at = (np.arange(SIZE * FINER) + 0.5) / FINER - 0.5 - 16
    across = turned(at[None, :], -at[:, None], 25)[1]
    wave = 0.5 + 0.5 * np.cos(2 * np.pi * across / 3.3)
    expected = wave.reshape(SIZE, FINER, SIZE, FINER).mean((1, 3))
    found = grey(stimuli.gratings(25, 3.3, size=SIZE))[0]
    np.testing.assert_allclose(found, expected, atol=2e-3)  # 16 points across a pixel


@pytest.mark.parametrize("wavelength", [4, 8])
def test_a_texture_has_its_wavelength_and_contrast(wavelength: int):
    noise = np.asarray(stimuli.textures(wavelength, np.arange(8), size=128))[..., 0]
    power = (np.abs(np.fft.fft2(noise - noise.mean((1, 2), keepdims=True))) ** 2).mean(0)
    rate = np.hypot(*np.meshgrid(np.fft.fftfreq(128), np.fft.fftfreq(128)))
    band = (rate > 0.75 / wavelength) & (rate < 1.3 / wavelength)
    assert power[band].sum() > 0.8 * power.sum()  # the rest is what clipping adds
    fade = np.sinc(1 / wavelength)  # between this and its square, by direction
    assert 0.8 * 0.35 * fade < noise.std() < 0.35


def test_seeds_make_other_noise_and_the_same_again():
    first, second = stimuli.textures(6, [3, 4], size=64)
    np.testing.assert_array_equal(first, stimuli.textures(6, 3, size=64)[0])
    correlation = np.corrcoef(np.ravel(first[..., 0]), np.ravel(second[..., 0]))[0, 1]
    assert abs(correlation) < 0.2  # of a few hundred independent blobs


def test_stripes_of_a_texture_of_one_direction_run_in_it():
    found = grey(stimuli.textures(6, 0, size=64, angle=90, spread=0))[0]
    np.testing.assert_allclose(found, np.broadcast_to(found[:1], found.shape), atol=1e-5)


@pytest.mark.parametrize("angle", [0, 90, 180])
def test_the_fine_side_lies_in_the_direction_of_the_angle(angle: int):
    image = np.asarray(stimuli.high_low(angle, 4, 16, size=64))[0, :, :, 0]
    slope = np.hypot(np.diff(image, axis=0)[:, :-1], np.diff(image, axis=1)[:-1])
    x, y = np.meshgrid(np.arange(63) - 31.5, 31.5 - np.arange(63))
    along = turned(x, y, angle)[0]
    assert slope[along > 2].mean() > 2 * slope[along < -2].mean()


@settings(deadline=None, max_examples=20)
@given(row=st.floats(5, 27), column=st.floats(5, 27), angle=st.integers(0, 359))
def test_a_centre_moves_the_stimulus_and_nothing_else(row: float, column: float, angle: int):
    """A quarter turn about the centre is a turn of the angle, wherever the centre is."""
    at = (float(round(row)), float(round(column)))
    here = np.asarray(stimuli.curves(angle, 7, size=SIZE, centre=at))[0]
    back = np.asarray(stimuli.curves(angle, 7, size=SIZE, centre=(16.0, 16.0)))[0]
    moved = np.roll(back, (int(at[0]) - 16, int(at[1]) - 16), (0, 1))
    inside = np.zeros((SIZE, SIZE), bool)
    inside[max(0, int(at[0]) - 16) : int(at[0]) + 17, max(0, int(at[1]) - 16) : int(at[1]) + 17] = 1
    np.testing.assert_allclose(here[inside], moved[inside], atol=1e-4)


def test_turning_by_a_right_angle_turns_the_image():
    draws = {
        "curves": lambda a: stimuli.curves(a, 9, size=SIZE),
        "corners": lambda a: stimuli.corners(a, 70, size=SIZE),
        "gabors": lambda a: stimuli.gabors(a, 7, 5, size=SIZE),
        "contrasts": lambda a: stimuli.color_contrasts(a, (1, 0, 0), 0.2, size=SIZE),
    }
    for name, draw in draws.items():
        first, second = np.asarray(draw(np.array([20.0, 110.0])))
        np.testing.assert_allclose(np.rot90(first), second, atol=1e-4, err_msg=name)


def test_every_stimulus_is_batched_and_compiles():
    drawn = jax.jit(lambda a, r: stimuli.curves(a, r, size=16))(jnp.arange(5.0), jnp.float32(4.0))
    assert drawn.shape == (5, 16, 16, 3)
    alone = stimuli.curves(3.0, 4.0, size=16)
    np.testing.assert_allclose(drawn[3:4], alone, atol=1e-6)


def test_a_tint_keeps_brightness_and_has_its_hue():
    image = stimuli.textures(6, 0, size=32, contrast=0.5)
    luma = np.asarray(colours.LUMA, np.float32)
    for hue in (0, 60, 200):
        made = np.asarray(stimuli.tinted(image, hue, 0.2))
        inside = ((made > 0) & (made < 1)).all(-1)
        assert inside.mean() > 0.8
        np.testing.assert_allclose((made @ luma)[inside], (image @ luma)[inside], atol=1e-5)
        added = (made - np.asarray(image))[inside]
        np.testing.assert_allclose(np.linalg.norm(added, axis=-1), 0.2, rtol=1e-4)
    red = np.asarray(stimuli.tinted(image, 0, 0.2))[0, 0, 0] - np.asarray(image)[0, 0, 0]
    assert red[0] > 0 > red[1]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: stimuli.curves([0, 1], [1, 2, 3], size=8), "2 of angle, 3 of radius: must be one"),
        (lambda: stimuli.curves(0, 1, size=0), "images of 0 px"),
        (lambda: stimuli.lines(np.zeros((2, 2)), size=8), r"angle of shape \[2, 2\]"),
        (lambda: stimuli.discs(2, size=8, ink=[0.0, 1.0]), r"a colour of shape \[2\]"),
        (lambda: stimuli.discs([1, 2], size=8, ink=np.zeros((3, 3))), r"shape \[3, 3\] for 2"),
    ],
)
def test_mistakes_are_told(draw, message: str):
    with pytest.raises(UserError, match=message):
        draw()
