"""Use by everybody: keyboard, screen readers, phones, colours and motion as the person has them."""

from pathlib import Path

import pytest

AXE = Path(__file__).parents[3] / "atlasjax" / "viewer" / "node_modules" / "axe-core" / "axe.min.js"
TIMES = "\u00d7"


def test_the_map_is_walked_by_keyboard(page, help):
    place = page.locator(".cell .place")
    page.locator(".map").focus()
    help.expect(place).to_have_text(
        "row 0, column 1"
    )  # the one nearest the middle, or first of those
    for key, expected in [
        ("ArrowRight", "row 0, column 2"),
        ("ArrowRight", "row 1, column 3"),  # nothing more in its row: the nearest beyond
        ("ArrowRight", "row 1, column 3"),  # the end
        ("ArrowLeft", "row 0, column 2"),
        ("ArrowDown", "row 1, column 3"),
        ("ArrowDown", "row 3, column 0"),
        ("ArrowUp", "row 0, column 0"),
    ]:
        page.keyboard.press(key)
        help.expect(place).to_have_text(expected)
    help.expect(page.locator("[aria-live]").first).to_contain_text("row 0, column 0: 1,234")
    page.keyboard.press("Enter")
    page.wait_for_function("location.hash.includes('cell=4,0,0')")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("location.hash.includes('cell=4,1,0')")
    page.keyboard.press("Escape")
    page.wait_for_function("!location.hash.includes('cell')")


def test_zoom_layers_list_and_help_have_keys(page, help):
    caption = page.locator(".caption")
    for _ in range(3):
        page.keyboard.press("+")
    help.expect(caption).to_contain_text(f"32 {TIMES} 32")
    page.keyboard.press("-")
    page.keyboard.press("0")
    help.expect(caption).to_contain_text(f"4 {TIMES} 4")
    before = help.seen(page, help.COLOURS[3])
    page.locator(".map").focus()
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_timeout(300)
    assert help.seen(page, help.COLOURS[3])[0] == pytest.approx(before[0] - 120, abs=3)
    page.keyboard.press("]")
    help.expect(caption).to_contain_text("mixed4a/3x3")
    page.keyboard.press("[")
    help.expect(caption).to_contain_text("mixed4c")
    page.keyboard.press("l")
    help.expect(page.locator(".list")).to_be_visible()
    page.keyboard.press("Escape")
    help.expect(page.locator(".list")).to_be_hidden()
    page.keyboard.press("?")
    help.expect(page.get_by_role("dialog")).to_contain_text("the whole map")
    page.keyboard.press("Escape")
    help.expect(page.get_by_role("dialog")).to_be_hidden()


def test_everything_is_reached_by_tab_and_the_focus_is_seen(page):
    reached = set()
    for _ in range(24):
        page.keyboard.press("Tab")
        found = page.evaluate(
            "() => { const e = document.activeElement, s = getComputedStyle(e);"
            "return [e.getAttribute('aria-label') || e.textContent, s.outlineStyle,"
            " getComputedStyle(e.parentElement).boxShadow] }"
        )
        reached.add(found[0])
        if found[0] and found[0] != document_body(page):
            assert found[1] != "none" or found[2] != "none", found
    assert {"mixed4c", "mixed4a/3x3", "Zoom in", "Help", "Find a class"} <= reached
    assert any(name and name.startswith("Activation atlas of") for name in reached)


def document_body(page):
    return page.evaluate("document.body.textContent")


