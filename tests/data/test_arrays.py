"""Arrays as a source: whatever form they come in, the same images in the same order."""

import threading
from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax.data import ImageSource, batches, from_arrays, open_images
from atlasjax.errors import UserError


def noise(n: int, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def pixels(source: ImageSource) -> list[np.ndarray]:
    return [source[i].image for i in range(len(source))]


class Loader:
    """Batches that can be gone through again, in order only; it counts how often they are."""

    def __init__(self, images: np.ndarray, size: int):
        self.images, self.size = images, size
        self.begun = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        self.begun += 1
        for first in range(0, len(self.images), self.size):
            yield self.images[first : first + self.size]


FORMS = {
    "array": lambda x: x,
    "JAX array": jnp.asarray,
    "floats": lambda x: (x / np.float32(255)).astype(np.float32),
    "doubles": lambda x: x / 255,
    "halves": lambda x: (x / 255).astype(np.float16),
    "batches": lambda x: [x[:3], x[3:4], x[4:4], x[4:]],
    "JAX batches": lambda x: [jnp.asarray(x[:5]), jnp.asarray(x[5:])],
    "single images": list,
    "both": lambda x: (x[0], x[1:]),
    "loader": lambda x: Loader(x, 4),
}


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_images(form: str, channels: int):
    images = noise(11, 6, 5, channels)
    source = from_arrays(FORMS[form](images))
    assert isinstance(source, ImageSource)
    np.testing.assert_array_equal(pixels(source), images)
    assert source.fingerprint() == from_arrays(images).fingerprint()
    assert source.classes == ()
    assert (source[4].label, source[4].name) == (-1, "image 4")
    np.testing.assert_array_equal(source[-2].image, images[9])
    with pytest.raises(IndexError):
        source[11]


def test_grey_needs_no_axis_of_channels():
    images = noise(7, 8, 9)
    for form in (images, list(images)):
        np.testing.assert_array_equal(pixels(from_arrays(form)), images[..., None])


def test_a_file_that_is_mapped_stays_on_disk(tmp_path):
    np.save(tmp_path / "x.npy", noise(5, 8, 8, 3))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.shares_memory(from_arrays(mapped)[3].image, mapped)


def test_every_number_of_8_bits_comes_back():
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    for kind in (np.float16, np.float32, np.float64):
        np.testing.assert_array_equal(from_arrays((every / 255).astype(kind))[0].image, every[0])


@given(st.floats(0, 1, width=32))
def test_floats_are_rounded_to_the_nearest(value: float):
    rounded = int(from_arrays(np.full((1, 1, 1, 1), value, np.float32))[0].image[0, 0, 0])
    # Halves of a step of 8 bits lie no nearer to one side; single precision moves them by 1e-5.
    assert abs(rounded - 255 * value) <= 0.5 + 1e-4


def test_bfloat16_is_a_float_too():
    source = from_arrays(jnp.full((1, 6, 6, 1), 0.5, jnp.bfloat16))
    assert (source[0].image == 128).all()


def test_sizes_may_differ():
    small, large = noise(2, 4, 6, 3), noise(3, 9, 8, 3)
    assert [i.shape for i in pixels(from_arrays([small, large]))] == [(4, 6, 3)] * 2 + [
        (9, 8, 3)
    ] * 3


def test_a_fingerprint_is_of_pixels_order_shape_and_labels():
    images = noise(4, 6, 6, 2)
    other = images.copy()
    other[3, 5, 5, 1] ^= 1
    labelled = [from_arrays(images, labels) for labels in ([0, 0, 0, 0], [0, 0, 0, 1])]
    different = [
        from_arrays(images),
        from_arrays(other),
        from_arrays(images[::-1]),
        from_arrays(images.reshape(4, 9, 4, 2)),
        from_arrays(images, limit=3),
        *labelled,
    ]
    assert len({source.fingerprint() for source in different}) == len(different)


def test_labels_and_classes():
    source = from_arrays(noise(3, 5, 5), [1, -1, 0], ["cat", "dog"])
    assert source.classes == ("cat", "dog")
    assert [source[i].label for i in range(3)] == [1, -1, 0]
    assert from_arrays(noise(3, 5, 5), jnp.array([7, 8, 9]))[2].label == 9


def test_a_limit_is_spread_over_all_images():
    images = noise(10, 5, 5, 3)
    few = from_arrays(Loader(images, 4), limit=4)
    np.testing.assert_array_equal(pixels(few), images[[0, 2, 5, 7]])
    assert len(from_arrays(images, limit=99)) == 10


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(0, 90), min_size=1, max_size=6),
    st.lists(st.integers(0, 10**6), min_size=1, max_size=30),
)
def test_a_cursor_reads_any_order(lengths: list[int], asked: list[int]):
    total = sum(lengths)
    if not total:
        return
    images = (np.arange(total) % 251).astype(np.uint8)[:, None, None, None]
    ends = np.cumsum(lengths)
    parts = [images[end - n : end] for n, end in zip(lengths, ends, strict=True)]

    class Parts:
        def __iter__(self):
            return iter(parts)

    for source in (from_arrays(Parts()), from_arrays(parts)):
        for index in (i % total for i in asked):
            assert source[index].image.item() == index % 251


