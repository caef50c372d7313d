"""The command `atlasjax vis`: what is asked of a network that has no such thing."""

import argparse
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import pytest
from PIL import Image

from atlasjax.classes import ClassName
from atlasjax.cli import vis
from atlasjax.cli.vis_subject import subject_of
from atlasjax.errors import UserError
from atlasjax.vis.accentuation import accentuation


def test_classes_are_looked_up_and_a_network_without_any_is_told_so():
    chosen = argparse.Namespace(model="mine.py", **{"class": ["pan", "0"]})
    known = (ClassName("", "wok"), ClassName("", "frying pan, frypan"))
    found = vis._classes(chosen, SimpleNamespace(classes=known))
    assert found == ([1, 0], ["frying pan", "wok"])
    cranes = (ClassName("n1", "crane"), ClassName("n2", "wok"), ClassName("n3", "crane"))
    chosen = argparse.Namespace(model="mine.py", **{"class": ["0", "2", "wok"]})
    found = vis._classes(chosen, SimpleNamespace(classes=cranes))
    assert found == ([0, 2, 1], ["crane (n1)", "crane (n3)", "wok"])
    with pytest.raises(UserError, match=r"^mine\.py has no classes: --class needs logits$"):
        vis._classes(chosen, SimpleNamespace(classes=()))


def _grey_digits(images, tap):
    x = tap("a", images @ jnp.ones((1, 2)))
    return x.reshape(len(x), -1) @ jnp.ones((200 * 200 * 2, 3))


def _colours(images, tap):
    return tap("a", images @ jnp.ones((3, 2))).mean((1, 2))


@pytest.mark.parametrize(
    ("model", "entry", "given", "expected"),
    [
        (_colours, (224, 3), [], (128, 3)),
        (_colours, (96, 3), [], (96, 3)),
        (_colours, (224, 3), ["--size", "64"], (64, 3)),
        (_colours, (224, 3), ["--size", "60", "20"], ((20, 60), 3)),
        (_grey_digits, (200, 1), [], (200, 1)),  # it takes no other size
    ],
)
def test_sizes_and_channels_are_those_of_the_network(model, entry, given, expected):
    commands = argparse.ArgumentParser().add_subparsers()
    vis.add(commands)
    chosen = commands.choices["vis"].parse_args(["mine.py", "a", "--channels", "0", *given])
    own = SimpleNamespace(image_size=entry[0], channels=entry[1])
    settings = vis._settings(chosen, own, model)
    assert (settings.size, settings.channels) == expected


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["a", "--neurons", "0", "--accentuate", "x.png"], "--accentuate is for --channels and"),
        (["a", "--accentuate", "x.png"], "nothing to draw: give one of"),
        (["a", "--channels", "0", "--keep", "b"], "--keep is for --accentuate"),
        (
            ["a", "--channels", "0", "--accentuate", "x.png", "--negative"],
            "--accentuate goes with neither --diversity nor --negative",
        ),
        (
            ["a", "--channels", "0", "--accentuate", "x.png", "--diversity", "2"],
            "--accentuate goes with neither --diversity nor --negative",
        ),
    ],
)
def test_what_does_not_go_with_accentuation_is_refused(given: list[str], said: str):
    commands = argparse.ArgumentParser().add_subparsers()
    vis.add(commands)
    chosen = commands.choices["vis"].parse_args(["mine.py", *given])
    with pytest.raises(UserError, match=f"^{said}"):
        subject_of(chosen)


@pytest.mark.parametrize(
    ("given", "numbers", "names", "page"),
    [
        (["a", "--channels", "1"], [1], None, "mine-a-accentuate-cat-channels-1.png"),
        (["--class", "wok"], [0], ["wok"], "mine-accentuate-cat-class-wok.png"),
    ],
)
def test_channels_and_classes_are_accentuated_in_an_image(given, numbers, names, page, tmp_path):
    image = tmp_path / "cat.png"
    Image.new("RGB", (16, 16), "grey").save(image)
    commands = argparse.ArgumentParser().add_subparsers()
    vis.add(commands)
    chosen = commands.choices["vis"].parse_args(
        ["mine.py", *given, "--accentuate", str(image), "--keep", "a"]
    )
    subject = subject_of(chosen)
    known = (ClassName("", "wok"), ClassName("", "frying pan, frypan"))
    opened = SimpleNamespace(classes=known, network=SimpleNamespace(model=_colours))
    (layer, found, picture), options = vis._arguments(chosen, subject, opened)
    assert (layer, found, picture.shape) == (chosen.layer, numbers, (16, 16, 3))
    assert options.get("captions") == names
    draw: Any = vis._drawing(chosen, subject, opened)
    assert draw.func is accentuation
    assert draw.keywords["keep"] == "a"
    assert vis._default_page(chosen, subject).name == page
