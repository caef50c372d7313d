"""Weights by name: imported, fetched, verified, and then found by `models.load` and the runs."""

import contextlib
import hashlib
import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from atlasjax import models
from atlasjax.classes import ClassName
from atlasjax.cli import main
from atlasjax.errors import UserError
from atlasjax.models.specs import GOOGLENET, INCEPTION5H, TORCHVISION
from atlasjax.models.weights import caffe, fetch, files, inception5h, known, store, torchvision
from atlasjax.workflows import weights

SYNSETS = "".join(f"n{i:08} name {i}, other\n" for i in range(1000))
SYNSETS_URL = known.SYNSETS_REMOTE.url
LABELS = "dummy\n" + "".join(f"label {i}\n" for i in range(1000))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ATLASJAX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """Files of the three networks: safetensors, which are quickest, and a graph in an archive."""
    folder = tmp_path_factory.mktemp("originals")
    rng = np.random.default_rng(0)
    for name, shapes in {
        "googlenet": caffe.tensor_shapes(GOOGLENET),
        "torchvision_googlenet": torchvision.tensor_shapes(TORCHVISION),
        "inception5h": inception5h.tensor_shapes(INCEPTION5H),
    }.items():
        tensors = {n: rng.uniform(0.01, 0.02, s).astype(np.float32) for n, s in shapes.items()}
        files.write(folder / f"{name}.safetensors", tensors)
    return folder


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """What `inception5h.zip` is, with random weights."""
    pytest.importorskip("torch", reason="needs PyTorch: pip install '.[torch]'")
    from frozen_graph import encode, graph

    path = tmp_path_factory.mktemp("archive") / "inception5h.zip"
    with zipfile.ZipFile(path, "w") as written:
        written.writestr(inception5h.ORIGINAL, encode(graph()))
        written.writestr(known.LABELS, LABELS)
        written.writestr("LICENSE", "Apache License 2.0")
    return path


@pytest.fixture
def served(monkeypatch):
    """A stand-in for the network: addresses with what lies there (TLS is tested with `fetch`)."""
    content: dict[str, bytes | Exception] = {}

    def download(remote, path, progress=None):
        found = content[remote.url]
        if isinstance(found, Exception):
            raise found
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(found)
        try:
            fetch.check(remote, path)
        except UserError:
            path.unlink()
            raise
        return path

    monkeypatch.setattr(fetch, "download", download)
    return content


def publish(monkeypatch, name: str, content: bytes, file: str, sha256: str | None = "") -> str:
    """Let a network be published with other content; return its address."""
    if sha256 == "":
        sha256 = hashlib.sha256(content).hexdigest()
    network = known.published(name)
    remote = replace(network.weights, file=file, sha256=sha256 or "", sha1="")
    changed = replace(network, weights=remote)
    monkeypatch.setattr(
        known, "KNOWN", tuple(changed if n.name == name else n for n in known.KNOWN)
    )
    return remote.url


@pytest.mark.parametrize("name", ["googlenet", "inception5h", "torchvision_googlenet"])
def test_what_is_imported_is_loaded_by_name(originals, name, tmp_path):
    odd = tmp_path / "whatever.bin"  # the content tells, not the name
    shutil.copy(originals / f"{name}.safetensors", odd)
    here = weights.take(odd)
    assert here.published.name == name
    assert here.path == store.weights(name) == models.default_weights(name)
    assert here.path.name == "whatever.safetensors"
    assert here.record.trust == "given"
    assert here.record.source == str(odd)
    assert models.load(name).spec.name == name
    assert [known.name for known, here in weights.listed() if here is not None] == [name]
    assert weights.verify(name).record == here.record


def test_an_archive_is_imported_with_the_names_of_its_classes(archive):
    here = weights.take(archive)
    assert here.published.name == "inception5h"
    assert here.path.name == inception5h.ORIGINAL
    names = models.class_names("inception5h")
    assert len(names) == 1008
    assert [names[i].name for i in (0, 1, 1000, 1001)] == [
        "dummy",
        "label 0",
        "label 999",
        "class 1001",
    ]
    assert sorted(p.name for p in here.path.parent.iterdir()) == [
        known.LABELS,
        "record.json",
        inception5h.ORIGINAL,
    ]