def test_in_order_and_nearly_in_order_an_iterable_is_gone_through_once():
    loader = Loader(noise(300, 1, 1, 2), 7)
    source = from_arrays(loader)
    assert loader.begun == 1
    for first in range(0, 300, 30):  # as far back as threads may be apart
        for index in reversed(range(first, first + 30)):
            np.testing.assert_array_equal(source[index].image, loader.images[index])
    assert loader.begun == 2
    np.testing.assert_array_equal(source[3].image, loader.images[3])
    assert loader.begun == 3


@pytest.mark.parametrize("size", [1, 5, 64])
def test_threads_that_decode_do_not_make_it_start_again(size: int):
    loader = Loader(noise(200, 4, 4, 3), size)
    got = list(batches(from_arrays(loader), 16, image_size=4, resize=4, workers=8))
    np.testing.assert_array_equal(np.concatenate([b.images for b in got]), loader.images)
    assert loader.begun == 2


def test_threads_may_read_anywhere():
    images = noise(60, 3, 3, 2)
    source, wrong = from_arrays(Loader(images, 9)), []

    def read(seed: int) -> None:
        for index in np.random.default_rng(seed).integers(0, 60, 40):
            if not (source[index].image == images[index]).all():
                wrong.append(index)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_what_ends_early_the_second_time_is_told():
    stream = iter(noise(9, 5, 5, 3))

    class Once:
        def __iter__(self):
            return (image for image in stream)  # another iterator, over the same stream

    source = from_arrays(Once())
    with pytest.raises(UserError, match=r"9 images, but only 0 when .* again: give a list, or"):
        source[0]


def test_after_an_error_the_next_read_starts_anew():
    images, fail = noise(8, 4, 4, 3), [False]

    class Shaky:
        def __iter__(self):
            for i, image in enumerate(images):
                if fail[0] and i == 3:
                    raise OSError("gone")
                yield image

    source = from_arrays(Shaky())
    fail[0] = True
    with pytest.raises(OSError, match="gone"):
        source[5]
    fail[0] = False
    np.testing.assert_array_equal(source[4].image, images[4])


