"""Trees of a run: a class that one part tells is told by it; mistakes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atlasjax.data import from_arrays
from atlasjax.errors import UserError
from atlasjax.page.tree import Feature, TreePage, write
from atlasjax.trees import fit
from atlasjax.workflows import tree as workflow
from atlasjax.workflows.make import run
from atlasjax.workflows.tree import tree


@pytest.fixture
def page() -> TreePage:
    x = np.linspace(0, 1, 40)[:, None]
    grown = fit(x, np.where(x[:, 0] > 0.5, 7, 2), prune=False)
    icon = np.zeros((8, 8, 3), np.uint8)
    features = {0: Feature("cell <1>", icon, [icon])}
    return TreePage(grown, {2: "cat & dog", 7: "wok"}, features, 1.0, 1.0, None, {}, ("a note",))


def test_the_page_shows_every_split_and_leaf_and_no_markup_of_names(tmp_path: Path, page: TreePage):
    text = write(tmp_path / "out", page).read_text()
    assert "cell &lt;1&gt;" in text
    assert text.count('class="node leaf"') == 2
    assert text.count("<img") == 2
    assert "cat &amp; dog" in text
    with np.load(tmp_path / "out" / "tree.npz") as kept:
        np.testing.assert_array_equal(kept["threshold"], page.tree.threshold)


def test_the_branch_that_has_the_feature_leads_to_its_class(tmp_path: Path, page: TreePage):
    text = write(tmp_path / "out", page).read_text()
    yes = text.index("yes, above")
    assert text.index('<b class="b">wok</b>') - yes < 200


def test_what_is_of_no_class_is_left_out(monkeypatch: pytest.MonkeyPatch):
    from atlasjax.classes import ClassName

    images = np.zeros((30, 8, 8, 3), np.uint8)
    source: Any = from_arrays(images)
    known = [ClassName("", name) for name in ("cat", "dog")]
    with pytest.raises(UserError, match="no class of the network's"):
        workflow._of_classes(source, known, [0, 1])


def test_no_run_gets_one_line():
    with pytest.raises(UserError, match="no run folder"):
        tree("runs/none/at/all", "wok", "pan")


@pytest.fixture(scope="module")
def run_dir(
    tmp_path_factory: pytest.TempPathFactory,
    write_own: Callable[..., Path],
    pictures: np.ndarray,
) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    made = run(
        write_own(folder, "explained_by_a_tree"), images=labelled(pictures), out=folder / "run"
    )
    return made.folder


def labelled(pictures: np.ndarray) -> Any:
    return from_arrays(pictures, np.arange(len(pictures)) % 2, ("cow", "elk"))


@pytest.mark.parametrize("features", ["cells", "groups", "units", np.eye(24)[:5]])
def test_a_tree_asks_about_what_it_is_told_to(
    run_dir: Path, pictures: np.ndarray, features: Any, tmp_path: Path
):
    given: dict[str, Any] = {"images": labelled(pictures), "features": features, "pool": "mean"}
    made = tree(str(run_dir), "cow", "elk", layer="two", groups=4, out=tmp_path / "out", **given)
    kind = features if isinstance(features, str) else "directions"
    assert f"Of the {kind} of two" in made.page.read_text()
    assert (made.grid is None) == (kind != "cells")
    if kind == "units":  # the network's answer is the greater of the means of two
        assert made.contents.fidelity >= 0.7
    assert 2 <= made.contents.tree.leaves <= 5
    for feature in made.contents.features.values():
        assert feature.name.startswith(kind.removesuffix("s"))
        assert feature.is_a_likeness == (kind == "cells")
        assert feature.icon.std() > 0
        assert len(feature.patches) >= 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"features": "cell"}, "did you mean cells"),
        ({"features": "units", "grid": 2}, "only cells have one"),
        ({"features": "units", "layer": "tow"}, "did you mean two"),
        ({"features": np.eye(24)}, "give layer="),
        ({"features": np.eye(3), "layer": "two"}, "directions of 3 channels"),
        ({"grid": 9}, "no grid 9; there are 2"),
    ],
)
def test_what_cannot_be_asked_gets_one_line(
    run_dir: Path, pictures: np.ndarray, given: dict[str, Any], message: str
):
    with pytest.raises(UserError, match=message):
        tree(str(run_dir), "cow", "elk", images=labelled(pictures), **given)
