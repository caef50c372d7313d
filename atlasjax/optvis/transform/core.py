"""What a transform is, and affine ones as data, so that a chain of them is one resampling.

Convention. An affine transform says where each pixel of its output is read from in its input. With
p and q the positions (row, column) of pixel centres relative to the centre of the output and of the
input, which lies at ((height - 1) / 2, (width - 1) / 2):

    q = A p + t,    matrix = [A t], two rows of three scalars.

Applying `a` first and `b` after it therefore reads at `A_a (A_b p + t_b) + t_a`. The input is taken
as going on forever beyond its edges; crops and paddings only choose the window that is looked at.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from atlasjax.errors import UserError
from atlasjax.optvis.transform.sample import Entry, Matrix, between, whole

Transform = Callable[[Key[Array, ""], Float[Array, "h w c"]], Float[Array, "h2 w2 c2"]]
"""A random change of one image. Everything random is drawn from the key."""

Size = tuple[int, int]


class Boundary(NamedTuple):
    """How an image goes on beyond its edges.

    Attributes:
        mode: "periodic" repeats it, "reflect" mirrors it about the centres of its outermost pixels,
            "constant" has one colour there.
        value: the colour for "constant", one number or one for each channel; None for a colour
            drawn uniformly from [0, 1].
    """

    mode: Literal["periodic", "reflect", "constant"] = "periodic"
    value: tuple[float, ...] | None = None


class Placed(NamedTuple):
    """One affine change as it was drawn.

    Attributes:
        matrix: from positions in the output to positions in the input, in pixels. Scalars, drawn
            or plain numbers, rather than an array: what is plain the compiler simplifies.
        size: height and width of the output.
    """

    matrix: Matrix
    size: Size


class Move(NamedTuple):
    """One random affine change.

    Attributes:
        draw: takes a key, the input's (height, width) and the settings. A function of a module, so
            that equal moves compare equal.
        settings: hashable.
        whole: whether pixels always land on pixels (shifts by whole pixels, mirrorings), so that
            there is nothing to interpolate.
    """

    draw: Callable[..., Placed]
    settings: tuple[Hashable, ...] = ()
    whole: bool = False


@dataclass(frozen=True)
class Affine:
    """Affine changes, one after another, as one resampling. Call it as any other transform.

    A single move is drawn from the key that is given, several each from a split of it.

    Attributes:
        moves: in order of application. Without any, the image is left as it is.
        boundary: how the image goes on; None for periodically, or as whatever stands before in a
            composition has it.
    """

    moves: tuple[Move, ...] = ()
    boundary: Boundary | None = None

    def __call__(
        self, key: Key[Array, ""], image: Float[Array, "h w c"]
    ) -> Float[Array, "h2 w2 c"]:
        """Draw from the key and read the image there."""
        return resample(self, keys_for(key, len(self.moves)), image)


def keys_for(key: Key[Array, ""], n: int) -> list[Key[Array, ""]]:
    """Return a key for each of n steps: the key itself for a single one."""
    if n <= 1:
        return [key] * n
    keys = jax.random.split(key, n)
    return [keys[i] for i in range(n)]


def resample(
    affine: Affine, keys: Sequence[Key[Array, ""]], image: Float[Array, "h w c"]
) -> Float[Array, "h2 w2 c"]:
    """Apply an affine transform, each of its moves drawn from its own key.

    Bilinear interpolation, unless every move is by whole pixels.

    Args:
        affine: the transform.
        keys: one for each move.
        image: any number of channels.

    Returns:
        The image, of the size that the last move gives it.

    Raises:
        UserError: a boundary of another number of channels than the image's, or what a move
            refuses.

    >>> from atlasjax.optvis.transform.moves import flip
    >>> image = jnp.arange(3.0).reshape(1, 3, 1)
    >>> resample(flip(horizontal=1.0), [jax.random.key(0)], image)[0, :, 0]
    Array([2., 1., 0.], dtype=float32)
    """
    if not affine.moves:
        return image
    height, width, channels = image.shape
    matrix, size = affine.moves[0].draw(keys[0], (height, width), *affine.moves[0].settings)
    for move, key in zip(affine.moves[1:], keys[1:], strict=True):
        placed = move.draw(key, size, *move.settings)
        matrix, size = follow(matrix, placed.matrix), placed.size
    boundary = affine.boundary or Boundary()
    fill = None
    if boundary.mode == "constant":
        fill = _colour(boundary.value, jax.random.fold_in(keys[0], 1), channels)
    read = whole if all(move.whole for move in affine.moves) else between
    return read(image, matrix, size, boundary.mode, fill)


def follow(first: Matrix, second: Matrix) -> Matrix:
    """Return the matrix of one change followed by another: `[A1 A2, A1 t2 + t1]`.

    Args:
        first: what is applied first.
        second: what is applied to its output.

    >>> double, down = ((0.5, 0, 0), (0, 0.5, 0)), ((1, 0, -4), (0, 1, 0))
    >>> follow(double, down)[0], follow(down, double)[0]
    ((0.5, 0.0, -2.0), (0.5, 0.0, -4))
    """
    # Not as a matrix product, which GPUs and TPUs round to 10 bits or fewer: that is half a pixel.
    (yy, yx, y), (xy, xx, x) = second

    def row(along_y: Entry, along_x: Entry, shift: Entry) -> tuple[Entry, Entry, Entry]:
        return (
            along_y * yy + along_x * xy,
            along_y * yx + along_x * xx,
            along_y * y + along_x * x + shift,
        )

    return row(*first[0]), row(*first[1])


def _colour(
    value: tuple[float, ...] | None, key: Key[Array, ""], channels: int
) -> Float[Array, " c"]:
    if value is None:
        return jax.random.uniform(key, (channels,))
    if len(value) not in (1, channels):
        raise UserError(
            f"boundary of colour {value} around an image of {channels} channels: must be one "
            f"number or {channels}"
        )
    return jnp.broadcast_to(jnp.asarray(value, jnp.float32), (channels,))
