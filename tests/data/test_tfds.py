import io
import json
import socket

import numpy as np
import pytest
from PIL import Image

from atlasjax.data import UnreadableImage, batches, from_tfds, open_images
from atlasjax.errors import UserError


def pixels(i):
    return np.random.default_rng(i).integers(0, 256, (5 + i, 8, 3), dtype=np.uint8)


def png(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def write(folder, features, examples, split="train", shards=2, name="tiny"):
    """Prepare a data set as TensorFlow Datasets would, for which no TensorFlow is needed."""
    import tensorflow_datasets as tfds
    from array_record.python.array_record_module import ArrayRecordWriter

    folder.mkdir(parents=True)
    features = tfds.features.FeaturesDict(features)
    template = tfds.core.ShardedFileTemplate(
        data_dir=folder, dataset_name=name, split=split, filetype_suffix="array_record"
    )
    parts = np.array_split(np.arange(len(examples)), shards)
    for shard, part in enumerate(parts):
        path = template.sharded_filepath(shard_index=shard, num_shards=shards)
        writer = ArrayRecordWriter(str(path), "group_size:1")
        for i in part:
            writer.write(features.serialize_example(features.encode_example(examples[i])))
        writer.close()
    info = tfds.core.SplitInfo(
        name=split,
        shard_lengths=[len(p) for p in parts],
        num_bytes=0,
        filename_template=template,
    )
    tfds.folder_dataset.write_metadata(
        data_dir=folder,
        features=features,
        split_infos=[info],
        filename_template=template,
        check_data=False,  # which would need TensorFlow
    )


def amend(folder, **fields):
    """Change what the description of a prepared data set says."""
    path = folder / "dataset_info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def labelled():
    import tensorflow_datasets as tfds

    return {
        "image": tfds.features.Image(),
        "label": tfds.features.ClassLabel(names=["even", "odd"]),
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("tfds")
    examples = [{"image": png(pixels(i)), "label": i % 2} for i in range(7)]
    write(home / "tiny" / "1.0.0", labelled(), examples)
    write(home / "tiny" / "0.9.0", labelled(), examples[:4])
    for config in ("left", "right"):
        write(home / "hands" / config / "1.2.3", labelled(), examples[:3], name="hands")
        amend(home / "hands" / config / "1.2.3", configName=config)
    return home


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_records_are_read_in_their_order(home):
    source = from_tfds("tiny/train", home)
    assert source.classes == ("even", "odd")
    assert len(source) == 7
    for i in range(7):
        example = source[i]
        np.testing.assert_array_equal(example.image, pixels(i))
        assert (example.label, example.name) == (i % 2, f"tiny/1.0.0/train[{i}]")
    with pytest.raises(IndexError):
        source[7]


def test_they_make_batches(home):
    got = list(batches(from_tfds("tiny/train", home), 4, image_size=4, resize=8, workers=4))
    assert [list(b.index) for b in got] == [[0, 1, 2, 3], [4, 5, 6]]
    assert got[0].images.shape == (4, 4, 4, 3)


@pytest.mark.parametrize(
    ("spec", "name", "expected"),
    [
        ("tiny:0.9.0/train", "tiny/0.9.0", [0, 1, 2, 3]),
        ("tiny/0.9.0/train", "tiny/0.9.0", [0, 1, 2, 3]),
        ("tfds:tiny/train[2:4]", "tiny/1.0.0", [2, 3]),
        ("tiny/train[5:]+train[:1]", "tiny/1.0.0", [5, 6, 0]),
        ("hands/left/train", "hands/left/1.2.3", [0, 1, 2]),
        ("hands/right:1.2.3/train", "hands/right/1.2.3", [0, 1, 2]),
    ],
)
def test_versions_configurations_and_parts_of_splits(home, spec, name, expected):
    source = from_tfds(spec, home)
    assert source.name == name
    assert len(source) == len(expected)
    for i, j in enumerate(expected):
        np.testing.assert_array_equal(source[i].image, pixels(j))


def test_a_folder_of_a_prepared_data_set(home, monkeypatch):
    source = open_images(f"tfds:{home}/tiny/0.9.0/train")
    assert (len(source), source.classes) == (4, ("even", "odd"))
    monkeypatch.chdir(home)
    assert len(open_images("tfds:./tiny/0.9.0/train")) == 4
    assert len(open_images("tfds:tiny/0.9.0/train", limit=3)) == 3


def test_the_folder_of_the_environment_is_the_default(home, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(home))
    assert len(open_images("tfds:tiny/train")) == 7


def test_a_limit_keeps_the_original_positions(home):
    source = from_tfds("tiny/train", home, limit=3)
    assert [e.name for e in source] == [f"tiny/1.0.0/train[{i}]" for i in (0, 2, 4)]


def test_the_fingerprint_tells_versions_splits_and_limits_apart(home):
    specs = ["tiny/train", "tiny:0.9.0/train", "tiny/train[:4]", "tiny/train[1:5]"]
    prints = [from_tfds(spec, home).fingerprint() for spec in specs]
    prints.append(from_tfds("tiny/train", home, limit=4).fingerprint())
    assert len(set(prints)) == len(prints)
    assert from_tfds("tiny:1.0.0/train", home).fingerprint() == prints[0]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("tiny", r"no split in 'tfds:tiny'; write NAME/SPLIT, .* for example tiny/train"),
        ("tiny/tran", r"no split of data set 'tiny/1.0.0' named 'tran'; did you mean train\?"),
        ("tiny/zzz[:3]", r"named 'zzz'; there are train$"),
        ("tiny/train[:99]", r"cannot read split 'train\[:99\]'.*incompatible with 7 examples"),
        ("tiny/train[a]", r"cannot read split 'train\[a\]'.*Error parsing"),
        ("tiny/train[3:3]", r"cannot read split 'train\[3:3\]'.* it is empty"),
        ("tiny:1.0.1/train", r"no version of data set 'tiny' .*'1.0.1'; did you mean 1.0.0"),
        ("tiny/plain/train", r"no configuration of data set 'tiny' named 'plain'; there are none"),
        ("hands/train", r"several configurations; say which: hands/left, hands/right"),
        ("hands/lift/train", r"named 'lift'; did you mean left"),
        ("tinny/train", r"no data set 'tinny'; did you mean tiny"),
        ("cifar-10/train", r"cannot read data set 'tfds:cifar-10'; write NAME/SPLIT"),
        ("cifar11/train", r"no data set 'cifar11'; did you mean .*cifar10"),
        ("a/b/c/train", r"cannot read data set 'tfds:a/b/c'"),
        ("/nowhere/tiny/1.0.0/train", r"no prepared data set in '/nowhere/tiny/1.0.0'"),
    ],
)
def test_mistakes_are_answered_in_one_line(home, spec, message):
    with pytest.raises(UserError, match=message) as caught:
        from_tfds(spec, home)
    assert "\n" not in str(caught.value)


