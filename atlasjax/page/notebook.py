"""Notebook: a finished atlas that shows itself, in Jupyter and wherever anywidget works.

The viewer is that of the run folder. It asks for its files by name, and the kernel sends their
bytes, so that the folder need not be where the browser can reach it.
"""

import os
from importlib import resources
from typing import TYPE_CHECKING, Any

from atlasjax.errors import UserError
from atlasjax.page.server import inside
from atlasjax.runs.open import finished_run

if TYPE_CHECKING:
    from anywidget import AnyWidget  # pyright: ignore[reportMissingImports]

SHOWN = (".js", ".webp")  # what the viewer asks for; nothing else is sent


def view(run_dir: str | os.PathLike, *, height: int = 640) -> "AnyWidget":
    """Show a finished atlas in a notebook.

    Args:
        run_dir: the run folder.
        height: of the viewer, in px, 200 to 4000.

    Returns:
        The widget; the last value of a notebook's cell is shown.

    Raises:
        UserError: no finished run there, a height that cannot be, or no anywidget, which the extra
            `notebook` installs.

    >>> view("runs/none/at/all")
    Traceback (most recent call last):
    atlasjax.errors.UserError: no run folder 'runs/none/at/all'
    """
    root = finished_run(run_dir).resolve()
    if not 200 <= height <= 4000:
        raise UserError(f"height {height}: must be from 200 to 4000 px")
    try:
        import anywidget  # pyright: ignore[reportMissingImports]
        import traitlets  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise UserError(
            "no anywidget, which shows an atlas in a notebook: pip install 'atlasjax[notebook]'; "
            f"or open {root / 'index.html'}"
        ) from None

    class AtlasWidget(anywidget.AnyWidget):
        _esm = resources.files("atlasjax").joinpath("viewer", "widget.js").read_text("utf-8")
        height = traitlets.Int(640).tag(sync=True)

    def answer(widget: Any, message: Any, buffers: Any) -> None:
        del buffers
        path = str(message.get("path", ""))
        file = inside(root, "/" + path) if path.endswith(SHOWN) else None
        found = file.read_bytes() if file else b""
        widget.send({"id": message.get("id"), "found": file is not None}, [found])

    widget = AtlasWidget(height=height)
    widget.on_msg(answer)
    return widget


def mimebundle(run_dir: str | os.PathLike, text: str, **options: Any) -> Any:
    """Return an atlas as a notebook shows it: the viewer, or its description without anywidget."""
    try:
        widget = view(run_dir)
    except UserError:
        return {"text/plain": text}
    shown = widget._repr_mimebundle_(**options)
    return shown if shown is not None else {"text/plain": text}
