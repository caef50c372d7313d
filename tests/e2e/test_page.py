"""The page in a real browser, opened from disk as a double click opens it."""

import io
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlasjax.atlas.export import export
from atlasjax.atlas.level import Level

playwright = pytest.importorskip(
    "playwright.sync_api", reason="the browser tests need the playwright package"
)
BROWSER = os.environ.get("ATLASJAX_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no chromium on the path, nor in ATLASJAX_CHROMIUM"
)

TIMES, MINUS = "\u00d7", "\u2212"
MARKUP = "<img src=x onerror=alert(1)>"
NAMES = [MARKUP, "猫, neko", *(f"class {i}" for i in range(2, 10))]
# (x, y). Right of (2, 0) there is nothing in its row; the nearest to the right is (3, 1).
PLACES = ((0, 0), (1, 0), (2, 0), (3, 1), (0, 3))


def colour(index):
    return 40 * index + 10, 250 - 30 * index, 90 * index % 256


def made(places, size=48):
    n = len(places)
    x, y = np.array(places).T
    rng = np.random.default_rng(n)
    # Every cell is first for the class of its number, and last for the next class.
    attribution = rng.uniform(-1, 1, size=(n, 10)).astype(np.float32)
    attribution[np.arange(n), np.arange(n)] = 2.5
    attribution[np.arange(n), np.arange(n) + 1] = -1.75
    icon = np.stack([np.full((size, size, 3), colour(i), np.uint8) for i in range(n)])
    direction, cosine = np.ones((n, 3)), np.linspace(0.5, 0.9, n)
    return Level(x, y, np.arange(n) + 1234, direction, cosine, attribution, icon)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    levels = {
        ("mixed4c", 4): made(PLACES),
        ("mixed4c", 8): made([(2 * x, 2 * y) for x, y in PLACES]),
        ("mixed4a/3x3", 4): made(PLACES[1:]),
        ("mixed5b", 1): made([(0, 0)]),
    }
    record = {"name": "quick & dirty <b>", "command": "atlasjax run quick", "seed": 7}
    # A space and a hash in the path, as people have.
    return export(tmp_path_factory.mktemp("a") / "my run #1", levels, record, NAMES).parent


