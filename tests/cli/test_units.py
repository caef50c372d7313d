"""`atlasjax units` and `atlasjax circuit`: what is asked for reaches the workflow, and is told."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atlasjax import cli
from atlasjax.page.units.contents import Family, UnitLayer, UnitSite
from atlasjax.workflows import circuit as of_circuit
from atlasjax.workflows import units as of_units
from atlasjax.workflows.circuit import Circuit, Edge
from atlasjax.workflows.unit_site.settings import UnitSettings
from atlasjax.workflows.units import Units

SITE = UnitSite(
    (UnitLayer("mixed3b", np.array([379, 385]), families=(Family("curves", (379, 385)),)),),
    (),
    (),
    {},
    ("No images were given.",),
)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the workflow is called with."""
    found: dict[str, Any] = {}

    def units(*args: Any, **how: Any) -> Units:
        found.update(how, args=args)
        return Units(Path("site/index.html"), SITE)

    def circuit(*args: Any, **how: Any) -> Circuit:
        found.update(how, args=args)
        edges = (
            Edge(("mixed3a", 95), ("mixed3b", 379), 1.5, 0.25, 0.2, False),
            Edge(("mixed3a", 7), ("mixed3b", 379), -0.5, float("nan"), float("nan"), True),
        )
        return Circuit(Path("c.svg"), edges, SITE, ("a note",))

    monkeypatch.setattr(of_units, "units", units)
    monkeypatch.setattr(of_circuit, "circuit", circuit)
    return found


def test_units_tells_what_was_made(given: dict[str, Any], capsys: pytest.CaptureFixture[str]):
    cli.main(["units", "googlenet", "--units", "mixed3b:379,385", "--images", "photos", "--beyond"])
    assert given["args"] == ("googlenet", None, "photos")
    assert given["units"] == ["mixed3b:379,385"]
    assert given["beyond"]
    assert given["settings"] is None
    assert given["command"].startswith("atlasjax units googlenet --units")
    assert capsys.readouterr().out.splitlines() == [
        "mixed3b: 2 units; 2 for curves",
        "note: No images were given.",
        "open site/index.html",
    ]


def test_unablated_ablates_nothing(given: dict[str, Any]):
    cli.main(["units", "googlenet", "--layers", "mixed3a", "mixed3b", "--unablated", "--out", "s"])
    assert given["args"] == ("googlenet", ["mixed3a", "mixed3b"], None)
    assert given["settings"] == UnitSettings(ablated=0)
    assert given["out"] == "s"


def test_circuit_prints_its_edges(given: dict[str, Any], capsys: pytest.CaptureFixture[str]):
    cli.main(["circuit", "googlenet", "mixed3b:379", "--depth", "1", "--out", "c.svg"])
    assert given["args"] == ("googlenet", "mixed3b:379", None)
    assert (given["depth"], given["most"], given["out"]) == (1, 6, "c.svg")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["from", "to", "weight", "use", "effect"]
    assert lines[1].split() == ["mixed3a:95", "mixed3b:379", "1.5", "0.25", "0.2"]
    assert lines[2].split() == ["mixed3a:7", "mixed3b:379", "-0.5", "idle"]
    assert lines[3:] == ["note: a note", "open c.svg"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["units", "googlenett", "--layers", "x"], "no model 'googlenett'; did you mean"),
        (["units", "inception_v1_tiny", "--layers", "mixed3c"], "no layer 'mixed3c'; did you mean"),
        (["units", "inception_v1_tiny"], "no units: give --layers"),
        (["circuit", "inception_v1_tiny", "mixed3b"], "unit 'mixed3b': must be LAYER:NUMBER"),
        (["circuit", "inception_v1_tiny", "mixed3b:99"], "unit mixed3b:99: must be from 0 to 59"),
    ],
)
def test_mistakes_are_one_line(
    command: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        cli.main(command)
    assert stopped.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("atlasjax: ")
    assert said in told
    assert told.count("\n") == 1
