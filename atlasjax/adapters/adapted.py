"""Adapted: a network of another library as a model with taps.

Each library has a file of its own beside this one, which makes `Parts` of a network: its weights
as a pytree, and a pure function of weights, inputs and a tap. What all of them share is here:
images in [0, 1] become the inputs that the network was trained on, values [b, c, h, w] are shown to
the tap as [b, h, w, c], and of several outputs one stands for the logits.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from atlasjax.errors import UserError
from atlasjax.marks import tapped
from atlasjax.taps import Tap, identity

NONE = "none"  # the output of a network without classes
Call = Callable[[Any, Array, Tap], Any]
"""From weights, prepared inputs and a tap to whatever the network returns."""


class Parts(NamedTuple):
    """A network taken apart.

    Attributes:
        variables: all its arrays, as a pytree.
        call: what it computes, a pure function of `variables`, inputs [b, h, w, c] (or
            [b, c, h, w], where `channels_first`) and a tap, which it calls on the output of each of
            its modules, as it is, under the module's own dotted name.
        channels_first: whether inputs, and values of four dimensions, have channels before rows.
        channels_last: names of the values of four dimensions that are [b, h, w, c] all the same.
    """

    variables: Any
    call: Call
    channels_first: bool = False
    channels_last: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Inputs:
    """What a network expects of its images.

    `(images * (high - low) + low - mean) / std`, with `range` = (low, high).

    Attributes:
        range: the values that black and white have before mean and deviation.
        mean: subtracted from each channel; one number for all, or none.
        std: divides each channel; one number for all, or none.
    """

    range: tuple[float, float] = (0.0, 1.0)
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Adapted:
    """A model with taps made of a network of another library, see `atlasjax.adapt`.

    Attributes:
        variables: the network's arrays, which are this pytree's leaves.
        call: what it computes; see `Parts`.
        channels_first: as of `Parts`.
        channels_last: as of `Parts`.
        inputs: what it expects of its images.
        output: which of its outputs stands for the logits: an index, a key or an attribute of what
            it returns, or the name of a tapped value; "none" where it has no classes.
    """

    variables: Any
    call: Call = field(metadata={"static": True})
    channels_first: bool = field(default=False, metadata={"static": True})
    channels_last: frozenset[str] = field(default=frozenset(), metadata={"static": True})
    inputs: Inputs = field(default=Inputs(), metadata={"static": True})
    output: str | int | None = field(default=None, metadata={"static": True})

    def __call__(
        self, images: Float[Array, "batch h w c"], tap: Tap = identity
    ) -> Float[Array, "batch classes"]:
        """Return the logits of images in [0, 1], calling `tap` on what every module returns.

        A module that is called again has its further values under NAME:1, NAME:2, and so on.

        Args:
            images: in [0, 1].
            tap: called on every value of floating point whose first axis is the batch; see
                `atlasjax.taps`.

        Returns:
            One row of logits for each image; of no columns where the network has no classes.

        Raises:
            UserError: channels that mean or deviation do not fit, or outputs of which none was
                named.
        """
        seen: dict[str, Array] = {}
        count: Counter[str] = Counter()

        def shown(name: str, value: Array) -> Array:
            if value.shape[:1] != images.shape[:1] or not jnp.issubdtype(value.dtype, jnp.floating):
                return value
            turned = self.channels_first and value.ndim == 4 and name not in self.channels_last
            value = jnp.moveaxis(value, 1, -1) if turned else value
            count[name] += 1
            unique = name if count[name] == 1 else f"{name}:{count[name] - 1}"
            value = tap(unique, value)
            if unique == self.output:
                seen[unique] = value
            return jnp.moveaxis(value, -1, 1) if turned else value

        x = prepared(images, self.inputs)
        x = jnp.moveaxis(x, -1, 1) if self.channels_first else x
        returned = self.call(self.variables, x, shown)
        if isinstance(self.output, str) and self.output in seen:
            return _logits(seen[self.output], self.output)
        return chosen(returned, self.output, len(images))


def marked(apply: Callable[[Any, Array], Any]) -> Call:
    """Return the `call` of a network whose modules mark what they return; see `marks`.

    Args:
        apply: a pure function of weights and prepared inputs to whatever the network returns.

    >>> from atlasjax.marks import mark
    >>> double = marked(lambda by, x: mark("double", by * x) + 1)
    >>> double(jnp.ones(1), jnp.ones(1), lambda name, value: 10 * value)
    {0: Array([11.], dtype=float32)}
    """
    key = object()

    def call(variables: Any, x: Array, tap: Tap) -> Any:
        return tapped(lambda v, x: outputs(apply(v, x)), tap, key)(variables, x)

    return call


def prepared(images: Float[Array, "b h w c"], inputs: Inputs) -> Float[Array, "b h w c"]:
    """Return the images as a network expects them, `(images (high - low) + low - mean) / std`.

    Args:
        images: in [0, 1].
        inputs: what the network expects.

    Raises:
        UserError: mean or deviation are of another number of channels.

    >>> prepared(jnp.ones((1, 1, 1, 1)), Inputs(range=(0.0, 255.0), mean=(127.0,), std=(128.0,)))
    Array([[[[1.]]]], dtype=float32)
    """
    low, high = inputs.range
    x = images if (low, high) == (0, 1) else images * (high - low) + low
    for name, values, apply in (
        ("mean", inputs.mean, jnp.subtract),
        ("std", inputs.std, jnp.divide),
    ):
        if values:
            if len(values) not in (1, images.shape[-1]):
                raise UserError(
                    f"{name} of {len(values)} channels for images of {images.shape[-1]}: "
                    "give one number for each channel, or one for all"
                )
            x = apply(x, jnp.asarray(values, x.dtype).reshape(1, 1, 1, -1))
    return x


def chosen(returned: Any, output: str | int | None, batch: int) -> Float[Array, "batch classes"]:
    """Return what of a network's outputs stands for its logits.

    Args:
        returned: what the network returned.
        output: an index, a key or an attribute; None where there is one only; "none" for none.
        batch: how many images there were.

    Raises:
        UserError: no such output, several where none is named, or one that cannot be logits.

    >>> chosen({"logits": jnp.ones((1, 3)), "features": jnp.ones((1, 8))}, "logits", 1).shape
    (1, 3)
    >>> chosen(jnp.ones((1, 8)), "none", 1).shape
    (1, 0)
    """
    if output == NONE:
        return jnp.zeros((batch, 0), jnp.float32)
    named = outputs(returned)
    if output is None:
        if len(named) != 1:
            raise UserError(
                f"the network returns {len(named)} outputs: say which stands for the logits by "
                f"output=, one of {', '.join(map(repr, named))}, or a layer's name, or "
                '"none" if it has no classes'
            )
        return _logits(next(iter(named.values())), next(iter(named)))
    if output not in named:
        listed = ", ".join(map(repr, named))
        raise UserError(
            f'no output {output!r}: there are {listed}, the layers, and "none" for no classes'
        )
    return _logits(named[output], output)


def outputs(returned: Any) -> dict[Any, Any]:
    """Return a network's outputs by the index, key or attribute that names each.

    Args:
        returned: what the network returned: one value, or a tuple, list, mapping or record.

    >>> outputs((1, 2))
    {0: 1, 1: 2}
    """
    if isinstance(returned, Mapping):
        return dict(returned)
    if hasattr(returned, "_asdict"):
        return returned._asdict()
    if isinstance(returned, tuple | list):
        return dict(enumerate(returned))
    if hasattr(returned, "__dataclass_fields__"):
        return {name: getattr(returned, name) for name in returned.__dataclass_fields__}
    return {0: returned}


def _logits(value: Any, output: Any) -> Float[Array, "batch classes"]:
    shape, kind = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is None or kind is None:
        raise UserError(f"output {output!r} is a {type(value).__name__}, not an array of logits")
    if len(shape) != 2 or not jnp.issubdtype(kind, jnp.floating):
        raise UserError(
            f"output {output!r} of shape {list(shape)} and type {kind} cannot stand for the logits "
            "[batch, classes]: name another output, the layer of the scores, or "
            '"none", by output='
        )
    return jnp.asarray(value, jnp.float32)
