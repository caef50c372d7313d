"""Activations on disk: in shards as they come, the same whatever happens while they do."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.atlas.collect import Activations, collect
from atlasjax.atlas.whitening import second_moment
from atlasjax.data import Example, UnreadableImage
from atlasjax.errors import UserError
from atlasjax.runs.experiment import Experiment
from atlasjax.runs.job import Run
from atlasjax.runs.stages import activations, stored
from atlasjax.runs.stages.activations import collected
from atlasjax.storage import artifacts, mending

CONFIG = Experiment(
    "toy", "toy", ("one", "two"), samples_per_image=2, image_size=32, resize=32, image_batch=2
)
COUNT, TORN = 11, (0, 5, 6, 7)  # of shards of three images, one has none that can be read


class Pictures:
    """Eleven small images, some of which cannot be read; notes which are read."""

    classes = ()

    def __init__(self):
        self.pixels = np.random.default_rng(0).integers(0, 256, (COUNT, 32, 32, 3), dtype=np.uint8)
        self.read: list[int] = []

    def __len__(self):
        return COUNT

    def __getitem__(self, index):
        self.read.append(index)
        if index in (*TORN, 8):
            raise UnreadableImage(str(index), "torn")
        return Example(self.pixels[index], index % 3, str(index))

    def fingerprint(self):
        return "pictures"


def toy(images, tap):
    x = tap("one", images[:, ::8, ::8] @ jnp.diag(jnp.array([1.0, 2.0, 3.0])))
    return tap("two", x[..., :2] ** 2).sum((1, 2))


def job(folder: Path, model: Any = toy, **changes: Any) -> Run:
    return Run(CONFIG, model, "toy:0", Pictures(), folder, **changes)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stored, "ROWS", 6)  # of two positions each
    monkeypatch.setattr(stored, "EVEN", 3)


def opened(run: Run, name: str) -> Activations:
    return stored.read(run.layer(name) / stored.FILE)


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != "run.log")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.fixture
def whole(tmp_path: Path) -> tuple[Run, dict[str, bytes]]:
    run = job(tmp_path / "whole")
    run.folder.mkdir()
    collected(run)
    return run, files(run.folder)


@pytest.mark.parametrize("held", [0, stored.HELD])
def test_they_are_what_memory_would_hold(
    whole: tuple[Run, Any], held: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stored, "HELD", held)
    run, _ = whole
    expected = collect(toy, run.batches(), ["one", "two"], jax.random.key(0), samples_per_image=2)
    for name, own in expected.activations.items():
        found = opened(run, name)
        assert isinstance(found.value, np.ndarray) == (held > 0)
        np.testing.assert_array_equal(found.value[0 : len(own.value)], own.value)
        for one, other in zip(found[1:], own[1:], strict=True):
            np.testing.assert_array_equal(one, other)
        moment = stored.moment(run.layer(name) / stored.FILE)
        # Sums of eight products in double precision, in another order.
        np.testing.assert_allclose(moment.value, second_moment(own.value), rtol=1e-12)
        assert moment.count == len(own.value) == 12
    skipped = artifacts.read(run.folder / activations.SKIPPED, activations.Skipped)
    assert tuple(skipped.names) == expected.skipped
    assert len(skipped.names) == 5


def test_every_program_that_knows_zarr_reads_them(whole: tuple[Run, Any]):
    run, _ = whole
    folder, found = run.layer("one") / "activations", opened(run, "one")
    said = json.loads((folder / "zarr.json").read_text())
    assert (said["zarr_format"], said["shape"]) == (3, [2 * COUNT, 3])
    # Without any library: numbers one after another, then four bytes of checksum.
    rows = [
        np.frombuffer((folder / "c" / str(i) / "0").read_bytes()[:-4], "<f4").reshape(-1, 3)
        for i in range(4)
    ]
    value = np.concatenate(rows)[: 2 * COUNT].reshape(COUNT, 2, 3)
    readable = [i for i in range(COUNT) if i not in (*TORN, 8)]
    np.testing.assert_array_equal(value[readable].reshape(-1, 3), found.value)
    assert np.isnan(np.delete(value, readable, 0)).all()


def test_collection_goes_on_where_it_was_killed_and_ends_with_the_same_bytes(
    whole: tuple[Run, dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run = job(tmp_path / "killed")
    run.folder.mkdir()
    real = stored.save

    def dying(run: Run, name: str, number: int, *rest: Any) -> None:
        if (name, number) == ("two", 1):
            raise KeyboardInterrupt
        real(run, name, number, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(stored, "save", dying)
        with pytest.raises(KeyboardInterrupt):
            collected(run)
    assert sorted(path.name for path in run.layer("one").glob("*.npz")) == [
        "activations-00000.npz",
        "activations-00001.npz",
    ]
    again = job(run.folder)
    collected(again)
    assert isinstance(again.source, Pictures)
    assert min(again.source.read) == 3  # those of the first shard are not read again
    assert files(run.folder) == whole[1]


@pytest.mark.parametrize("name", ["c/0/0", "c/2/0", "zarr.json"])
@pytest.mark.parametrize("how", ["flipped", "halved", "deleted"])
def test_a_damaged_shard_alone_is_made_anew(
    whole: tuple[Run, dict[str, bytes]], name: str, how: str
):
    run, before = whole
    path = run.layer("two") / "activations" / name
    held = bytearray(path.read_bytes())
    held[len(held) // 2] ^= 1
    path.write_bytes(held if how == "flipped" else held[: len(held) // 2])
    if how == "deleted":
        path.unlink()
    said = mending.sweep(run.folder)
    assert said == {f"layers/two/activations/{name}": "missing" if how == "deleted" else "damaged"}
    again = job(run.folder)
    collected(again)
    assert files(run.folder) == before
    assert isinstance(again.source, Pictures)
    number = {"c/0/0": 0, "c/2/0": 2}.get(name)
    assert set(again.source.read) == (
        {*range(3 * number, 3 * number + 3)} if number is not None else set()
    )


def test_a_flipped_bit_is_noticed_where_it_is_read(
    whole: tuple[Run, Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stored, "HELD", 0)
    run, _ = whole
    path = run.layer("two") / "activations" / "c" / "0" / "0"
    held = bytearray(path.read_bytes())
    held[9] ^= 1
    path.write_bytes(held)
    with pytest.raises(UserError, match=r"activations is missing or damaged: run the experiment"):
        opened(run, "two").value[0:2]


def test_another_network_does_not_go_on_with_the_shards_of_the_first(
    whole: tuple[Run, Any], tmp_path: Path
):
    def doubled(images, tap):
        return toy(2 * images, tap)

    run = Run(CONFIG, doubled, "other", Pictures(), whole[0].folder)
    before = opened(run, "one").value
    collected(run)
    np.testing.assert_array_equal(opened(run, "one").value, 2 * before)


def test_activations_that_are_not_finite_are_left_out_and_told(tmp_path: Path):
    def broken(images, tap):
        x = tap("one", images[:, ::8, ::8])
        return tap("two", jnp.where(x[..., :1] > 0.3, x, jnp.inf)[..., :2]).sum((1, 2))

    run = job(tmp_path, broken)
    collected(run)
    found = opened(run, "two")
    index = stored.read_index(run.layer("two") / stored.FILE)
    assert 0 < len(index.left_out) < 12
    assert len(found.value) == 12 - len(index.left_out)
    assert np.isfinite(found.value).all()
    assert len(opened(run, "one").value) == 12
    assert np.isfinite(stored.moment(run.layer("two") / stored.FILE).value).all()
    (line,) = activations.left_out(run)
    first = int(index.left_out[0])
    row, column = index.position[first]
    assert line == (
        f"layer two: {len(index.left_out)} of 12 activations are NaN or infinite and are left out; "
        f"the first is of image '{index.image[first]}', row {row}, column {column}"
    )


def test_a_layer_of_which_nothing_is_finite_is_refused(tmp_path: Path):
    def broken(images, tap):
        return tap("two", tap("one", images[:, ::8, ::8]) / 0).sum((1, 2))

    run = job(tmp_path, broken)
    with pytest.raises(UserError, match="layer 'two': 12 of 12 activations are NaN or infinite"):
        collected(run)


def test_activations_of_an_earlier_version_are_read(tmp_path: Path):
    value = np.ones((2, 3), np.float32)
    old = Activations(value, np.ones((2, 2), int), np.arange(2), np.arange(2), np.array([4, 4, 3]))
    artifacts.save(tmp_path / "activations.npz", old, "x")
    np.testing.assert_array_equal(stored.read(tmp_path / "activations.npz").value, value)
    np.testing.assert_array_equal(stored.moment(tmp_path / "activations.npz").value, 1)


def test_shards_do_not_depend_on_batches(whole: tuple[Run, dict[str, bytes]], tmp_path: Path):
    run = job(tmp_path / "other")
    run = dataclasses.replace(run, config=dataclasses.replace(CONFIG, image_batch=3))
    run.folder.mkdir()
    collected(run)
    assert files(run.folder) == whole[1]
