"""What the documents name as a default of maps, class atlases and the report is the default."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from atlasjax.atlas import examples, many, settings, umap_learn
from atlasjax.atlas.grid import fitting
from atlasjax.atlas.layout import normalize
from atlasjax.data import patches
from atlasjax.fidelity import measures, stability, truth, truth_report
from atlasjax.fidelity.report import measure
from atlasjax.runs.experiment import Experiment
from atlasjax.workflows.views import Options

DOCS = Path(__file__).resolve().parents[2] / "docs"
PLAIN = Experiment("plain", early_layers=("early",))


def text(name: str) -> str:
    return re.sub(r"\s+", " ", (DOCS / f"{name}.md").read_text(encoding="utf-8"))


def here(section: str) -> dict[str, str]:
    """Return the column "here" of a table of the defaults, by the first column."""
    page = (DOCS / "defaults.md").read_text(encoding="utf-8")
    table = page.split(f"## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[rows[0].index("here")] for row in rows[2:]}


def of_layout(layer: str) -> str:
    own = PLAIN.layout_settings(layer)
    return f"{own['n_neighbors']}, {own['min_dist']:g}, {own['metric']}".replace("0.", ".")


def default(function: Any, name: str) -> Any:
    return inspect.signature(function).parameters[name].default


def test_maps_are_laid_out_as_the_page_of_defaults_says():
    rows = here("Map")
    assert rows["layout"].startswith(PLAIN.layout.upper())
    assert rows["n_neighbors, min_dist, metric"] == of_layout("late")
    assert rows["the same, mixed3a and mixed3b"].startswith(of_layout("early"))
    assert rows["seed"] == str(PLAIN.seed)
    assert rows["neighbours"] == f"exact up to {many.EXACT_AT_MOST:,} activations"
    assert rows["fit"].startswith(f"on at most {many.FIT_AT_MOST:,}, the rest placed among")
    assert PLAIN.align
    assert rows["layers aligned"] == "each map from the one before"
    assert here("Classes")["class atlas: layout"].endswith(of_layout("late"))


def test_maps_are_clipped_as_the_notebook_does():
    assert "1st and 99th percentile, margin .1 | the same | the same" in text("defaults")
    given = default(normalize, "percentiles"), default(normalize, "margin")
    assert given == ((1.0, 99.0), 0.1)


def test_class_atlases_take_what_the_page_says():
    page, plain = text("atlas"), Options()
    for said in (
        f"speak most for a class, at most; {plain.top} by default",
        f"a cell is drawn when it holds more activations than this, {plain.more_than} by default",
        "a quarter by default, 1 for no such bound",
        "the finest grid whose drawn cells hold nine tenths of the activations",
        f"Of the latter there are {plain.top} at most",
    ):
        assert said in page, said
    assert plain.evidence == 0.25
    assert default(fitting, "share") == 0.9
    assert "no more than hold a quarter of the evidence" in text("defaults")


def test_a_map_from_the_one_before_moves_at_a_tenth_of_the_rate():
    assert "UMAP then moves points at a tenth of its usual rate" in text("atlas")
    usual = default(umap_learn.umap_module().UMAP.__init__, "learning_rate")
    assert settings.GENTLY["learning_rate"] == pytest.approx(usual / 10)


def test_the_report_measures_what_its_page_says():
    page = text("fidelity")
    for said in (
        f"the $k = {measures.NEIGHBORS}$ nearest of activation",
        f"measured on at most {measures.POINTS:,} activations",
        f"At most {stability.POINTS:,} activations, of whole images, are laid out four times",
        f"the number of points, down to {stability.FEWEST}, so that",
        f"Of each point's {measures.NEIGHBORS} nearest in the one map",
        f"would hold fewer than {stability.PER_CELL} activations on average",
        f"over {default(truth.score, 'draws'):,} draws",
        f"Patches are resized to {patches.SIZE} px",
        "all of them and the six worst cells of every level",
        "the ten cells that push most",
        "where the precision is at least one half",
        "its 95th percentile `chance_95`",
        "has the four members of each cell",
        "but at most half the image wide",
    ):
        assert said in page, said
    assert (measure.WORST, measure.HALF) == (6, 0.5)
    assert default(truth.score, "count") == default(truth_report.score_run, "count") == 10
    assert default(truth_report.score_run, "draws") == default(truth.score, "draws")
    assert (examples.PER_CELL, patches.LARGEST) == (4, 0.5)
    assert default(measures.map_quality, "points") == measures.POINTS
    assert default(stability.stability, "points") == stability.POINTS
