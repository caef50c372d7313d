import io
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlasjax.data import UnreadableImage, batches, open_images
from atlasjax.errors import UserError

datasets = pytest.importorskip("datasets", reason="needs datasets: pip install '.[hf]'")


def png(number: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (5, 4), (number, 7, 0)).save(file, "PNG")
    return file.getvalue()


def made(count: int = 4, image: str = "image", label: str = "label"):
    features = {image: datasets.Image(), label: datasets.ClassLabel(names=["cat", "dog"])}
    rows = {
        image: [{"bytes": png(n), "path": None} for n in range(count)],
        label: [n % 2 for n in range(count)],
        "text": ["<b>"] * count,
    }
    features["text"] = datasets.Value("string")
    return datasets.Dataset.from_dict(rows, features=datasets.Features(features))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A place that load_dataset has prepared data sets in."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_data_set_is_taken_as_it_is():
    source = open_images(made())
    assert source.classes == ("cat", "dog")
    assert [int(e.image[0, 0, 0]) for e in source] == [0, 1, 2, 3]
    assert [(e.label, e.name) for e in source] == [(n % 2, f"images[{n}]") for n in range(4)]
    assert open_images(made(), limit=2)[1].name == "images[2]"
    with pytest.raises(IndexError):
        source[4]


def test_features_of_other_names_and_formats():
    source = open_images(made(image="img", label="fine_label").with_format("numpy"))
    assert (source.classes, source[1].label) == (("cat", "dog"), 1)
    plain = made().cast_column("label", datasets.Value("int32"))
    assert (open_images(plain).classes, open_images(plain)[1].label) == ((), 1)
    none = made().remove_columns("label")
    assert (open_images(none).classes, open_images(none)[1].label) == ((), -1)


def test_rows_that_were_chosen_and_turned_are_read_so():
    source = open_images(made(6).select([5, 2, 3]))
    assert [int(e.image[0, 0, 0]) for e in source] == [5, 2, 3]
    assert source.fingerprint() == open_images(made(6).select([5, 2, 3])).fingerprint()
    assert source.fingerprint() != open_images(made(6).select([2, 5, 3])).fingerprint()


@pytest.mark.parametrize("split", ["", ":train"])
def test_what_was_saved_is_read_by_its_folder(tmp_path, split):
    if split:
        datasets.DatasetDict({"train": made(), "test": made(2)}).save_to_disk(tmp_path / "saved")
    else:
        made().save_to_disk(tmp_path / "saved")
    source = open_images(f"hf:{tmp_path}/saved{split}")
    np.testing.assert_array_equal(source[3].image, open_images(made())[3].image)
    assert source.fingerprint() == open_images(made()).fingerprint()  # wherever they are


def prepared(cache):
    """Put a data set where load_dataset puts those that it has fetched."""

    def rows():
        yield from ({"image": {"bytes": png(n), "path": None}, "label": n % 2} for n in range(3))

    features = made().remove_columns("text").features
    datasets.Dataset.from_generator(rows, features=features, cache_dir=str(cache))
    (folder,) = cache.glob("generator/*/0.0.0/")
    place = cache / "owner___photos" / "default" / "0.0.0" / "0123abcd"
    place.parent.mkdir(parents=True)
    folder.rename(place)
    (place / "generator-train.arrow").rename(place / "photos-train.arrow")


def test_what_was_prepared_is_read_by_its_name_and_nobody_is_asked(cache, monkeypatch):
    prepared(cache)

    def refused(*args, **options):
        raise AssertionError("somebody is asked")

    monkeypatch.setattr("socket.socket.connect", refused)
    for name in "owner/photos", "owner/photos:train", "owner/photos/default:train":
        source = open_images(f"hf:{name}")
        assert (source.classes, len(source)) == (("cat", "dog"), 3)
        assert source[2].name == f"{name.removesuffix(':train')}[2]"
    with pytest.raises(UserError, match=r"no split of data set 'owner/photos' named 'trian'; did"):
        open_images("hf:owner/photos:trian")
    with pytest.raises(UserError, match=r"data set 'mnist' is not on this machine .*prepare it"):
        open_images("hf:mnist")
    with pytest.raises(UserError, match=r"load_dataset\('owner/name', 'config'\)"):
        open_images("hf:owner/name/config:train")


def test_any_thread_reads_any_image():
    source = open_images(made(200))
    order = np.random.default_rng(0).permutation(200)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda i: int(source[i].image[0, 0, 0]), order)) == order.tolist()
    (first,) = batches(source, 200, image_size=4, resize=4)
    assert first.images[:, 0, 0, 0].tolist() == list(range(200))


def test_the_fingerprint_knows_images_labels_classes_and_limits():
    original = open_images(made()).fingerprint()
    assert open_images(made()).fingerprint() == original
    others = [
        made(3),
        made().remove_columns("label"),
        made().cast_column("label", datasets.ClassLabel(names=["cat", "cow"])),
        made(5).select([0, 1, 2, 4]),
    ]
    found = {open_images(other).fingerprint() for other in others}
    found |= {
        open_images(made(), limit=2).fingerprint(),
        open_images(made(), range=(0, 9)).fingerprint(),
    }
    assert len(found | {original}) == 7


