"""Select: against the definition, row by row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax.atlas import rows
from atlasjax.atlas.select import of_class, strongest_class
from atlasjax.errors import UserError


@settings(deadline=None)  # a busy machine is no failure
@given(st.integers(1, 60), st.integers(1, 5), st.integers(1, 20), st.integers(0, 999))
def test_a_class_has_what_is_strongest_for_it_and_what_speaks_most_for_it(
    n: int, classes: int, top: int, seed: int
):
    rng = np.random.default_rng(seed)
    effect = rng.normal(size=(n, classes)).astype(np.float16)
    index = seed % classes
    ranked = sorted(range(n), key=lambda i: -effect[i, index])
    expected = {i for i in ranked[: min(top, n)] if effect[i, index] > 0}
    expected |= {i for i in range(n) if all(effect[i, index] >= e for e in effect[i])}
    found = of_class(effect, index, top=top, evidence=1.0)
    assert found.tolist() == sorted(expected)


@settings(deadline=None)
@given(st.integers(1, 60), st.floats(0.01, 0.99), st.integers(0, 999))
def test_they_hold_the_share_of_the_evidence_and_none_can_be_spared(
    n: int, share: float, seed: int
):
    effect = np.stack([np.random.default_rng(seed).normal(size=n), np.full(n, 1000.0)], -1)
    found = of_class(effect, 0, evidence=share)
    own, wanted = effect[found, 0], share * effect[:, 0].clip(0).sum()
    assert (own > 0).all()
    assert own.sum() >= wanted * (1 - 1e-12)  # sums round
    assert len(own) == 0 or own.sum() - own.min() <= wanted * (1 + 1e-12)


def test_evidence_is_counted_from_the_strongest():
    effect = np.stack([np.array([1.0, 5.0, -9.0, 4.0]), np.full(4, 1000.0)], -1)
    assert of_class(effect, 0, evidence=0.5).tolist() == [1]
    assert of_class(effect, 0, evidence=0.6).tolist() == [1, 3]
    assert of_class(effect, 0, evidence=0.99).tolist() == [0, 1, 3]
    assert of_class(effect, 0, evidence=0.99, top=2).tolist() == [1, 3]


def test_rows_are_read_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch):
    effect = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float16)
    monkeypatch.setattr(rows, "AT_A_TIME", 8)
    np.testing.assert_array_equal(strongest_class(effect), effect.argmax(1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"index": 2}, "class 2: must be from 0 to 1"),
        ({"top": 0}, "top 0: must be at least 1"),
        ({"evidence": 0.0}, r"evidence 0\.0: must be above 0"),
    ],
)
def test_what_cannot_be_selected(changes: dict, message: str):
    with pytest.raises(UserError, match=message):
        of_class(np.ones((3, 2)), **{"index": 0, **changes})


@pytest.mark.parametrize("n", [0, 3])
def test_without_classes_nothing_can_be_selected(n: int):
    with pytest.raises(UserError, match="no class 2: the network has no classes"):
        of_class(np.ones((n, 0)), 2)
    with pytest.raises(UserError, match="no strongest class: the network has no classes"):
        strongest_class(np.ones((n, 0)))
