"""Activation atlases and feature visualization in JAX.

This module is what research code imports. Every stage of an atlas is a plain function on arrays,
usable alone; nothing is imported before it is used, so `import atlasjax` costs next to nothing.

>>> import atlasjax as ax
>>> model = ax.models.load("inception_v1_tiny")
>>> ax.layers(model)["mixed4c"]
(14, 14, 64)
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atlasjax import (
        blocks,
        circuits,
        data,
        experiments,
        landscape,
        models,
        optvis,
        saliency,
        targets,
        trees,
        vis,
    )
    from atlasjax.adapters.adapt import adapt
    from atlasjax.adapters.entry import ModelEntry
    from atlasjax.atlas.attribution import attribute, attribution
    from atlasjax.atlas.collect import Activations, Collected, collect
    from atlasjax.atlas.comparison import comparison
    from atlasjax.atlas.drawer import Icons, IconSettings, icon_drawer
    from atlasjax.atlas.examples import Examples
    from atlasjax.atlas.grid import Cells, average, grid
    from atlasjax.atlas.icons import icon_keys, icons
    from atlasjax.atlas.joint import joint
    from atlasjax.atlas.layout import layout
    from atlasjax.atlas.level import Level
    from atlasjax.atlas.whitening import second_moment, whitening
    from atlasjax.data import open_images
    from atlasjax.errors import UserError
    from atlasjax.fidelity.measures import explained, map_quality, spread
    from atlasjax.fidelity.stability import stability
    from atlasjax.optvis.visualize import visualize
    from atlasjax.page.export import export
    from atlasjax.page.notebook import view
    from atlasjax.page.pictures import picture
    from atlasjax.page.single_file import single_file
    from atlasjax.planes import as_planes
    from atlasjax.receptive import ReceptiveField, receptive_field
    from atlasjax.rewriting import as_written, optimized
    from atlasjax.runs.examples import open_examples
    from atlasjax.runs.experiment import Experiment
    from atlasjax.runs.open import Atlas
    from atlasjax.runs.status import status
    from atlasjax.taps import capture, head, intervene, layers
    from atlasjax.workflows.explain import explain
    from atlasjax.workflows.landscape import loss_surface
    from atlasjax.workflows.make import run
    from atlasjax.workflows.open import open_atlas
    from atlasjax.workflows.report import report
    from atlasjax.workflows.tree import tree
    from atlasjax.workflows.units import units
    from atlasjax.workflows.views import class_atlas, compare

_HOME = {
    "adapt": "adapters.adapt",
    "as_planes": "planes",
    "as_written": "rewriting",
    "optimized": "rewriting",
    "attribute": "atlas.attribution",
    "attribution": "atlas.attribution",
    "Activations": "atlas.collect",
    "Collected": "atlas.collect",
    "collect": "atlas.collect",
    "comparison": "atlas.comparison",
    "Examples": "atlas.examples",
    "open_examples": "runs.examples",
    "explain": "workflows.explain",
    "export": "page.export",
    "explained": "fidelity.measures",
    "map_quality": "fidelity.measures",
    "spread": "fidelity.measures",
    "picture": "page.pictures",
    "Cells": "atlas.grid",
    "average": "atlas.grid",
    "grid": "atlas.grid",
    "IconSettings": "atlas.drawer",
    "Icons": "atlas.drawer",
    "icon_drawer": "atlas.drawer",
    "icon_keys": "atlas.icons",
    "icons": "atlas.icons",
    "joint": "atlas.joint",
    "layout": "atlas.layout",
    "Level": "atlas.level",
    "Atlas": "runs.open",
    "open_atlas": "workflows.open",
    "stability": "fidelity.stability",
    "status": "runs.status",
    "second_moment": "atlas.whitening",
    "whitening": "atlas.whitening",
    "open_images": "data",
    "UserError": "errors",
    "Experiment": "runs.experiment",
    "view": "page.notebook",
    "visualize": "optvis.visualize",
    "ReceptiveField": "receptive",
    "receptive_field": "receptive",
    "single_file": "page.single_file",
    "capture": "taps",
    "head": "taps",
    "intervene": "taps",
    "layers": "taps",
    "class_atlas": "workflows.views",
    "loss_surface": "workflows.landscape",
    "run": "workflows.make",
    "tree": "workflows.tree",
    "units": "workflows.units",
    "report": "workflows.report",
    "ModelEntry": "adapters.entry",
    "compare": "workflows.views",
}
_MODULES = (
    "blocks",
    "circuits",
    "data",
    "experiments",
    "landscape",
    "models",
    "optvis",
    "saliency",
    "targets",
    "trees",
    "vis",
)

__all__ = [
    "Activations",
    "Atlas",
    "Cells",
    "Collected",
    "Examples",
    "Experiment",
    "IconSettings",
    "Icons",
    "Level",
    "ModelEntry",
    "ReceptiveField",
    "UserError",
    "adapt",
    "as_planes",
    "as_written",
    "attribute",
    "attribution",
    "average",
    "blocks",
    "capture",
    "circuits",
    "class_atlas",
    "collect",
    "compare",
    "comparison",
    "data",
    "experiments",
    "explain",
    "explained",
    "export",
    "grid",
    "head",
    "icon_drawer",
    "icon_keys",
    "icons",
    "intervene",
    "joint",
    "landscape",
    "layers",
    "layout",
    "loss_surface",
    "map_quality",
    "models",
    "open_atlas",
    "open_examples",
    "open_images",
    "optimized",
    "optvis",
    "picture",
    "receptive_field",
    "report",
    "run",
    "saliency",
    "second_moment",
    "single_file",
    "spread",
    "stability",
    "status",
    "targets",
    "tree",
    "trees",
    "units",
    "view",
    "vis",
    "visualize",
    "whitening",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"atlasjax.{name}")
    if name in _HOME:
        return getattr(importlib.import_module(f"atlasjax.{_HOME[name]}"), name)
    raise AttributeError(f"module 'atlasjax' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME, *_MODULES])
