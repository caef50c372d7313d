"""Archives: what is wanted comes out, and what would lie elsewhere is refused."""

import zipfile

import pytest

from atlasjax.errors import UserError
from atlasjax.models.weights import archive


def zipped(path, **files):
    with zipfile.ZipFile(path, "w") as written:
        for name, content in files.items():
            written.writestr(name, content)
    return path


def test_only_what_is_wanted_comes_out(tmp_path):
    path = zipped(tmp_path / "a.zip", **{"in/graph.pb": "graph", "LICENSE": "text"})
    (tmp_path / "out").mkdir()
    found = archive.unpack(path, ["graph.pb", "labels.txt"], tmp_path / "out")
    assert found == {"graph.pb": tmp_path / "out" / "graph.pb"}
    assert [p.read_text() for p in (tmp_path / "out").iterdir()] == ["graph"]
    assert archive.is_archive_with(path, ["graph.pb"])
    assert not archive.is_archive_with(path, ["other.pb"])


@pytest.mark.parametrize("name", ["../graph.pb", "/graph.pb", "a/../../graph.pb", "C:\\graph.pb"])
def test_an_archive_that_writes_elsewhere_is_refused_whole(tmp_path, name):
    path = zipped(tmp_path / "a.zip", **{"graph.pb": "good", name: "bad"})
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match="outside its folder"):
        archive.unpack(path, ["graph.pb"], tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
    assert not (tmp_path / "graph.pb").exists()


def test_no_archive_and_a_damaged_one_are_named(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK\3\4 and no more")
    assert not archive.is_archive_with(tmp_path / "a.zip", ["graph.pb"])
    with pytest.raises(UserError, match=r"a\.zip: a damaged archive, or none"):
        archive.unpack(tmp_path / "a.zip", ["graph.pb"], tmp_path)
    path = zipped(tmp_path / "b.zip", **{"graph.pb": "some content of the graph"})
    content = path.read_bytes().replace(b"some content", b"other content"[:12])
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"b\.zip: a damaged archive, .*CRC"):
        archive.unpack(path, ["graph.pb"], tmp_path)


def test_a_file_too_large_for_weights_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST", 3)
    with pytest.raises(UserError, match=r"graph\.pb has more than 0 GiB"):
        archive.unpack(zipped(tmp_path / "a.zip", **{"graph.pb": "long"}), ["graph.pb"], tmp_path)
