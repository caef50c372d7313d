"""The map: levels, zoom, hovering, pinning, layers, and the address that keeps it all."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from atlasjax.page.export import export

TIMES, MINUS = "\u00d7", "\u2212"


def address_has(page, *parts):
    """Wait until the address says something."""
    for part in parts:
        page.wait_for_function("part => location.hash.includes(part)", arg=part)


def test_before_anything_is_touched(page, help):
    help.expect(page).to_have_title("quick & dirty <b> · activation atlas")
    assert page.locator("h1").inner_text() == "quick & dirty <b>"
    assert (
        page.locator(".caption").inner_text() == f"mixed4c, 4 {TIMES} 4: 5 cells, 9,170 activations"
    )
    assert page.locator(".layer").all_inner_texts() == ["mixed4c", "mixed4a/3x3"]
    assert page.locator(".cell").is_hidden()
    assert page.locator(".legend").is_hidden()
    assert page.get_by_role("link", name="A class of it").get_attribute("href") == (
        "classes/3/index.html"
    )


def test_zooming_goes_through_the_levels_and_back(page, help):
    x, y = help.seen(page, help.COLOURS[1])
    page.mouse.move(x - 8, y - 8)  # within the finer cell that lies there
    for _ in range(6):
        page.mouse.wheel(0, -300)
    help.expect(page.locator(".caption")).to_contain_text(f"32 {TIMES} 32")
    help.seen(page, help.FINE[1])
    assert help.find(page, help.COLOURS[1]) is None
    page.keyboard.press("0")
    help.expect(page.locator(".caption")).to_contain_text(f"4 {TIMES} 4")
    help.seen(page, help.COLOURS[4])


@pytest.mark.parametrize("level", ["4", "32"])
def test_a_level_can_be_fixed(page, help, level):
    page.get_by_role("button", name="What the map shows").click()
    page.get_by_role("button", name=level, exact=True).click()
    address_has(page, f"grid={level}")
    help.expect(page.locator(".caption")).to_contain_text(f"{level} {TIMES} {level}")
    help.seen(page, (help.FINE if level == "32" else help.COLOURS)[3])


def test_dragging_moves_the_map_and_double_click_zooms(page, help):
    before = help.seen(page, help.COLOURS[3])
    page.mouse.move(*before)
    page.mouse.down()
    page.mouse.move(before[0] - 120, before[1] + 60, steps=4)
    page.mouse.up()
    after = help.seen(page, help.COLOURS[3])
    assert after[0] - before[0] == pytest.approx(-120, abs=3)
    assert after[1] - before[1] == pytest.approx(60, abs=3)
    assert page.locator(".cell.pinned").count() == 0  # a drag is no click
    page.mouse.dblclick(*after)
    page.wait_for_function("/at=[^&]*,2(&|$)/.test(location.hash)")
    assert "cell=" not in page.url


def test_hovering_tells_of_the_cell(page, help):
    page.mouse.move(*help.seen(page, help.COLOURS[3]))
    cell = page.locator(".cell")
    help.expect(cell.locator(".place")).to_have_text("row 1, column 3")
    text = cell.inner_text()
    assert re.search(r"Activations\s+2,134", text)
    assert re.search(r"Cosine reached\s+0\.800", text)
    rows = cell.locator(".effects li").all_inner_texts()
    assert len(rows) == 8
    assert rows[0].split() == ["class", "3", "+2.50"]
    assert rows[-1].split() == ["class", "4", f"{MINUS}1.75"]
    assert cell.locator(".effect span").first.get_attribute("class") == "positive"
    assert cell.locator(".effect span").last.get_attribute("class") == "negative"
    page.mouse.move(5, 795)
    help.expect(cell).to_be_hidden()


def test_the_panel_shows_the_icon_and_its_real_patches(page, help):
    page.mouse.click(*help.seen(page, help.COLOURS[3]))
    icon = page.locator(".icon").bounding_box()
    patches = page.locator(".patches canvas")
    help.expect(patches).to_have_count(2)  # the other two are black
    page.wait_for_timeout(300)
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        at = (int(icon["x"] + icon["width"] / 2), int(icon["y"] + icon["height"] / 2))
        assert picture.convert("RGB").getpixel(at) == pytest.approx(help.COLOURS[3], abs=8)
        box = patches.first.bounding_box()
        at = (int(box["x"] + 20), int(box["y"] + 20))
        assert picture.convert("RGB").getpixel(at) == pytest.approx((90, 90, 90), abs=4)


def test_click_pins_and_escape_or_a_second_click_releases(page, help):
    place = page.locator(".cell .place")
    first, other = help.seen(page, help.COLOURS[3]), help.seen(page, help.COLOURS[0])
    page.mouse.click(*first)
    address_has(page, "cell=4,3,1")
    page.mouse.move(*other)
    help.expect(place).to_have_text("row 1, column 3")
    page.keyboard.press("Escape")
    help.expect(place).to_have_text("row 0, column 0")  # where the pointer is
    page.mouse.click(*other)
    page.mouse.click(other[0] + 9, other[1])
    page.wait_for_function("!location.hash.includes('cell')")
    page.mouse.click(*first)
    page.get_by_role("button", name="Release the pinned cell").click()
    page.wait_for_function("!location.hash.includes('cell')")


def test_layers_switch_and_the_back_button_goes_back(page, help):
    page.get_by_role("button", name="mixed4a/3x3").click()
    help.expect(page.locator(".caption")).to_contain_text("mixed4a/3x3")
    address_has(page, "layer=mixed4a/3x3")
    page.wait_for_timeout(100)
    assert help.find(page, help.COLOURS[0]) is None
    page.go_back()
    help.expect(page.locator(".caption")).to_contain_text("mixed4c")
    help.seen(page, help.COLOURS[0])


def test_a_layer_that_is_not_aligned_is_found_where_it_was_left(page, help):
    before = help.seen(page, help.COLOURS[3])
    page.get_by_role("button", name="Zoom in").click()
    near = help.seen(page, help.COLOURS[1])
    page.get_by_role("button", name="mixed4a/3x3").click()
    assert help.seen(page, help.COLOURS[3]) == pytest.approx(before, abs=3)  # all of it
    page.get_by_role("button", name="mixed4c").click()
    assert help.seen(page, help.COLOURS[1]) == pytest.approx(near, abs=3)


def test_where_layers_are_aligned_the_place_and_the_cell_are_kept(new_page, help, tmp_path):
    one, other = help.made(help.PLACES, help.COLOURS), help.made(help.PLACES, help.FINE)
    export(tmp_path, {("a", 4): one, ("b", 4): other}, {"aligned": True}, help.NAMES)
    page = new_page(tmp_path, "#layer=a&labels=0&at=0.8,0.4,2&cell=4,3,1")
    before = help.seen(page, help.COLOURS[3])
    page.get_by_role("button", name="b", exact=True).click()
    assert help.seen(page, help.FINE[3]) == pytest.approx(before, abs=2)
    assert help.find(page, help.COLOURS[3]) is None  # the layer before has faded out
    help.expect(page.locator(".cell .place")).to_have_text("row 1, column 3")
    address_has(page, "layer=b", "cell=4,3,1", "at=0.8,0.4,2")


def test_the_address_brings_everything_back(page, new_page, help, run):
    page.mouse.move(*help.seen(page, help.COLOURS[1]))
    page.mouse.wheel(0, -200)
    page.mouse.click(*help.seen(page, help.COLOURS[1]))
    page.get_by_role("combobox").fill("class 7")
    page.keyboard.press("Enter")
    page.get_by_role("combobox").fill("neko")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Against").click()
    address_has(page, "class=7", "versus=1", "sign=against", "cell=4,1,0", "at=", "labels=0")
    again = new_page(run, page.evaluate("location.hash"))
    help.expect(again.locator(".cell .place")).to_have_text("row 0, column 1")
    help.expect(again.locator(".chip .name")).to_have_text(["class 7", "猫, neko"])
    help.expect(again.get_by_role("button", name="Against")).to_have_attribute(
        "aria-pressed", "true"
    )
    page.mouse.move(5, 795)
    page.wait_for_timeout(400)
    again.wait_for_timeout(400)
    assert again.evaluate("location.hash") == page.evaluate("location.hash")
    for name in (".map", ".cell .icon"):
        assert again.locator(name).bounding_box() == page.locator(name).bounding_box()


@pytest.mark.parametrize(
    "hash",
    ["#layer=none", "#x", "#layer=mixed4c&at=1,2", "#%E0%A4%A", "#layer=mixed4c&grid=9&class=999"],
)
def test_addresses_that_name_nothing_show_something(new_page, help, run, hash):
    page = new_page(run, hash)
    help.expect(page.locator(".caption")).to_contain_text(f"mixed4c, 4 {TIMES} 4")
    help.seen(page, help.COLOURS[4])


def test_the_minimap_moves_the_map(page, help):
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Zoom in").click()
    box = page.locator(".minimap").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 16, box["y"] + 118, steps=3)
    page.mouse.up()
    address_has(page, "at=0.11")
    x, y = help.seen(page, help.FINE[4])
    assert (x, y) == pytest.approx((618, 400), abs=60)


def test_icons_sized_by_density_are_smaller_where_there_is_less(page, help):
    page.get_by_role("button", name="What the map shows").click()
    page.get_by_label("Icons sized by activations").check()
    address_has(page, "density=1")
    page.keyboard.press("Escape")
    page.wait_for_timeout(500)
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    area = [(np.abs(pixels - colour) < 9).all(-1).sum() for colour in help.COLOURS]
    assert area == sorted(area)
    assert area[0] < 0.75 * area[4]
