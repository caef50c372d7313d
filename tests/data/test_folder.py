import os
import shutil

import numpy as np
import pytest
from PIL import Image

from atlasjax.data import UnreadableImage, folder, open_images
from atlasjax.errors import UserError


def save(path, colour="red", size=(4, 3)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def animals(tmp_path):
    for name in ("dog/2.png", "cat/b.JPG", "cat/a.jpeg", "cat/deep/er/c.bmp"):
        save(tmp_path / "animals" / name)
    return tmp_path / "animals"


def test_subfolders_are_classes_and_the_order_is_that_of_the_paths(animals):
    source = folder(animals)
    assert source.classes == ("cat", "dog")
    assert source.files == ("cat/a.jpeg", "cat/b.JPG", "cat/deep/er/c.bmp", "dog/2.png")
    assert source.labels == (0, 0, 0, 1)
    assert len(source) == 4
    example = source[3]
    assert (example.label, example.name) == (1, "dog/2.png")
    np.testing.assert_array_equal(example.image, np.full((3, 4, 3), [255, 0, 0]))


def test_a_source_ends_so_that_it_can_be_iterated(animals):
    source = folder(animals)
    assert [example.name for example in source] == list(source.files)
    assert source[np.int64(-1)].name == "dog/2.png"
    with pytest.raises(IndexError):
        source[4]


def test_a_flat_folder_has_no_classes(tmp_path):
    save(tmp_path / "b.png")
    save(tmp_path / "a.png")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "readme.txt").write_text("no image")
    source = folder(tmp_path)
    assert (source.classes, source.files, source.labels) == ((), ("a.png", "b.png"), (-1, -1))


def test_hidden_files_and_folders_are_passed_over(animals):
    (animals / "cat" / "._a.jpeg").write_bytes(b"resource fork")
    save(animals / ".trash" / "old.png")
    assert folder(animals).classes == ("cat", "dog")
    assert len(folder(animals)) == 4


def test_links_are_followed_but_not_in_circles(animals, tmp_path):
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "cat").symlink_to(animals / "cat")
    (animals / "cat" / "deep" / "round").symlink_to(animals / "cat")
    assert folder(tmp_path / "linked").files == ("cat/a.jpeg", "cat/b.JPG", "cat/deep/er/c.bmp")


def test_a_limit_takes_images_of_different_classes(animals):
    source = folder(animals, limit=2)
    assert source.files == ("cat/a.jpeg", "cat/deep/er/c.bmp")
    for i in range(3):
        save(animals / "dog" / f"{i}.png")
    assert set(folder(animals, limit=2).labels) == {0, 1}
    assert folder(animals, limit=1).classes == ("cat", "dog")
    assert len(folder(animals, limit=100)) == 6


def test_the_fingerprint_follows_a_copy_but_not_a_change(animals, tmp_path):
    original = folder(animals).fingerprint()
    copy = tmp_path / "copy"
    shutil.copytree(animals, copy, copy_function=shutil.copyfile)
    os.utime(copy / "dog" / "2.png", (0, 0))
    assert folder(copy).fingerprint() == original
    assert folder(animals, limit=2).fingerprint() != original

    content = bytearray((copy / "dog" / "2.png").read_bytes())
    content[-1] ^= 1  # the same size
    (copy / "dog" / "2.png").write_bytes(content)
    assert folder(copy).fingerprint() != original

    shutil.copyfile(animals / "dog" / "2.png", copy / "dog" / "2.png")
    assert folder(copy).fingerprint() == original
    (copy / "dog" / "2.png").rename(copy / "dog" / "3.png")
    assert folder(copy).fingerprint() != original


def test_a_bogus_file_is_unreadable_and_names_itself(animals):
    (animals / "dog" / "2.png").write_bytes(b"not a picture")
    with pytest.raises(UnreadableImage, match=r"^dog/2.png: not an image$"):
        folder(animals)[3]


def test_a_file_that_disappears_is_unreadable(animals):
    source = folder(animals)
    (animals / "dog" / "2.png").unlink()
    with pytest.raises(UnreadableImage, match=r"^dog/2.png: No such file or directory$"):
        source[3]
    assert len(source.fingerprint()) == 64


def test_a_mistyped_folder_gets_its_neighbours(animals, tmp_path):
    with pytest.raises(UserError, match=r"no folder in '.*' named 'anmals'; did you mean animals"):
        folder(tmp_path / "anmals")
    with pytest.raises(UserError, match=r"named 'anmals'; did you mean animals"):
        folder(tmp_path / "anmals" / "cat")


def test_what_is_not_a_folder_of_images(tmp_path, animals):
    with pytest.raises(UserError, match=r"2.png' is a file"):
        folder(animals / "dog" / "2.png")
    with pytest.raises(UserError, match=r"2.png' is a file"):
        folder(animals / "dog" / "2.png" / "x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        UserError, match=r"no images in folder '.*empty'; looked for jpg, jpeg, png"
    ):
        folder(tmp_path / "empty")
    with pytest.raises(UserError, match="limit is 0"):
        folder(animals, limit=0)


def test_open_images_takes_a_path_or_its_name(animals, monkeypatch):
    assert open_images(animals, limit=3)[0].name == "cat/a.jpeg"
    monkeypatch.setenv("HOME", str(animals.parent))
    assert len(open_images("~/animals")) == 4
