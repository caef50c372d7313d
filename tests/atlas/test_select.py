"""Select: against the definition, row by row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasjax.atlas import select
from atlasjax.atlas.select import of_class, strongest_class
from atlasjax.errors import UserError


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
    found = of_class(effect, index, top=top, share=1.0)
    assert found.tolist() == sorted(expected)


def test_of_few_activations_not_all_are_taken():
    effect = np.stack([np.arange(1.0, 101.0), np.full(100, 1000.0)], -1)
    assert of_class(effect, 0).tolist() == list(range(90, 100))  # a tenth
    assert of_class(effect, 0, share=0.5, top=3).tolist() == [97, 98, 99]


def test_rows_are_read_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch):
    effect = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float16)
    monkeypatch.setattr(select, "AT_A_TIME", 8)
    np.testing.assert_array_equal(strongest_class(effect), effect.argmax(1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"index": 2}, "class 2: must be from 0 to 1"),
        ({"top": 0}, "top 0: must be at least 1"),
        ({"share": 0.0}, r"share 0\.0: must be above 0"),
    ],
)
def test_what_cannot_be_selected(changes: dict, message: str):
    with pytest.raises(UserError, match=message):
        of_class(np.ones((3, 2)), **{"index": 0, **changes})
