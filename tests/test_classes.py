"""Which class is meant: by id, by number, by name; and what is said where that is not clear."""

import pytest

from atlasjax import models
from atlasjax.classes import ClassName, resolve, short_name, short_names
from atlasjax.errors import UserError

NAMES = (
    models.ClassName("n01440764", "tench, Tinca tinca"),
    models.ClassName("n01484850", "great white shark, white shark, man-eater"),
    models.ClassName("n01491361", "tiger shark, Galeocerdo cuvieri"),
    models.ClassName("n01494475", "hammerhead, hammerhead shark"),
    models.ClassName("n02129604", "tiger, Panthera tigris"),
    models.ClassName("n02012849", "crane"),
    models.ClassName("n03126707", "crane"),
    models.ClassName("n03000247", "chain mail, ring mail"),
    models.ClassName("n03710193", "mailbox, letter box"),
)


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("n01491361", 2),
        (" N02129604 ", 4),
        ("7", 7),
        ("tench", 0),
        ("TINCA TINCA", 0),
        ("man-eater", 1),  # any of the names
        ("tiger", 4),  # the same name before one that has it as a word
        ("ring", 7),
        ("mail", 7),  # a whole word before a part of one
        ("hammer", 3),
        ("panthera", 4),
    ],
)
def test_a_class_is_found(text: str, index: int):
    assert resolve(text, NAMES) == index


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "shark",
            r"class 'shark' may be 1 \(great white shark\), 2 \(tiger shark\) or 3 \(hammerhead\)",
        ),
        (
            "crane",
            r"class 'crane' may be 5 \(crane \(n02012849\)\) or 6 \(crane .*\): .* give its number",
        ),
        ("a", r"0 \(tench\), .*, 5 \(crane .*\) or 3 others: say more"),
        ("9", "no class 9; there are 0 to 8"),
        ("-1", "no class -1; there are 0 to 8"),
        ("tensh", "no class 'tensh'; did you mean tench"),
        (" ", "a class without a name"),
    ],
)
def test_what_is_not_clear_is_told(text: str, message: str):
    with pytest.raises(UserError, match=message):
        resolve(text, NAMES)


@pytest.mark.parametrize("text", ["0", "tench", " "])
def test_a_network_without_classes_has_none_to_find(text: str):
    with pytest.raises(UserError, match=rf"no class '{text}': the network has no classes"):
        resolve(text, ())


@pytest.mark.parametrize("name", ["inception_v1_scenes", "inception_v1_tiny"])
def test_every_class_of_a_network_is_found_by_its_own_name(name: str):
    known = models.class_names(name)
    assert len(known) >= 10
    assert [resolve(short_name(one), known) for one in known] == list(range(len(known)))


def test_classes_that_share_a_name_are_told_apart():
    known = [
        ("n02012849", "crane"),
        ("n03126707", "crane"),
        ("n03710637", "maillot"),
        ("n03710721", "maillot, tank suit"),
        ("", "bar, pub"),
        ("", "bar, pub"),
        ("n9", "tench, Tinca tinca"),
        ("n8", "x"),
        ("n8", "x, x"),
    ]
    found = short_names([ClassName(*one) for one in known])
    assert found[:4] == (
        "crane (n02012849)",
        "crane (n03126707)",
        "maillot (n03710637)",
        "maillot (tank suit)",
    )
    assert found[4:] == ("bar (4)", "bar (5)", "tench", "x (7)", "x (8)")
    assert len(set(found)) == len(found)
