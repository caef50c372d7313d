"""The page of a tree: every split with the icon and the real patches of what it asks about."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from atlasjax.data.channels import as_rgb
from atlasjax.errors import UserError
from atlasjax.page.record import made_of
from atlasjax.runs.open import INDEX
from atlasjax.storage import artifacts
from atlasjax.trees import Tree

STYLE = """
:root { color-scheme: light dark; --ground: #fafaf8; --text: #171a1e; --quiet: #59616b;
  --line: #d3d7dc; --panel: #fff; --a: #0069be; --b: #cd5500; }
@media (prefers-color-scheme: dark) { :root { --ground: #101216; --text: #eceef1; --quiet: #a6adb8;
  --line: #3a3f48; --panel: #181b20; --a: #40a0f5; --b: #f58c32; } }
body { margin: 0 auto; max-width: 1400px; padding: 24px; background: var(--ground);
  color: var(--text); font: 0.9375rem/1.45 system-ui, sans-serif; }
h1 { font-size: 1.375rem; margin: 0 0 4px; }
.quiet, dt { color: var(--quiet); }
.scroll { overflow-x: auto; padding-block: 20px; }
.tree, .tree ul { list-style: none; margin: 0; padding: 0; display: flex; gap: 20px; }
.tree { justify-content: safe center; }
.tree li { display: flex; flex-direction: column; align-items: center; }
.tree li > ul { border-top: 2px solid var(--line); padding-top: 10px; margin-top: 10px; }
.node { border: 1px solid var(--line); border-radius: 10px; background: var(--panel);
  padding: 10px 12px; width: max-content; max-width: 340px; }
.node p { margin: 0 0 6px; }
.way { color: var(--quiet); font-size: 0.8125rem; padding-bottom: 6px; }
.pictures { display: flex; gap: 4px; align-items: flex-start; }
.pictures img { width: 56px; height: 56px; border-radius: 5px; }
.pictures img.icon { width: 92px; height: 92px; }
.bar { display: flex; height: 8px; border-radius: 4px; overflow: hidden; min-width: 130px; }
.bar i:first-child { background: var(--a); } .bar i:last-child { background: var(--b); }
.leaf b.a { color: var(--a); } .leaf b.b { color: var(--b); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 14px; font-size: 0.8125rem; }
dd { margin: 0; overflow-wrap: anywhere; }
"""

QUESTIONS = {True: ("Is anything like", "?"), False: ("Is", " strong anywhere?")}


class Feature(NamedTuple):
    """What a split may ask about.

    Attributes:
        name: in a few words.
        icon: what it looks for.
        patches: of images that have most of it.
        is_a_likeness: whether it says how much anything looks like it, and not how strong it is.
    """

    name: str
    icon: UInt8[np.ndarray, "h w c"]
    patches: Sequence[UInt8[np.ndarray, "h w c"]]
    is_a_likeness: bool = True


class TreePage(NamedTuple):
    """All of a page.

    Attributes:
        tree: that mimics the network.
        names: of its classes, by label.
        features: those that it asks about, by number.
        fidelity: the share of other images of which it says what the network does.
        path_length: how many questions an image is asked on average.
        accuracy: the share of these images of which the network says their class; None where the
            images have no classes.
        record: how it was made.
        notes: what there is to say of it.
    """

    tree: Tree
    names: Mapping[int, str]
    features: Mapping[int, Feature]
    fidelity: float
    path_length: float
    accuracy: float | None
    record: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def write(folder: Path, page: TreePage) -> Path:
    """Write the page of a tree, one file with its pictures inside, and its numbers beside it.

    Args:
        folder: where it goes; it is made if need be.
        page: what is shown.

    Returns:
        The page, `folder / "index.html"`.

    Raises:
        UserError: a folder that holds an atlas.
    """
    if (folder / INDEX).is_file():
        raise UserError(f"{folder} holds an atlas: give another folder")
    folder.mkdir(parents=True, exist_ok=True)
    with artifacts.atomic(folder / "tree.npz") as temporary:
        np.savez(temporary, **page.tree._asdict())
    artifacts.write_text(folder / "index.html", _document(page))
    return folder / "index.html"


def _document(page: TreePage) -> str:
    one, other = (html.escape(name) for name in page.names.values())
    title = f"{one} or {other}"
    figures = (
        f"{page.fidelity:.1%} of other images as the network says, {page.tree.leaves} leaves, "
    )
    figures += f"{page.path_length:.2f} questions on average"
    if page.accuracy is not None:
        figures += f"; the network itself is right of {page.accuracy:.1%}"
    facts = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>"
        for name, text in made_of(page.record)
    )
    notes = "".join(f"<p class=quiet>{html.escape(note)}</p>" for note in page.notes)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{title}</title><style>{STYLE}</style></head><body>'
        f"<main><h1>{title}: a tree for the network</h1><p class=quiet>{figures}</p>"
        f'<div class="scroll" tabindex="0" role="region" aria-label="Tree">'
        f'<ul class="tree">{_node(page, 0, "")}</ul></div>{notes}</main>'
        f"<footer><dl>{facts}</dl></footer></body></html>\n"
    )


def _node(page: TreePage, node: int, way: str) -> str:
    """Return a node with all below it."""
    tree = page.tree
    share, count = tree.share[node], int(tree.count[node])
    bar = _bar(share)
    label = f'<div class="way">{way}</div>' if way else ""
    if tree.left[node] < 0:
        which = int(share.argmax())
        name = html.escape(page.names[int(tree.classes[which])])
        return (
            f'<li>{label}<div class="node leaf"><p><b class="{"ab"[which]}">{name}</b></p>{bar}'
            f'<p class="quiet">{count} images, {share[which]:.0%}</p></div></li>'
        )
    feature = page.features[int(tree.feature[node])]
    before, after = QUESTIONS[feature.is_a_likeness]
    threshold = float(tree.threshold[node])
    pictures = _image(feature.icon, 92, f"icon of {feature.name}", "icon")
    pictures += "".join(_image(p, 56, f"patch of {feature.name}") for p in feature.patches)
    below = _node(page, int(tree.right[node]), f"yes, above {threshold:.3g}")
    below += _node(page, int(tree.left[node]), f"no, at most {threshold:.3g}")
    return (
        f'<li>{label}<div class="node"><p>{before} <b>{html.escape(feature.name)}</b>{after}</p>'
        f'<div class="pictures">{pictures}</div><p class="quiet">{count} images</p>{bar}</div>'
        f"<ul>{below}</ul></li>"
    )


def _bar(share: Float[np.ndarray, " classes"]) -> str:
    first, last = float(share[0]), float(share[-1])
    said = f"{first:.0%} and {last:.0%}"
    parts = "".join(f'<i style="width:{part:.2%}"></i>' for part in (first, last))
    return f'<div class="bar" role="img" aria-label="{said}">{parts}</div>'


def _image(pixels: np.ndarray, side: int, text: str, kind: str = "") -> str:
    file = io.BytesIO()
    made = Image.fromarray(as_rgb(pixels))
    made.resize((2 * side, 2 * side), Image.Resampling.LANCZOS).save(file, "WEBP", quality=85)
    data = base64.b64encode(file.getvalue()).decode("ascii")
    alt = html.escape(text, quote=True)
    return f'<img class="{kind}" alt="{alt}" src="data:image/webp;base64,{data}">'
