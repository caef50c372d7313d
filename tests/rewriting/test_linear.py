"""Tests of linear maps that come with their transposes."""

import jax
import jax.numpy as jnp
import numpy as np

from atlasjax.rewriting.linear import transposes


def weigh(by, x):
    return by * x


# A pair that is no true pair of transposes shows which of the two JAX takes.
plain, back = transposes("three_and_five", lambda by, x: 3 * by * x, lambda by, x: 5 * by * x)
symmetric, same = transposes("weigh", weigh)
BY, X = jnp.array([2.0, 4.0]), jnp.array([1.0, 3.0])


def test_the_gradient_is_the_map_that_was_given():
    assert jax.grad(lambda x: plain(BY, x).sum())(X).tolist() == [10, 20]
    assert jax.grad(lambda x: back(BY, x).sum())(X).tolist() == [6, 12]


def test_forward_mode_takes_the_map_itself():
    value, change = jax.jvp(lambda x: plain(BY, x), (X,), (jnp.ones(2),))
    assert value.tolist() == [6, 36]
    assert change.tolist() == [6, 12]


def test_what_says_which_map_it_is_has_no_derivative():
    assert jax.grad(lambda by: plain(by, X).sum())(BY).tolist() == [0, 0]


def test_a_symmetric_map_is_its_own_transpose():
    assert symmetric is same or symmetric == same
    np.testing.assert_array_equal(jax.grad(lambda x: symmetric(BY, x).sum())(X), BY)


def test_maps_outside_of_jit_are_compiled_once():
    traced = []

    def counted(by, x, *, times):
        traced.append(times)
        return times * by * x

    counting, _ = transposes("counted", counted)
    results = [counting(BY, X, times=times).tolist() for times in (2, 2, 3)]
    assert results == [[4, 24], [4, 24], [6, 36]]
    assert traced == [2, 3]


def test_batches_go_through_in_any_place():
    stacked = jnp.stack([X, 2 * X, 3 * X])
    expected = 3 * np.asarray(BY) * np.asarray(stacked)
    np.testing.assert_array_equal(jax.vmap(lambda x: plain(BY, x))(stacked), expected)
    by_last = jax.vmap(lambda by: plain(by, X), in_axes=1)(jnp.stack([BY, 2 * BY], 1))
    np.testing.assert_array_equal(by_last, [3 * BY * X, 6 * BY * X])


def test_it_compiles_and_differentiates_twice():
    second = jax.jit(jax.hessian(lambda x: jnp.square(symmetric(BY, x)).sum()))(X)
    np.testing.assert_array_equal(second, jnp.diag(2 * BY**2))