@pytest.fixture(scope="module")
def browser():
    arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    arguments += ["--disable-background-networking", "--disable-component-update"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def troubles():
    """What the browser complains of; every test ends with none, or takes them out."""
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
def new_page(browser, troubles):
    contexts = []

    def open_page(folder: Path, hash: str = "", **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
        page.goto((folder / "index.html").as_uri() + hash)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_page, run):
    return new_page(run, "#mixed4c/4")


def middle(page, x, y, grid=4):
    box = page.locator("#map").bounding_box()
    side = box["width"] / grid
    return box["x"] + (x + 0.5) * side, box["y"] + (y + 0.5) * side


def expect_pressed(page, *names):
    expect(page.locator("button[aria-pressed=true]")).to_have_text(names)


def shown(page):
    """The address of the cell in the panel; None before one is selected."""
    if page.locator("#cell").is_hidden():
        return None
    return page.locator("#cell dd").first.inner_text()


def expect(locator):
    return playwright.expect(locator)


def test_before_anything_is_touched(page):
    assert page.title() == "quick & dirty <b> · activation atlas"
    assert page.locator("h1").inner_text() == "quick & dirty <b>"
    assert "point at a tile" in page.locator("#panel").inner_text()
    expect_pressed(page, "mixed4c", "4")
    assert f"4 {TIMES} 4: 5 cells, 6,180 activations" in page.locator("#caption").inner_text()
    footer = page.locator("footer").inner_text()
    assert "atlasjax run quick" in footer
    assert re.search(r"Seed\s+7\b", footer)
    drawn = "() => document.querySelector('#picture img').naturalWidth === 192"
    page.wait_for_function(drawn)


def test_layers_and_grids_switch(page):
    assert page.locator("#grids button").all_inner_texts() == ["4", "8"]
    page.get_by_role("button", name="8", exact=True).click()
    expect_pressed(page, "mixed4c", "8")
    page.wait_for_function("() => document.querySelector('#picture img').naturalWidth === 384")
    page.get_by_role("button", name="mixed4a/3x3").click()
    expect_pressed(page, "mixed4a/3x3", "4")
    expect(page.locator("#grids button")).to_have_text(["4"])
    page.get_by_role("button", name="mixed5b").click()
    expect(page.locator("#caption")).to_contain_text("1 cell, 1,234 activations")
    page.go_back()
    expect(page.locator("#caption")).to_contain_text("mixed4a/3x3")


def test_hovering_tells_of_the_cell(page):
    page.mouse.move(*middle(page, 3, 1))
    cell = page.locator("#cell").inner_text()
    assert "row 1, column 3" in cell
    assert re.search(r"Activations\s+1,237", cell)
    assert re.search(r"Cosine reached\s+0\.800", cell)
    effects = page.locator(".effects li").all_inner_texts()
    assert len(effects) == 8
    assert effects[0].split() == ["class", "3", "+2.50"]
    assert effects[-1].split() == ["class", "4", f"{MINUS}1.75"]
    assert page.locator(".bar span").first.get_attribute("class") == "positive"
    assert page.locator(".bar span").last.get_attribute("class") == "negative"
    outline, box = page.locator("#outline").bounding_box(), page.locator("#map").bounding_box()
    assert outline["x"] - box["x"] == pytest.approx(0.75 * box["width"], abs=1)
    assert outline["y"] - box["y"] == pytest.approx(0.25 * box["height"], abs=1)


def test_panel_shows_the_icon_itself(page):
    for i, place in enumerate(PLACES):
        page.mouse.move(*middle(page, *place))
        with Image.open(io.BytesIO(page.locator(".icon").screenshot())) as seen:
            for at in (0.1, 0.5, 0.9):
                point = (int(seen.width * at), int(seen.height * (1 - at)))
                assert seen.convert("RGB").getpixel(point) == colour(i)


def test_click_pins_and_escape_or_a_second_click_unpins(page):
    page.mouse.click(*middle(page, 3, 1))
    page.mouse.move(*middle(page, 0, 0))
    assert shown(page) == "row 1, column 3"
    assert "Pinned" in page.locator("#cell").inner_text()
    page.keyboard.press("Escape")
    page.mouse.move(*middle(page, 1, 0))
    assert shown(page) == "row 0, column 1"
    page.mouse.click(*middle(page, 1, 0))
    page.mouse.click(*middle(page, 1, 0))
    page.mouse.move(*middle(page, 0, 0))
    assert shown(page) == "row 0, column 0"
    page.mouse.click(*middle(page, 0, 0))
    page.mouse.click(*middle(page, 3, 1))
    assert shown(page) == "row 1, column 3"
    assert "Pinned" in page.locator("#cell").inner_text()


def test_empty_places_say_nothing(page):
    page.mouse.move(*middle(page, 2, 2))
    assert shown(page) is None
    page.mouse.click(*middle(page, 2, 2))
    assert shown(page) is None


def test_everything_works_by_keyboard_alone(page):
    def focused():
        return page.evaluate("document.activeElement.id || document.activeElement.textContent")

    page.keyboard.press("Tab")
    assert focused() == "mixed4c"
    for _ in range(4):
        page.keyboard.press("Tab")
    assert focused() == "8"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#caption")).to_contain_text(f"8 {TIMES} 8")
    assert focused() == "8"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    expect(page.locator("#caption")).to_contain_text(f"4 {TIMES} 4")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert focused() == "map"
    assert shown(page) == "row 0, column 1"  # the one nearest the middle, or first of those
    assert "row 0, column 1: 1,235 activations" in page.locator("#spoken").inner_text()
    for key, place in [
        ("ArrowRight", "row 0, column 2"),
        ("ArrowRight", "row 1, column 3"),  # nothing more in its row: the nearest beyond
        ("ArrowRight", "row 1, column 3"),  # the end
        ("ArrowLeft", "row 0, column 2"),
        ("ArrowLeft", "row 0, column 1"),
        ("ArrowLeft", "row 0, column 0"),
        ("ArrowDown", "row 3, column 0"),
        ("ArrowUp", "row 0, column 0"),
    ]:
        page.keyboard.press(key)
        assert (key, shown(page)) == (key, place)
    page.keyboard.press("Enter")
    assert "Pinned" in page.locator("#cell").inner_text()
    page.keyboard.press("Escape")
    assert "Pinned" not in page.locator("#cell").inner_text()


def test_names_are_text_never_markup(page):
    page.mouse.move(*middle(page, 0, 0))
    assert page.locator(".effects .name").first.inner_text() == MARKUP
    assert page.locator("#panel img").count() == 0
    assert page.locator("h1 b").count() == 0


def test_a_missing_picture_is_said(new_page, run, tmp_path, troubles):
    folder = Path(shutil.copytree(run, tmp_path / "copy"))
    (folder / "pictures" / "mixed4c-4.png").unlink()
    page = new_page(folder)
    expect(page.locator("#message")).to_contain_text("mixed4c-4.png, is missing")
    assert page.locator("#map").is_hidden()
    page.get_by_role("button", name="8", exact=True).click()
    expect(page.locator("#map")).to_be_visible()
    assert page.locator("#message").is_hidden()
    assert all("ERR_FILE_NOT_FOUND" in trouble for trouble in troubles)
    troubles.clear()


def test_a_missing_script_of_data_is_said(new_page, run, tmp_path, troubles):
    folder = Path(shutil.copytree(run, tmp_path / "copy"))
    (folder / "atlas.js").unlink()
    page = new_page(folder)
    expect(page.locator("#message")).to_contain_text("atlas.js is missing")
    assert all("ERR_FILE_NOT_FOUND" in trouble for trouble in troubles)
    troubles.clear()


@pytest.mark.parametrize("width", [320, 400])
def test_narrow_windows_do_not_scroll_sideways(new_page, run, width):
    page = new_page(run, viewport={"width": width, "height": 800}, has_touch=True)
    page.touchscreen.tap(*middle(page, 3, 1))
    assert shown(page) == "row 1, column 3"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    panel, box = page.locator("#panel").bounding_box(), page.locator("#map").bounding_box()
    assert panel["y"] >= box["y"] + box["height"]
    page.touchscreen.tap(*middle(page, 3, 1))
    assert "Pinned" not in page.locator("#cell").inner_text()


def test_all_of_the_map_is_in_the_window_and_never_larger_than_it_was_drawn(new_page, run):
    page = new_page(run, "#mixed4c/8", viewport={"width": 1000, "height": 420})
    box = page.locator("#map").bounding_box()
    assert box["width"] == pytest.approx(box["height"])
    assert box["y"] + box["height"] <= 420
    page.set_viewport_size({"width": 2000, "height": 1500})
    assert page.locator("#map").bounding_box()["width"] == 384


def test_address_keeps_layer_and_grid(new_page, run):
    page = new_page(run)
    expect_pressed(page, "mixed4c", "4")
    page.get_by_role("button", name="mixed4a/3x3").click()
    assert page.url.endswith("#mixed4a/3x3/4")
    expect_pressed(new_page(run, "#mixed4a/3x3/4"), "mixed4a/3x3", "4")
    expect_pressed(new_page(run, "#mixed4c/8"), "mixed4c", "8")


@pytest.mark.parametrize(
    ("hash", "buttons"),
    [
        ("#none/4", ["mixed4c", "4"]),
        ("#mixed4c", ["mixed4c", "4"]),
        ("#mixed4c/x", ["mixed4c", "4"]),
        ("#mixed4c/9", ["mixed4c", "8"]),
        ("#%E0%A4%A", ["mixed4c", "4"]),
    ],
)
def test_addresses_that_name_nothing_show_something(new_page, run, hash, buttons):
    expect_pressed(new_page(run, hash), *buttons)


def test_a_finer_grid_keeps_the_place(page):
    page.mouse.click(*middle(page, 3, 1))
    page.get_by_role("button", name="8", exact=True).click()
    expect(page.locator("#caption")).to_contain_text(f"8 {TIMES} 8")
    assert shown(page) == "row 2, column 6"
    page.get_by_role("button", name="mixed5b").click()
    expect(page.locator("#caption")).to_contain_text("mixed5b")
    assert shown(page) is None


def test_dark_and_light(new_page, run):
    colours = {
        scheme: new_page(run, color_scheme=scheme).evaluate(
            "['backgroundColor', 'color'].map(k => getComputedStyle(document.body)[k])"
        )
        for scheme in ("light", "dark")
    }
    assert colours["light"][0] == "rgb(255, 255, 255)"
    assert colours["dark"][0] == "rgb(19, 21, 24)"
    assert colours["light"][1] != colours["dark"][1]