GREY = noise(3, 6, 6)
MISTAKES = {
    "generator": ((i for i in GREY), r"only once: give a list, or an object whose iter\(\) starts"),
    "map": (map(np.asarray, GREY), "only once"),
    "number": (7, "images of type int: must be an array"),
    "strings": (["a.png"], "item 0 of the images is of type str: must be an array"),
    "pairs": ([(GREY[0], 1)], "item 0 of the images is of type tuple"),
    "whole numbers": (GREY.astype(np.int64), "images of int64 .* must be uint8, or floats"),
    "255": (GREY.astype(np.float32), r"image 0 has values of .* \[0, 1\]; divide them by 255"),
    "below 0": (
        np.full((2, 6, 6), -0.5),
        "image 0 has .*-0.5 to -0.5: .*1]; or give range=",
    ),
    "above": (
        np.stack([np.zeros((6, 6)), np.full((6, 6), 1e3)]),
        "image 1 has .*1000: .*1]; or give range=",
    ),
    "not a number": (np.where(GREY > 200, np.nan, 0.5), "has values of NaN: .*1]$"),
    "infinite": (np.full((1, 6, 6), np.inf), r"values of inf to inf: .*\[0, 1\]$"),
    "one image": (noise(9, 8, 3), r"shape \[9, 8, 3\]: one image is .* give images\[None\]"),
    "flat": (GREY.ravel(), r"shape \[108\]: must be \[n, h, w, c\]"),
    "channels first": (noise(2, 3, 8, 8), "channels first: .*moveaxis"),
    "channels first, single": ([noise(3, 8, 8)], "channels first"),
    "five axes": ([noise(2, 2, 8, 8, 3)], r"\(item 0\): must be \[n, h, w, c\], or one image"),
    "no images": (noise(0, 8, 8, 3), "no images"),
    "nothing": ([], "no images"),
    "no pixels": (noise(2, 0, 8, 3), r"shape \[2, 0, 8, 3\]"),
    "channels": ([noise(1, 6, 6, 3), noise(1, 6, 6, 4)], r"of 3 and of 4 channels \(item 1\)"),
}


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, bool])
def test_other_numbers_are_taken_with_a_range(dtype):
    values = np.arange(2 * 36).reshape(2, 6, 6).astype(dtype)
    high = float(values.max())
    expected = np.round(values / high * 255)
    for images in (values, list(values)):
        source = from_arrays(images, range=(0, high))
        for i in range(2):
            np.testing.assert_array_equal(source[i].image[..., 0], expected[i])
        near = from_arrays(images, range="auto")  # but for a thousandth at either end
        assert np.abs(near[1].image[..., 0] - expected[1]).max() <= 1
    assert from_arrays(values, range=(0, high + 1)).fingerprint() != source.fingerprint()
    with pytest.raises(UserError, match=r"^image 1: 36 of 36 values are NaN$"):
        from_arrays(np.stack([np.ones((6, 6)), np.full((6, 6), np.nan)]), range="auto")


def test_images_of_8_bits_take_no_range():
    for images in (from_arrays(GREY), "scenes:4"):
        with pytest.raises(UserError, match="these images have 8 bits already"):
            open_images(images, range=(0, 1))
        assert len(open_images(images)) > 1
    assert open_images(GREY, range=(0, 510))[0].image.max() <= 128  # arrays may be brought to less


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_told_in_one_line(mistake: str):
    images, message = MISTAKES[mistake]
    with pytest.raises(UserError, match=message) as caught:
        from_arrays(images)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([0, 1], (), r"labels of shape \[2\] for 3 images: must be \[3\]"),
        (np.eye(3), (), r"labels of shape \[3, 3\]"),
        ([0.0, 1.0, 2.0], (), "labels of float64"),
        ([0, -2, 1], (), "label -2"),
        ([0, 1, 2], ("a", "b"), "label 2: must be below 2"),
    ],
)
def test_labels_that_do_not_belong(labels, classes, message: str):
    with pytest.raises(UserError, match=message):
        from_arrays(GREY, labels, classes)


def test_open_images_takes_arrays_iterables_and_sources():
    images = noise(6, 8, 8, 3)
    for form in (images, jnp.asarray(images), list(images), Loader(images, 4)):
        np.testing.assert_array_equal(pixels(open_images(form, limit=3)), images[[0, 2, 4]])
    source = from_arrays(images)
    assert open_images(source) is source
    assert open_images(source, limit=6) is source
    np.testing.assert_array_equal(pixels(open_images(source, 2)), images[[0, 3]])
    with pytest.raises(UserError, match="limit is 0"):
        open_images(source, 0)
    with pytest.raises(UserError, match="or the name of a folder"):
        open_images(3)
