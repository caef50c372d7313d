import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from atlasjax.data import Example, UnreadableImage, batches, open_images, prepare
from atlasjax.errors import UserError


class Numbers:
    """A source whose images are their own numbers; some are unreadable, all take a while."""

    classes = ("even", "odd")

    def __init__(self, length, unreadable=()):
        self.length, self.unreadable = length, set(unreadable)
        self.furthest = -1
        self.lock = threading.Lock()

    def __len__(self):
        return self.length

    def __getitem__(self, index, /):
        with self.lock:
            self.furthest = max(self.furthest, index)
        time.sleep(0.0005 * ((index * 7) % 5))  # so that threads overtake each other
        if index in self.unreadable:
            raise UnreadableImage(f"#{index}", "bad")
        return Example(np.full((4, 6, 3), index % 256, np.uint8), index % 2, f"#{index}")

    def fingerprint(self):
        return "numbers"


small: dict[str, Any] = {"image_size": 2, "resize": 4}


@pytest.mark.parametrize("workers", [1, 2, 16, None])
def test_the_order_is_that_of_the_source(workers):
    got = list(batches(Numbers(50), 8, workers=workers, **small))
    assert [len(b.index) for b in got] == [8] * 6 + [2]
    index = np.concatenate([b.index for b in got])
    np.testing.assert_array_equal(index, np.arange(50))
    np.testing.assert_array_equal(np.concatenate([b.label for b in got]), index % 2)
    images = np.concatenate([b.images for b in got])
    assert (images.shape, images.dtype) == ((50, 2, 2, 3), np.uint8)
    np.testing.assert_array_equal(images[:, 0, 0, 0], index)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 12), st.sets(st.integers(0, 11)), st.integers(1, 5))
def test_unreadable_images_are_left_out_and_told(length, unreadable, size):
    source = Numbers(length, unreadable)
    good = [i for i in range(length) if i not in unreadable]
    bad = [i for i in range(length) if i in unreadable]
    if not good:
        with pytest.raises(UserError, match=rf"none of the {length} images .* first: #0: bad"):
            list(batches(source, size, workers=2, **small))
        return
    got = list(batches(source, size, workers=2, **small))
    assert [i for b in got for i in b.index] == good
    assert [s for b in got for s in b.skipped] == [f"#{i}: bad" for i in bad]
    assert all(len(b.index) == size for b in got[:-1])
    assert 1 <= len(got[-1].index) <= size


@settings(deadline=None, max_examples=20)
@given(st.sets(st.integers(0, 11)), st.integers(1, 5), st.lists(st.integers(1, 5), min_size=1))
def test_parts_share_no_batch_and_each_has_an_end(unreadable, size, lengths):
    ends = np.cumsum(lengths) % 12
    parts = [np.arange(end, end + n) % 12 for end, n in zip(ends, lengths, strict=True)]
    found = list(batches(Numbers(12, unreadable), size, parts=parts, **small))
    of_part = np.cumsum([0, *(batch.ends for batch in found)])[:-1]
    assert sum(batch.ends for batch in found) == len(parts)
    for number, part in enumerate(parts):
        own = [batch for batch, of in zip(found, of_part, strict=True) if of == number]
        index = np.concatenate([batch.index for batch in own])
        assert index.tolist() == [i for i in part if i not in unreadable]
        skipped = [name for batch in own for name in batch.skipped]
        assert skipped == [f"#{i}: bad" for i in part if i in unreadable]
        assert all(len(batch.index) == size for batch in own[:-1])
        assert all(batch.images.shape[1:] == (2, 2, 3) for batch in own)


def test_little_is_decoded_ahead_and_leaving_early_ends_the_threads():
    source = Numbers(1000)
    before = threading.active_count()
    stream = batches(source, 8, workers=2, **small)
    next(stream)
    time.sleep(0.1)
    # The batch that was asked for, the one after it, and what each thread has in its hands.
    assert source.furthest <= 8 + 8 + 2 * 2
    del stream
    until = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_mistakes_in_a_source_are_not_hidden():
    class Broken(Numbers):
        def __getitem__(self, index, /):
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        list(batches(Broken(3), 2, **small))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "batch size is 0"),
        ({"size": 1, "workers": 0}, "workers is 0"),
        ({"size": 1, "image_size": 0}, "image_size is 0"),
        ({"size": 1, "channels": 0}, "channels is 0"),
        ({"size": 1, "image_size": 300}, "resize is 256; it must be at least image_size, 300"),
    ],
)
def test_sizes_out_of_range_are_refused_at_once(arguments, message):
    with pytest.raises(UserError, match=message):
        batches(Numbers(3), **arguments)


def test_an_empty_source_is_refused():
    with pytest.raises(UserError, match="empty"):
        batches(Numbers(0), 1)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 40), st.data())
def test_prepare_gives_the_size_asked_for(h, w, resize, data):
    image_size = data.draw(st.integers(1, resize))
    image = np.full((h, w, 3), 77, np.uint8)
    np.testing.assert_array_equal(
        prepare(image, image_size, resize), np.full((image_size, image_size, 3), 77)
    )


