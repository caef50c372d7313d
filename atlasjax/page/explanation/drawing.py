"""Drawing: maps laid over images, and figures saved as PNG and SVG.

Colours are those of the page: blue speaks for a target, orange against, which stay apart for every
common kind of colour blindness.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from atlasjax.data.channels import as_rgb
from atlasjax.storage import artifacts, caches

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FOR, AGAINST, INK, QUIET, LINE = "#0069be", "#cd5500", "#171a1e", "#59616b", "#d3d7dc"
ROOM = (16, 18, 22)  # what is not lit sinks into this
CLIP = 99.5  # percent of the pixels; what lies beyond is drawn as that, as is usual for gradients
DPI = 120
STYLE = {
    "axes.edgecolor": LINE,
    "axes.labelcolor": QUIET,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlesize": 9,
    "figure.facecolor": "white",
    "font.size": 9,
    "svg.fonttype": "none",  # text stays text
    "text.color": INK,
    "text.parse_math": False,  # a name may have a dollar in it
    "xtick.color": QUIET,
    "ytick.color": INK,
    "ytick.left": False,
}


def heat(
    image: UInt8[np.ndarray, "h w c"], values: Float[np.ndarray, "rows columns"]
) -> UInt8[np.ndarray, "h w 3"]:
    """Lay a map over an image: blue where it is positive, orange where negative.

    Args:
        image: turned to grey and made pale, so that the colours are all that is coloured.
        values: of any size, stretched to the image. Their 99.5th percentile has the full colour.

    >>> made = heat(np.zeros((2, 2, 3), np.uint8), np.array([[1.0, 0.0], [0.0, -1.0]]))
    >>> made[0, 0].tolist(), made[0, 1].tolist(), made[1, 1].tolist()
    ([0, 105, 190], [140, 140, 140], [205, 85, 0])
    """
    grey = as_rgb(image).astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    pale = np.repeat((140 + 0.45 * grey)[..., None], 3, axis=-1)
    large = stretched(values, *image.shape[:2])
    size = np.abs(large)
    end = np.percentile(size, CLIP) or size.max() or 1.0
    alpha = np.minimum(1, size / end)[..., None] ** 0.7
    colour = np.where(large[..., None] < 0, _rgb(AGAINST), _rgb(FOR))
    return np.round(pale + alpha * (colour - pale)).astype(np.uint8)


def spotlight(
    image: UInt8[np.ndarray, "h w c"], values: Float[np.ndarray, "rows columns"]
) -> UInt8[np.ndarray, "h w 3"]:
    """Let an image be seen where a map is strong, and sink into the dark where it is not.

    >>> made = spotlight(np.full((2, 2, 3), 200, np.uint8), np.array([[1.0, 1.0], [0.0, 0.0]]))
    >>> made[:, 0].tolist()
    [[200, 200, 200], [53, 54, 58]]
    """
    size = np.abs(stretched(values, *image.shape[:2]))
    lit = (size / (size.max() or 1.0))[..., None]
    cover = 0.8 * (1 - lit) ** 1.5
    seen = as_rgb(image).astype(np.float32)
    return np.round(seen + cover * (np.array(ROOM) - seen)).astype(np.uint8)


def stretched(
    values: Float[np.ndarray, "rows columns"], height: int, width: int
) -> Float[np.ndarray, "height width"]:
    """Stretch a map to an image, smoothly; what is no number counts as 0.

    >>> stretched(np.array([[1.0, np.nan]]), 1, 2).tolist()
    [[1.0, 0.0]]
    """
    known = np.nan_to_num(values.astype(np.float32))
    if known.shape == (height, width):
        return known
    made = Image.fromarray(known).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(made)


def _rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.float32)


def show(ax: "Axes", picture: UInt8[np.ndarray, "h w 3"], title: str = "") -> None:
    """Show a picture without ticks or frame, under its title."""
    ax.imshow(picture)
    ax.set_axis_off()
    if title:
        ax.set_title(plain(title))


def plain(text: str, longest: int = 40) -> str:
    r"""Return a name as a figure can hold it: in one line, cut where it is long.

    >>> plain("a\nb"), len(plain("c" * 50))
    ('a b', 40)
    """
    line = " ".join(text.split())
    known = "".join(c if c.isprintable() else "\ufffd" for c in line)
    return known if len(known) <= longest else known[: longest - 1] + "\u2026"


def save(
    path: Path, size: tuple[float, float], draw: Callable[["Figure"], None], **options: Any
) -> None:
    """Draw a figure and save it as PNG and as SVG.

    Args:
        path: without an ending.
        size: width and height in inches.
        draw: draws on an empty figure.
        options: of the figure.
    """
    caches.provide()
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style: Any = {**mpl.rcParamsDefault, **STYLE, "svg.hashsalt": path.name}
    with mpl.rc_context(style), warnings.catch_warnings():
        # A name may have letters that the font of figures has not; the SVG still has them.
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure = Figure(figsize=size, **{"layout": "constrained", **options})
        draw(figure)
        kinds: tuple[tuple[str, dict[str, Any]], ...] = (
            ("png", {"pil_kwargs": {"compress_level": 3}}),  # a tenth larger, much sooner
            ("svg", {"metadata": {"Date": None}}),
        )
        for kind, more in kinds:
            with artifacts.atomic(path.with_name(f"{path.name}.{kind}")) as temporary:
                figure.savefig(temporary, format=kind, dpi=DPI, **more)
            figure.set_layout_engine("none")  # everything is in its place
            for ax in figure.axes:
                for picture in ax.images:
                    picture.set_interpolation("none")  # an SVG holds pictures as they are
