"""Where the files come from: a server, one file, a notebook's kernel; and what is missing."""

import shutil
from pathlib import Path

import pytest

from atlasjax import cli
from atlasjax.page.single_file import single_file

BUNDLES = Path(__file__).parents[3] / "atlasjax" / "viewer"


def save(page):
    with page.expect_download() as download:
        page.get_by_role("button", name="Save this view as a picture").click()
    return download.value


def test_over_http_everything_is_as_from_disk(new_page, address, help):
    page = new_page(address, "#layer=mixed4c&labels=0&class=7")
    help.expect(page.locator(".legend")).to_contain_text("class 7")
    page.get_by_role("button", name="Remove class 7").click()
    page.mouse.click(*help.seen(page, help.COLOURS[3]))
    help.expect(page.locator(".cell .place")).to_have_text("row 1, column 3")


def test_a_view_is_saved_where_the_browser_allows_it(new_page, address, help, tmp_path):
    from PIL import Image

    page = new_page(address, "#layer=mixed4c&labels=0")
    help.seen(page, help.COLOURS[3])
    download = save(page)
    assert download.suggested_filename == "quick-dirty-b-mixed4c-4.png"
    download.save_as(tmp_path / "view.png")
    with Image.open(tmp_path / "view.png") as picture:
        assert picture.size == (1280, 800)
        x, y = map(int, help.seen(page, help.COLOURS[3]))
        assert picture.convert("RGB").getpixel((x, y)) == pytest.approx(help.COLOURS[3], abs=8)


def test_from_disk_it_is_said_that_none_can_be_saved(page, help):
    page.get_by_role("button", name="Save this view as a picture").click()
    help.expect(page.locator(".toast")).to_contain_text("pictures/mixed4c-4.png")


def test_one_file_holds_everything(new_page, run, help, tmp_path, capsys):
    alone = tmp_path / "alone"
    alone.mkdir()
    cli.main(["export", str(run), "--single-file", str(alone / "atlas.html")])
    assert str(alone / "atlas.html") in capsys.readouterr().out
    page = new_page(alone / "atlas.html", "#layer=mixed4c&labels=0")
    help.seen(page, help.COLOURS[3])
    assert page.title() == "quick & dirty <b> · activation atlas"
    page.mouse.click(*help.seen(page, help.COLOURS[3]))
    help.expect(page.locator(".patches canvas")).to_have_count(2)
    page.get_by_role("combobox").fill("class 39")
    page.keyboard.press("Enter")
    help.expect(page.locator(".legend .marks span")).to_have_count(3)
    assert save(page).suggested_filename.endswith(".png")
    assert page.locator("a[href*=classes]").count() == 0  # which does not come with it


def test_one_file_may_be_light(run, tmp_path, help, new_page):
    whole = single_file(run, tmp_path / "whole.html").stat().st_size
    light = single_file(run, tmp_path / "light.html", light=True)
    assert light.stat().st_size < whole
    page = new_page(light, "#layer=mixed4c&labels=0&at=0.875,0.375,3&grid=4")
    help.seen(page, help.COLOURS[3])


def test_missing_sheets_are_said_and_the_rest_is_shown(new_page, run, help, tmp_path, troubles):
    folder = Path(shutil.copytree(run, tmp_path / "copy"))
    for path in (folder / "sprites" / "mixed4c-4").glob("[ls]*.webp"):
        path.unlink()
    page = new_page(folder, "#layer=mixed4c&labels=0&at=0.875,0.375,8&grid=4")
    help.expect(page.locator(".notice")).to_contain_text("missing or damaged")
    help.expect(page.locator(".notice")).to_contain_text("sprites/mixed4c-4/large-0-0.webp")
    help.seen(page, help.COLOURS[3])  # blurred, from the picture of the level
    page.get_by_role("button", name="Close this notice").click()
    help.expect(page.locator(".notice")).to_be_hidden()
    assert all("ERR_FILE_NOT_FOUND" in trouble for trouble in troubles)
    troubles.clear()


def test_a_missing_level_is_said_and_the_others_work(new_page, run, help, tmp_path, troubles):
    folder = Path(shutil.copytree(run, tmp_path / "copy"))
    shutil.rmtree(folder / "sprites" / "mixed4c-4")
    (folder / "data" / "mixed4c-4.js").unlink()
    page = new_page(folder)
    notice = page.locator(".notice")
    help.expect(notice).to_contain_text("mixed4c at 4 \u00d7 4 cannot be looked into")
    page.get_by_role("button", name="mixed4a/3x3").click()
    help.seen(page, help.COLOURS[4])
    assert all("ERR_FILE_NOT_FOUND" in trouble for trouble in troubles)
    troubles.clear()


@pytest.mark.parametrize("damage", ["missing", "damaged", "of another version"])
def test_without_its_contents_the_page_says_what_to_do(
    new_page, run, help, tmp_path, troubles, damage
):
    folder = Path(shutil.copytree(run, tmp_path / "copy"))
    if damage == "missing":
        (folder / "atlas.js").unlink()
    elif damage == "damaged":
        (folder / "atlas.js").write_text("// nothing")
    else:
        (folder / "atlas.js").write_text('document.currentScript.receive({"format": 1});\n')
    page = new_page(folder)
    expected = "format 1" if "version" in damage else "missing or damaged"
    help.expect(page.get_by_role("alert")).to_contain_text(expected)
    help.expect(page.get_by_role("alert")).to_contain_text("un the experiment again")
    troubles.clear()


NOTEBOOK = """async ([code, height]) => {
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const widget = (await import(url)).default;
  const listeners = [];
  const model = {
    get: (name) => height,
    on: (name, listener) => listeners.push(listener),
    off: () => undefined,
    send: async ({ id, path }) => {
      const bytes = await window.readFile(path);
      const data = bytes === null ? new ArrayBuffer(0)
        : Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0)).buffer;
      const answer = { id, found: bytes !== null };
      for (const listener of listeners) listener(answer, [new DataView(data)]);
    },
  };
  const el = document.createElement("div");
  document.body.replaceChildren(el);
  widget.render({ model, el });
}"""


def test_a_notebook_shows_it(browser, run, help, new_page, tmp_path):
    import base64

    blank = tmp_path / "blank.html"
    blank.write_text("<!doctype html><title>notebook</title><body></body>")
    page = new_page(blank)

    def read(path):
        file = run / path
        return base64.b64encode(file.read_bytes()).decode() if file.is_file() else None

    page.expose_function("readFile", read)
    page.evaluate(NOTEBOOK, [(BUNDLES / "widget.js").read_text(), 700])
    page.mouse.click(*help.seen(page, help.COLOURS[3]))
    help.expect(page.locator(".cell .place")).to_have_text("row 1, column 3")
    assert page.evaluate("location.hash") == ""
    assert page.locator(".atlasjax").bounding_box()["height"] == 700
