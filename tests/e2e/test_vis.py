"""`atlasjax vis` as a person uses it: sheets that can be opened, and every mistake in one line."""

import json
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from atlasjax import cli, models

TINY = "inception_v1_tiny"


def toy(images, tap):
    """Two layers of six colours, and ten classes: quick stand-ins for a network's."""
    x = jax.numpy.concatenate([images, 1 - images], -1)
    x = tap("early", x.reshape(len(x), x.shape[1] // 4, 4, x.shape[2] // 4, 4, 6).mean((2, 4)))
    x = tap("late", jax.nn.relu(x[:, ::2, ::2] - 0.25))
    return jax.numpy.tile(x.mean((1, 2)), (1, 2))[:, :10]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with a picture and two files of directions."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
    Image.fromarray(np.kron(blocks, np.ones((8, 8, 1), np.uint8))).save("blocks.png")
    np.save("red.npy", np.eye(6, dtype=np.float32)[0])
    np.save("three.npy", np.eye(6, dtype=np.float32)[1:4])
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    return tmp_path


def look(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def drawn(here: Path, name: str) -> tuple[dict, list[np.ndarray]]:
    """Return the record and the pictures of a sheet, which must not be grey or empty."""
    record = json.loads((here / f"{name}.json").read_text())
    pictures = [look(here / name / made["file"]) for made in record["pictures"]]
    assert pictures
    assert all(picture.std() > 15 for picture in pictures)
    page = look(here / f"{name}.png")
    assert page.std() > 30
    assert all(page.shape[0] > picture.shape[0] for picture in pictures)
    return record, pictures


@pytest.mark.slow
def test_channels_of_a_network(here: Path, capsys: pytest.CaptureFixture[str]):
    how = ["--size", "48", "--steps", "16", "--seed", "3"]
    cli.main(["vis", TINY, "mixed3a", "--channels", "2:4", "7", *how])
    name = "vis/inception_v1_tiny-mixed3a-channels-2-4-7"
    captured = capsys.readouterr()
    assert captured.err == ""  # no progress where there is no terminal
    assert captured.out.endswith(f"open {here.resolve() / name}.png\n")
    record, pictures = drawn(here, name)
    assert [made["caption"] for made in record["pictures"]] == ["2", "3", "7"]
    assert all(picture.shape == (48, 48, 3) for picture in pictures)
    assert record["weights_sha256"] == "random-3"
    assert record["settings"]["steps"] == 16
    assert record["measure"] == "mean activation"


SUBJECTS = {
    "neurons": (["late", "--neurons", "0,3"], "late-neurons-0-3", ["0", "3"]),
    "class": (["--class", "class 3", "7"], "class-class-3-7", ["class 3", "class 7"]),
    "direction": (
        ["late", "--direction", "red.npy", "three.npy"],
        "late-direction-red-three",
        ["red", "three 0", "three 1", "three 2"],
    ),
    "diversity": (
        ["late", "--channels", "1", "--diversity", "2"],
        "late-diversity-1",
        ["1 #1", "1 #2"],
    ),
    "interpolate": (
        ["late", "--interpolate", "0", "3"],
        "late-interpolate-0-3",
        ["0%", "20%", "40%", "60%", "80%", "100%"],
    ),
    "invert": (
        ["early,late", "--invert", "blocks.png"],
        "early-late-invert-blocks",
        ["image", "early", "late"],
    ),
    "caricature": (
        ["late", "--caricature", "blocks.png"],
        "late-caricature-blocks",
        ["image", "late"],
    ),
    "accentuate": (
        ["late", "--channels", "1", "--accentuate", "blocks.png", "--keep", "early"],
        "late-accentuate-blocks-channels-1",
        ["image", "1"],
    ),
    "dream": (["late", "--dream", "blocks.png"], "late-dream-blocks", ["image", "late"]),
    "style": (
        ["late", "--style", "blocks.png", "--content", "blocks.png"],
        "late-style-blocks",
        ["content", "style", "both"],
    ),
}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_subject_makes_a_sheet(subject: str, here: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(models, "abstract", lambda name: toy)
    monkeypatch.setattr(models, "load", lambda name, weights, seed: toy)
    arguments, name, captions = SUBJECTS[subject]
    cli.main(["vis", TINY, *arguments, "--size", "32", "--steps", "32"])
    record, _ = drawn(here, f"vis/{TINY}-{name}")
    assert [made["caption"] for made in record["pictures"]] == captions
    reached = [made["reached"] for made in record["pictures"] if made["reached"] is not None]
    assert np.isfinite(reached).all()
    assert reached


def test_what_ends_at_zero_is_said(here: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    def dark(images, tap):
        return toy(images - 2, tap)

    monkeypatch.setattr(models, "abstract", lambda name: dark)
    monkeypatch.setattr(models, "load", lambda name, weights, seed: dark)
    cli.main(["vis", TINY, "late", "--channels", "0:2", "--size", "48", "32", "--steps", "4"])
    assert "2 pictures, mean activation 0\n2 of 2: ends at 0 (0, 1)\n" in capsys.readouterr().out
    record = json.loads((here / f"vis/{TINY}-late-channels-0-2.json").read_text())
    assert [made["note"] for made in record["pictures"]] == ["ends at 0", "ends at 0"]
    assert look(here / f"vis/{TINY}-late-channels-0-2/000-0.png").shape == (32, 48, 3)
    arguments = ["vis", TINY, "late", "--channels", "0", "--size", "32", "--steps", "4"]
    cli.main([*arguments, "--negative"])
    out = capsys.readouterr().out
    assert "of 1: " not in out
    assert "mean activation -" in out
    record = json.loads((here / f"vis/{TINY}-late-negative-channels-0.json").read_text())
    assert record["negative"] is True
    assert record["title"] == "late/pre_relu, negative"


def test_the_seed_and_the_place_are_chosen(here: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(models, "abstract", lambda name: toy)
    monkeypatch.setattr(models, "load", lambda name, weights, seed: toy)
    for out, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        arguments = ["late", "--channels", "0", "--size", "32", "--steps", "4", "--seed", seed]
        cli.main(["vis", TINY, *arguments, "--out", f"deep/{out}.png"])
    a, b, c = (look(here / "deep" / f"{out}.png") for out in "abc")
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


LAYER = ["vis", TINY, "mixed3a"]
MISTAKES = {
    "nothing to draw": (LAYER, "nothing to draw: give one of --channels, --neurons"),
    "two things": (
        [*LAYER, "--channels", "0", "--neurons", "1"],
        "only one at a time of --channels, --neurons",
    ),
    "no layer": (["vis", TINY, "--channels", "0"], "--channels needs a layer"),
    "a layer for a class": ([*LAYER, "--class", "0"], "leave 'mixed3a' out"),
    "no such layer": (["vis", TINY, "mixed3z", "--channels", "0"], "did you mean mixed3"),
    "one layer of several": (
        ["vis", TINY, "mixed3a,mixed3z", "--invert", "blocks.png"],
        "no layer 'mixed3z'",
    ),
    "several layers for channels": (
        ["vis", TINY, "mixed3a,mixed3b", "--channels", "0"],
        "--channels is drawn for one layer",
    ),
    "no such model": (["vis", "inception_v1_tyni", "mixed3a", "--channels", "0"], "did you mean"),
    "no weights": (["vis", "googlenet", "mixed3a", "--channels", "0"], "--weights PATH"),
    "no number": ([*LAYER, "--channels", "one"], "'one': must be a number, or a range such as"),
    "an empty range": ([*LAYER, "--channels", "4:4"], "no numbers in it"),
    "no such channel": ([*LAYER, "--channels", "99"], "no channel 99; there are 0 to 31"),
    "no such class": (["vis", TINY, "--class", "clasp 3"], "did you mean class 3"),
    "no such file": ([*LAYER, "--invert", "block.png"], "did you mean blocks.png"),
    "no image": ([*LAYER, "--dream", "broken.png"], "broken.png: not an image"),
    "no directions": ([*LAYER, "--direction", "blocks.png"], "not a .npy file of numbers"),
    "directions of another layer": (
        [*LAYER, "--direction", "red.npy"],
        "a direction of 6 values; it must have 32",
    ),
    "style alone": ([*LAYER, "--style", "blocks.png"], "need each other"),
    "content alone": ([*LAYER, "--content", "blocks.png"], "need each other"),
    "diversity of neurons": (
        [*LAYER, "--neurons", "0", "--diversity", "2"],
        "--diversity is for --channels",
    ),
    "diversity of one": (
        [*LAYER, "--channels", "0", "--diversity", "1"],
        "count 1: diversity needs at least 2",
    ),
    "a sheet of another kind": ([*LAYER, "--channels", "0", "--out", "a.jpg"], "must end in .png"),
    "a place that is a file": (
        [*LAYER, "--channels", "0", "--out", "blocks.png/a.png"],
        "cannot be written to",
    ),
    "too small": (
        [*LAYER, "--channels", "0", "--size", "16"],
        "images of 16 x 16 px; the least is 32 px",
    ),
    "three sizes": (
        [*LAYER, "--channels", "0", "--size", "64", "32", "3"],
        "--size 64 32 3: must be a width, or width and height",
    ),
    "a negative number": ([*LAYER, "--channels", "-5"], "for what 5 is against, add --negative"),
    "the negative of a class": (
        ["vis", TINY, "--class", "0", "--negative"],
        "--negative is for --channels, --neurons and --direction",
    ),
    "no steps": ([*LAYER, "--channels", "0", "--steps", "0"], "steps 0: must be at least 1"),
    "no pictures at a time": ([*LAYER, "--channels", "0", "--batch", "0"], "batch 0"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_get_one_line(mistake: str, here: Path, refused: Callable[[list[str]], str]):
    arguments, expected = MISTAKES[mistake]
    assert expected in refused(arguments)
    assert not list(here.rglob("vis/*.png"))