def pointing(paths):
    rows = {"image": [{"bytes": None, "path": path} for path in paths]}
    return datasets.Dataset.from_dict(rows, datasets.Features({"image": datasets.Image()}))


def test_files_that_a_stored_data_set_points_to_are_read_in_its_folder_alone(tmp_path):
    (tmp_path / "out.png").write_bytes(png(9))
    saved = tmp_path / "saved"
    made(1).save_to_disk(saved)
    (saved / "in.png").write_bytes(png(8))
    (saved / "link.png").symlink_to(tmp_path / "out.png")
    inside = [saved / "in.png", saved / ".." / "out.png", saved / "link.png", tmp_path / "out.png"]
    given = pointing([str(path) for path in inside] + ["https://example.org/a.png"])
    assert [open_images(given)[n].image[0, 0, 0] for n in range(4)] == [8, 9, 9, 9]
    with pytest.raises(UnreadableImage, match="its file is not on this machine: https"):
        open_images(given)[4]
    # A stored one, which somebody else may have made: written as it is, without its files.
    (arrow,) = saved.glob("*.arrow")
    with datasets.arrow_writer.ArrowWriter(path=str(arrow), features=given.features) as writer:
        for row in given.cast_column("image", datasets.Image(decode=False)):
            writer.write(row)
        writer.finalize()
    info = json.loads((saved / "dataset_info.json").read_text())
    info["features"] = {"image": {"_type": "Image"}}
    (saved / "dataset_info.json").write_text(json.dumps(info))
    stored = open_images(f"hf:{saved}")
    assert stored[0].image[0, 0, 0] == 8
    for number in 1, 2, 3:
        with pytest.raises(UnreadableImage, match="its file lies outside the data set"):
            stored[number]


def test_a_stored_data_set_that_points_out_of_its_folder_is_refused(tmp_path):
    made().save_to_disk(tmp_path / "saved")
    made().save_to_disk(tmp_path / "other")
    state = json.loads((tmp_path / "saved" / "state.json").read_text())
    (file,) = state["_data_files"]
    for outside in f"../other/{file['filename']}", str(tmp_path / "other" / file["filename"]):
        changed = state | {"_data_files": [{"filename": outside}]}
        (tmp_path / "saved" / "state.json").write_text(json.dumps(changed))
        with pytest.raises(UserError, match="refused, since it points to"):
            open_images(f"hf:{tmp_path}/saved")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("hf:", "cannot read data set 'hf:'; write hf:NAME"),
        ("hf::train", "cannot read data set|no data set"),
        ("hf:https://example.org/x", "cannot read data set"),
        ("hf:../none", "no data set in '../none'; write hf:NAME"),
        ("hf:a/b/c/d", "no data set in 'a/b/c/d'"),
        ("hf:saved", "several splits; say which: train, test"),
        ("hf:saved:tran", "no split of data set '.*saved' named 'tran'; did you mean train"),
        ("hf:saved/train:train", "has no splits: leave out ':train'"),
        ("hf:empty", "no data set that save_to_disk saved in 'empty'"),
        ("hf:damaged", "'damaged': a damaged data set"),
        ("hf:texts", r"no image feature to choose.*there are text"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path, monkeypatch, cache, spec, message):
    monkeypatch.chdir(tmp_path)
    datasets.DatasetDict({"train": made(), "test": made()}).save_to_disk("saved")
    made().save_to_disk("damaged")
    made().select_columns("text").save_to_disk("texts")
    for arrow in Path("damaged").glob("*.arrow"):
        arrow.write_bytes(arrow.read_bytes()[:100])
    Path("empty").mkdir()
    with pytest.raises(UserError, match=message) as refused:
        open_images(spec)
    assert "\n" not in str(refused.value)


def test_what_has_no_one_order_is_refused():
    with pytest.raises(UserError, match=r"DatasetDict.*give one of its splits: train, test"):
        open_images(datasets.DatasetDict({"train": made(), "test": made()}))
    with pytest.raises(UserError, match=r"IterableDataset.*give a Dataset"):
        open_images(made().to_iterable_dataset())
    with pytest.raises(UserError, match="no images in data set"):
        open_images(made().select([]))


def test_a_damaged_image_or_label_is_unreadable():
    rows = {"image": [{"bytes": b"no picture", "path": None}, None], "label": [0, 1]}
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
    source = open_images(datasets.Dataset.from_dict(rows, features))
    with pytest.raises(UnreadableImage, match=r"^images\[0\]: not an image$"):
        source[0]
    with pytest.raises(UnreadableImage, match=r"^images\[1\]: there is no image$"):
        source[1]
    assert len(source.fingerprint()) == 64


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r"pip install 'atlasjax\[hf\]'"):
        open_images("hf:mnist")
