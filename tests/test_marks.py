"""Marks: found through all wrappers, dropped where no single value is, and without any cost."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from atlasjax.marks import mark, mark_first, marking, tapped


def recorded(function: Any, *arguments: Any) -> tuple[Any, dict[str, Any]]:
    """Evaluate with a tap that adds one to every value; return the result and what was tapped."""
    seen: dict[str, Any] = {}

    def tap(name: str, value: Any) -> Any:
        assert name not in seen
        seen[name] = value
        return value + 1

    return tapped(function, tap)(*arguments), seen


def test_a_mark_changes_nothing():
    x = jnp.arange(3.0)
    np.testing.assert_array_equal(mark("x", x), x)
    assert jax.grad(lambda x: (mark("x", x) ** 2).sum())(x).tolist() == [0, 2, 4]
    assert jax.jvp(lambda x: mark("x", x) * 3, (x,), (x,))[1].tolist() == [0, 3, 6]
    assert jax.vmap(lambda x: mark("x", x))(x).tolist() == [0, 1, 2]
    assert jax.jit(jax.hessian(lambda x: (mark("x", x) ** 3).sum()))(x)[2, 2] == 12


def test_a_compiled_program_has_no_marks():
    x = jnp.ones((4, 4))
    plain = jax.jit(lambda x: (x @ x + 1).sum()).lower(x).compile()
    with_marks = jax.jit(lambda x: mark("b", mark("a", x @ x) + 1).sum()).lower(x).compile()
    assert plain.cost_analysis() == with_marks.cost_analysis()


WRAPPERS = {
    "plain": lambda f: f,
    "jit": jax.jit,
    "remat": jax.checkpoint,
    "jit in remat in jit": lambda f: jax.jit(jax.checkpoint(jax.jit(f))),
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_the_tap_is_called_within(wrapper: str):
    part = WRAPPERS[wrapper](lambda x: mark("inner", x * 2) * 3)
    result, seen = recorded(lambda x: part(x) + mark("outer", x), jnp.asarray([1.0, 2.0]))
    assert seen["inner"].tolist() == [2, 4]
    assert seen["outer"].tolist() == [1, 2]
    assert result.tolist() == [(2 + 1) * 3 + 2, (4 + 1) * 3 + 3]


def looped(x: Any) -> Any:
    return lax.scan(lambda c, _: (mark("inner", c * 2), None), x, None, 2)[0]


def branched(x: Any) -> Any:
    return lax.cond(x.sum() > 0, lambda x: mark("inner", 4 * x), lambda x: x, x)


def repeated(x: Any) -> Any:
    return lax.while_loop(lambda c: c.sum() < 7, lambda c: mark("inner", c * 4), x)


@jax.custom_jvp
def own_jvp(x: Any) -> Any:
    return mark("inner", 4 * x)


@own_jvp.defjvp
def _(primals: Any, tangents: Any) -> Any:
    return own_jvp(*primals), 7 * tangents[0]


@jax.custom_vjp
def own_vjp(x: Any) -> Any:
    return mark("inner", 4 * x)


own_vjp.defvjp(lambda x: (own_vjp(x), None), lambda _, d: (7 * d,))


@pytest.mark.parametrize("part", [looped, branched, repeated, own_jvp, own_vjp])
def test_marks_are_dropped_where_no_single_value_is(part: Any):
    result, seen = recorded(lambda x: mark("after", jax.jit(part)(x)), jnp.asarray([1.0, 2.0]))
    assert list(seen) == ["after"]
    assert seen["after"].tolist() == [4, 8]
    assert result.tolist() == [5, 9]


@pytest.mark.parametrize("part", [own_jvp, own_vjp])
def test_derivatives_of_their_own_are_kept(part: Any):
    run = tapped(lambda x: mark("after", part(x)).sum(), lambda _, value: value)
    assert jax.grad(run)(jnp.ones(2)).tolist() == [7, 7]


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit], ids=["plain", "jit"])
def test_a_single_example_is_tapped_as_a_batch(transform: Any):
    def one(x: Any) -> Any:
        tokens = jax.vmap(lambda t: mark("token", 2 * t, single=True), 1, 1)(x)
        return mark("whole", tokens, single=True)

    x = jnp.arange(24.0).reshape(2, 3, 4)
    result, seen = recorded(transform(jax.vmap(one, 2, 0)), x)
    # Axis 2 is the batch, axis 1 the tokens.
    np.testing.assert_array_equal(seen["token"], 2 * x.transpose(2, 1, 0))
    np.testing.assert_array_equal(seen["whole"], 2 * x.transpose(2, 0, 1) + 1)
    np.testing.assert_array_equal(result, 2 * x.transpose(2, 0, 1) + 2)


def test_marks_of_batches_are_dropped_in_a_vmap():
    _, seen = recorded(jax.vmap(lambda x: mark("part", 2 * x)), jnp.ones((2, 3)))
    assert seen == {}


def test_the_tap_may_be_called_under_every_transformation():
    def value(x: Any) -> Any:
        _, seen = recorded(jax.jit(lambda x: mark("cube", x**3)), x)
        return seen["cube"].sum()

    x = jnp.asarray([1.0, 2.0])
    assert jax.jit(jax.grad(value))(x).tolist() == [3, 12]
    assert jax.jvp(value, (x,), (x,))[1] == 3 + 24
    assert jax.vmap(value)(x).tolist() == [1, 8]


def test_arguments_and_results_are_pytrees():
    run = tapped(lambda a, b: {"sum": a["x"] + b[0], "none": None}, lambda _, value: value)
    key = jax.random.key(0)
    assert run({"x": 1.0, "key": key}, [2.0]) == {"sum": 3.0, "none": None}


def test_the_first_array_of_numbers_is_marked():
    def function(x: Any) -> Any:
        return mark_first("first", {"a": None, "b": jnp.arange(2), "c": (x, 3 * x)})

    result, seen = recorded(function, jnp.ones(2))
    assert seen["first"].tolist() == [1, 1]
    assert result["c"][0].tolist() == [2, 2]
    assert result["c"][1].tolist() == [3, 3]
    assert mark_first("none", "text") == "text"


def test_traces_made_elsewhere_are_not_used():
    names = ["before", "one", "two", "three", "four", "five", "six"]
    part = jax.jit(lambda x: mark(names.pop(0), x))
    part(1.0)
    # The first try finds one trace for both parts, so that each is traced by itself.
    _, seen = recorded(lambda x: part(part(x)), 1.0)
    assert list(seen) == ["two", "three"]


def test_traces_are_kept_for_a_key():
    traced = []
    part = jax.jit(lambda x: traced.append(1) or mark("part", x))
    key = object()
    for _ in range(3):
        tapped(part, lambda _, value: value, key)(1.0)
    assert len(traced) == 1
    tapped(part, lambda _, value: value)(1.0)
    assert len(traced) == 2


def test_a_marking_class_is_like_its_own():
    class Module:
        def __call__(self, x: Any) -> Any:
            """Double."""
            return 2 * x

    marked = marking(Module, "double")
    assert marked is marking(Module, "double")
    assert issubclass(marked, Module)
    assert (marked.__name__, marked.__call__.__doc__) == ("Module", "Double.")
    result, seen = recorded(marked(), 2.0)
    assert (result, seen["double"]) == (5, 4)