def test_what_is_not_prepared_comes_with_the_line_that_prepares_it(home):
    with pytest.raises(UserError, match=r"'cifar10:3.0.2' is not prepared") as caught:
        from_tfds("cifar10:3.0.2/train", home)
    assert (
        "python -c \"import tensorflow_datasets as tfds; tfds.builder('cifar10:3.0.2', "
        f"data_dir='{home}', file_format='array_record').download_and_prepare()\""
    ) in str(caught.value)


def test_tfrecord_is_refused_with_the_way_out(tmp_path):
    folder = tmp_path / "tiny" / "1.0.0"
    write(folder, labelled(), [{"image": png(pixels(0)), "label": 0}], shards=1)
    amend(folder, fileFormat="tfrecord", configName="plain")
    with pytest.raises(UserError, match=r"stored as tfrecord.*another folder") as caught:
        from_tfds("tiny/train", tmp_path)
    assert "tfds.builder('tiny/plain', file_format='array_record')" in str(caught.value)


def test_the_only_image_feature_is_taken_whatever_its_name(tmp_path):
    import tensorflow_datasets as tfds

    features = {
        "photo": tfds.features.Image(),
        "boxes": tfds.features.Sequence(
            {"corners": tfds.features.Tensor(shape=(4,), dtype=np.int64)}
        ),
        "label": tfds.features.Text(),
    }
    example = {"photo": png(pixels(1)), "boxes": [{"corners": [1, 2, 3, 4]}], "label": "a text"}
    write(tmp_path / "tiny" / "1.0.0", features, [example], shards=1)
    source = from_tfds("tiny/train", tmp_path)
    np.testing.assert_array_equal(source[0].image, pixels(1))
    assert (source[0].label, source.classes) == (-1, ())


def test_without_an_image_feature(tmp_path):
    import tensorflow_datasets as tfds

    features = {"text": tfds.features.Text()}
    write(tmp_path / "none" / "1.0.0", features, [{"text": "a"}], shards=1)
    with pytest.raises(UserError, match=r"no image feature to choose.*there are text"):
        from_tfds("none/train", tmp_path)
    features = {"left": tfds.features.Image(), "right": tfds.features.Image()}
    example = {"left": png(pixels(0)), "right": png(pixels(1))}
    write(tmp_path / "two" / "1.0.0", features, [example], shards=1)
    with pytest.raises(UserError, match=r"no image feature to choose.*there are left, right"):
        from_tfds("two/train", tmp_path)


def test_float_images_are_refused(tmp_path):
    import tensorflow_datasets as tfds

    features = {"image": tfds.features.Image(shape=(None, None, 1), dtype=np.float32)}
    write(tmp_path / "tiny" / "1.0.0", features, [], shards=1)
    amend(tmp_path / "tiny" / "1.0.0", splits=[])
    with pytest.raises(UserError, match=r"'image' of data set 'tiny/1.0.0' holds float32"):
        from_tfds("tiny/train", tmp_path)


def test_damage(tmp_path):
    examples = [{"image": data, "label": 0} for data in (b"bogus", png(pixels(0)))]
    write(tmp_path / "tiny" / "1.0.0", labelled(), examples, shards=1)
    source = from_tfds("tiny/train", tmp_path)
    with pytest.raises(UnreadableImage, match=r"^tiny/1.0.0/train\[0\]: not an image$"):
        source[0]
    np.testing.assert_array_equal(source[1].image, pixels(0))
    shard = next((tmp_path / "tiny" / "1.0.0").glob("*array_record-*"))
    shard.unlink()
    with pytest.raises(UserError, match=r"its file '.*' is missing"):
        from_tfds("tiny/train", tmp_path)
