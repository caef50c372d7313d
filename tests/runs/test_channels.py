"""Images of one and of five channels, from arrays to the page; networks that take no others."""

import dataclasses
import textwrap
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from atlasjax.data import from_arrays, open_images
from atlasjax.data.channels import as_rgb
from atlasjax.data.patches import SIZE
from atlasjax.errors import UserError
from atlasjax.page.export import export
from atlasjax.page.single_file import read_script
from atlasjax.runs import pipeline
from atlasjax.runs.examples import examples, open_examples
from atlasjax.runs.experiment import Experiment
from atlasjax.runs.job import Network, Run
from atlasjax.runs.stages.activations import check_networks

# By the number of channels: two layers aligned, and one whose finer icons start from coarser ones.
LEVELS = {1: (("fine", "coarse"), (2,)), 5: (("fine",), (2, 3))}
PLANE = """
    import numpy as np

    def lay(activations, seed):
        centred = activations - activations.mean(0)
        return centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
"""


def network(channels: int, seed: int = 0) -> Any:
    """What is light and what is dark in each channel, on a grid of 4 px, and three classes."""
    classes = np.random.default_rng(seed).normal(size=(2 * channels, 3)).astype(np.float32)
    return partial(_network, jnp.asarray(classes))


def _network(classes: Any, images: Any, tap: Any) -> Any:
    light = jnp.concatenate([images, 1 - images], -1)
    x = tap("fine", jnp.exp(4 * _mean(light, 4, 4) - 2))
    x = tap("coarse", _mean(x, 2, 1))
    return x.mean((1, 2)) @ classes


def _mean(x: Any, size: int, stride: int) -> Any:
    window, strides = (1, size, size, 1), (1, stride, stride, 1)
    return jax.lax.reduce_window(x, 0.0, jax.lax.add, window, strides, "VALID") / size**2


class Made:
    """An atlas of random images of 28 px, with its page."""

    def __init__(self, folder: Path, channels: int):
        rng = np.random.default_rng(1)
        level = rng.uniform(0, 200, (40, 1, 1, channels))
        self.images = (level + rng.uniform(0, 55, (40, 28, 28, channels))).astype(np.uint8)
        layers, grids = LEVELS[channels]
        config = Experiment(
            "toy",
            "toy",
            layers,
            grids=grids,
            image_size=28,
            resize=28,
            samples_per_image=2,
            more_than=2,
            layout="plane_of_channels:lay",
            icon_size=32,
            icon_batch=4,
            steps=40,
            refine_steps=40,
            attempts=1,
            whiten=False,
            stability=False,
        )
        source = from_arrays(self.images)
        self.run = Run(config, network(channels), "toy:0", source, folder, channels=channels)
        self.levels = pipeline.run(self.run).levels
        self.patches = {
            name: open_examples(folder, *name).patch for name in examples(self.run, k=2)
        }
        self.page = export(folder, self.levels, {}, ["a", "b", "c"], examples=self.patches)

    @property
    def told(self) -> dict[str, str]:
        return dict(read_script(self.page.parent / "atlas.js")["made"])


@pytest.fixture(scope="module", params=[1, 5])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("toy")
    (folder / "plane_of_channels.py").write_text(textwrap.dedent(PLANE))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield Made(folder / "run", request.param)


def test_icons_have_the_channels_of_the_network_and_excite_it(made: Made):
    channels = made.images.shape[-1]
    layers, grids = LEVELS[channels]
    assert list(made.levels) == [(layer, grid) for layer in layers for grid in grids]
    for level in made.levels.values():
        assert level.icon.shape[1:] == (32, 32, channels)
        assert level.attribution.shape[1:] == (3,)
        assert level.cosine.mean() > 0.9
        # An icon's middle is as light or dark in every channel as its cell's activations say.
        middle = level.icon[:, 14:18, 14:18].mean((1, 2))
        wanted = np.log(level.direction[:, :channels] / level.direction[:, channels:])
        # Their relation is no straight line; channels in another order would be near 0.
        assert np.corrcoef(middle.ravel(), wanted.ravel())[0, 1] > 0.75


def test_patches_are_cut_from_all_channels(made: Made):
    channels = made.images.shape[-1]
    found = open_examples(made.run.folder, "fine", 2)
    assert found.patch.shape[1:] == (2, SIZE, SIZE, channels)
    for patch, image, (row, column) in zip(
        found.patch[0], found.image[0], found.position[0], strict=True
    ):
        # The field of "fine" is its stride, 4 px; resizing keeps the middle of every pixel.
        field = made.images[image, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        middles = patch[SIZE // 8 :: SIZE // 4, SIZE // 8 :: SIZE // 4]
        for c in range(channels):
            assert np.corrcoef(middles[..., c].ravel(), field[..., c].ravel())[0, 1] > 0.9


def test_the_page_shows_colours_that_eyes_can_see(made: Made):
    channels = made.images.shape[-1]
    level = made.levels["fine", 2]
    with Image.open(made.page.parent / "pictures" / "fine-2.png") as drawn:
        shown = np.asarray(drawn)
    assert shown.shape == (64, 64, 4)
    for x, y, icon in zip(level.x, level.y, level.icon, strict=True):
        cell = shown[32 * y : 32 * y + 32, 32 * x : 32 * x + 32]
        np.testing.assert_array_equal(cell[..., :3], as_rgb(icon))
    sprites = made.page.parent / "sprites" / "fine-2"
    with Image.open(sprites / "patches-0.webp") as strip:
        assert strip.mode == "RGB"
    assert made.told.get("Colours") == (None if channels == 1 else "false, of 5 channels")


def test_nothing_is_done_again(made: Made):
    class Closed:
        classes = ()
        fingerprint = made.run.source.fingerprint

        def __len__(self) -> int:
            return 40

        def __getitem__(self, index: int) -> Any:
            raise AssertionError("read again")

    again = pipeline.run(dataclasses.replace(made.run, source=Closed()))
    for name, level in again.levels.items():
        np.testing.assert_array_equal(level.icon, made.levels[name].icon)


def test_a_run_in_colour_reads_grey_and_the_other_way_round(tmp_path: Path):
    grey = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)
    config = Experiment("a", "b", ("fine",), image_size=28, resize=28)
    run = Run(config, network(3), "w", open_images(grey), tmp_path)
    (batch,) = run.batches()
    np.testing.assert_array_equal(batch.images, np.stack([grey] * 3, -1))
    colour = open_images(batch.images)
    (batch,) = dataclasses.replace(run, source=colour, channels=1).batches()
    np.testing.assert_array_equal(batch.images[..., 0], grey)
    with pytest.raises(UserError, match="images of 3 channels; the network takes 5"):
        list(dataclasses.replace(run, source=colour, channels=5).batches())


def test_two_networks_are_asked_with_their_channels(tmp_path: Path):
    config = Experiment("a", "b", ("fine",), image_size=28, resize=28)
    other = Network(network(5, seed=1), "v")
    source = from_arrays(np.zeros((1, 28, 28, 5)))
    run = Run(config, network(5), "w", source, tmp_path, other=other, channels=5)
    check_networks(run)
    with pytest.raises((TypeError, ValueError)):  # what JAX says of a kernel that does not fit
        check_networks(dataclasses.replace(run, channels=3))
