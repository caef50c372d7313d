"""Rectifiers found in what a network computes: given other gradients, or looked behind.

A rectifier, max(x, 0), passes no gradient back where its input is below zero. An image that begins
as grey noise leaves whole layers there, and then nothing tells the optimizer which way to go: the
image stays grey, the best-known fault of feature visualization. So for the first steps the gradient
goes through rectifiers as if they leaked, while the values stay what they are. Guided
backpropagation goes the other way: where the gradient is below zero it is stopped as well.

Rectifiers are found in the network's jaxpr, not by names, so that networks of any library are
helped alike. Those inside a loop (`lax.scan`) or inside another function's own derivative are left
as they are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal
from jaxtyping import Array, Float

from atlasjax.errors import UserError
from atlasjax.planes import as_planes
from atlasjax.programs import CALLS, bind, follow, inside
from atlasjax.taps import Model, Tap, capture, identity, layers

PRE = "/pre_relu"
"""What the names of values before a nonlinearity end in."""

Replace = Callable[[Array, Array], Array]
"""From what a rectifier returns, and what it was given, to what goes on in its place."""

_ABOVE, _BELOW = ("gt", "ge"), ("lt", "le")
_MOVES = (  # what gives the same before a rectifier as after it: of places, and of the largest
    "broadcast_in_dim",
    "concatenate",
    "convert_element_type",
    "copy",
    "expand_dims",
    "max",
    "pad",
    "reduce_max",
    "reduce_window_max",
    "reshape",
    "rev",
    "select_n",
    "slice",
    "split",
    "squeeze",
    "transpose",
)


def leaking(function: Callable[..., Any], leak: Float[Array, ""]) -> Callable[..., Any]:
    """Return a function with the same values, whose rectifiers pass gradients below zero as well.

    `relu'(x) = 1 where x > 0, leak elsewhere`.

    Args:
        function: of arrays, or pytrees of them, to such.
        leak: 0 for the true gradient, 1 for that of the identity.

    Source: after Mordvintsev's redirected gradients in Lucid (2017), which let gradients through
    blocked rectifiers in the first steps.

    >>> float(jax.grad(leaking(jax.nn.relu, jnp.float32(0.5)))(-3.0))
    0.5
    """
    return _rewritten(function, lambda value, x: _leaky(value, x, leak))


def guided(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function with the same values, whose rectifiers pass back no gradient below zero.

    `g -> max(g, 0)` after the gradient of the rectifier itself.

    Args:
        function: of arrays, or pytrees of them, to such.

    Returns:
        The function. It raises `UserError` where no rectifier is found in what it computes.

    Source: Springenberg et al. 2015, "Striving for simplicity".

    >>> jax.grad(guided(lambda x: (jax.nn.relu(x) * jnp.array([2.0, -2.0])).sum()))(jnp.ones(2))
    Array([2., 0.], dtype=float32)
    """

    def rewritten(*args: Any) -> Any:
        found = []

        def replace(value: Array, x: Array) -> Array:
            found.append(x.shape)
            return _only_up(value)

        values = _rewritten(function, replace)(*args)
        if not found:
            raise UserError("no rectifier is found in what the network computes: nothing to guide")
        return values

    return rewritten


def before_rectifier(
    model: Model, layer: str, image_shape: tuple[int, int, int]
) -> tuple[Model, str]:
    """Return where a layer goes below zero: what it is before the rectifier that ends it.

    Args:
        model: a callable pytree `model(images, tap)`.
        layer: its name.
        image_shape: the [h, w, c] of the images.

    Returns:
        The model, and the name of the value: LAYER/pre_relu where the network taps it; the same, of
        a model that taps it as well, where a rectifier is found before the layer; else the layer's
        own, which no rectifier ends.

    >>> toy = lambda images, tap: tap("on", jax.nn.relu(images - 1)).mean((1, 2))
    >>> model, name = before_rectifier(toy, "on", (4, 4, 3))
    >>> float(capture(model, jnp.zeros((1, 4, 4, 3)), [name])[name].max()), name
    (-1.0, 'on/pre_relu')
    """
    planes = as_planes(model, vectors=False)
    if layer.endswith(PRE) or layer + PRE in layers(planes, image_shape):
        return model, layer if layer.endswith(PRE) else layer + PRE
    opened = _Opened(planes, layer)
    found = layers(opened, image_shape)
    return (opened, layer + PRE) if layer + PRE in found else (model, layer)


