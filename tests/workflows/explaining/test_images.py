"""Images to be explained: named, read, or handed over."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlasjax.adapters.entry import ModelEntry
from atlasjax.classes import ClassName
from atlasjax.data.scenes import CLASSES, draw_scene
from atlasjax.errors import UserError
from atlasjax.runs.job import Network
from atlasjax.workflows.explaining.images import read
from atlasjax.workflows.networks import Found, Opened


def opened(side: int, channels: int = 3, names: tuple[str, ...] = CLASSES) -> Opened:
    classes = tuple(ClassName(f"n{i:02}", name) for i, name in enumerate(names))
    model = lambda images, tap: images.mean((1, 2))  # noqa: E731
    found = Found(ModelEntry("toy", load=lambda: None), None)
    return Opened(Network(model, "toy:0"), found, classes, (side, side, channels))


def test_a_scene_is_seen_as_it_was_drawn_with_its_class():
    (found,) = read("scenes:wok/22@1", opened(96))
    assert found.name == "wok/22@1"
    assert np.array_equal(found.image, draw_scene("wok", 1, 22).image)
    assert found.label == CLASSES.index("wok")
    assert read("scenes:wok", opened(96, names=("cat", "dog")))[0].label is None


def test_a_file_is_brought_to_the_networks_size_and_channels(tmp_path: Path):
    folder = tmp_path / "n03"
    folder.mkdir()
    Image.effect_noise((60, 40), 90).convert("RGB").save(folder / "a.png")
    (grey,) = read(str(folder / "a.png"), opened(32, 1))
    assert grey.image.shape == (32, 32, 1)
    assert grey.name == "a.png"
    assert grey.label == 3  # by its folder's WordNet id
    assert read(folder / "a.png", opened(32, 3, ("cat",)))[0].label is None


def test_arrays_are_taken_one_or_several():
    one = np.full((16, 16, 3), 0.5)
    found = read([one, np.stack([one, one])], opened(16))
    assert len(found) == 3
    assert len({given.name for given in found}) == 3
    assert found[0].image.dtype == np.uint8
    assert found[0].image.max() == found[0].image.min() == 128


def test_what_cannot_be_read_is_refused():
    with pytest.raises(UserError, match=r"no file 'no\.png'"):
        read("no.png", opened(16))
    with pytest.raises(UserError, match="no images to explain"):
        read([], opened(16))
    with pytest.raises(UserError, match="no kind of scene"):
        read("scenes:wonk", opened(96))
