"""Networks by name: loading, saving, the names of classes."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from atlasjax import models
from atlasjax.errors import UserError
from atlasjax.models import ClassName
from atlasjax.models.weights import caffe, parameters


def test_listing_imports_nothing_heavy():
    code = (
        "import sys; before = set(sys.modules)\n"
        "from atlasjax import models; models.available()\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new & {'flax', 'orbax', 'safetensors', 'google'}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(UserError, match="no model 'googlnet'; did you mean googlenet"):
        models.load("googlnet")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("googlenet", "bvlc_googlenet.caffemodel"),
        ("inception5h", "inception5h.zip"),
        ("torchvision_googlenet", "googlenet-1378be20.pth"),
    ],
)
def test_published_networks_say_how_their_weights_are_got(name, file):
    ways = (
        rf"{name} needs trained weights: atlasjax weights fetch {name} "
        rf"\(or get https://\S+/{file} by hand, then atlasjax weights import {file}\), or --weights"
    )
    with pytest.raises(UserError, match=ways):
        models.load(name)


def test_a_file_of_neither_format_is_refused(tmp_path):
    (tmp_path / "w.npz").touch()
    with pytest.raises(UserError, match=r"w\.npz: weights are read from a \.safetensors, "):
        models.load("googlenet", tmp_path / "w.npz")


@pytest.mark.parametrize(("dtype", "error"), [("float32", 0.0), ("float16", 1e-3)])
def test_saved_weights_are_loaded_again(tmp_path, dtype, error):
    path = tmp_path / "tiny.safetensors"
    model = models.load("inception_v1_tiny", seed=1)
    models.save(model, path, dtype=dtype)
    before, after = caffe.to_caffe(model), caffe.to_caffe(models.load("inception_v1_tiny", path))
    for name, tensor in before.items():
        assert after[name].dtype == np.float32
        assert np.abs(after[name] - tensor).max() <= error * np.abs(tensor).max(), name
    assert models.weights_hash(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_weights_of_another_width_are_refused(tmp_path):
    path = tmp_path / "tiny.safetensors"
    models.save(models.load("inception_v1_tiny"), path)
    with pytest.raises(UserError, match=r"tiny\.safetensors: .*\[8, 3, 7, 7\].*\[64, 3, 7, 7\]"):
        models.load("googlenet", path)


def test_weights_too_large_for_a_half_are_refused(tmp_path):
    model = models.load("inception_v1_tiny")
    bias = np.full(10, 1e6, np.float32)
    values = caffe.parameters(caffe.to_caffe(model), model.spec) | {"classifier.bias": bias}
    model = parameters.build(values, model.spec)
    with pytest.raises(UserError, match="'loss3/classifier/bias' has values up to 1e"):
        models.save(model, tmp_path / "tiny.safetensors", dtype="float16")


def test_class_names_are_read_beside_the_weights(tmp_path):
    weights = tmp_path / "w.safetensors"
    weights.touch()
    assert models.class_names("googlenet", weights)[999] == ClassName("", "class 999")
    lines = ["n01440764 tench, Tinca tinca", *(f"n{i:08} name {i}" for i in range(1, 1000))]
    (tmp_path / "synset_words.txt").write_text("\n".join(lines) + "\n")
    names = models.class_names("googlenet", weights)
    assert len(names) == 1000
    assert names[0] == ClassName("n01440764", "tench, Tinca tinca")
    assert names[0].short == "tench"
    assert names[5].name == "name 5"


def test_class_names_that_do_not_fit_are_refused(tmp_path):
    weights = tmp_path / "w.safetensors"
    weights.touch()
    (tmp_path / "synset_words.txt").write_text("n01440764 tench\n")
    with pytest.raises(UserError, match="1 lines; the network has 1000 classes"):
        models.class_names("googlenet", weights)
    (tmp_path / "synset_words.txt").write_text("n01440764 tench\n" * 999 + "tench\n")
    with pytest.raises(UserError, match="line 1000: must be an id and names"):
        models.class_names("googlenet", weights)


def test_class_names_without_a_file_are_numbers():
    assert len(models.class_names("googlenet")) == 1000
    tiny = models.class_names("inception_v1_tiny")
    assert [c.name for c in tiny] == [f"class {i}" for i in range(10)]


def test_the_scenes_network_is_half_as_wide_and_small():
    spec = models.spec("inception_v1_scenes")
    names = models.class_names("inception_v1_scenes")
    assert spec.classes == len(names)
    assert all(name.name and not name.wnid for name in names)
    assert 2 * sum(map(np.prod, caffe.tensor_shapes(spec).values())) < 2.9e6  # bytes as float16
    assert models.abstract("inception_v1_scenes").spec == spec


def test_only_the_scenes_network_carries_weights():
    assert models.default_weights("googlenet") is None
    assert models.default_weights("inception_v1_tiny") is None
    with pytest.raises(UserError, match="no model 'scenes'"):
        models.default_weights("scenes")


def test_missing_carried_weights_name_the_recipe(tmp_path, monkeypatch):
    monkeypatch.setattr(models.resources, "files", lambda package: tmp_path)
    with pytest.raises(UserError, match=r"training\.inception_v1_scenes --out FILE"):
        models.load("inception_v1_scenes")


def test_carried_weights_are_read_where_no_others_are_given(tmp_path, monkeypatch):
    monkeypatch.setattr(models.resources, "files", lambda package: tmp_path)
    monkeypatch.setattr(models, "spec", lambda name, spec=models.spec: spec("inception_v1_tiny"))
    carried, other = tmp_path / "inception_v1_scenes.safetensors", tmp_path / "other.safetensors"
    for seed, path in enumerate((carried, other)):
        models.save(models.load("inception_v1_tiny", seed=seed), path)
    assert models.default_weights("inception_v1_scenes") == carried
    for path, given in ((carried, None), (other, other)):
        found = caffe.to_caffe(models.load("inception_v1_scenes", given))
        expected = caffe.to_caffe(models.load("inception_v1_tiny", path))
        assert all(np.array_equal(found[name], expected[name]) for name in expected)
