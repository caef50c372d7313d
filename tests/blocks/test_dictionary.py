"""A dictionary lists what is most active at every position, and each channel once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax import UserError, blocks


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), depth=st.integers(1, 5), most=st.none() | st.integers(1, 6))
def test_positions_list_the_strongest_of_the_channels_that_appear(seed, depth, most):
    value = np.maximum(np.random.default_rng(seed).normal(size=(3, 2, 6)), 0).astype(np.float32)
    found = blocks.dictionary(value, depth, most)
    assert len(set(found.channels.tolist())) == len(found.channels)
    assert most is None or len(found.channels) <= most
    for row, column in np.ndindex(3, 2):
        here, listed = value[row, column], found.strongest[row, column]
        among = found.channels if most else np.arange(6)
        expected = sorted((c for c in among if here[c] > 0), key=lambda c: -here[c])[:depth]
        assert [found.channels[i] for i in listed if i >= 0] == expected
        assert (listed[len(expected) :] == -1).all()
        np.testing.assert_array_equal(found.value[row, column, : len(expected)], here[expected])


def test_channels_are_in_the_order_of_how_often_they_appear():
    value = np.zeros((1, 4, 5), np.float32)
    value[0, :3, 2], value[0, 3, 4], value[0, 0, 1] = 9, 8, 7
    found = blocks.dictionary(value, 1)
    assert found.channels.tolist() == [2, 4]
    assert found.strongest.tolist() == [[[0], [0], [0], [1]]]
    assert blocks.dictionary(np.zeros((1, 1, 2)), 2).strongest.tolist() == [[[-1, -1]]]


def test_what_lists_nothing_is_refused():
    with pytest.raises(UserError, match="depth 0: must be at least 1"):
        blocks.dictionary(np.ones((1, 1, 2)), 0)
    with pytest.raises(UserError, match="most 0: must be at least 1 channel"):
        blocks.dictionary(np.ones((1, 1, 2)), 1, 0)
