"""The work folder: units that are missing are made, and nothing else."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from atlasjax.workflows.unit_site.pictures import packed, unpacked
from atlasjax.workflows.unit_site.work import Work, by_unit


class Squares(NamedTuple):
    unit: np.ndarray
    square: np.ndarray
    filled: np.ndarray  # of another length in every batch


class Counting:
    """Makes squares, and remembers of which units."""

    def __init__(self, work: Work, digest: str = "x"):
        self.work, self.digest, self.made = work, digest, []

    def __call__(self, units: list[int]) -> list[int]:
        def compute(some: list[int]) -> Squares:
            self.made.append(some)
            filled = np.full((len(some), max(some) + 1), 1)
            return Squares(np.array(some), np.square(some), filled)

        found = by_unit(self.work, "a", "s", self.digest, units, Squares, compute, batch=2)
        assert found.unit.tolist() == units
        assert found.filled.shape[0] == len(units)
        return found.square.tolist()


def test_only_missing_units_are_made_and_their_order_is_that_asked_for(tmp_path: Path):
    squares = Counting(Work(tmp_path, "n", 0))
    assert squares([3, 1, 5]) == [9, 1, 25]
    assert squares.made == [[3, 1], [5]]
    assert squares([5, 4, 3, 2, 1]) == [25, 16, 9, 4, 1]
    assert squares.made[2:] == [[4, 2]]


def test_what_is_damaged_or_made_from_something_else_is_made_anew(tmp_path: Path):
    work = Work(tmp_path, "n", 0)
    Counting(work)([1, 2, 3])
    (work.path("a", "s").parent / "s-00003-1.npz").write_bytes(b"cut short")
    again = Counting(work)
    assert again([1, 2, 3]) == [1, 4, 9]
    assert again.made == [[3]]
    other = Counting(work, "y")
    other([1])
    assert other.made == [[1]]
    assert [path.name for path in tmp_path.rglob("*.npz")] == ["s-00001-1.npz"]


def test_digests_differ_by_whatever_a_piece_depends_on(tmp_path: Path):
    one = Work(tmp_path, "n", 0)
    others = [one._replace(network="m"), one._replace(seed=1)]
    digests = {work.made_from("s", "a", size=3) for work in (one, *others)}
    digests |= {one.made_from("t", "a", size=3), one.made_from("s", "b", size=3)}
    assert len(digests | {one.made_from("s", "a", size=4)}) == 6


def test_pictures_come_back_as_they_are_seen():
    ramp = np.linspace(0, 255, 16)[None] * np.ones((16, 1))
    images = np.stack([ramp, ramp.T, 255 - ramp]).astype(np.uint8)[None, ..., None].repeat(2, 0)
    found = unpacked(packed([4, 9], images))
    assert found.shape == (2, 3, 16, 16, 3)
    assert np.abs(found.astype(int) - images).max() < 16  # as WebP loses
    np.testing.assert_array_equal(found[0], found[1])
