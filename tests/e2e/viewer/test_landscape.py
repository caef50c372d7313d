"""The page of loss surfaces in a browser: pointing, turning, switching, and who can use it."""

from pathlib import Path as File

import numpy as np
import pytest

from atlasjax.landscape import Surface
from atlasjax.page.landscape.contents import Contents, Path, Shown
from atlasjax.page.landscape.write import write

AXE = File(__file__).parents[3] / "atlasjax" / "viewer" / "node_modules" / "axe-core" / "axe.min.js"
CHECK = (
    "async () => (await axe.run({ preload: false })).violations.map(v => [v.id, v.nodes[0].html])"
)
MARKUP = "<img src=x onerror=alert(1)>"
PLACES = np.linspace(-1, 1, 5)


def bowl(name: str) -> Shown:
    """A loss of 1 + x^2 + 4 y^2, right everywhere but at the corner up to the right."""
    x, y = np.meshgrid(PLACES, PLACES, indexing="ij")
    accuracy = np.where((x == 1) & (y == 1), 0.25, 1.0)
    way = Path(
        coordinates=np.array([[0.5, 0.5], [0.0, 0.0]]),
        loss=np.array([7.0, 1.0]),
        accuracy=np.array([0.5, 1.0]),
        aside=np.array([0.1, 0.0]),
        names=("first", "last"),
    )
    surface = Surface((PLACES, PLACES), 1 + x**2 + 4 * y**2, accuracy)
    return Shown(name, surface, ("along", "over"), way)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    # A space and a hash in the path, as people have.
    place = tmp_path_factory.mktemp("a") / "my surface #1"
    return write(place, Contents((bowl(MARKUP),), {"model": MARKUP}, (MARKUP,))).parent


@pytest.fixture
def page(new_page, folder, help):
    page = new_page(folder)
    help.expect(page.locator("canvas")).to_have_count(2)
    return page


def point(page, x, y):
    """Point at a place of the square, both from 0 to 1, from the left and from above."""
    box = page.locator("canvas.flat").bounding_box()
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])


def test_what_comes_from_data_is_text(page, help):
    help.expect(page.locator("h2").first).to_have_text(MARKUP)
    help.expect(page.locator("ul.notes li")).to_have_text(MARKUP)
    assert page.locator("img").count() == 0


def read_between(page, across, down):
    """Return all that is read at places of a part of the square."""
    found = set()
    for x in across:
        for y in down:
            point(page, x, y)
            found.add(page.locator(".reading").text_content().replace("\u2212", "-"))
    return found


def test_a_point_is_read_with_the_checkpoint_there(page, help):
    reading = page.locator(".reading")
    help.expect(reading).to_have_text("Point at the surface to read it.")
    everywhere = read_between(page, np.linspace(0.05, 0.98, 12), np.linspace(0.02, 0.9, 12))
    for told in ("0, 0: loss 1, accuracy 100.0", "1, 1: loss 6, accuracy 25.0", "-1, 0: loss 2"):
        assert any(f"at {told}" in one for one in everywhere), told
    # A twentieth of the square wide, at three quarters of it.
    near = read_between(page, np.arange(0.68, 0.84, 0.015), np.arange(0.15, 0.35, 0.015))
    itself = "first itself: loss 7, accuracy 50.0\u2009%, 10\u2009% of its distance aside"
    assert any(one.endswith(itself) for one in near)
    page.mouse.move(1, 1)
    help.expect(reading).to_have_text("Point at the surface to read it.")


def test_the_surface_turns_by_keys_and_by_dragging(page):
    turned = page.locator("canvas.turned")

    def picture():
        page.evaluate("() => new Promise(requestAnimationFrame)")
        page.evaluate("() => new Promise(requestAnimationFrame)")
        return turned.evaluate("e => e.toDataURL()")

    before = picture()
    turned.focus()
    page.keyboard.press("ArrowLeft")
    by_key = picture()
    assert by_key != before
    page.keyboard.press("ArrowRight")
    assert picture() == before
    box = turned.bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 120, steps=4)
    page.mouse.up()
    assert picture() not in (before, by_key)


def test_accuracy_takes_the_place_of_loss(page, help):
    flat = page.locator("canvas.flat")
    before = flat.evaluate("e => e.toDataURL()")
    page.get_by_role("radio", name="Accuracy").or_(
        page.get_by_role("button", name="Accuracy")
    ).click()
    help.expect(page.locator(".scale span").first).to_have_text("accuracy 0")
    assert flat.evaluate("e => e.toDataURL()") != before


def test_files_are_there_that_it_links(page, folder):
    links = page.locator("footer a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    assert {"landscape.npz", "figures/contours.png", "figures/surface.svg"} <= set(links)
    assert all((folder / link).is_file() for link in links)


def test_it_fits_a_phone(new_page, folder, help):
    page = new_page(folder, viewport={"width": 360, "height": 740})
    help.expect(page.locator("canvas")).to_have_count(2)
    wide = page.evaluate("() => document.documentElement.scrollWidth")
    assert wide <= 360


def test_nothing_keeps_anybody_out(page):
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: npm ci in atlasjax/viewer")
    page.evaluate(AXE.read_text())
    assert page.evaluate(CHECK) == []
