"""The page of explained images: what lights up, what is chosen, and who can use it."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from explanations import explanation
from PIL import Image

from atlasjax.page.explanation.contents import Checks
from atlasjax.page.explanation.write import write

AXE = Path(__file__).parents[3] / "atlasjax" / "viewer" / "node_modules" / "axe-core" / "axe.min.js"
CHECK = (
    "async () => (await axe.run({ preload: false }))"
    ".violations.map(v => [v.impact, v.id, v.nodes[0].html])"
)
MARKUP = "<img src=x onerror=alert(1)>"
LAYERS = (("mixed4a/3x3", 6), ("mixed4d", 4))
MINUS = "\u2212"


def made(**changes):
    """Two images with everything, and names that are markup."""
    one = explanation(pictures=2, layers=LAYERS, classes=30, seed=1, **changes)
    names = list(one.class_names)
    names[one.target_classes[1]] = MARKUP
    short = list(one.short_names)
    short[one.target_classes[1]] = MARKUP
    first = one.pictures[0]
    groups = first.layers[1].groups
    effect = groups.effect.copy()
    effect[0] = (4, -2, 1)
    effect[1] = (-3, 2, 0.5)
    layer = replace(first.layers[1], groups=replace(groups, effect=effect))
    return replace(
        one,
        pictures=(replace(first, name=MARKUP, layers=(first.layers[0], layer)), one.pictures[1]),
        targets=tuple(names[i] for i in one.target_classes),
        class_names=tuple(names),
        short_names=tuple(short),
        notes=(MARKUP,),
    )


@pytest.fixture(scope="module")
def shown():
    return made()


@pytest.fixture(scope="module")
def folder(shown, tmp_path_factory):
    # A space and a hash in the path, as people have.
    return write(tmp_path_factory.mktemp("a") / "my images #1", shown, figures=False).parent


@pytest.fixture
def page(new_page, folder, help):
    page = new_page(folder)
    help.expect(page.locator(".card")).to_have_count(4)
    return page


def hash_has(page, text):
    page.wait_for_function("text => location.hash.includes(text)", arg=text)


def lit(locator):
    return float(locator.evaluate("e => e.style.getPropertyValue('--lit')"))


def pixels(locator):
    with Image.open(io.BytesIO(locator.screenshot())) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_it_opens_from_disk_and_shows_the_last_layer_for_the_first_target(page, help, shown):
    help.expect(page.locator("h1")).to_have_text(MARKUP)
    help.expect(page.get_by_role("group", name="Targets").get_by_role("button")).to_have_count(3)
    help.expect(page.locator(".tab[aria-pressed=true] .name")).to_have_text(
        shown.short_names[shown.target_classes[0]]
    )
    help.expect(page.locator(".segments [aria-pressed=true]").nth(1)).to_have_text("mixed4d")
    first = page.locator(".card").first
    help.expect(first.locator(".bar.chosen .number")).to_have_text("+4.00")
    help.expect(first.locator(".bar.chosen .positive")).to_have_count(1)
    help.expect(page.locator(".card").nth(1).locator(".bar.chosen .negative")).to_have_count(1)
    assert page.locator(".notes").inner_text() == MARKUP
    assert page.locator("img").count() == 0


def test_the_head_says_whether_the_network_is_right(new_page, tmp_path, shown, page, help):
    short = [shown.short_names[i] for i in shown.target_classes]
    kind = page.locator(".kind")
    help.expect(kind).to_have_text(f"answer: {short[0]}, right")
    first = shown.pictures[0]
    others = (replace(first, label=shown.target_classes[2]), replace(first, label=None))
    page = new_page(write(tmp_path, replace(shown, pictures=others), figures=False).parent)
    kind = page.locator(".kind")
    help.expect(kind).to_have_text(f"answer: {short[0]}; it is {short[2]}")
    page.keyboard.press(".")
    help.expect(kind).to_have_text(f"answer: {short[0]}")


def test_bars_compare_across_groups(page):
    widths = page.locator(".card .bar.chosen .effect span").evaluate_all(
        "all => all.slice(0, 2).map(e => e.getBoundingClientRect().width)"
    )
    assert widths[0] / widths[1] == pytest.approx(4 / 3, rel=0.05)


def test_a_position_under_the_pointer_lights_up_everywhere(page, help, shown):
    grid = page.locator(".column .surface").nth(1)
    grid.scroll_into_view_if_needed()
    box = grid.bounding_box()
    # Row 2, column 3 of four by four.
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.4 * box["height"])
    help.expect(page.locator(".readout")).to_contain_text("mixed4d, row 2, column 3:")
    frame = page.locator(".stage .frame")
    help.expect(frame).to_be_visible()
    stage, there = page.locator(".stage").bounding_box(), frame.bounding_box()
    assert (there["x"] - stage["x"]) / stage["width"] == pytest.approx(0.5, abs=0.01)
    assert (there["y"] - stage["y"]) / stage["height"] == pytest.approx(0.25, abs=0.01)
    # Groups by how strong they are there.
    layer = shown.pictures[0].layers[1]
    for i in range(4):
        expected = layer.groups.map[i, 1, 2] / layer.groups.map[i].max()
        assert lit(page.locator(".card").nth(i)) == pytest.approx(expected, abs=1e-3)
    # The dictionary is that of the place.
    words = page.locator(".word .title")
    channels = [layer.channels.names[k] for k in layer.dictionary[1, 2] if k >= 0]
    assert channels
    assert [text.split()[1] for text in words.all_inner_texts()] == channels
    page.mouse.move(5, 400)
    help.expect(frame).to_be_hidden()
    help.expect(page.locator(".stage .over").first).to_be_visible()


def test_the_layer_before_lights_where_the_position_takes_from(page, shown):
    before = page.locator(".column .grid").first
    before.scroll_into_view_if_needed()
    grid = page.locator(".column .surface").nth(1)
    box = grid.bounding_box()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.4 * box["height"])
    alpha = page.locator(".column .cells").first.evaluate(
        "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
        ".filter((_, i) => i % 4 === 3)"
    )
    flow = np.abs(shown.pictures[0].flows[0].positions[:, :, 1, 2]).ravel()
    strongest, weakest = int(flow.argmax()), int(flow.argmin())
    assert alpha[weakest] > 200 > alpha[strongest]  # dark where nothing comes from


def test_a_group_lights_its_lines_and_stays_when_it_is_clicked(page, help):
    card = page.locator(".card").nth(1)
    card.hover()
    help.expect(page.locator(".readout")).to_contain_text(f"group 2: {MINUS}3.00 to class")
    assert lit(page.locator(".card").first) == 0
    bright = page.locator(".line").evaluate_all("all => all.map(e => +e.style.opacity)")
    assert max(bright) > 0.9
    assert np.median(bright) < 0.1
    card.click()
    hash_has(page, "group=2")
    page.mouse.move(5, 400)
    help.expect(card).to_have_attribute("aria-pressed", "true")
    help.expect(page.locator(".readout")).to_contain_text("group 2")
    card.click()
    page.mouse.move(5, 400)
    page.wait_for_function("!location.hash.includes('group')")
    help.expect(page.locator(".readout")).not_to_contain_text("group 2")


def test_a_group_of_another_layer_brings_that_layer(page, help):
    page.locator(".column").first.locator(".node").nth(2).click()
    hash_has(page, "layer=mixed4a/3x3")
    hash_has(page, "group=3")
    help.expect(page.locator(".card").nth(2)).to_have_attribute("aria-pressed", "true")
    help.expect(page.locator(".groups .segments [aria-pressed=true]")).to_have_text("mixed4a/3x3")


def test_a_channel_lights_its_place(page, help, shown):
    chip = page.locator(".strip .node").nth(3)
    chip.hover()
    name = shown.pictures[0].layers[1].channels.names[3]
    help.expect(page.locator(".readout")).to_contain_text(f"mixed4d, channel {name}:")
    chip.click()
    hash_has(page, f"channel={name}")


def test_targets_are_chosen_by_tabs_and_at_the_ends_of_the_lines(page, help):
    page.locator(".tab").nth(2).click()
    hash_has(page, "target=3")
    help.expect(page.locator(".card").first.locator(".bar.chosen .number")).to_have_text("+1.00")
    help.expect(page.locator(".end").nth(2)).to_have_attribute("aria-pressed", "true")
    page.locator(".end").nth(1).click()
    hash_has(page, "target=2")
    help.expect(page.locator(".card").first.locator(".bar.chosen .name")).to_have_text(MARKUP)


def test_any_class_is_found_and_shown_as_bars(page, help, shown):
    cls = next(i for i in range(30) if i not in shown.target_classes)
    page.get_by_role("combobox", name="Find a class").fill(f"thing {cls}")
    page.keyboard.press("Enter")
    hash_has(page, f"class={cls}")
    row = page.locator(".card").first.locator(".bar.chosen")
    help.expect(row.locator(".name")).to_have_text(f"class {cls}, thing {cls}")
    value = shown.pictures[0].layers[1].groups.classes[0, cls]
    text = row.locator(".number").inner_text().replace(MINUS, "-")
    assert float(text) == pytest.approx(value, abs=0.02)  # a 127th of the largest, and two digits
    page.get_by_role("button", name=f"Remove class {cls}").click()
    page.wait_for_function("!location.hash.includes('class=')")
    # One of the targets is chosen as a target.
    page.get_by_role("combobox", name="Find a class").fill(f"thing {shown.target_classes[2]}")
    page.keyboard.press("Enter")
    hash_has(page, "target=3")


def test_a_method_is_laid_over_the_image_with_one_slider(page, help):
    page.locator(".method").nth(1).click()
    hash_has(page, "method=gradient_times_input")
    help.expect(page.locator("select")).to_have_value("1")
    slider = page.get_by_role("slider")
    help.expect(page.locator(".readout")).to_contain_text("for (blue) and against (orange)")
    strong = pixels(page.locator(".stage"))
    slider.fill("0")
    hash_has(page, "amount=0")
    plain = pixels(page.locator(".stage"))
    assert np.abs(strong - plain).mean() > 5
    page.get_by_role("button", name="Strongest pixels").click()
    help.expect(page.get_by_label("Share shown")).to_have_value("15")
    slider.fill("100")
    assert np.abs(pixels(page.locator(".stage")) - plain).mean() < 1
    slider.fill("0")
    assert pixels(page.locator(".stage")).mean() < 40
    page.keyboard.press("M")  # a method without signs
    help.expect(page.locator(".readout")).to_contain_text("of pixels that matter most for")
    page.get_by_role("button", name="Nothing").click()
    help.expect(slider).to_be_hidden()
    assert np.abs(pixels(page.locator(".stage")) - plain).mean() < 1


def test_figures_of_each_method_stand_beneath_it(page, help, shown):
    method = shown.pictures[0].methods[3]
    facts = page.locator(".method-card").nth(3).locator("dd")
    checks = method.checks[0]
    expected = [
        f"{100 * checks.completeness:.1f}\u2009%",
        f"{checks.insertion:.2f}",
        f"{checks.deletion:.2f}",
    ]
    assert facts.all_inner_texts()[:3] == expected
    assert page.locator(".method-card").first.locator("dd").first.inner_text() == "none"
    about = page.locator(".about")
    for words in ("Tomsett et al. 2020", "Adebayo et al. 2018", "high is good", "low is good"):
        help.expect(about).to_contain_text(words)


def test_a_map_that_does_not_need_the_network_is_warned_of(new_page, tmp_path, help):
    page = new_page(write(tmp_path, made(methods=5), figures=False).parent)
    card = page.locator(".method-card").nth(4)
    help.expect(card.locator(".warned")).to_contain_text("random weights")
    help.expect(page.locator(".method-card").first.locator(".warned")).to_be_hidden()
    card.get_by_role("button").click()
    help.expect(page.locator(".readout .warned")).to_contain_text("random weights")


def test_checks_that_were_not_made_are_not_spoken_of(new_page, tmp_path, help):
    one = made(methods=2)
    first = one.pictures[0]
    methods = tuple(
        replace(m, checks=tuple(Checks(deletion=0.25) for _ in range(3))) for m in first.methods
    )
    pictures = (replace(first, methods=methods), first)
    folder = write(tmp_path, replace(one, pictures=pictures), figures=False).parent
    page = new_page(folder)
    help.expect(page.locator(".method-card").first.locator("dd")).to_have_text(["0.25"])
    help.expect(page.locator(".about dt")).to_have_count(1)
    help.expect(page.locator(".about")).not_to_contain_text("Adebayo")
    page.keyboard.press(".")
    help.expect(page.locator(".about")).to_contain_text("Adebayo")


def test_images_are_switched_and_everything_else_stays(page, help):
    page.locator(".tab").nth(1).click()
    page.get_by_role("button", name="photo 1.jpg").click()
    help.expect(page.locator("h1")).to_have_text("photo 1.jpg")
    hash_has(page, "image=1-photo-1")
    hash_has(page, "target=2")
    assert page.title().startswith("photo 1.jpg")
    page.keyboard.press(".")
    help.expect(page.locator("h1")).to_have_text(MARKUP)


def test_a_permalink_brings_everything_back(new_page, folder, help):
    page = new_page(
        folder,
        "#image=1-photo-1&layer=mixed4a/3x3&target=3&class=7&method=gradient&position=2,4"
        "&overlay=reveal&amount=0.4&shade=norm&seen=grid",
    )
    help.expect(page.locator("h1")).to_have_text("photo 1.jpg")
    help.expect(page.locator(".readout")).to_contain_text("mixed4a/3x3, row 3, column 5")
    help.expect(page.locator(".tab").nth(2)).to_have_attribute("aria-pressed", "true")
    help.expect(page.locator("select")).to_have_value("0")
    help.expect(page.get_by_role("slider")).to_have_value("40")
    help.expect(page.locator(".chip")).to_contain_text("class 7")
    for name in ("Strength", "As mixed4a/3x3 sees it", "Strongest pixels"):
        help.expect(page.get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true")
    page.evaluate("location.hash = '#layer=mixed4d&group=1'")
    help.expect(page.locator("h1")).to_have_text(MARKUP)
    help.expect(page.locator(".card").first).to_have_attribute("aria-pressed", "true")


def test_everything_has_a_key(page, help):
    readout, live = page.locator(".readout"), page.locator("[aria-live]").first
    page.keyboard.press("ArrowRight")  # begins where most is done
    help.expect(readout).to_contain_text("mixed4d, row")
    before = readout.inner_text()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert readout.inner_text() != before
    help.expect(live).to_contain_text("mixed4d, row")
    page.keyboard.press("Enter")
    hash_has(page, "position=")
    page.keyboard.press("Escape")
    page.wait_for_function("!location.hash.includes('position')")
    page.keyboard.press("2")
    hash_has(page, "target=2")
    page.keyboard.press("9")  # there is none
    hash_has(page, "target=2")
    page.keyboard.press("m")
    hash_has(page, "method=gradient")
    page.keyboard.press("M")
    hash_has(page, "method=integrated_gradients")
    page.keyboard.press("g")
    help.expect(live).to_contain_text("group 1")
    page.keyboard.press("[")
    hash_has(page, "layer=mixed4a/3x3")
    page.keyboard.press("]")
    hash_has(page, "layer=mixed4d")
    page.keyboard.press("o")
    hash_has(page, "overlay=reveal")
    page.keyboard.press("+")
    hash_has(page, "amount=0.2")
    page.keyboard.press("v")
    hash_has(page, "seen=grid")
    page.keyboard.press("/")
    help.expect(page.get_by_role("combobox", name="Find a class")).to_be_focused()
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    help.expect(page.get_by_role("dialog")).to_contain_text("saliency method")
    page.keyboard.press("Escape")
    help.expect(page.get_by_role("dialog")).to_be_hidden()


def test_every_grid_is_walked_by_keyboard(page, help):
    page.locator(".column .surface").first.focus()
    page.keyboard.press("ArrowLeft")
    help.expect(page.locator(".readout")).to_contain_text("mixed4a/3x3, row")
    page.keyboard.press("Enter")
    hash_has(page, "layer=mixed4a/3x3")
    hash_has(page, "position=")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_fault_of_accessibility(new_page, folder, help, scheme):
    if not AXE.is_file():
        pytest.skip("no axe-core: run npm ci in atlasjax/viewer")
    page = new_page(folder, "#class=7", color_scheme=scheme)
    help.expect(page.locator(".card")).to_have_count(4)
    page.evaluate(AXE.read_text())
    assert page.evaluate(CHECK) == []
    page.locator(".card").first.click()
    assert page.evaluate(CHECK) == []
    page.get_by_role("button", name="Help").click()
    assert page.evaluate(CHECK) == []


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_shows_one_above_the_other(new_page, folder, help, width):
    page = new_page(folder, viewport={"width": width, "height": 844}, has_touch=True)
    help.expect(page.locator(".card")).to_have_count(4)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    stage, story = page.locator(".stage").bounding_box(), page.locator(".story").bounding_box()
    assert stage["width"] > 0.85 * width
    assert story["y"] > stage["y"] + stage["height"]
    page.locator(".card").nth(1).tap()
    hash_has(page, "group=2")
    page.locator(".stage .surface").tap(position={"x": 20, "y": 20})
    hash_has(page, "position=0,0")


def test_units_of_a_network_without_classes(new_page, tmp_path, help):
    folder = write(
        tmp_path, explanation(classes=0, targets=1, layers=LAYERS[:1]), figures=False
    ).parent
    page = new_page(folder)
    help.expect(page.locator(".tab")).to_have_count(1)
    help.expect(page.locator(".tab")).to_contain_text("mixed4a/3x3:379")
    assert page.get_by_role("combobox", name="Find a class").count() == 0
    page.locator(".card").first.click()
    hash_has(page, "group=1")


def test_nothing_but_maps_and_nothing_but_layers(new_page, tmp_path, help):
    page = new_page(write(tmp_path / "a", explanation(layers=()), figures=False).parent)
    help.expect(page.locator(".method")).to_have_count(4)
    assert page.locator(".card").count() == 0
    page.keyboard.press("ArrowRight")
    page.locator(".stage .surface").click()
    page = new_page(write(tmp_path / "b", explanation(methods=0), figures=False).parent)
    help.expect(page.locator(".card")).to_have_count(4)
    assert page.locator(".method").count() == 0
    page.keyboard.press("m")
    page.keyboard.press("o")


def test_numbers_and_figures_are_linked(new_page, tmp_path, help):
    folder = write(tmp_path, explanation(size=24, methods=1, layers=LAYERS[:1], targets=1)).parent
    page = new_page(folder)
    page.get_by_text("figures, as PNG and SVG").click()
    links = page.locator(".foot a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    assert "arrays/0-photo-0.npz" in links
    assert len(links) == 1 + 2 * 5  # groups, grid, flow, all methods and the one
    assert all((folder / link).is_file() for link in links)


def test_a_missing_file_is_told_of(new_page, tmp_path, help, troubles):
    folder = write(tmp_path, explanation(), figures=False).parent
    (folder / "data" / "0-photo-0-1.js").unlink()
    page = new_page(folder)
    page.keyboard.press("2")
    help.expect(page.locator(".toast")).to_contain_text("missing or damaged")
    help.expect(page.locator(".tab").nth(1)).to_have_attribute("aria-pressed", "true")
    (folder / "explanation.js").unlink()
    page = new_page(folder)
    help.expect(page.get_by_role("alert")).to_contain_text("explanation.js is missing or damaged")
    assert len(troubles) == 2
    assert all("ERR_FILE_NOT_FOUND" in said for said in troubles)
    troubles.clear()
