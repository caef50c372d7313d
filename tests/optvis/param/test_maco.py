"""Fixed magnitudes: measured as NumPy has them, kept exactly, for any size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax.data import Example
from atlasjax.errors import UserError
from atlasjax.optvis.color import imagenet_correlation, no_correlation
from atlasjax.optvis.param import Spectrum, maco, mean_spectrum, start_from
from atlasjax.optvis.param.core import steps


class Memory:
    """A source of a few images held in memory."""

    classes = ()

    def __init__(self, images: np.ndarray):
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int, /) -> Example:
        return Example(self.images[index], -1, str(index))

    def fingerprint(self) -> str:
        return "memory"


def pictures(n: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    shape = (n, height, width, 3)
    return np.random.default_rng(seed).uniform(0.1, 0.9, shape).astype(np.float32)


def fields_of(images: np.ndarray, clip: float) -> np.ndarray:
    """Decorrelated colours, [n, 3, h, w], in double precision."""
    clipped = np.clip(images.astype(np.float64), clip, 1 - clip)
    logits = np.log(clipped / (1 - clipped))
    return np.einsum("ij,nhwj->nihw", np.linalg.inv(imagenet_correlation()), logits)


def test_the_spectrum_is_numpys_however_the_images_are_batched():
    images = pictures(7, 6, 5)
    images[0, 0, 0] = (0, 1, 0.5)
    expected = np.abs(np.fft.rfft2(fields_of(images, 0.02))).mean(0)
    for batching in ([images], [images[:3], images[3:]]):
        measured = mean_spectrum(iter(batching), size=(6, 5))
        np.testing.assert_allclose(measured.magnitude, expected, rtol=1e-4, atol=1e-3)
        assert measured.size == (6, 5)
        np.testing.assert_array_equal(measured.correlation, imagenet_correlation())


def test_a_source_is_cut_to_its_centre():
    images = (pictures(5, 12, 12) * 255).astype(np.uint8)
    from_source = mean_spectrum(Memory(images), size=(8, 12)).magnitude
    expected = np.abs(np.fft.rfft2(fields_of(images[:, 2:10] / 255, 0.02))).mean(0)
    np.testing.assert_allclose(from_source, expected, rtol=1e-4, atol=1e-3)


@settings(deadline=None, max_examples=12)
@given(st.sampled_from([(4, 4), (5, 4), (4, 5), (7, 3), (2, 6)]), st.integers(0, 99))
def test_the_magnitudes_are_kept_for_every_size(size: tuple[int, int], seed: int):
    h, w = size
    rng = np.random.default_rng(seed)
    magnitude = rng.uniform(0.5, 2, (2, h, w // 2 + 1)).astype(np.float32)
    # Those of a real image are alike at opposite frequencies.
    opposite = magnitude[:, -np.arange(h) % h]
    magnitude[..., 0] = (magnitude + opposite)[..., 0] / 2
    if w % 2 == 0:
        magnitude[..., -1] = (magnitude + opposite)[..., -1] / 2
    param = maco(Spectrum(magnitude, size, no_correlation(2)))
    phases = jnp.asarray(rng.normal(0, 3, magnitude.shape), jnp.float32)
    field = np.asarray(steps(param).field(phases), np.float64)
    made = np.fft.rfft2(field, axes=(0, 1)).transpose(2, 0, 1)
    own = np.zeros(magnitude.shape[1:], bool)
    own[np.ix_([0] + [h // 2] * (h % 2 == 0), [0] + [w // 2] * (w % 2 == 0))] = True
    np.testing.assert_allclose(np.abs(made)[:, ~own], magnitude[:, ~own], atol=1e-4)
    expected = (magnitude * np.cos(np.asarray(phases)))[:, own]
    np.testing.assert_allclose(made[:, own], expected, atol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(6, 8), (5, 7)])
def test_a_picture_comes_back_from_its_magnitudes_and_phases(height: int, width: int):
    picture = pictures(1, height, width)
    phases = np.angle(np.fft.rfft2(fields_of(picture, 0.02)[0])).astype(np.float32)
    param = maco(mean_spectrum([picture], size=(height, width)))
    started = start_from(param, jnp.asarray(phases))
    image = started.image(started.init(jax.random.key(0)))
    np.testing.assert_allclose(image, picture[0], atol=1e-4)  # float32 transforms there and back


def test_the_start_is_uniform_over_the_circle_and_a_real_images():
    flat = Spectrum(np.ones((3, 32, 17), np.float32), (32, 32), no_correlation(3))
    phases = np.asarray(maco(flat).init(jax.random.key(0)))
    # Five standard errors of a mean of unit vectors.
    assert abs(np.exp(1j * phases).mean()) < 5 / np.sqrt(phases.size)
    np.testing.assert_array_equal(phases[:, 1:16, 0], -phases[:, :16:-1, 0])


def test_bad_spectra_and_images_are_refused():
    good = Spectrum(np.ones((3, 4, 3), np.float32), (4, 4), no_correlation(3))
    with pytest.raises(UserError, match=r"shape \(3, 4, 3\): must be \(3, 4, 4\)"):
        maco(good._replace(size=(4, 6)))
    with pytest.raises(UserError, match="negative"):
        maco(good._replace(magnitude=-good.magnitude))
    with pytest.raises(UserError, match="no images"):
        mean_spectrum([], size=4)
    with pytest.raises(UserError, match="images of 4 x 4 px: must be at least 8 x 8"):
        mean_spectrum([pictures(1, 4, 4)], size=8)