@given(st.integers(8, 40), st.integers(0, 200), st.booleans(), st.integers(1, 8))
def test_prepare_cuts_the_centre_exactly_where_no_resizing_is_due(short, more, tall, size):
    h, w = (short + more, short) if tall else (short, short + more)
    image = np.random.default_rng(0).integers(0, 256, (h, w, 3), dtype=np.uint8)
    top, left = (h - size) // 2, (w - size) // 2
    cut = prepare(image, size, short)
    np.testing.assert_array_equal(cut, image[top : top + size, left : left + size])
    assert not np.shares_memory(cut, image)


@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 64))
def test_prepare_resizes_the_shorter_side_and_rounds_the_longer_down(h, w, resize):
    short = min(h, w)
    image = np.random.default_rng(0).integers(0, 256, (h, w, 3), dtype=np.uint8)
    got = prepare(image, resize, resize)
    assert got.shape == (resize, resize, 3)
    if short != resize and max(h, w) <= 8 * short:
        size = (int(w * resize / short + 1e-9), int(h * resize / short + 1e-9))
        whole = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
        top, left = (size[1] - resize) // 2, (size[0] - resize) // 2
        np.testing.assert_array_equal(got, whole[top : top + resize, left : left + resize])


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.data())
def test_prepare_does_to_every_channel_what_it_does_to_red(h, w, resize, data):
    size = data.draw(st.integers(1, resize))
    image = np.random.default_rng(0).integers(0, 256, (h, w, 3), dtype=np.uint8)
    whole = prepare(image, size, resize)
    for order in ([0], [1, 0], [0, 1, 2, 2], [2, 0, 1, 1, 0]):
        np.testing.assert_array_equal(prepare(image[..., order], size, resize), whole[..., order])


class Of(Numbers):
    """Images of some channels, the numbers 10, 20, ... in each."""

    def __init__(self, *channels):
        super().__init__(len(channels))
        self.channels = channels

    def __getitem__(self, index, /):
        values = np.arange(1, self.channels[index] + 1, dtype=np.uint8) * 10
        return Example(np.broadcast_to(values, (4, 6, len(values))), -1, f"#{index}")


@pytest.mark.parametrize(
    ("there", "wanted", "seen"),
    [
        (3, 3, [10, 20, 30]),
        (3, 1, [18]),  # 0.299 * 10 + 0.587 * 20 + 0.114 * 30 = 18.15
        (1, 3, [10, 10, 10]),
        (1, 1, [10]),
        (5, 5, [10, 20, 30, 40, 50]),
        (3, None, [10, 20, 30]),
        (2, None, [10, 20]),
    ],
)
def test_images_come_with_the_channels_that_the_network_takes(there, wanted, seen):
    (batch,) = batches(Of(there, there), 4, channels=wanted, **small)
    np.testing.assert_array_equal(
        batch.images, np.broadcast_to(np.uint8(seen), (2, 2, 2, len(seen)))
    )


@pytest.mark.parametrize(
    ("there", "wanted", "message"),
    [
        ((4,), 3, "^images of 4 channels; the network takes 3$"),
        ((3, 5), 3, "^images of 5 channels; the network takes 3$"),
        ((1,), 4, "^images of 1 channels; the network takes 4$"),
        ((3, 1), None, "^images of 1 and of 3 channels in one source$"),
    ],
)
def test_other_channels_are_refused(there, wanted, message):
    with pytest.raises(UserError, match=message):
        list(batches(Of(*there), 4, channels=wanted, **small))


def test_downscaling_is_antialiased():
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.ptp(prepare(stripes, 32, 64).astype(int)) <= 2


def test_a_long_strip_does_not_fill_the_memory():
    strip = np.full((1, 100_000, 3), 9, np.uint8)
    np.testing.assert_array_equal(prepare(strip), np.full((224, 224, 3), 9))


def test_importing_is_light_and_starts_no_backend():
    code = (
        "import sys, atlasjax.data\n"
        "heavy = {'grain', 'tensorflow_datasets', 'tensorflow'} & set(sys.modules)\n"
        "bridge = sys.modules.get('jax._src.xla_bridge')\n"
        "print(heavy, bool(bridge and bridge._backends))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set() False\n"


def test_reading_says_nothing(tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    (tmp_path / "b.jpg").write_bytes(b"bad")
    code = (
        "import sys; from atlasjax.data import batches, open_images\n"
        "b, = batches(open_images(sys.argv[1]), 2)\n"
        "print(b.index, b.skipped)"
    )
    run = subprocess.run(
        [sys.executable, "-W", "default", "-c", code, tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout, run.stderr) == ("[0] ('b.jpg: not an image',)\n", "")


@pytest.mark.data
def test_photographs_are_cut_to_their_exact_centre(data):
    source = open_images(data / "imagenet_sample")
    assert len(source) == 800
    assert len(source.classes) == 800
    assert all(len(c) == 9 and c[0] == "n" and c[1:].isdigit() for c in source.classes)
    seen = 0
    for batch in batches(source, 64):
        assert batch.skipped == ()
        for image, index, label in zip(batch.images, batch.index, batch.label, strict=True):
            assert index == label == seen
            if index % 40 == 0:
                whole = source[int(index)].image
                h, w = whole.shape[:2]
                top, left = (h - 224) // 2, (w - 224) // 2
                np.testing.assert_array_equal(image, whole[top : top + 224, left : left + 224])
            seen += 1
    assert seen == 800
