"""A run is the same whichever way its images come, and begins anew where they change."""

import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import atlasjax as ax
from atlasjax import data
from atlasjax.runs.open import Atlas


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, write_own) -> Path:
    return write_own(tmp_path_factory.mktemp("own"), "own_for_sources")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images") / "photographs"
    rng = np.random.default_rng(0)
    for i in range(12):
        blocks = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        place = folder / ("cat" if i < 6 else "dog") / f"{i:02}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.kron(blocks, np.ones((4, 4, 1), np.uint8))).save(place)
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))


def same(one: Atlas, other: Atlas) -> bool:
    first, second = one.level("two", 1), other.level("two", 1)
    return np.array_equal(first.direction, second.direction) and np.array_equal(
        first.icon, second.icon
    )


def test_an_archive_gives_the_atlas_of_its_folder(own: Path, photographs: Path, tmp_path: Path):
    with tarfile.open(tmp_path / "a.tar", "w") as packed:
        for name in names(photographs):
            packed.add(photographs / name, name)
        link = tarfile.TarInfo("cat/link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        packed.addfile(link)
    whole = ax.run(own, images=photographs, out=tmp_path / "folder", grids=(1,))
    packed = ax.run(own, images=tmp_path / "a.tar", out=tmp_path / "tar", grids=(1,))
    assert same(whole, packed)
    assert packed.record["skipped"] == ["cat/link.png: a link, not followed"]
    assert ax.report(packed.folder).is_file()  # which finds its images again by the record

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in names(photographs):
            archive.write(photographs / name, name)
    zipped = ax.run(own, images=tmp_path / "a.zip", out=tmp_path / "zip", grids=(1,))
    assert same(whole, zipped)

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:  # the same names, other images
        for name in names(photographs):
            archive.write(photographs / names(photographs)[0], name)
    changed = ax.run(own, images=tmp_path / "a.zip", out=tmp_path / "zip", grids=(1,))
    assert not same(whole, changed)


def test_links_out_are_told_at_the_end_of_a_run(own: Path, photographs: Path, tmp_path: Path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "cat").symlink_to(photographs / "cat")
    for path in (photographs / "dog").iterdir():
        (tmp_path / "images" / path.name).write_bytes(path.read_bytes())
    made = ax.run(own, images=tmp_path / "images", out=tmp_path / "run", grids=(1,))
    (line,) = made.record["skipped"]
    assert line.startswith("cat: a link out of the folder, not followed")
    assert made.record["images"] == 6
    source = data.open_images(f"links:{tmp_path / 'images'}")
    assert len(source) == 12
