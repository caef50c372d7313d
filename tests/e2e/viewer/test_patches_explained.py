"""From a real patch to its whole image explained, and back; and how to explain one."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from explanations import explanation

from atlasjax.page import explained
from atlasjax.page.explanation.write import write
from atlasjax.page.single_file import single_file

AXE = Path(__file__).parents[3] / "atlasjax" / "viewer" / "node_modules" / "axe-core" / "axe.min.js"
CHECK = (
    "async () => (await axe.run({ preload: false }))"
    ".violations.map(v => [v.impact, v.id, v.nodes[0].html])"
)
LINKED = "#layer=mixed4c&cell=4,3,1"  # its parts are of images 12 and 13
PLAIN = "#layer=mixed4c&cell=4,1,0"  # of images 4 to 7


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory):
    """The run, with images 13 and 0 explained on one page."""
    folder = Path(shutil.copytree(run, tmp_path_factory.mktemp("b") / "my run #2"))
    shown = explanation(pictures=2, layers=(("mixed4c", 4),), classes=8)
    pictures = [
        replace(p, name=n) for p, n in zip(shown.pictures, ("cat/0.png", "dog/13.png"), strict=True)
    ]
    back = ("quick & dirty <b>", "../../index.html")
    shown = replace(shown, pictures=tuple(pictures), run=back)
    page = write(folder / "explained" / "猫 #0", shown, figures=False)
    explained.add(folder, page, {0: "0-0", 13: "1-13"})
    return folder


def test_a_patch_leads_to_its_image_explained_and_back(new_page, folder, help):
    page = new_page(folder, LINKED)
    link = page.get_by_role("link", name="Real image part 2, of image 13: explained", exact=True)
    help.expect(link).to_be_visible()
    help.expect(page.locator(".patches a")).to_have_count(1)
    help.expect(link.locator("canvas")).to_have_css("outline-style", "solid")
    help.expect(link).to_contain_text("image 13")
    link.click()
    help.expect(page.get_by_role("heading", level=1)).to_have_text("dog/13.png")
    page.get_by_role("link", name="The atlas of quick & dirty <b>").click()
    help.expect(page.get_by_role("heading", level=1)).to_have_text("quick & dirty <b>")
    assert page.evaluate("location.pathname").endswith("/my%20run%20%232/index.html")


def test_the_link_is_reached_by_keyboard(new_page, folder, help):
    page = new_page(folder, LINKED)
    link = page.locator(".patches a")
    help.expect(link).to_be_visible()
    page.get_by_role("button", name="Release the pinned cell").focus()
    page.keyboard.press("Tab")
    help.expect(link).to_be_focused()
    assert link.evaluate("e => getComputedStyle(e).outlineStyle") != "none"
    page.keyboard.press("Enter")
    help.expect(page.get_by_role("heading", level=1)).to_have_text("dog/13.png")


def test_every_patch_tells_its_image(new_page, folder, help):
    page = new_page(folder, LINKED)
    first = page.get_by_role("img", name="Real image part 1, of image 12", exact=True)
    help.expect(first).to_be_visible()
    patch = page.locator(".patch").first
    help.expect(patch).to_have_attribute("title", "Real image part 1, of image 12")
    help.expect(patch.get_by_text("image 12")).to_be_visible()


def test_where_none_is_explained_a_command_is_there_to_copy(new_page, folder, help):
    page = new_page(folder, PLAIN, permissions=["clipboard-read", "clipboard-write"])
    how = page.locator(".explain-how")
    help.expect(how).to_contain_text("atlasjax explain \u2026/my run #2 4")
    assert how.bounding_box()["height"] < 30  # one line
    how.get_by_role("button", name="Copy the command that explains image 4").click()
    help.expect(page.locator(".toast")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == f"atlasjax explain '{folder}' 4"
    page.goto(folder.joinpath("index.html").as_uri() + LINKED)
    help.expect(page.locator(".patches a")).to_be_visible()
    help.expect(how).to_be_hidden()  # one of the cell's is explained


def test_over_http_the_command_leaves_the_folder_to_be_named(new_page, address, help):
    page = new_page(address, PLAIN)
    help.expect(page.locator(".explain-how")).to_contain_text("atlasjax explain RUN 4")


def test_a_single_file_tells_images_and_links_none(new_page, folder, help, tmp_path):
    page = new_page(single_file(folder, tmp_path / "one.html"), LINKED)
    help.expect(page.get_by_role("img", name="Real image part 2, of image 13")).to_be_visible()
    help.expect(page.locator(".patches a")).to_have_count(0)
    help.expect(page.locator(".explain-how")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("shown", [LINKED, PLAIN])
def test_links_and_command_have_no_serious_fault_of_accessibility(
    new_page, folder, help, scheme, shown
):
    if not AXE.is_file():
        pytest.skip("no axe-core: run npm ci in atlasjax/viewer")
    page = new_page(folder, shown, color_scheme=scheme)
    help.expect(page.locator(".patches a, .explain-how")).to_have_count(1)
    page.evaluate(AXE.read_text())
    assert page.evaluate(CHECK) == []


def test_the_way_back_has_no_serious_fault_of_accessibility(new_page, folder, help):
    if not AXE.is_file():
        pytest.skip("no axe-core: run npm ci in atlasjax/viewer")
    page = new_page(folder / "explained" / "猫 #0")
    help.expect(page.locator("a.back")).to_be_visible()
    page.evaluate(AXE.read_text())
    assert page.evaluate(CHECK) == []
