"""Examples of a run: cut in one pass from a small run written by hand."""

from pathlib import Path

import numpy as np
import pytest

from atlasjax.atlas.collect import Activations
from atlasjax.atlas.grid import grid
from atlasjax.data import Example
from atlasjax.data.patches import SIZE
from atlasjax.errors import UserError
from atlasjax.runs.examples import examples, open_examples
from atlasjax.runs.experiment import Experiment
from atlasjax.runs.job import Run
from atlasjax.storage import artifacts

PIXELS = 128  # so that a window of half the image is a patch as it is


class Noise:
    """Six images of noise, which remember who asked for them."""

    classes = ()

    def __init__(self):
        self.read: list[int] = []

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Example:
        self.read.append(index)
        return Example(self.image(index), -1, str(index))

    def image(self, index: int) -> np.ndarray:
        return np.random.default_rng(index).integers(0, 256, (PIXELS, PIXELS, 3), dtype=np.uint8)

    def fingerprint(self) -> str:
        return "noise"


def everything(images, tap):
    """A layer whose positions each see the whole image."""
    whole = images.mean((1, 2), keepdims=True)
    return tap("all", images.reshape(-1, 4, PIXELS // 4, 4, PIXELS // 4, 3).mean((2, 4)) + whole)


def write_run(folder: Path) -> Run:
    """One layer of two levels: a cell of three members of images 0, 3 and 3, and two of one."""
    config = Experiment(
        "a", "b", layers=("all",), grids=(1, 2), image_size=PIXELS, resize=PIXELS, more_than=1
    )
    run = Run(config, everything, "weights", Noise(), folder)
    activations = Activations(
        value=np.array([[3, 0], [1, 0.1], [1, 1]], np.float32),
        position=np.array([[1, 1], [2, 1], [2, 2]]),
        image=np.array([0, 3, 3]),
        label=np.full(3, -1),
        shape=np.array([4, 4, 2]),
    )
    artifacts.save(run.layer("all") / "activations.npz", activations, "x")
    xy = np.array([[0.1, 0.1], [0.2, 0.1], [0.9, 0.9]], np.float32)
    for size in config.grids:
        cells = grid(xy, activations.value, size, more_than=1)
        artifacts.save(run.level("all", size) / "cells.npz", cells, f"cells of {size}")
    return run


def test_every_level_gets_its_patches_in_one_pass(tmp_path: Path):
    run = write_run(tmp_path)
    assert examples(run) == [("all", 1), ("all", 2)]
    assert isinstance(run.source, Noise)
    assert run.source.read == [0, 3]  # no other, and none twice
    whole, half = (open_examples(tmp_path, "all", size) for size in (1, 2))
    # The mean is (1.67, 0.37): nearest is (1, 0.1), then (3, 0) of another image, then (1, 1).
    assert whole.image.tolist() == [[3, 0, 3, -1]]
    assert whole.position[0].tolist() == [[2, 1], [1, 1], [2, 2], [-1, -1]]
    assert (np.diff(whole.cosine[0, :2]) < 0).all()
    assert half.image.tolist() == [[0, 3, -1, -1]]
    assert whole.patch.shape == (1, 4, SIZE, SIZE, 3)
    # Positions are 32 px apart, the first at 15.5; a window has 64 px, half the image.
    expected = run.source.image(3)[48:112, 16:80]
    np.testing.assert_array_equal(whole.patch[0, 0], expected)
    np.testing.assert_array_equal(half.patch[0, 0], run.source.image(0)[16:80, 16:80])
    np.testing.assert_array_equal(half.patch[0, 1], expected)
    assert not whole.patch[0, 3].any()


def test_what_is_there_is_not_cut_again_unless_the_cells_are_others(tmp_path: Path):
    run = write_run(tmp_path)
    examples(run)
    run.source.read.clear()  # pyright: ignore[reportAttributeAccessIssue]
    examples(run)
    assert run.source.read == []  # pyright: ignore[reportAttributeAccessIssue]
    path = run.level("all", 2) / "examples.npz"
    before = path.read_bytes()
    assert artifacts.fingerprint_of(path) != artifacts.fingerprint_of(
        run.level("all", 1) / "examples.npz"
    )
    path.unlink()
    examples(run)
    assert run.source.read == [0, 3]  # pyright: ignore[reportAttributeAccessIssue]
    assert path.read_bytes() == before


def test_examples_that_are_not_there_are_a_mistake_with_a_name(tmp_path: Path):
    with pytest.raises(UserError, match=r"grid-20/examples\.npz is missing"):
        open_examples(tmp_path, "mixed4c", 20)
