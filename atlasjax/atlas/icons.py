"""Icons: each cell's average activation, drawn by feature visualization."""

import functools
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, UInt8

from atlasjax.atlas.drawer import Draw, Drawer, Drawing, Icons, IconSettings
from atlasjax.errors import UserError
from atlasjax.parallel import out_of_memory
from atlasjax.progress import Progress, silent


def icon_keys(
    key: Key[Array, ""], layer: str, grid: int, x: Int[np.ndarray, " n"], y: Int[np.ndarray, " n"]
) -> Key[Array, " n"]:
    """Return one key for each cell, which depends on the cell's address alone.

    Args:
        key: the run's key.
        layer: the layer's name.
        grid: cells in each direction.
        x: columns of the cells.
        y: rows of the cells.

    Returns:
        The keys.

    >>> a = icon_keys(jax.random.key(0), "mixed4c", 10, np.array([1, 2]), np.array([0, 0]))
    >>> b = icon_keys(jax.random.key(0), "mixed4c", 10, np.array([2]), np.array([0]))
    >>> bool(a[1] == b[0])
    True
    """
    level = jax.random.fold_in(jax.random.fold_in(key, zlib.crc32(layer.encode())), grid)
    address = jnp.asarray(y * grid + x, jnp.uint32)
    return jax.vmap(lambda a: jax.random.fold_in(level, a))(address)


def icons(
    draw: Draw,
    directions: Float[np.ndarray, "n c"],
    keys: Key[Array, " n"],
    start: UInt8[np.ndarray, "n h w channels"] | None = None,
    *,
    batch: int = IconSettings.batch,
    attempts: int = IconSettings.attempts,
    retry_below: float = IconSettings.retry_below,
    keep: Callable[[int, Callable[[], Icons]], Icons] | None = None,
    smaller: Callable[[int], Draw] | None = None,
    note: Callable[[str], Any] = warnings.warn,
    progress: Progress = silent,
) -> Icons:
    """Draw any number of icons, a batch at a time, and those that fail once more.

    Now and then an optimization starts so far from its direction that it never finds it. Such icons
    are drawn again from another start, which is noise, together, and the best of each is kept.

    Args:
        draw: what `icon_drawer` returned.
        directions: what each icon is drawn for.
        keys: one for each; see `icon_keys`.
        start: a finished icon for each to start from at first, such as its parent's; see
            `atlas.zoom`. Noise by default.
        batch: icons at a time, at most what `draw` was compiled for.
        attempts: how often an icon is drawn at most.
        retry_below: the cosine from which an icon is not drawn again.
        keep: called with a batch's number and what computes it, and returns the batch; it may take
            it from disk instead.
        smaller: gives what draws so many icons at a time, where a device has too little memory for
            a batch; without it that is an error.
        note: called with a line where that is so.
        progress: called with the number of icons done, and to do so far.

    Returns:
        The icons, in the order of the directions.

    Raises:
        UserError: a device has too little memory for a single icon.
    """
    now = _Now(draw, batch)
    n = total = len(directions)
    done = number = 0
    best = Icons(np.zeros((n, 0, 0, 3), np.uint8), np.full(n, -np.inf, np.float32))
    for attempt in range(attempts):
        # Said so that NaN, of what is not finite, is below everything.
        todo = np.flatnonzero(~(best.cosine >= retry_below)) if attempt else np.arange(n)
        total = done + len(todo)
        parts = []
        progress(done, total)
        groups = [todo[first : first + batch] for first in range(0, len(todo), batch)]

        def begin(chosen: Int[np.ndarray, " k"], attempt: int = attempt) -> Drawing | Icons:
            own = jax.vmap(jax.random.fold_in, (0, None))(keys[chosen], attempt)
            given = () if start is None or attempt else (start[chosen],)
            return now.begin((directions[chosen], own, *given))

        def halve() -> None:
            now.halve(smaller, note)

        for chosen, compute in zip(groups, _one_ahead(begin, groups, halve), strict=True):
            parts.append(compute() if keep is None else keep(number, compute))
            number, done = number + 1, done + len(chosen)
            progress(done, total)
        if parts:
            new = Icons(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
            best = new if attempt == 0 else _better(best, todo, new)
    return best


@dataclass
class _Now:
    """What draws icons, and how many at a time: fewer where a device has too little memory.

    Attributes:
        draw: what does.
        size: so many.
    """

    draw: Draw
    size: int

    def begin(self, given: tuple[Any, ...]) -> Drawing | Icons:
        """Begin to draw; where they are more than fit, draw them a few at a time."""
        if len(given[0]) <= self.size:
            return (self.draw.begin if isinstance(self.draw, Drawer) else self.draw)(*given)
        parts = [
            self.draw(*(array[first : first + self.size] for array in given))
            for first in range(0, len(given[0]), self.size)
        ]
        return Icons(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))

    def halve(self, smaller: Callable[[int], Draw] | None, note: Callable[[str], Any]) -> None:
        """Draw half as many at a time from here on."""
        if smaller is None or self.size == 1:
            raise UserError(
                f"the memory of the devices does not hold {self.size} icons at a time; take "
                "smaller ones (icon_size), a smaller icon_batch or another device"
            )
        self.size //= 2
        self.draw = smaller(self.size)
        note(f"too little memory on the device: from here on {self.size} icons at a time")


def _one_ahead(
    begin: Callable[[np.ndarray], Drawing | Icons],
    groups: list[np.ndarray],
    halve: Callable[[], None],
) -> Iterator[Callable[[], Icons]]:
    """Give for each group what waits for its icons, having begun the next of them where that helps.

    What is never asked for, as it is on disk, is not begun either, but for the first after it.
    """
    begun: dict[int, Drawing | Icons] = {}

    def wait(number: int) -> Icons:
        ahead = jax.default_backend() != "cpu"  # whose cores two batches would share
        while True:
            try:
                for one in range(number, min(number + 1 + ahead, len(groups))):
                    if one not in begun:
                        begun[one] = begin(groups[one])
                return Icons(*jax.device_get(begun.pop(number)))
            except jax.errors.JaxRuntimeError as error:
                if not out_of_memory(error):
                    raise
            begun.clear()
            halve()

    for number in range(len(groups)):
        yield functools.partial(wait, number)


def _better(best: Icons, which: Int[np.ndarray, " k"], new: Icons) -> Icons:
    """Put the new icons that reached more in place of the old."""
    old = best.cosine[which]
    more = (new.cosine > old) | (np.isnan(old) & ~np.isnan(new.cosine))
    icon, cosine = best.icon.copy(), best.cosine.copy()
    icon[which[more]], cosine[which[more]] = new.icon[more], new.cosine[more]
    return Icons(icon, cosine)
