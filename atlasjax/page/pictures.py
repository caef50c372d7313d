"""Pictures: a level's icons as one map, and as the sheets of icons from which a page draws it.

Icons and patches of one channel are shown in grey, of two or more than three in false colours; see
`data.channels.as_rgb`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from atlasjax.atlas.level import Level
from atlasjax.data.channels import as_rgb

LARGEST = 8192  # px; browsers and graphics cards refuse pictures much larger
SHEET = 1024  # px; a sheet at most, of icons or of patches
SMALL, LARGE = 64, 128  # px; icons of the map from afar, and from near by


class Sheet(NamedTuple):
    """A square of neighbouring cells in one picture, so that a page can draw them all at once.

    Attributes:
        column: of the sheet; its first cell is in column `column * cells in a sheet's row`.
        row: likewise.
        image: RGBA, transparent where there is no cell.
    """

    column: int
    row: int
    image: UInt8[np.ndarray, "h w 4"]


def picture(level: Level, grid: int, *, largest: int = LARGEST) -> UInt8[np.ndarray, "h w 4"]:
    """Draw a level's map: every icon at its place, and nothing where there is no cell.

    The picture is all that is held in memory besides the level: 256 MiB at the default `largest`,
    whatever the grid.

    Args:
        level: the cells.
        grid: cells in each direction.
        largest: longest side allowed, in px, at least `grid`; icons are scaled down, smoothly, to
            keep to it.

    Returns:
        The map as RGBA; x goes to the right and y downwards. Empty places are transparent.

    >>> icon = np.full((1, 8, 8, 3), 200, np.uint8)
    >>> one = np.ones((1, 1))
    >>> level = Level(*np.array([[2], [0], [9]]), one, one[0], one, icon)
    >>> picture(level, 3)[4, ::8, 3]
    array([  0,   0, 255], dtype=uint8)
    """
    return _placed(level.icon, level.x, level.y, grid, cell_size(level, grid, largest))


def cell_size(level: Level, grid: int, largest: int = LARGEST) -> int:
    """Return the side of a cell in the level's picture, in px.

    Args:
        level: the cells, of which only the icons' size matters.
        grid: cells in each direction.
        largest: longest side allowed of the picture, in px.

    >>> icons = np.zeros((1, 96, 96, 3), np.uint8)
    >>> one = np.ones((1, 1))
    >>> level = Level(*np.array([[0], [0], [9]]), one, one[0], one, icons)
    >>> cell_size(level, 20), cell_size(level, 160)
    (96, 51)
    """
    return max(1, min(level.icon.shape[1], largest // grid))


def sheets(level: Level, size: int) -> Iterator[Sheet]:
    """Cut a level's map into sheets of at most 1024 px, leaving out those without a cell.

    Args:
        level: the cells.
        size: side of an icon in the sheets, in px, at most 1024; a sheet has `1024 // size` of them
            in a row.

    Yields:
        The sheets, row by row.

    >>> icon = np.full((2, 8, 8, 3), 200, np.uint8)
    >>> one = np.ones((2, 1))
    >>> level = Level(*np.array([[0, 150], [0, 3], [9, 9]]), one, one[:, 0], one, icon)
    >>> [(sheet.column, sheet.row, sheet.image.shape) for sheet in sheets(level, 8)]
    [(0, 0, (1024, 1024, 4)), (1, 0, (1024, 1024, 4))]
    """
    side = SHEET // size
    of_cell = np.stack([level.y // side, level.x // side], -1)
    for row, column in np.unique(of_cell, axis=0):
        held = np.flatnonzero((of_cell == (row, column)).all(-1))
        x, y = level.x[held] - column * side, level.y[held] - row * side
        yield Sheet(int(column), int(row), _placed(level.icon[held], x, y, side, size))


def strips(
    patches: UInt8[np.ndarray, "cells k h w c"],
) -> Iterator[UInt8[np.ndarray, "h_sheet w_sheet 3"]]:
    """Lay the patches of one cell after the other, row by row, on sheets of at most 1024 px.

    Args:
        patches: real parts of images, at most 1024 px wide.

    Yields:
        Sheets, each full but for the last: patch `j` of cell `i` is number `i * k + j`.

    >>> [sheet.shape for sheet in strips(np.zeros((100, 4, 64, 64, 3), np.uint8))]
    [(1024, 1024, 3), (576, 1024, 3)]
    """
    cells, k, height, width, channels = patches.shape
    flat = patches.reshape(cells * k, height, width, channels)
    across, down = SHEET // width, max(1, SHEET // height)
    for start in range(0, len(flat), across * down):
        part = flat[start : start + across * down]
        rows = -(-len(part) // across)
        canvas = np.zeros((rows * across, height, width, 3), np.uint8)
        canvas[: len(part)] = as_rgb(part)
        tiled = canvas.reshape(rows, across, height, width, 3).swapaxes(1, 2)
        yield tiled.reshape(rows * height, across * width, 3)


def _placed(
    icons: UInt8[np.ndarray, "cells h w c"], x: np.ndarray, y: np.ndarray, side: int, size: int
) -> UInt8[np.ndarray, "h2 w2 4"]:
    canvas = np.zeros((side * size, side * size, 4), np.uint8)
    for column, row, icon in zip(x, y, icons, strict=True):
        rows = slice(row * size, (row + 1) * size)
        columns = slice(column * size, (column + 1) * size)
        canvas[rows, columns, :3] = _scaled(as_rgb(icon), size)
        canvas[rows, columns, 3] = 255
    return canvas


def _scaled(icon: UInt8[np.ndarray, "h w 3"], size: int) -> UInt8[np.ndarray, "size size 3"]:
    if icon.shape[:2] == (size, size):
        return icon
    return np.asarray(Image.fromarray(icon).resize((size, size), Image.Resampling.LANCZOS))
