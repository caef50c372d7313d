"""Views: what is refused before a network is loaded. The maps themselves are in tests/e2e."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from atlasjax.atlas.level import Level
from atlasjax.errors import UserError
from atlasjax.page.export import export
from atlasjax.workflows import views


@pytest.mark.parametrize(
    ("make", "which", "wanted"),
    [
        (views.class_atlas, ("wok",), "atlas of a class"),
        (views.class_atlas, (0,), "atlas of a class"),
        (views.compare, ("wok", "pan"), "comparison of classes"),
    ],
)
def test_a_run_without_classes_is_refused_at_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[..., object],
    which: tuple[str | int, ...],
    wanted: str,
):
    def reopen(*args: object, **options: object) -> None:
        raise AssertionError("the contents say it: no network is needed")

    monkeypatch.setattr(views, "reopen", reopen)
    one, icon = np.array([0]), np.zeros((1, 8, 8, 3), np.uint8)
    level = Level(one, one, one + 9, np.ones((1, 4)), np.ones(1), np.ones((1, 0)), icon)
    export(tmp_path, {("mixed4a", 1): level}, {}, [])
    with pytest.raises(UserError) as refused:
        make(tmp_path, *which)
    assert str(refused.value) == (
        f"the network of {str(tmp_path)!r} has no classes (it gives no logits), "
        f"so there is no {wanted}"
    )
