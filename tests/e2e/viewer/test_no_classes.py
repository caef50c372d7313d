"""The page of a network without classes, such as one of embeddings: everything else is there."""

from pathlib import Path

import pytest

from atlasjax.page.export import export
from atlasjax.page.single_file import single_file

AXE = Path(__file__).parents[3] / "atlasjax" / "viewer" / "node_modules" / "axe-core" / "axe.min.js"
SAID = "This network has no classes: cells have no effects to show."


def without(level):
    return level._replace(attribution=level.attribution[:, :0])


@pytest.fixture(scope="module")
def embedding(tmp_path_factory, help):
    """A run of two layers whose cells speak for nothing."""
    levels = {
        ("mixed4c", 4): without(help.made(help.PLACES, help.COLOURS)),
        ("mixed4c", 32): without(help.made(help.fine(help.PLACES), help.FINE)),
        ("mixed4a/3x3", 4): without(help.made(help.PLACES[1:], help.COLOURS[1:])),
    }
    folder = tmp_path_factory.mktemp("embedding")
    export(folder, levels, {"name": "embedding"}, [])
    return folder


def test_the_page_says_so_where_the_search_and_the_effects_would_be(new_page, embedding, help):
    page = new_page(embedding, "#layer=mixed4c")
    place = help.seen(page, help.COLOURS[3])
    help.expect(page.locator(".side").get_by_text(SAID)).to_have_count(1)
    page.mouse.move(*place)
    cell = page.locator(".cell")
    help.expect(cell).to_contain_text(SAID)
    page.mouse.click(*place)
    help.expect(cell).to_contain_text(SAID)
    help.expect(cell.locator(".facts")).to_contain_text("2,134")
    help.expect(cell.locator(".python code")).to_have_text(
        'level = atlas.level("mixed4c", 4); cell = 3'
    )
    for absent in (".effects", ".chosen", "h3", "ul"):
        assert cell.locator(absent).count() == 0
    assert page.get_by_role("search").count() == page.get_by_role("combobox").count() == 0
    help.expect(page.locator(".legend")).to_be_hidden()
    assert "undefined" not in page.evaluate("document.body.innerText")


def test_keys_and_addresses_of_classes_do_nothing(new_page, embedding, help):
    page = new_page(embedding, "#layer=mixed4c&class=0&versus=1&sign=both&cell=4,3,1")
    help.expect(page.locator(".cell .place")).to_have_text("row 1, column 3")
    help.seen(page, help.COLOURS[4])  # nothing is shaded
    page.locator(".map").focus()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.matches('.map')")
    page.keyboard.press("ArrowLeft")
    help.expect(page.locator(".cell .place")).to_have_text("row 0, column 2")
    spoken = page.locator("[aria-live]").first
    help.expect(spoken).to_have_text("row 0, column 2: 1,834 activations")
    page.wait_for_function("location.hash.includes('cell=4,2,0')")
    assert "class=" not in page.evaluate("location.hash")
    page.evaluate("location.hash = '#layer=mixed4a/3x3&class=3&versus=5'")
    help.expect(page.locator(".caption").last).to_contain_text("mixed4a/3x3")
    help.expect(page.locator(".legend")).to_be_hidden()


def test_list_help_and_menu_speak_of_no_class(new_page, embedding, help):
    page = new_page(embedding, "#layer=mixed4c")
    help.seen(page, help.COLOURS[3])
    page.get_by_role("button", name="What the map shows").click()
    menu = page.get_by_role("group", name="What the map shows")
    help.expect(menu.get_by_role("checkbox")).to_have_count(1)
    help.expect(menu).not_to_contain_text("Names of regions")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="List of the cells in view").click()
    rows = page.locator(".rows button")
    help.expect(rows).to_have_count(5)
    help.expect(rows.first.locator(".what > *")).to_have_text(
        ["row 3, column 0", "2,434 activations"]
    )
    rows.nth(1).click()
    help.expect(page.locator(".cell .place")).to_have_text("row 1, column 3")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog")
    help.expect(dialog).to_contain_text(SAID)
    help.expect(dialog).not_to_contain_text("find a class")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_fault_of_accessibility(new_page, embedding, help, scheme):
    if not AXE.is_file():
        pytest.skip("no axe-core: run npm ci in atlasjax/viewer")
    page = new_page(embedding, "#layer=mixed4c&cell=4,3,1", color_scheme=scheme)
    help.expect(page.locator(".cell")).to_be_visible()
    page.get_by_role("button", name="List of the cells in view").click()
    page.evaluate(AXE.read_text())
    check = (
        "async () => (await axe.run({ preload: false }))"
        ".violations.map(v => [v.impact, v.id, v.nodes[0].html])"
    )
    assert page.evaluate(check) == []


def test_a_phone_has_room_for_map_and_panel(new_page, embedding, help):
    page = new_page(
        embedding, "#layer=mixed4c", viewport={"width": 320, "height": 740}, has_touch=True
    )
    bar = page.locator(".side").bounding_box()
    assert bar["height"] <= 96 + 1  # what the map leaves free for it
    page.touchscreen.tap(*help.seen(page, help.COLOURS[3]))
    help.expect(page.locator(".cell")).to_contain_text(SAID)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_the_single_file_is_the_same_page(new_page, embedding, help, tmp_path):
    page = new_page(single_file(embedding, tmp_path / "one.html"), "#layer=mixed4c&cell=4,3,1")
    help.seen(page, help.COLOURS[4])
    help.expect(page.locator(".cell")).to_contain_text(SAID)


def test_classes_that_only_have_numbers_are_classes(new_page, tmp_path, help):
    names = [f"class {i}" for i in range(len(help.NAMES))]
    export(tmp_path, {("a", 4): help.made(help.PLACES, help.COLOURS)}, {}, names)
    page = new_page(tmp_path, "#layer=a&class=3&cell=4,3,1&labels=0")
    help.expect(page.locator(".cell .effects .name").last).to_be_visible()
    help.expect(page.locator(".cell")).to_contain_text("Speaks most for")
    help.expect(page.get_by_role("combobox")).to_be_visible()
    help.expect(page.locator(".legend")).to_contain_text("Effect on class 3")
    assert page.get_by_text("no classes").count() == 0
