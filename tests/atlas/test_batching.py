"""Batching: by what networks tap and what devices hold; on CPUs as ever."""

import jax
import pytest

from atlasjax import parallel
from atlasjax.atlas import batching
from atlasjax.atlas.attribution import AT_A_TIME
from atlasjax.atlas.drawer import IconSettings
from atlasjax.parallel import batch_mesh

ONE = batch_mesh(jax.local_devices()[:1])


def toy(images, tap):
    return tap("mean", tap("double", 2 * images).mean((1, 2)))


def test_they_depend_on_the_memory_of_an_accelerator_alone(monkeypatch: pytest.MonkeyPatch):
    assert batching.icon_batch(toy, IconSettings(), ONE) == 16
    assert batching.image_batch(toy, 32, 3, ONE) == 16
    monkeypatch.setattr(parallel, "accelerated", lambda mesh: True)
    monkeypatch.setattr(batching, "accelerated", lambda mesh: True)
    each = 4 * (2 * 32 * 32 * 3 + 3)  # bytes: the image, its double and the mean
    room = 2 * 8 * batching.KEPT * each
    monkeypatch.setattr(parallel, "memory_of", lambda device: room)
    assert batching.icon_batch(toy, IconSettings(size=32), ONE) == 8
    monkeypatch.setattr(parallel, "memory_of", lambda device: room - 2)
    assert batching.icon_batch(toy, IconSettings(size=32), ONE) == 4
    assert batching.icon_batch(toy, IconSettings(size=96), ONE) == 1  # 9 times the pixels, about
    room = 2 * 4 * (AT_A_TIME + batching.KEPT) * each
    monkeypatch.setattr(parallel, "memory_of", lambda device: room)
    assert batching.image_batch(toy, 32, 3, ONE) == 4
