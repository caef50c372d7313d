import os
import shutil

import numpy as np
import pytest
from PIL import Image

from atlasjax.data import UnreadableImage, batches, folder, formats, open_images, ranges
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
    assert folder(tmp_path / "linked", links=True).files == (
        "cat/a.jpeg",
        "cat/b.JPG",
        "cat/deep/er/c.bmp",
    )


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


def test_whatever_pillow_reads_is_read_and_the_rest_is_counted(tmp_path):
    """Twenty .jpg beside .jfif and .avif, which were passed over without a word."""
    image = Image.new("RGB", (8, 8), "red")
    for i in range(3):
        image.save(tmp_path / f"{i}.jpg")
        image.save(tmp_path / f"{i}.jfif", "JPEG")
        (tmp_path / f"{i}.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0")
        (tmp_path / f"{i}.json").write_text("{}")
    image.save(tmp_path / "a.JP2", "JPEG2000")
    image.save(tmp_path / "b.ppm")
    image.save(tmp_path / "c.tga")
    image.save(tmp_path / "d.qoi") if "qoi" in formats.endings() else None
    if "avif" in formats.endings():
        image.save(tmp_path / "e.avif")
    image.save(tmp_path / "without", "PNG")
    image.save(tmp_path / "f.unknown", "WEBP", lossless=True)
    (tmp_path / "README").write_text("#define is how an .xbm begins")
    (tmp_path / "script.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0")
    source = folder(tmp_path)
    others = {".heic": 3, ".json": 3, "no ending": 1, ".eps": 1}
    assert source.passed_over == others
    assert len(source) == len(list(tmp_path.iterdir())) - sum(others.values())
    (batch,) = batches(source, 50, image_size=8, resize=8)
    assert batch.skipped == ()
    far = np.abs(batch.images.astype(int) - [255, 0, 0]).max()
    assert far <= 4  # lossy formats


def test_a_folder_of_nothing_that_can_be_read_says_what_there_is(tmp_path):
    (tmp_path / "1.heic").write_bytes(b"heic")
    (tmp_path / "cats").symlink_to(tmp_path / "gone")
    with pytest.raises(UserError, match=r"there are 1 \.heic; left out cats: a link to nowhere$"):
        folder(tmp_path)


def test_oddities_of_file_systems_are_left_out_by_name(animals, tmp_path):
    (animals / "round").symlink_to(animals / "round")
    (animals / "horse").symlink_to(tmp_path / "was-here")
    (animals / "cat" / "gone.png").symlink_to(tmp_path / "was-here.png")
    os.mkfifo(animals / "pipe.png")  # reading it would wait for ever
    os.mkfifo(animals / "pipe")
    source = folder(animals)
    assert source.classes == ("cat", "dog")
    assert len(source) == 4
    assert source.left_out == (
        "cat/gone.png: a link to nowhere",
        "horse: a link to nowhere",
        "pipe.png: not a regular file",
        "pipe: not a regular file",
        "round: Too many levels of symbolic links",
    )