def test_the_list_tells_what_the_map_shows(page, help):
    page.get_by_role("button", name="List of the cells in view").click()
    rows = page.locator(".rows button")
    help.expect(rows).to_have_count(5)
    help.expect(rows.first).to_contain_text("class 4")  # the fullest
    help.expect(rows.first).to_contain_text("row 3, column 0 · 2,434 activations")
    rows.nth(1).click()
    help.expect(page.locator(".cell .place")).to_have_text("row 1, column 3")
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Zoom in").click()
    help.expect(page.locator(".list .quiet").first).not_to_contain_text("5 of 5")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_fault_of_accessibility(new_page, run, help, scheme):
    if not AXE.is_file():
        pytest.skip("no axe-core: run npm ci in atlasjax/viewer")
    page = new_page(run, "#layer=mixed4c&class=3&versus=5&cell=4,3,1", color_scheme=scheme)
    help.expect(page.locator(".chosen")).to_be_visible()
    page.evaluate(AXE.read_text())
    check = (
        "async () => (await axe.run({ preload: false }))"
        ".violations.map(v => [v.impact, v.id, v.nodes[0].html])"
    )
    assert page.evaluate(check) == []
    page.get_by_role("button", name="List of the cells in view").click()
    page.get_by_role("button", name="What the map shows").click()
    assert page.evaluate(check) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Help").click()
    assert page.evaluate(check) == []


@pytest.mark.parametrize("width", [320, 400])
def test_a_phone_shows_map_and_panel(new_page, run, help, width):
    page = new_page(
        run, "#layer=mixed4c&labels=0", viewport={"width": width, "height": 740}, has_touch=True
    )
    page.touchscreen.tap(*help.seen(page, help.COLOURS[3]))
    cell = page.locator(".cell")
    help.expect(cell.locator(".place")).to_have_text("row 1, column 3")
    box = cell.bounding_box()
    assert (box["x"], box["width"]) == pytest.approx((0, width), abs=1)
    assert box["y"] + box["height"] == pytest.approx(740, abs=1)
    assert box["height"] < 0.5 * 740
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Release the pinned cell").tap()
    help.expect(cell).to_be_hidden()
    page.get_by_role("button", name="Layers").tap()
    page.get_by_role("button", name="mixed4a/3x3").tap()
    page.wait_for_function("location.hash.includes('mixed4a/3x3')")


def test_two_fingers_zoom(new_page, run, help):
    page = new_page(run, "#layer=mixed4c", viewport={"width": 400, "height": 740}, has_touch=True)
    help.seen(page, help.COLOURS[4])
    client = page.context.new_cdp_session(page)

    def touch(kind, apart):
        points = [{"x": 200 - apart, "y": 420}, {"x": 200 + apart, "y": 420}]
        client.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [] if kind == "touchEnd" else points},
        )

    touch("touchStart", 30)
    for apart in (50, 80, 120):
        touch("touchMove", apart)
    touch("touchEnd", 0)
    page.wait_for_function("/at=[^&]*,4(\\.\\d+)?(&|$)/.test(location.hash)")


def test_dark_and_light_follow_the_system_until_one_is_chosen(new_page, run):
    def ground(page):
        return page.evaluate(
            "getComputedStyle(document.querySelector('.atlasjax')).backgroundColor"
        )

    assert ground(new_page(run, color_scheme="light")) == "rgb(250, 250, 248)"
    page = new_page(run, color_scheme="dark")
    assert ground(page) == "rgb(16, 18, 22)"
    page.get_by_role("button", name="What the map shows").click()
    page.get_by_role("button", name="Light", exact=True).click()
    assert ground(page) == "rgb(250, 250, 248)"
    page.reload()
    page.locator(".caption").wait_for()
    assert ground(page) == "rgb(250, 250, 248)"


def test_motion_is_only_where_it_is_wanted(new_page, run, help):
    for motion, moved in (("reduce", True), ("no-preference", False)):
        page = new_page(run, "#layer=mixed4c&labels=0", reduced_motion=motion)
        help.seen(page, help.COLOURS[4])
        scale = "document.querySelector('.minimap .frame').getBoundingClientRect().width"
        at_once = page.evaluate(
            "() => { document.querySelector('[aria-label=\"Zoom in\"]').click();"
            f"const before = {scale};"
            "document.querySelector('[aria-label=\"Zoom in\"]').click();"
            f"return {scale} < before }}"
        )
        assert at_once == moved
