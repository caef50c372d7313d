"""Circuits: whose inputs are followed, how strong lines are, where units stand."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from unit_sites import site

from atlasjax.errors import UserError
from atlasjax.page.units.contents import Edges, UnitLayer, UnitSite
from atlasjax.page.units.diagram import diagram
from atlasjax.page.units.graph import circuit

SVG = "{http://www.w3.org/2000/svg}"


def edges(layer, unit, weight, idle=None):
    weight = np.array(weight, float)
    idle = None if idle is None else np.array(idle)
    return Edges(layer, np.array(unit), weight, weight[..., None, None], idle=idle)


@pytest.fixture
def three():
    """Unit 5 of c takes from b and, past it, from a; unit 2 of b takes from a."""
    from_b = edges("b", [[2, 9, -1]], [[4.0, -2.0, 0]], [[False, True, False]])
    c = UnitLayer("c", np.array([5]), inputs=(from_b, edges("a", [[0, 1, 2]], [[1.0, 0.5, 0.1]])))
    b = UnitLayer("b", np.array([2]), inputs=(edges("a", [[0, 7, 8]], [[-3.0, 6.0, 1.0]]),))
    return UnitSite((b, c), (), (), {})


def test_one_step_back(three):
    found = circuit(three, "c", 5)
    assert found.columns == (
        ("a", (("a", 0), ("a", 1), ("a", 2))),
        ("b", (("b", 2), ("b", 9))),
        ("c", (("c", 5),)),
    )
    strengths = {line.source: line.strength for line in found.lines}
    assert strengths == {
        ("a", 0): 1.0, ("a", 1): 0.5, ("a", 2): pytest.approx(0.1),
        ("b", 2): 1.0, ("b", 9): -0.5,
    }  # fmt: skip
    assert [line.source for line in found.lines if line.idle] == [("b", 9)]
    sizes = [abs(line.strength) for line in found.lines]
    assert sizes == sorted(sizes)  # the strongest are drawn last


def test_two_steps_back_scale_by_the_two_layers(three):
    found = circuit(three, "c", 5, depth=2, most=4)
    # Of inputs of inputs there are half as many.
    into_b = {line.source[1]: line.strength for line in found.lines if line.target == ("b", 2)}
    assert into_b == {0: -0.5, 7: 1.0}
    assert dict(found.columns)["a"][0] == ("a", 7)  # beside what it excites, the topmost of b
    assert set(dict(found.columns)["a"]) == {("a", 0), ("a", 1), ("a", 2), ("a", 7)}


def test_a_column_has_room_for_twelve():
    rng = np.random.default_rng(0)
    unit = np.stack([rng.permutation(40)[:6] for _ in range(20)])
    weight = -np.sort(-rng.uniform(size=(20, 6)))
    b = UnitLayer("b", np.arange(20), inputs=(edges("a", unit, weight),))
    c = UnitLayer("c", np.array([0]), inputs=(edges("b", [list(range(20))], [[1.0] * 20]),))
    found = circuit(UnitSite((b, c), (), (), {}), "c", 0, depth=2, most=20)
    assert [len(units) for _, units in found.columns] == [12, 12, 1]
    shown = {unit for _, units in found.columns for unit in units}
    assert all({line.source, line.target} <= shown for line in found.lines)
    # Those of the largest weights: nothing that is left out is stronger than all that is shown.
    best = {}
    for i in range(12):
        for k in range(6):
            key = int(unit[i, k])
            best[key] = max(best.get(key, 0), weight[i, k] / weight[i].max())
    kept = sorted(best, key=lambda key: -best[key])[:12]
    least = min(best[number] for _, number in found.columns[0][1])
    assert least == pytest.approx(min(best[key] for key in kept))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("mixed3", 1, 1), "no layer of the site 'mixed3'; did you mean"),
        (("mixed3b", 2, 1), "no unit of mixed3b in the site '2'"),
        (("mixed3b", 1, 0), "depth 0: must be at least 1"),
    ],
)
def test_what_is_not_there_is_refused(asked, said):
    layer, unit, depth = asked
    with pytest.raises(UserError, match=said):
        circuit(site(), layer, unit, depth=depth)


def test_a_diagram_is_one_file_with_its_icons():
    made = site()
    layer = made.layers[1]
    made = made._replace(layers=(made.layers[0], layer._replace(names={1: "a < b & \x07 c"})))
    root = ElementTree.fromstring(diagram(made, "mixed3b", 1))
    images = root.findall(f".//{SVG}image")
    assert len(images) == 7
    assert all(image.get("href", "").startswith("data:image/png;base64,") for image in images)
    paths = root.findall(f".//{SVG}path")
    edges = made.layers[1].inputs[0]
    weights = edges.weight[0]
    colours = [path.get("stroke") for path in paths]
    assert colours.count("#cd5500") == (weights < 0).sum()
    dashed = [path for path in paths if path.get("stroke-dasharray")]
    assert edges.idle is not None
    assert len(dashed) == edges.idle[0].sum()
    widest = max(paths, key=lambda path: float(path.get("stroke-width", 0)))
    strongest = edges.unit[0][np.abs(weights).argmax()]
    assert f"mixed3a:{strongest} to mixed3b:1: " in "".join(widest.itertext())
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert "1 \u00b7 a < b &  c" in texts


def test_units_without_icons_are_squares(three):
    root = ElementTree.fromstring(diagram(three, "c", 5, depth=2))
    assert not root.findall(f".//{SVG}image")
    assert len(root.findall(f".//{SVG}g/{SVG}rect")) == 8
    assert "blue excites, orange inhibits" in [text.text for text in root.iter(f"{SVG}text")]


def test_a_unit_without_known_inputs_stands_alone():
    root = ElementTree.fromstring(diagram(site(), "mixed3a", 1))
    assert not root.findall(f".//{SVG}path")