def test_the_two_networks_of_the_same_classes_share_their_names(originals, tmp_path):
    folder = tmp_path / "caffe"
    folder.mkdir()
    shutil.copy(originals / "googlenet.safetensors", folder)
    (folder / known.SYNSETS).write_text(SYNSETS)
    weights.take(folder / "googlenet.safetensors")  # which lie beside it
    weights.take(originals / "torchvision_googlenet.safetensors")
    for name in ("googlenet", "torchvision_googlenet"):
        assert models.class_names(name)[7] == ClassName("n00000007", "name 7, other")


def test_a_file_of_class_names_can_be_given(originals, tmp_path):
    weights.take(originals / "inception5h.safetensors")
    (tmp_path / "names.txt").write_text(LABELS)
    weights.add_class_names("inception5h", tmp_path / "names.txt")
    assert models.class_names("inception5h")[1].name == "label 0"
    weights.take(originals / "inception5h.safetensors")  # again, which keeps them
    assert models.class_names("inception5h")[1].name == "label 0"
    (tmp_path / "names.txt").write_text("one\ntwo\n")
    with pytest.raises(UserError, match="2 names; the network has 1008 classes"):
        weights.add_class_names("inception5h", tmp_path / "names.txt")


def test_what_has_changed_is_found_by_verify_and_not_loaded(originals):
    path = weights.take(originals / "googlenet.safetensors").path
    content = bytearray(path.read_bytes())
    content[-5] ^= 1  # one bit of the last tensor
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"has changed since it came .*; get it again"):
        weights.verify("googlenet")
    with pytest.raises(UserError, match=r"has changed since it came .*; get it again"):
        models.load("googlenet")


def test_a_damaged_record_is_named(originals, cache):
    weights.take(originals / "googlenet.safetensors")
    (cache / "networks" / "googlenet" / "record.json").write_text("{")
    with pytest.raises(UserError, match=r"record\.json: damaged; remove .*googlenet' and fetch"):
        models.default_weights("googlenet")


def test_what_is_fetched_with_a_published_checksum(archive, monkeypatch, served):
    content = archive.read_bytes()
    served[publish(monkeypatch, "inception5h", content, "inception5h.zip")] = content
    here = weights.fetch("inception5h")
    assert here.record.trust == "published"
    assert here.record.source == here.published.weights.url
    assert here.path.read_bytes() == zipfile.ZipFile(archive).read(inception5h.ORIGINAL)
    served.clear()
    assert weights.fetch("inception5h") == here  # nothing is fetched again
    assert not list((here.path.parent.parent / ".partial").iterdir())


def test_a_wrong_checksum_leaves_nothing(archive, monkeypatch, served, cache):
    url = publish(monkeypatch, "inception5h", b"", "inception5h.zip", sha256="00")
    served[url] = archive.read_bytes()
    with pytest.raises(UserError, match=r"but 00 is published; .* by hand, then atlasjax weights"):
        weights.fetch("inception5h")
    assert not [p for p in cache.rglob("*") if p.is_file()]


def test_without_a_checksum_the_first_one_is_remembered(originals, monkeypatch, served):
    first = (originals / "googlenet.safetensors").read_bytes()
    url = publish(monkeypatch, "googlenet", first, "googlenet.safetensors", sha256=None)
    served[url] = first
    assert weights.fetch("googlenet").record.trust == "first use"
    other = bytearray(first)
    other[-5] ^= 1
    served[url] = bytes(other)
    shutil.rmtree(store.folder("googlenet"))
    with pytest.raises(UserError, match=r"and was [0-9a-f]{64} when it came first; nothing"):
        weights.fetch("googlenet")
    assert store.weights("googlenet") is None
    assert weights.fetch("googlenet", again=True).record.trust == "first use"
    served[url] = bytes(other)
    shutil.rmtree(store.folder("googlenet"))
    weights.fetch("googlenet")  # which is trusted now


