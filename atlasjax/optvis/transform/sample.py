"""Reading an image where a matrix says: between pixels bilinearly, or pixel by pixel.

Reading between pixels is four gathers, and its gradient four scatters, which on a CPU costs more
than anything else in a transform. Moves by whole pixels read entire rows, then entire columns, at
less than a tenth of that, and do not blur.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

Entry = Float[Array, ""] | float | int
Matrix = tuple[tuple[Entry, Entry, Entry], tuple[Entry, Entry, Entry]]
Fill = Float[Array, " c"] | None


def between(
    image: Float[Array, "h w c"],
    matrix: Matrix,
    size: tuple[int, int],
    mode: str,
    fill: Fill,
) -> Float[Array, "h2 w2 c"]:
    """Read an image bilinearly at `q = A p + t`, both relative to the centres.

    Args:
        image: any number of channels.
        matrix: `[A t]`, rows before columns, in pixels.
        size: height and width of what is returned.
        mode: how the image goes on: "periodic", "reflect" or "constant".
        fill: the colour beyond the edges, for "constant".

    Returns:
        For each pixel the mean of the four around q, weighted by how near they are.

    >>> half = ((1, 0, 0), (0, 1, 0.5))
    >>> between(jnp.array([[[0.0], [1.0], [4.0]]]), half, (1, 3), "periodic", None)[0, :, 0]
    Array([0.5, 2.5, 2. ], dtype=float32)
    """
    height, width, _ = image.shape
    y, x = _from_centre(size[0])[:, None], _from_centre(size[1])[None, :]
    (yy, yx, shift_y), (xy, xx, shift_x) = matrix
    # In this order, and with this minus: icons of atlases repeat to the bit, and compilers round a
    # difference of products otherwise than a sum with one sign changed.
    rows = yy * y - (-yx) * x + (height - 1) / 2 + shift_y
    columns = xy * y + xx * x + (width - 1) / 2 + shift_x
    top, left = jnp.floor(rows), jnp.floor(columns)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    r0, r1 = _inside(top.astype(jnp.int32), height, mode)
    c0, c1 = _inside(left.astype(jnp.int32), width, mode)
    source = _framed(image, fill)
    upper = source[r0, c0] * (1 - right) + source[r0, c1] * right
    lower = source[r1, c0] * (1 - right) + source[r1, c1] * right
    return upper * (1 - down) + lower * down


def whole(
    image: Float[Array, "h w c"],
    matrix: Matrix,
    size: tuple[int, int],
    mode: str,
    fill: Fill,
) -> Float[Array, "h2 w2 c"]:
    """Read an image as `between` does, where every q is a pixel and rows and columns stay such.

    Args:
        image: any number of channels.
        matrix: `[A t]`, with A diagonal, of 1 and -1.
        size: height and width of what is returned.
        mode: how the image goes on: "periodic", "reflect" or "constant".
        fill: the colour beyond the edges, for "constant".

    Returns:
        Pixels of the image, unchanged.

    >>> one = ((1, 0, 0), (0, 1, 1))
    >>> whole(jnp.array([[[0.0], [1.0], [4.0]]]), one, (1, 3), "periodic", None)[0, :, 0]
    Array([1., 4., 0.], dtype=float32)
    """
    height, width, _ = image.shape
    (yy, _, shift_y), (_, xx, shift_x) = matrix
    rows = yy * _from_centre(size[0]) + (height - 1) / 2 + shift_y
    columns = xx * _from_centre(size[1]) + (width - 1) / 2 + shift_x
    r, c = (jnp.round(at).astype(jnp.int32) for at in (rows, columns))
    source = _framed(image, fill)
    source = source.at[_inside(r, height, mode)[0]].get(mode="promise_in_bounds")
    return source.at[:, _inside(c, width, mode)[0]].get(mode="promise_in_bounds")


def _from_centre(n: int) -> Float[Array, " n"]:
    return jnp.arange(n, dtype=jnp.float32) - (n - 1) / 2


def _framed(image: Float[Array, "h w c"], fill: Fill) -> Float[Array, "h2 w2 c"]:
    """Put a frame of one pixel around the image, which stands for all that lies beyond."""
    if fill is None:
        return image
    height, width, channels = image.shape
    frame = jnp.broadcast_to(fill.astype(image.dtype), (height + 2, width + 2, channels))
    return frame.at[1:-1, 1:-1].set(image)


def _inside(
    index: Int[Array, "*shape"], n: int, mode: str
) -> tuple[Int[Array, "*shape"], Int[Array, "*shape"]]:
    """Return which of n pixels stands at an index, and which at the next.

    With a constant beyond the edges, which of the n pixels and the frame around them.
    """
    if mode == "constant":
        return jnp.clip(index + 1, 0, n + 1), jnp.clip(index + 2, 0, n + 1)
    if mode == "reflect":
        last = n - 1
        period = max(2 * last, 1)
        first = index % period
        return last - jnp.abs(first - last), last - jnp.abs((first + 1) % period - last)
    first = index % n
    # From the first, not anew from the index, as it was when icons were first drawn.
    return first, (first + 1) % n
