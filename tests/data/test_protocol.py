from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlasjax.data import UnreadableImage
from atlasjax.data.protocol import spread
from atlasjax.errors import UserError


@given(st.integers(0, 1000), st.integers(1, 1000))
def test_spread_is_even_and_keeps_within_the_length(length, limit):
    chosen = list(spread(length, limit))
    assert len(chosen) == min(length, limit)
    assert chosen == sorted(set(chosen))
    assert all(0 <= i < length for i in chosen)
    gaps = {b - a for a, b in pairwise(chosen)}
    assert len(gaps) <= 2
    assert not gaps or max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_below_one_is_refused(limit):
    with pytest.raises(UserError, match=f"limit is {limit}; it must be at least 1"):
        spread(10, limit)


def test_an_unreadable_image_tells_its_name_and_reason():
    error = UnreadableImage("a/b.jpg", "cut off")
    assert (error.name, error.reason, str(error)) == ("a/b.jpg", "cut off", "a/b.jpg: cut off")
