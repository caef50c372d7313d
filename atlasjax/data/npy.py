"""What a `.npy` file says of itself, before any memory is taken for it."""

import math
from typing import Any

import numpy as np


def claimed(file: Any, size: int) -> tuple[tuple[int, ...], np.dtype]:
    r"""Read the header of a `.npy` file, and see that its content is as long as that says.

    Args:
        file: one that reads bytes, at its beginning.
        size: of the whole, in bytes.

    Returns:
        The shape and the type.

    Raises:
        ValueError: it has Python objects, which are code, or too few or too many bytes. NumPy
            raises others as well for what is no header.

    >>> import io
    >>> file = io.BytesIO()
    >>> np.save(file, np.zeros((2, 3), np.float32))
    >>> claimed(io.BytesIO(file.getvalue()), 152)
    ((2, 3), dtype('float32'))
    """
    version = np.lib.format.read_magic(file)
    one = version == (1, 0)
    header = np.lib.format.read_array_header_1_0 if one else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(file)
    if dtype.hasobject:
        raise ValueError("Python objects, which are never made from a file")
    if not dtype.itemsize or any(side < 0 for side in shape):
        raise ValueError(f"{dtype} of shape {list(shape)}, which is no array of numbers")
    wanted, there = math.prod(shape) * dtype.itemsize, size - file.tell()
    if wanted != there:
        raise ValueError(
            f"{dtype} {list(shape)} should take {wanted} bytes, and there are {there}: cut off or "
            "damaged"
        )
    return shape, dtype
