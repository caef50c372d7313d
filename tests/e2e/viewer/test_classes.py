"""Classes: the search over all of them, shading, comparison, and names that are no markup."""

import io

import numpy as np
import pytest
from PIL import Image

from atlasjax.page.export import export

MINUS = "\u2212"


def pixel(page, place):
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)[int(place[1]), int(place[0])]


def choose(page, text):
    page.get_by_role("combobox").fill(text)
    page.get_by_role("option").first.wait_for()
    page.keyboard.press("Enter")


def test_the_search_finds_any_class(page, help):
    box = page.get_by_role("combobox")
    options = page.get_by_role("option")
    box.click()
    help.expect(options).to_have_count(len(help.NAMES))
    box.fill("39")
    help.expect(options).to_have_text(["class 39"])
    box.fill("NEKO")
    help.expect(options).to_have_text(["猫, neko"])
    box.fill("class 1")
    help.expect(options.first).to_have_text("class 10")  # there is no class 1
    box.fill("zebra")
    help.expect(options).to_have_count(0)
    help.expect(page.locator(".more")).to_contain_text("no class of 40 has “zebra”")
    page.keyboard.press("Escape")
    assert box.input_value() == ""


def test_the_search_works_by_keyboard_alone(page, help):
    page.keyboard.press("/")
    page.keyboard.type("class 1")
    box = page.get_by_role("combobox")
    help.expect(box).to_have_attribute("aria-expanded", "true")
    active = page.locator("[role=option][aria-selected=true]")
    help.expect(active).to_have_text("class 10")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    help.expect(active).to_have_text("class 11")
    assert box.get_attribute("aria-activedescendant") == active.get_attribute("id")
    page.keyboard.press("Enter")
    help.expect(page.locator(".chip .name")).to_have_text(["class 11"])
    help.expect(box).to_have_attribute("aria-expanded", "false")


def test_the_map_shades_by_a_class(page, help):
    places = [help.seen(page, colour) for colour in help.COLOURS]
    before = [pixel(page, place) for place in places]
    choose(page, "class 3")
    legend = page.locator(".legend")
    help.expect(legend).to_contain_text("Effect on class 3, in logits")
    help.expect(legend.locator(".marks span")).to_have_text(["0", "", "+2.50"])
    page.mouse.move(5, 795)
    page.wait_for_timeout(300)
    after = [pixel(page, place) for place in places]
    # Cell 3 speaks for class 3 most: tinted blue. Others sink.
    assert after[3][2] > before[3][2]
    assert np.abs(after[3] - before[3]).sum() < np.abs(after[4] - before[4]).sum()
    dark = [int(pixels.sum()) for pixels in after]
    assert dark[1] < before[1].sum() * 0.6
    page.get_by_role("button", name="Against").click()
    help.expect(legend.locator(".marks span").first).to_have_text(f"{MINUS}1.75")
    page.wait_for_timeout(300)
    against = [pixel(page, place) for place in places]
    assert against[3].sum() < 150  # says nothing against it
    assert against[2].sum() > 2 * against[3].sum()
    page.get_by_role("button", name="Both").click()
    help.expect(legend.locator(".marks span")).to_have_text([f"{MINUS}2.50", "0", "+2.50"])
    help.expect(legend).to_contain_text(f"here from {MINUS}1.75 to +2.50")
    page.wait_for_timeout(300)
    both = [pixel(page, place) for place in places]
    assert both[2][0] > both[2][2]  # orange, against
    assert both[3].sum() > 300
    page.get_by_role("button", name="Remove class 3").click()
    help.expect(legend).to_be_hidden()
    page.mouse.move(5, 795)
    page.keyboard.press("Escape")
    help.seen(page, help.COLOURS[1])


def test_two_classes_are_compared(page, help):
    places = [help.seen(page, colour) for colour in help.COLOURS]
    choose(page, "class 3")
    choose(page, "class 4")
    legend = page.locator(".legend")
    help.expect(legend).to_contain_text("What speaks for which class")
    help.expect(legend.locator(".marks span")).to_have_text(["class 3", "both", "class 4"])
    help.expect(legend).to_contain_text("up to +2.50 and +2.50; one scale for both")
    page.mouse.move(5, 795)
    page.wait_for_timeout(300)
    blue, orange = pixel(page, places[3]), pixel(page, places[4])
    assert blue[2] > help.COLOURS[3][2] - 4
    assert blue[0] < help.COLOURS[3][0]
    assert orange[0] > help.COLOURS[4][0] + 30
    page.mouse.click(*places[3])
    rows = page.locator(".chosen li").all_inner_texts()
    assert [row.split()[-1] for row in rows] == ["+2.5", f"{MINUS}1.8"]


def test_a_class_of_the_panel_shades_the_map(page, help):
    page.mouse.click(*help.seen(page, help.COLOURS[4]))
    page.locator(".cell .effects .name").first.click()
    help.expect(page.locator(".chip .name")).to_have_text(["class 4"])


def test_names_are_text_never_markup(page, help):
    page.mouse.click(*help.seen(page, help.COLOURS[0]))
    help.expect(page.locator(".cell .effects .name").first).to_have_text(help.MARKUP)
    choose(page, "<img")
    help.expect(page.locator(".chip .name")).to_have_text(help.MARKUP)
    page.get_by_role("button", name="List of the cells in view").click()
    assert page.locator(".atlasjax img").count() == 0
    assert page.locator("h1 b").count() == 0


@pytest.mark.parametrize("labels", ["1", "0"])
def test_regions_have_names(new_page, run, help, labels):
    page = new_page(run, f"#layer=mixed4a/3x3&labels={labels}")
    x, y = help.seen(page, help.COLOURS[4])
    box = (int(x - 60), int(y + 40), int(x + 60), int(y + 80))  # at the foot of its cell
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        colours = np.asarray(picture.convert("RGB").crop(box)).reshape(-1, 3)
    assert ((colours > 250).all(-1).sum() > 50) == (labels == "1")


def test_a_comparison_says_which_end_is_which(new_page, help, tmp_path):
    level = help.made(help.PLACES, help.COLOURS)
    export(
        tmp_path, {("a", 4): level}, {"name": "r"}, help.NAMES, kind="comparison", classes=[2, 5]
    )
    page = new_page(tmp_path)
    help.expect(page.locator(".kind")).to_have_text("Class comparison: tench and class 5")
    help.expect(page.locator(".ends span")).to_have_text(["← tench", "class 5 →"])
    left, right = (page.locator(".ends span").nth(i).bounding_box() for i in (0, 1))
    assert left["x"] < help.seen(page, help.COLOURS[0])[0] < right["x"]
