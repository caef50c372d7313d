import builtins

import numpy as np
import pytest

from atlasjax.atlas.level import Level
from atlasjax.errors import UserError
from atlasjax.page import notebook
from atlasjax.page.export import export
from atlasjax.workflows.open import open_atlas


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    one = np.array([0])
    icon = np.zeros((1, 8, 8, 3), np.uint8)
    level = Level(one, one, one + 9, np.ones((1, 4)), np.ones(1), np.ones((1, 2)), icon)
    folder = tmp_path_factory.mktemp("a") / "run"
    export(folder, {("mixed4c", 1): level}, {}, ["cat", "dog"])
    (folder.parent / "secret.js").write_text("secret")
    return folder


@pytest.fixture
def without_anywidget(monkeypatch):
    real = builtins.__import__

    def importing(name, *args, **kwargs):
        if name == "anywidget":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", importing)


def test_without_anywidget_it_is_said_how_to_get_it(run, without_anywidget):
    with pytest.raises(UserError, match=r"pip install 'atlasjax\[notebook\]'.*index\.html"):
        notebook.view(run)
    atlas = open_atlas(run)
    assert atlas._repr_mimebundle_() == {"text/plain": repr(atlas)}


@pytest.mark.parametrize("height", [0, 199, 5000])
def test_a_height_that_cannot_be_is_refused(run, height):
    with pytest.raises(UserError, match=f"height {height}: must be from 200 to 4000 px"):
        notebook.view(run, height=height)


def asked(widget, monkeypatch, path):
    sent = []
    monkeypatch.setattr(
        widget, "send", lambda content, buffers=None: sent.append((content, buffers))
    )
    widget._handle_custom_msg({"id": 7, "path": path}, [])
    ((content, buffers),) = sent
    assert content["id"] == 7
    return buffers[0] if content["found"] else None


def test_the_kernel_sends_what_the_viewer_asks_for(run, monkeypatch):
    pytest.importorskip("anywidget", reason="the extra `notebook` is not installed")
    widget = notebook.view(run, height=300)
    assert widget.height == 300  # pyright: ignore[reportAttributeAccessIssue]
    for path in ("atlas.js", "data/mixed4c-1.js", "sprites/mixed4c-1/all.webp"):
        assert asked(widget, monkeypatch, path) == (run / path).read_bytes()
    for path in ("none.js", "../secret.js", "/etc/passwd", "run.json", "", "levels/mixed4c-1.npz"):
        assert asked(widget, monkeypatch, path) is None


def test_an_atlas_shows_itself(run):
    pytest.importorskip("anywidget", reason="the extra `notebook` is not installed")
    bundle = open_atlas(run)._repr_mimebundle_(include=None, exclude=None)
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "application/vnd.jupyter.widget-view+json" in data
