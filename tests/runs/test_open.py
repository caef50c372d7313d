import json

import numpy as np
import pytest

from atlasjax.atlas.level import Level
from atlasjax.errors import UserError
from atlasjax.page.export import export
from atlasjax.runs.open import open_atlas
from atlasjax.storage import sums


def made(n=3, classes=4):
    at = np.arange(n)
    rng = np.random.default_rng(n)
    icon = rng.integers(0, 255, (n, 8, 8, 3), dtype=np.uint8)
    direction, attribution = rng.normal(size=(n, 6)), rng.normal(size=(n, classes))
    return Level(at, at // 2, at + 6, direction, rng.normal(size=n), attribution, icon)


LEVELS = {("mixed4c", 4): made(3), ("mixed4c", 8): made(5), ("mixed4a/3x3", 4): made(2)}


@pytest.fixture
def folder(tmp_path):
    names = ["tench", "猫", "<b>", "dog"]
    record = {"name": "quick", "seed": 3}
    return export(tmp_path / "quickstart", LEVELS, record, names, ["n1", "n2", "", "n4"]).parent


def test_what_was_exported_is_read_back(folder):
    atlas = open_atlas(str(folder))
    assert atlas.folder == folder
    assert atlas.layers == ("mixed4c", "mixed4a/3x3")
    assert atlas.grids("mixed4c") == (4, 8)
    assert atlas.class_names == ("tench", "猫", "<b>", "dog")
    assert atlas.wnids == ("n1", "n2", "", "n4")
    assert atlas.record == {"name": "quick", "seed": 3}
    for (layer, grid), level in LEVELS.items():
        for before, after in zip(level, atlas.level(layer, grid), strict=True):
            np.testing.assert_array_equal(before, after)


def test_repr_is_one_short_line(folder):
    assert repr(open_atlas(folder)) == (
        f"Atlas({str(folder)!r}: mixed4c 4 8, mixed4a/3x3 4; 4 classes)"
    )


def test_a_network_without_classes_says_so(tmp_path):
    level = made(3, classes=0)
    folder = export(tmp_path / "embedding", {("a", 4): level}, {}, []).parent
    atlas = open_atlas(folder)
    assert atlas.class_names == atlas.wnids == ()
    assert repr(atlas) == f"Atlas({str(folder)!r}: a 4; no classes)"
    found = atlas.level("a", 4)
    assert found.attribution.shape == (3, 0)
    np.testing.assert_array_equal(found.icon, level.icon)


def test_a_folder_needs_nothing_but_its_contents_and_levels_and_may_move(folder):
    moved = folder.rename(folder.parent / "moved")
    for path in [*moved.glob("pictures/*"), *moved.glob("*.js"), *moved.glob("*.html")]:
        path.unlink()
    assert len(open_atlas(moved).level("mixed4c", 8).x) == 5


def test_an_absent_level_is_only_missed_when_it_is_asked_for(folder):
    (folder / "levels" / "mixed4c-8.npz").unlink()
    atlas = open_atlas(folder)
    assert len(atlas.level("mixed4c", 4).x) == 3
    with pytest.raises(UserError, match=r"mixed4c-8\.npz is missing: run the experiment again"):
        atlas.level("mixed4c", 8)


def damage_level(path, how):
    if how == "garbage":
        path.write_bytes(b"no archive")
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "cut off":
        path.write_bytes(path.read_bytes()[:-400])
    elif how == "overwritten":
        whole = bytearray(path.read_bytes())
        whole[200:400] = bytes(200)
        path.write_bytes(bytes(whole))
    else:
        level = LEVELS["mixed4c", 4]._asdict()
        np.savez(path, fingerprint="level", **{**level, "x": np.arange(9)})


# NumPy leaves a cut off archive open until it is collected.
@pytest.mark.parametrize("how", ["garbage", "empty", "cut off", "overwritten", "of unequal length"])
def test_a_damaged_level_is_said_to_be(folder, how):
    damage_level(folder / "levels" / "mixed4c-4.npz", how)
    with pytest.raises(UserError, match=r"mixed4c-4\.npz is damaged: run the experiment again"):
        open_atlas(folder).level("mixed4c", 4)


def test_unknown_layer_and_grid_name_what_there_is(folder):
    atlas = open_atlas(folder)
    with pytest.raises(UserError, match="no layer 'mixed4k'; did you mean mixed4c"):
        atlas.grids("mixed4k")
    with pytest.raises(UserError, match="no layer 'mixed4k'; did you mean mixed4c"):
        atlas.level("mixed4k", 4)
    with pytest.raises(UserError, match="no grid 20 of mixed4c; there are 4, 8"):
        atlas.level("mixed4c", 20)


def test_absent_folder_names_its_nearest_sibling(folder):
    with pytest.raises(
        UserError, match=r"no run folder .*quickstrat'; did you mean .*quickstart\?"
    ):
        open_atlas(folder.parent / "quickstrat")
    with pytest.raises(UserError, match=r"no run folder .*zzz'; there are .*quickstart$"):
        open_atlas(folder.parent / "zzz")
    with pytest.raises(UserError, match=r"no run folder '[^;]*$"):
        open_atlas(folder.parent / "nowhere" / "zzz")


def test_other_folders_and_files_are_no_run(folder):
    (folder.parent / "empty").mkdir()
    with pytest.raises(UserError, match=r"has no atlas\.json: did the run finish\?"):
        open_atlas(folder.parent / "empty")
    with pytest.raises(UserError, match="is a file, not a run folder"):
        open_atlas(folder / "index.html")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"format": 1}', '{"format": 1, "layers": [3]}', "\udcff"]
)
def test_damaged_contents_are_said_to_be(folder, text):
    (folder / "atlas.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=r"atlas\.json is damaged"):
        open_atlas(folder)


def test_another_format_is_refused(folder):
    found = json.loads((folder / "atlas.json").read_text())
    (folder / "atlas.json").write_text(json.dumps({**found, "format": 99}))
    sums.keep(folder, [folder / "atlas.json"])  # as the version that wrote it did
    with pytest.raises(UserError, match="has format 99; this version of atlasjax reads format 1"):
        open_atlas(folder)
