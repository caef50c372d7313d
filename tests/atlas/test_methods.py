"""Methods of layout: each by name, the optional ones where they are installed, and one's own."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from atlasjax.atlas import methods
from atlasjax.atlas.layout import layout, place
from atlasjax.atlas.methods import named, source_of
from atlasjax.atlas.settings import Settings
from atlasjax.errors import UserError

OWN = "import numpy as np\ndef flat(activations, *, seed):\n    return activations[:, :2] + seed\n"


def blobs() -> tuple[np.ndarray, np.ndarray]:
    """Three clusters in eight dimensions, and which each point is of."""
    label = np.repeat(np.arange(3), 30)
    noise = np.random.default_rng(0).normal(0, 0.3, (90, 8))
    return (np.eye(3, 8)[label] * 5 + noise).astype(np.float32), label


@pytest.mark.slow
@pytest.mark.parametrize("method", ["pacmap", "tsne"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_optional_methods_keep_like_beside_like(method: str):
    if importlib.util.find_spec(methods.EXTRAS[method]) is None:
        pytest.skip(f"{methods.EXTRAS[method]} is not installed: pip install atlasjax[{method}]")
    points, label = blobs()
    xy = layout(points, method=method, n_neighbors=10, seed=1)
    np.testing.assert_array_equal(xy, layout(points, method=method, n_neighbors=10, seed=1))
    distance = np.linalg.norm(xy[:, None] - xy[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    assert (label[distance.argmin(1)] == label).all()
    like = layout(points, method=method, n_neighbors=10, seed=2, like=xy)
    assert np.linalg.norm(like - xy, axis=1).mean() < 0.25  # of random places it would be .5


def test_an_extra_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"'cuml' needs cuml.*pip install 'atlasjax\[cuml\]'"):
        named("cuml")


def test_a_function_of_ones_own():
    points, _ = blobs()
    seen = []

    def own(activations, *, seed):
        seen.append(seed)
        return activations[:, :2]

    xy = layout(points, method=own, seed=5)
    assert seen == [5]
    order = np.argsort(points[:, 0], kind="stable")
    assert (np.diff(xy[order, 0]) >= 0).all()


def test_a_function_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "own_layout_for_test.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    points, _ = blobs()
    name = "own_layout_for_test:flat"
    found = place(points, Settings(5, 0.1, "cosine", 3), name)
    np.testing.assert_allclose(found, points[:, :2] + 3)
    # A change of the code is a change of the layout.
    assert "activations[:, :2] + seed" in source_of(name)
    for wrong, message in {
        "own_layout_for_test:none": "has no 'none'",
        "no_such_module_for_test:f": "cannot be imported",
        "own_layout_for_test:__name__": "not a function, but str",
    }.items():
        with pytest.raises(UserError, match=message):
            named(wrong)


@pytest.mark.parametrize(
    ("gives", "message"),
    [
        (lambda a, seed: a[:, :3], r"shape \(90, 3\), not \(90, 2\)"),
        (lambda a, seed: a[:, :2] * np.nan, "not finite"),
    ],
)
def test_what_is_no_map_is_refused(gives, message: str):
    with pytest.raises(UserError, match=message):
        layout(blobs()[0], method=gives)
