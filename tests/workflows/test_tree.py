"""Trees of a run: a class that one part tells is told by it; mistakes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atlasjax.errors import UserError
from atlasjax.page.tree import Feature, TreePage, write
from atlasjax.trees import fit
from atlasjax.workflows import tree as workflow
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
    from atlasjax.data import from_arrays

    images = np.zeros((30, 8, 8, 3), np.uint8)
    source: Any = from_arrays(images)
    known = [ClassName("", name) for name in ("cat", "dog")]
    with pytest.raises(UserError, match="no class of the network's"):
        workflow._of_classes(source, known, [0, 1])


def test_no_run_gets_one_line():
    with pytest.raises(UserError, match="no run folder"):
        tree("runs/none/at/all", "wok", "pan")
