"""Histograms against numpy's, whatever the batches."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from atlasjax.circuits.histogram import Histogram, added, counted, edges, quantile

COUNT = jax.jit(counted)


def of(values: np.ndarray, parts: int) -> Histogram:
    found = None
    for rows in np.array_split(values, parts):
        exponent, counts = COUNT(jnp.asarray(rows), jnp.ones(len(rows), bool))
        found = added(found, Histogram(np.asarray(exponent), np.asarray(counts)))
    assert found is not None
    return found


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 999), parts=st.sampled_from([1, 2, 6]), order=st.booleans())
def test_counts_are_those_of_numpy_whatever_the_batches(seed: int, parts: int, order: bool):
    rng = np.random.default_rng(seed)
    values = (rng.normal(size=(60, 4)) * [1e-3, 1.0, 40.0, 1e4]).astype(np.float32)
    values = values[np.argsort(np.abs(values[:, 1]))] if order else values  # ever larger
    found = of(values, parts)
    for unit, bounds in enumerate(edges(found)):
        # Edges are halves of powers of two, so that both put a value on one in the same bin.
        expected = np.histogram(values[:, unit], bounds)[0]
        np.testing.assert_array_equal(found.counts[unit], expected)
        assert bounds[-1] <= 2 * np.abs(values[:, unit]).max()  # no coarser than it need be


def test_rows_that_fill_up_a_batch_do_not_count():
    values = jnp.array([[1.0], [900.0]])
    exponent, counts = counted(values, jnp.array([True, False]))
    assert int(exponent[0]) == 1
    assert int(counts.sum()) == 1


def test_quantiles_are_within_a_bin_of_the_exact_ones():
    values = np.random.default_rng(0).gamma(2.0, size=(4000, 2)).astype(np.float32)
    found = of(values, 3)
    width = edges(found)[:, 1] - edges(found)[:, 0]
    for share in (0.0, 0.1, 0.5, 0.995, 1.0):
        exact = np.quantile(values, share, axis=0)
        assert (np.abs(quantile(found, share) - exact) <= width).all()


def test_no_value_but_zero_has_a_histogram_too():
    found = of(np.zeros((5, 1), np.float32), 2)
    assert found.counts.sum() == 5
    assert np.isfinite(quantile(found, 0.5)).all()
