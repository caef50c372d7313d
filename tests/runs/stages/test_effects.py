"""Effects: in parts on disk, going on where it was stopped, row for row what memory would hold."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.atlas.attribution import attribute
from atlasjax.data import Example, UnreadableImage
from atlasjax.runs.experiment import Experiment
from atlasjax.runs.job import Run
from atlasjax.runs.stages import effects as module
from atlasjax.runs.stages import stored
from atlasjax.runs.stages.activations import collected
from atlasjax.taps import Model

CONFIG = Experiment(
    "toy", "toy", ("double",), samples_per_image=3, image_size=32, resize=32, image_batch=2
)


class Pictures:
    """Seven small images, the third of them unreadable; counts how often one is read."""

    classes = ()

    def __init__(self):
        self.pixels = np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)
        self.read: list[int] = []

    def __len__(self):
        return len(self.pixels)

    def __getitem__(self, index):
        self.read.append(index)
        if index == 2:
            raise UnreadableImage("2", "torn")
        return Example(self.pixels[index], -1, str(index))

    def fingerprint(self):
        return "pictures"


def toy(images, tap):
    return (tap("double", 2 * images[:, ::8, ::8]) ** 2).sum((1, 2))


def job(model: Model, folder: Path) -> tuple[Run, str]:
    """A run whose activations are on disk, three of each image, and their fingerprint."""
    run = Run(CONFIG, model, "toy:0", Pictures(), folder)
    return run, collected(run)["double"]


def test_it_goes_on_from_the_parts_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stored, "ROWS", 6)  # in a shard, of two images
    monkeypatch.setattr(stored, "EVEN", 2)
    run, digest = job(toy, tmp_path)
    source = run.source
    assert isinstance(source, Pictures)
    activations = stored.read(run.layer("double") / stored.FILE)
    whole = attribute(toy, "double", run.batches(), activations)
    assert whole.shape == (18, 3)
    real = module.attributions

    def dying(*args, **kwargs):
        for number, rows in enumerate(real(*args, **kwargs)):
            if number == 2:
                raise KeyboardInterrupt
            yield rows

    read, _ = module.effects(run, "double", digest)
    with monkeypatch.context() as patch:
        patch.setattr(module, "attributions", dying)
        with pytest.raises(KeyboardInterrupt):
            read()
    folder = run.layer("double")

    def there() -> list[str]:
        return sorted(p.name for p in folder.glob("attribution*"))

    assert there() == ["attribution-00000.npz", "attribution-00001.npz"]
    source.read.clear()
    np.testing.assert_array_equal(read(), whole)
    assert sorted(source.read) == [4, 5, 6]  # of the last parts alone, and nothing unreadable
    assert there() == ["attribution.npz"]
    source.read.clear()
    np.testing.assert_array_equal(read(), whole)
    assert source.read == []


def test_effects_that_are_no_numbers_count_as_none_and_are_told(tmp_path: Path):
    def steep(images, tap):  # the root's slope at 0 is infinite, and so NaN along 0
        value = tap("double", images[:, ::8, ::8] - images[:, ::8, ::8].min())
        return jnp.stack([jnp.sqrt(value * 0).sum((1, 2, 3)), 1e6 * value.sum((1, 2, 3))], -1)

    run, digest = job(steep, tmp_path)
    value = module.effects(run, "double", digest)[0]()
    np.testing.assert_array_equal(value[:, 0], 0)
    # Half precision ends at 65504: what is larger is as large, not infinite.
    np.testing.assert_array_equal(value[:, 1], 65504)
    log = (tmp_path / "run.log").read_text()
    assert "attribution double: NaN for 18 of 18 activations, taken as 0" in log