def test_a_folder_that_may_not_be_read_is_left_out(animals, monkeypatch):
    (animals / "lost+found").mkdir()
    scandir = os.scandir  # root may read everything

    def guarded(path):
        if str(path).endswith("lost+found"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    source = folder(animals)
    assert len(source) == 4
    assert source.left_out == ("lost+found/: Permission denied",)


def test_names_that_are_no_text_and_folders_without_end(tmp_path):
    odd = os.fsencode(tmp_path) + b"/\xff\n"
    os.mkdir(odd)
    Image.new("RGB", (4, 4)).save(tmp_path / "x.png")
    os.rename(tmp_path / "x.png", odd + b"/\xfe.png")
    os.symlink(b"nowhere", odd + b"/\xfd")
    source = folder(tmp_path)
    assert source.classes == ("\\xff\\n",)
    assert source[0].name == "\\xff\\n/\\xfe.png"
    assert source.left_out == ("\\xff\\n/\\xfd: a link to nowhere",)


@pytest.mark.slow
def test_folders_in_folders_without_end(tmp_path):
    save(tmp_path / "a.png")
    made = [tmp_path / "d"]
    while len(made) < 1200:  # deeper than Python calls functions
        os.mkdir(made[-1])
        made.append(made[-1] / "d")
    try:
        assert len(folder(tmp_path)) == 1
    finally:
        for path in reversed(made[:-1]):  # which pytest, calling itself, could not remove
            path.rmdir()


def microscope(path, high=4095, mode="I;16"):
    """A picture of the values that a camera of 12 bits gives, as wide as they are many."""
    values = np.linspace(0, high, 256).astype(np.uint16 if mode == "I;16" else np.float32)
    Image.fromarray(np.tile(values, (16, 1))).save(path)
    return values


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_a_narrow_range_is_told_and_can_be_set(ending, tmp_path):
    values = microscope(tmp_path / f"a.{ending}")
    microscope(tmp_path / f"b.{ending}", 2000)
    dark = folder(tmp_path)
    assert dark[0].image.max() == 16  # 17 values in all
    (batch,) = batches(dark, 2, image_size=16, resize=16)
    assert batch.span == (0, 4095, 65535)
    for given in ((0, 4095), "auto"):
        source = folder(tmp_path, range=given)
        # A thousandth at either end of 256 evenly spaced values is less than one of them.
        expected = np.round(values / 4095 * 255)
        assert np.abs(source[0].image[0, :, 0] - expected).max() <= 1
        assert source[0].span is None
        assert source.fingerprint() != dark.fingerprint()
    assert folder(tmp_path, range=(1000, 2000))[0].image[0, :, 0].tolist()[::255] == [0, 255]


def test_floats_need_a_range_or_lie_between_0_and_1(tmp_path):
    microscope(tmp_path / "a.tif", 700, "F")
    np.save(tmp_path / "b.npy", np.full((16, 16, 3), 350.0))
    source = folder(tmp_path)
    for i in range(2):
        with pytest.raises(UnreadableImage, match=r"no fixed range; give --range LOW HIGH"):
            source[i]
    with pytest.raises(UserError, match=r"none of the 2 images can be read.*--range LOW HIGH"):
        list(batches(source, 2))
    given = folder(tmp_path, range=(0, 700))
    assert given[0].image[0, ::255, 0].tolist() == [0, 255]
    np.testing.assert_array_equal(given[1].image, np.full((16, 16, 3), 128))
    auto = folder(tmp_path, range="auto")
    assert auto.range == pytest.approx((0, 700), abs=1)
    np.save(tmp_path / "b.npy", np.full((16, 16), 0.25, np.float16))
    np.testing.assert_array_equal(folder(tmp_path)[1].image, np.full((16, 16, 3), 64))


def test_values_that_are_nan_are_told_of_their_file(tmp_path):
    values = np.zeros((4, 4), np.float32)
    values[1, 2] = np.nan
    np.save(tmp_path / "a.npy", values)
    Image.fromarray(values).save(tmp_path / "b.tif")
    np.save(tmp_path / "c.npy", np.array(["text"]))
    for source in (
        folder(tmp_path),
        folder(tmp_path, range=(0, 1)),
        folder(tmp_path, range="auto"),
    ):
        for i, name in enumerate(("a.npy", "b.tif")):
            with pytest.raises(UnreadableImage, match=f"^{name}: 1 of 16 values are NaN$"):
                source[i]
        with pytest.raises(UnreadableImage, match=r"^c.npy: an array of <U4 and shape"):
            source[2]


@pytest.mark.parametrize("wrong", ["bright", (5, 5), (1, 0), (0, np.inf), (1, 2, 3), ("a", "b")])
def test_what_is_no_range_is_refused(wrong):
    with pytest.raises(UserError, match=r"^range .*: must be two finite numbers, the lower first"):
        ranges.checked(wrong)


def test_a_link_out_of_the_folder_is_followed_only_where_it_is_named(animals, tmp_path):
    """A folder from elsewhere could otherwise show any picture that its reader may see."""
    secret = tmp_path / "private"
    save(secret / "letter.png", "blue")
    (animals / "cat" / "letter.png").symlink_to(secret / "letter.png")
    (animals / "horse").symlink_to(secret)
    (animals / "dog" / "same.png").symlink_to(animals / "dog" / "2.png")
    (animals / "cat" / "deep" / "relative").symlink_to("../../../private")
    (tmp_path / "animals-2").mkdir()  # begins as the folder does
    (animals / "near").symlink_to(tmp_path / "animals-2")
    source = folder(animals)
    assert source.classes == ("cat", "dog")
    assert not any("letter" in name for name in source.files)
    assert "dog/same.png" in source.files  # which leads nowhere else
    assert [line.partition(": ")[0] for line in source.left_out] == [
        "cat/deep/relative", "cat/letter.png", "horse", "near",
    ]  # fmt: skip
    assert all(
        line.endswith("name the folder as links:FOLDER to follow it") for line in source.left_out
    )

    named = folder(animals, links=True)
    assert named.left_out == ()
    assert [n for n in named.files if "letter" in n] == [
        "cat/deep/relative/letter.png", "cat/letter.png", "horse/letter.png",
    ]  # fmt: skip
    assert open_images(f"links:{animals}").fingerprint() == named.fingerprint()


def test_a_folder_that_is_a_link_itself_is_named(animals, tmp_path):
    (tmp_path / "named").symlink_to(animals)
    assert folder(tmp_path / "named").files == folder(animals).files
    with pytest.raises(UserError, match="links: is for folders"):
        open_images("links:scenes:3")
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "cat").symlink_to(animals / "cat")
    with pytest.raises(UserError, match=r"no images in folder .* left out .*links:FOLDER"):
        folder(tmp_path / "all")