def test_what_is_fetched_must_be_the_network_that_was_asked_for(originals, monkeypatch, served):
    content = (originals / "inception5h.safetensors").read_bytes()
    served[publish(monkeypatch, "googlenet", content, "a.safetensors")] = content
    with pytest.raises(UserError, match="weights of inception5h, not of googlenet"):
        weights.fetch("googlenet")
    assert store.weights("googlenet") is None


def command(*arguments: str) -> None:
    with contextlib.suppress(SystemExit):
        main(["weights", *arguments])


def test_the_command_lists_fetches_imports_and_verifies(
    originals, archive, monkeypatch, served, capsys
):
    command()
    out = capsys.readouterr().out
    assert "inception5h: InceptionV1 of the Activation Atlas" in out
    assert "50 MB, Apache-2.0, from https://storage.googleapis.com/" in out
    assert out.count("not here: atlasjax weights fetch ") == 3
    command("verify")
    assert capsys.readouterr().out == "no weights are here: atlasjax weights list\n"

    content = (originals / "googlenet.safetensors").read_bytes()
    served[publish(monkeypatch, "googlenet", content, "googlenet.safetensors")] = content
    served[SYNSETS_URL] = SYNSETS.encode()
    command("fetch", "googlenet")
    out = capsys.readouterr().out
    assert "(its published checksum)\natlasjax run googlenet --images FOLDER\n" in out
    assert models.class_names("googlenet")[3].name == "name 3, other"

    command("import", str(archive))
    assert "atlasjax run inception5h --images FOLDER" in capsys.readouterr().out
    command("verify")
    assert capsys.readouterr().out.splitlines() == [
        "googlenet: as it came (its published checksum)",
        "inception5h: as it came (another file than the published one)",
    ]
    command("list")
    assert capsys.readouterr().out.count("    here since ") == 2


def test_names_that_cannot_be_fetched_are_done_without(originals, monkeypatch, served, capsys):
    content = (originals / "googlenet.safetensors").read_bytes()
    served[publish(monkeypatch, "googlenet", content, "a.safetensors")] = content
    served[SYNSETS_URL] = UserError("cannot be reached")
    command("fetch", "googlenet")
    captured = capsys.readouterr()
    assert captured.err == "atlasjax: without the names of its classes: cannot be reached\n"
    assert "atlasjax run googlenet" in captured.out


def test_mistakes_are_one_line(capsys):
    for arguments, said in {
        ("fetch", "inception5"): "did you mean inception5h?",
        ("verify", "inception5h"): "no weights of inception5h here",
        ("import", "none.pb"): "no weights file 'none.pb'",
        ("fecth",): "invalid choice",
    }.items():
        with pytest.raises(SystemExit) as stopped:
            main(["weights", *arguments])
        assert stopped.value.code == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1


def test_without_a_network_it_says_how_else(served, capsys):
    url = known.published("inception5h").weights.url
    served[url] = UserError(f"{url} cannot be reached (no route)")
    with pytest.raises(SystemExit):
        main(["weights", "fetch", "inception5h"])
    assert capsys.readouterr().err == (
        f"atlasjax: {url} cannot be reached (no route) (get {url} by hand, then "
        "atlasjax weights import inception5h.zip)\n"
    )


def test_the_record_says_where_weights_came_from(originals):
    here = weights.take(originals / "googlenet.safetensors")
    record = json.loads((Path(here.path).parent / "record.json").read_text())
    assert record["sha256"] == hashlib.sha256(here.path.read_bytes()).hexdigest()
    assert set(record) == {"file", "sha256", "source", "trust", "added", "class_names"}


def test_class_names_do_not_vouch_for_weights_that_have_changed(originals, tmp_path):
    path = weights.take(originals / "inception5h.safetensors").path
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    (tmp_path / "names.txt").write_text(LABELS)
    weights.add_class_names("inception5h", tmp_path / "names.txt")
    with pytest.raises(UserError, match="has changed since it came"):
        weights.verify("inception5h")