def unrectified(function: Callable[..., Array]) -> Callable[..., Array]:
    """Return a function whose result is what it was before the rectifier that ends it, if one does.

    Args:
        function: of arrays, or pytrees of them, to one array.

    >>> float(unrectified(lambda x: jax.nn.relu(3 * x))(-1.0)), float(unrectified(jnp.cos)(0.0))
    (-3.0, 1.0)
    """

    def opened(*args: Any) -> Array:
        (value,), _ = _values(function, args, None)
        return value.array if value.before is None else value.before

    return opened


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Opened:
    """A model that taps one of its layers before the rectifier as well.

    Attributes:
        model: it, showing planes.
        layer: the layer's name.
    """

    model: Any
    layer: str = field(metadata={"static": True})

    def __call__(self, images: Float[Array, "batch h w c"], tap: Tap = identity) -> Array:
        """Return the model's output, calling `tap` on its values and on the one before."""
        logits = self.model(images, tap)
        (value,), _ = _values(
            lambda model, x: capture(model, x, [self.layer])[self.layer], (self.model, images), None
        )
        if value.before is not None:
            tap(self.layer + PRE, value.before)
        return logits


class _Value(NamedTuple):
    """A value on the way through a jaxpr, with what is known of it.

    Attributes:
        array: itself.
        constant: the one number that it is everywhere, where that is known.
        before: what it was before the rectifier that made it, where one did.
        above: x, where this is whether x is above 0.
        below: x, where this is whether x is below 0.
        capped: x, where this is x up to a number above 0.
        square: whether this is a square.
        variance: whether this is something less a square: below 0 by rounding alone.
    """

    array: Any
    constant: float | None = None
    before: Any = None
    above: Any = None
    below: Any = None
    capped: Any = None
    square: bool = False
    variance: bool = False


def _rewritten(function: Callable[..., Any], replace: Replace) -> Callable[..., Any]:
    """Return a function whose rectifiers are replaced."""

    def rewritten(*args: Any) -> Any:
        values, tree = _values(function, args, replace)
        return jax.tree.unflatten(tree, [value.array for value in values])

    return rewritten


def _values(
    function: Callable[..., Any], args: Sequence[Any], replace: Replace | None
) -> tuple[list[_Value], Any]:
    """Compute a function, its rectifiers replaced or not, and what is known of its results."""
    closed, shape = jax.make_jaxpr(function, return_shape=True)(*args)
    given = [_Value(leaf) for leaf in jax.tree.leaves(args)]
    return _run(closed.jaxpr, closed.consts, given, replace), jax.tree.structure(shape)


def _run(
    jaxpr: Jaxpr, consts: Sequence[Any], given: Sequence[_Value], replace: Replace | None
) -> list[_Value]:
    step = partial(_step, replace=replace)
    return list(map(follow(jaxpr, consts, given, _constant, step), jaxpr.outvars))


def _constant(value: Any) -> _Value:
    known = np.ndim(value) == 0 and not isinstance(value, Tracer)
    number = known and np.issubdtype(np.asarray(value).dtype, np.number)
    return _Value(value, constant=float(value) if number else None)


