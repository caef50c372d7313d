"""What must be known of a picture is said: of silent units, and of numbers that are none."""

import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import vis

KEY = jax.random.key(0)


def faulty(images: Any, tap: Any) -> Any:
    """A colour; what is silent for good; and a logarithm that grey pixels are too dark for."""
    x = images[:, ::4, ::4]
    parts = [x[..., 0], jnp.maximum(x[..., 0] - 2, 0), jnp.log(x[..., 0] - 0.5)]
    x = tap("units", jnp.stack(parts, -1))
    return x.mean((1, 2))[:, :2]


@pytest.fixture(scope="module")
def made(quick) -> vis.Gallery:
    return vis.channels(faulty, "units", [0, 1, 2], KEY, quick)


def test_silent_and_infinite_units_are_marked_and_none_is_black(made):
    assert made.notes == ("", "ends at 0", "not finite")
    assert np.isfinite(made.images).all()
    assert (made.images.max((1, 2, 3)) > 0.4).all()
    np.testing.assert_allclose(made.images[2].mean((0, 1)), 0.5, atol=0.02)  # as it began
    assert vis.told(made) == ["1 of 3: ends at 0 (1)", "1 of 3: not finite (2)"]


def test_the_mark_is_on_the_sheet_and_in_the_record(made, tmp_path):
    page, plain = vis.sheet(made), vis.sheet(made._replace(notes=()))
    red = np.abs(page.astype(int) - [176, 48, 16]).sum(-1) < 60
    assert not (np.abs(plain.astype(int) - [176, 48, 16]).sum(-1) < 60)[16 + 128 :].any()
    below = slice(16 + 128, 16 + 128 + 24)
    tiles = [slice(16 + 138 * i, 16 + 138 * i + 128) for i in range(3)]
    assert [bool(red[below, tile].any()) for tile in tiles] == [False, True, True]
    assert page.shape[0] == plain.shape[0] + 2 * 22  # a line for each note
    assert red[-60:].any()
    path = vis.save(made, tmp_path / "a.png", {})
    record = json.loads(path.with_suffix(".json").read_text())["pictures"]
    assert [one.get("note") for one in record] == [None, "ends at 0", "not finite"]
    assert record[2]["reached"] is None


def test_certainty_is_no_silence(quick):
    def certain(images, tap):
        x = tap("units", images[:, ::4, ::4]).mean((1, 2))
        return x * jnp.array([[1000.0, 0, 0]])

    made = vis.classes(certain, [0], KEY, quick)
    assert made.reached[0] > 0.999  # where the gradient of a probability is 0 to the last digits
    assert made.notes == ("",)


def test_images_that_are_no_numbers_are_grey_on_a_sheet():
    nothing = np.full((1, 32, 32, 3), np.nan, np.float32)
    one = vis.Gallery(nothing, np.full(1, np.nan, np.float32), ("0",), "x", "t")
    assert (vis.sheet(one)[20:100, 20:100] == 128).all()
