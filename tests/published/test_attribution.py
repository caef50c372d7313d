"""Effects that were published with the articles."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from atlasjax import blocks
from atlasjax.targets import difference

pytestmark = pytest.mark.published

LABRADOR, TIGER_CAT = 176, 55
# Effects of channels of mixed4d on the first logit less the second, of the picture with a dog and a
# cat: Olah et al., "The Building Blocks of Interpretability", Distill 2018, and its notebook.
AT_THE_IMAGE = {426: 1.628, 436: 1.505, 43: 1.194, 221: -1.72, 517: -1.53, 493: -1.31}
ALONG_A_PATH = {426: 2.654, 436: 2.370, 477: 2.322, 221: -3.40}


@pytest.mark.parametrize(
    ("method", "expected", "tolerance"),
    [
        # What was published went through another decoder: 1 or 2 of 255 at edges.
        ("gradient", AT_THE_IMAGE, 0.05),
        # And stood at the left ends of 100 steps, where ours stand in their middles.
        ("path", ALONG_A_PATH, 0.1),
    ],
)
def test_the_channels_that_tell_a_dog_from_a_cat(network, published, method, expected, tolerance):
    with Image.open(published / "dog_cat.jpeg") as picture:
        pixels = np.asarray(picture.convert("RGB"), np.float32)[None] / 255
    target = difference(LABRADOR, TIGER_CAT)
    found = blocks.effects(network, "mixed4d", jnp.asarray(pixels), [target], method=method)
    effect = np.asarray(jax.device_get(blocks.channels(found).effect))[0, 0]
    listed = {channel: float(effect[channel]) for channel in expected}
    assert listed == pytest.approx(expected, abs=tolerance)
    order = np.argsort(-effect)
    most = [channel for channel, value in expected.items() if value > 0]
    least = [channel for channel, value in expected.items() if value < 0]
    assert order[: len(most)].tolist() == most
    assert order[::-1][: len(least)].tolist() == least