def _step(equation: JaxprEqn, given: list[_Value], replace: Replace | None) -> list[_Value]:
    """Compute one equation."""
    name, inner = equation.primitive.name, inside(equation)
    if inner is not None and name in CALLS:
        return _run(inner.jaxpr, inner.consts, given, replace)
    made = bind(equation, [one.array for one in given])
    x = _rectified(name, inner, given)
    if x is not None:
        return [_Value(made[0] if replace is None else replace(made[0], x), before=x)]
    compared = name in _ABOVE + _BELOW and all(one.before is not None for one in given)
    rectified = any(one.before is not None for one in given) and _moves(equation)
    if replace is None and (compared or rectified):
        opened = [one.array if one.before is None else one.before for one in given]
        pairs = zip(made, bind(equation, opened), strict=True)
        return [_Value(value, before=before) for value, before in pairs]
    return [_known(name, value, given) for value in made]


def _known(name: str, value: Any, given: list[_Value]) -> _Value:
    """Return a value with what is known of it."""
    if name in _ABOVE + _BELOW and given[1].constant == 0:
        x = given[0].array
        return _Value(value, above=x) if name in _ABOVE else _Value(value, below=x)
    if name in ("broadcast_in_dim", "convert_element_type", "copy", "reshape", "transpose"):
        return _Value(value, constant=given[0].constant)
    if name in ("square", "integer_pow"):
        return _Value(value, square=True)
    if name == "sub":
        return _Value(value, variance=given[1].square)
    parts = given[1:] if name == "select_n" else given if name == "min" else []
    caps = [part.constant is not None and part.constant > 0 for part in parts]
    if sorted(caps) != [False, True]:
        return _Value(value)
    return _Value(value, capped=parts[caps.index(False)].array)


def _moves(equation: JaxprEqn) -> bool:
    """Whether an equation gives the same before a rectifier as after it, once that is applied."""
    inner = inside(equation)
    if inner is not None and equation.primitive.name in (*CALLS, "custom_jvp_call"):
        return all(_moves(one) for one in inner.jaxpr.eqns)
    return equation.primitive.name in _MOVES


def _rectified(name: str, inner: ClosedJaxpr | None, given: list[_Value]) -> Any:
    """Return x where an equation is max(x, 0), however it is written; None for others."""
    if name == "max" and (given[0].constant == 0) != (given[1].constant == 0):
        x = given[given[0].constant == 0]
        return None if x.variance else x.array
    if name == "select_n" and len(given) == 3:
        whether, no, yes = given
        x, zero, other = (
            (whether.above, no, yes) if whether.above is not None else (whether.below, yes, no)
        )
        same = x is not None and (other.array is x or other.capped is x)
        return x if same and zero.constant == 0 else None
    if name == "custom_jvp_call" and inner is not None and len(given) == 1:
        return given[0].array if _is_rectifier(inner.jaxpr) else None
    return None


def _is_rectifier(jaxpr: Jaxpr) -> bool:
    """Whether a function of its own derivative, such as `jax.nn.relu`, is max(x, 0) or relu6."""
    names = [equation.primitive.name for equation in jaxpr.eqns]
    if len(names) == 1 and names[0] in CALLS:
        inner = inside(jaxpr.eqns[0])
        return inner is not None and _is_rectifier(inner.jaxpr)
    return names in (["max"], ["max", "min"]) and any(
        isinstance(atom, Literal) and _constant(atom.val).constant == 0
        for atom in jaxpr.eqns[0].invars
    )


def _leaky(value: Array, x: Array, leak: Array) -> Array:
    below = jnp.minimum(x, jnp.zeros((), x.dtype))
    return value + leak.astype(value.dtype) * (below - jax.lax.stop_gradient(below))


@jax.custom_vjp
def _only_up(value: Array) -> Array:
    return value


def _only_up_forward(value: Array) -> tuple[Array, None]:
    return value, None


def _only_up_back(_: None, gradient: Array) -> tuple[Array]:
    return (jnp.maximum(gradient, jnp.zeros((), gradient.dtype)),)


_only_up.defvjp(_only_up_forward, _only_up_back)
