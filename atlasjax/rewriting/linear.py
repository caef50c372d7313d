"""Linear maps that come with their transposes.

Where JAX derives the transpose of a linear map itself, slices become paddings, each a pass over
memory, and a step of an optimization is mostly that. `custom_vjp` would give a better one but has
no forward mode, which attribution needs, and `linear_call` cannot be batched. So a pair of maps,
each the transpose of the other, is made a pair of primitives.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array

Map = Callable[..., Array]
"""A function of arrays, linear in the last, and of static settings by name."""


def transposes(name: str, push: Map, pull: Map | None = None, shared: int = 0) -> tuple[Map, Map]:
    """Return two linear maps as functions that JAX differentiates as each other's transposes.

    Every argument is an array whose first axis is the batch, or, of those that the whole batch
    shares, of length 1. The maps are linear in the last; the
    others say which map it is, and are constants to derivatives.

    Args:
        name: what the maps are called in compiled programs.
        push: the map.
        pull: its transpose, of the same other arguments; `push` itself where it is symmetric.
        shared: how many of the first arguments the whole batch may share.

    Returns:
        Both, for use under `jit`, `grad`, `jvp` and `vmap` alike.

    >>> scale, _ = transposes("scale", lambda by, x: by * x)
    >>> jax.grad(lambda x: scale(jnp.full(1, 3.0), x).sum())(jnp.ones(1))
    Array([3.], dtype=float32)
    """
    there = Primitive(f"{name}_push")
    back = there if pull is None else Primitive(f"{name}_pull")
    _define(there, push, back, shared)
    if pull is not None:
        _define(back, pull, there, shared)
    return there.bind, back.bind


def _define(primitive: Primitive, function: Map, transpose: Primitive, shared: int) -> None:
    @functools.lru_cache(maxsize=64)
    def compiled(static: tuple[tuple[str, Any], ...]) -> Callable[..., Array]:
        return jax.jit(lambda *v: function(*v, **dict(static)))

    def evaluated(*values: Any, **static: Any) -> Array:
        return compiled(tuple(sorted(static.items())))(*values)

    def abstract(*values: Any, **static: Any) -> Any:
        shapes = [jax.ShapeDtypeStruct(v.shape, v.dtype) for v in values]
        made = jax.eval_shape(lambda *v: function(*v, **static), *shapes)
        return values[-1].update(shape=made.shape)

    def differentiated(primals: Any, tangents: Any, **static: Any) -> tuple[Array, Any]:
        made = primitive.bind(*primals, **static)
        if isinstance(tangents[-1], ad.Zero):
            return made, ad.Zero(jax.typeof(made).to_tangent_aval())
        return made, primitive.bind(*primals[:-1], tangents[-1], **static)

    def transposed(cotangent: Any, *values: Any, **static: Any) -> list[Any]:
        if isinstance(cotangent, ad.Zero):
            return [None] * (len(values) - 1) + [ad.Zero(values[-1].aval)]
        others = values[:-1]
        return [None] * len(others) + [transpose.bind(*others, cotangent, **static)]

    def batched(values: Any, axes: Any, **static: Any) -> tuple[Array, int]:
        n = next(v.shape[a] for v, a in zip(values, axes, strict=True) if a is not None)
        every = [
            jnp.broadcast_to(v, (n, *v.shape)) if a is None else jnp.moveaxis(v, a, 0)
            for v, a in zip(values, axes, strict=True)
        ]
        size = every[-1].shape[1]
        for i, value in enumerate(every):
            if i < shared and axes[i] is None and value.shape[1] == 1:
                every[i] = values[i]
            else:
                whole = jnp.broadcast_to(value, (n, size, *value.shape[2:]))
                every[i] = whole.reshape(-1, *value.shape[2:])
        made = primitive.bind(*every, **static)
        return made.reshape(n, -1, *made.shape[1:]), 0

    primitive.def_impl(evaluated)
    primitive.def_abstract_eval(abstract)
    mlir.register_lowering(primitive, mlir.lower_fun(function, multiple_results=False))
    ad.primitive_jvps[primitive] = differentiated
    ad.primitive_transposes[primitive] = transposed
    batching.primitive_batchers[primitive] = batched
