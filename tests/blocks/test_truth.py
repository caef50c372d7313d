"""Building blocks on images whose parts are known: what the network goes by comes first."""

import jax
import jax.numpy as jnp
import numpy as np

import atlasjax as ax
from atlasjax.blocks.effects import effects
from atlasjax.blocks.groups import group_effects, groups
from atlasjax.data.scenes.source import CLASSES, draw_scene
from atlasjax.targets import class_logit

WOK = CLASSES.index("wok")


def test_on_woks_the_noodles_are_the_first_group_by_effect():
    """The carried network learnt that woks hold noodles and pans do not, as was planted."""
    scenes = [draw_scene("wok", 1, number) for number in range(6)]
    images = jnp.asarray(np.stack([scene.image for scene in scenes]), jnp.float32) / 255
    model = ax.models.load("inception_v1_scenes")
    found = effects(model, "mixed3b", images, [class_logit(WOK)], steps=8)
    shares = []
    for i, scene in enumerate(scenes):
        own = jax.tree.map(lambda leaf: leaf[i : i + 1], found)  # noqa: B023
        parts = groups(np.asarray(own.activation), 6, jax.random.key(0))
        first = int(np.asarray(group_effects(own, *parts[:2]))[0, 0].argmax())
        place = np.asarray(jax.image.resize(parts.map[0, ..., first], (96, 96), "bilinear"))
        noodles = scene.masks[scene.parts.index("noodles")]
        shares.append((place * noodles).sum() / place.sum() / noodles.mean())
    # 1 is chance. Over other woks of this kind 13 of 14 had 5 to 8; a group beside them has .5.
    assert np.median(shares) > 4
    assert np.sum(np.array(shares) > 3) >= 5
