"""The page in a real browser: from disk, as a double click opens it, and over HTTP."""

import io
import os
import shutil
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from atlasjax.atlas.level import Level
from atlasjax.page import data as page_data
from atlasjax.page import server as serve
from atlasjax.page.export import export

playwright = pytest.importorskip(
    "playwright.sync_api", reason="the browser tests need the playwright package"
)
BROWSER = os.environ.get("ATLASJAX_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

MARKUP = "<img src=x onerror=alert(1)>"
NAMES = [MARKUP, "猫, neko", "tench, Tinca tinca", *(f"class {i}" for i in range(3, 40))]
# (x, y). Right of (2, 0) there is nothing in its row; the nearest to the right is (3, 1).
PLACES = ((0, 0), (1, 0), (2, 0), (3, 1), (0, 3))
# Told apart from one another, from the page and from what shades them.
COLOURS = ((220, 30, 40), (30, 200, 60), (230, 220, 40), (190, 40, 220), (40, 210, 210))
FINE = ((150, 20, 30), (20, 130, 40), (150, 145, 20), (125, 25, 145), (25, 140, 140))


# Of each cell's parts; two of the fourth are none.
IMAGES = np.arange(20).reshape(5, 4)
IMAGES[3, 2:] = -1


def regions_of(level: Level, grid: int) -> list[tuple[float, float, int, int]]:
    """Every cell as a region of the class that it speaks most for."""
    classes = level.attribution.argmax(1)
    return [
        ((x + 0.5) / grid, (y + 0.5) / grid, int(cls), int(count))
        for x, y, cls, count in zip(
            level.x.tolist(), level.y.tolist(), classes, level.count, strict=True
        )
    ]


def made(places: Any, colours: Any, size: int = 96) -> Level:
    """A level of plain icons, where cell `i` speaks most for class `i` and least for `i + 1`."""
    n = len(places)
    x, y = np.array(places).T
    rng = np.random.default_rng(n)
    attribution = rng.uniform(-1, 1, size=(n, len(NAMES))).astype(np.float32)
    attribution[np.arange(n), np.arange(n)] = 2.5
    attribution[np.arange(n), np.arange(n) + 1] = -1.75
    icon = np.stack([np.full((size, size, 3), colours[i], np.uint8) for i in range(n)])
    count = np.arange(n) * 300 + 1234
    return Level(x, y, count, np.ones((n, 3)), np.linspace(0.5, 0.9, n), attribution, icon)


def fine(places: Any) -> list[tuple[int, int]]:
    return [(8 * x + 3, 8 * y + 3) for x, y in places]


@pytest.fixture(scope="package")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two layers that are not aligned, with patches for one level."""
    levels = {
        ("mixed4c", 4): made(PLACES, COLOURS),
        ("mixed4c", 32): made(fine(PLACES), FINE),
        ("mixed4a/3x3", 4): made(PLACES[1:], COLOURS[1:]),
    }
    patches = np.full((5, 4, 64, 64, 3), 90, np.uint8)
    patches[3, 2:] = 0
    record = {"name": "quick & dirty <b>", "command": "atlasjax run quick", "seed": 7}
    # A space and a hash in the path, as people have.
    folder = tmp_path_factory.mktemp("a") / "my run #1"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_data, "CHUNK", 100)  # so that effects come in several files
        # So few cells have nothing to stand out from; each is a region here.
        patch.setattr(page_data, "regions", regions_of)
        export(
            folder,
            levels,
            record,
            NAMES,
            examples={("mixed4c", 4): patches},
            example_images={("mixed4c", 4): IMAGES},
            related=[("A class of it", "classes/3/index.html")],
        )
    return folder


@pytest.fixture(scope="package")
def address(run: Path) -> Iterator[str]:
    """The run, served."""
    server = serve.make_server(run)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    if BROWSER is None:
        pytest.skip("no chromium on the path, nor in ATLASJAX_CHROMIUM")
    arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    arguments += ["--disable-background-networking", "--disable-component-update"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def troubles() -> Iterator[list[str]]:
    """What the browser complains of; every test ends with none, or takes them out."""
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
def new_page(browser: Any, troubles: list[str]) -> Iterator[Callable[..., Any]]:
    """Open a folder's page, or an address, in a window of its own."""
    contexts = []

    def open_page(where: Path | str, hash: str = "", **options: Any) -> Any:
        # Without motion nothing has to be waited for.
        usual = {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce"}
        context = browser.new_context(**{**usual, "color_scheme": "dark", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
        if isinstance(where, Path):
            where = (where / "index.html" if where.is_dir() else where).as_uri()
        page.goto(where + hash)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_page: Callable[..., Any], run: Path) -> Any:
    page = new_page(run, "#layer=mixed4c&labels=0")
    seen(page, COLOURS[3])
    return page


def find(page: Any, colour: tuple[int, int, int]) -> tuple[float, float] | None:
    """The middle of what has a colour on the map, if it is at all large."""
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    ratio = page.evaluate("devicePixelRatio")
    if page.viewport_size["width"] > 1000:
        pixels[:, : 280 * ratio] = pixels[:, -330 * ratio :] = 0  # the panels show icons too
    y, x = np.nonzero((np.abs(pixels - colour) < 9).all(-1))
    return (float(np.median(x)) / ratio, float(np.median(y)) / ratio) if len(x) > 150 else None


def seen(page: Any, colour: tuple[int, int, int]) -> tuple[float, float]:
    """Wait until something of a colour is in the window; return its middle."""
    for _ in range(25):
        if place := find(page, colour):
            return place
        page.wait_for_timeout(100)
    raise AssertionError(f"nothing of {colour} in the window")


@pytest.fixture(scope="package")
def help() -> types.SimpleNamespace:
    """What the tests share, which no module can import from here."""
    return types.SimpleNamespace(
        expect=playwright.expect,
        find=find,
        seen=seen,
        made=made,
        fine=fine,
        COLOURS=COLOURS,
        FINE=FINE,
        NAMES=NAMES,
        PLACES=PLACES,
        MARKUP=MARKUP,
    )
