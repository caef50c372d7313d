"""Errors: one line that names what was asked for and what there is."""

from hypothesis import given
from hypothesis import strategies as st

from atlasjax.errors import UserError, nearest, unknown

LAYERS = ["conv2d0", "maxpool1", "mixed3a", "mixed4c", "mixed4d", "avgpool0"]


def test_a_user_error_is_a_value_error():
    assert issubclass(UserError, ValueError)


def test_a_slip_of_the_finger_finds_the_name():
    assert nearest("mixd4c", LAYERS)[0] == "mixed4c"
    assert nearest("avgpol0", LAYERS)[0] == "avgpool0"
    assert nearest("zzzz", LAYERS) == []
    assert len(nearest("mixed4", LAYERS, most=1)) == 1


def test_case_does_not_matter_and_the_spelling_is_kept():
    assert nearest("GOOGLENET", ["GoogLeNet"]) == ["GoogLeNet"]


def test_what_is_alike_is_named_best_first():
    message = str(unknown("layer", "mixed4", LAYERS))
    assert message.startswith("no layer 'mixed4'; did you mean mixed4")
    assert message.endswith("?")
    assert "conv2d0" not in message


def test_what_is_like_nothing_lists_what_there_is():
    assert str(unknown("model", "zzzz", ["a", "b"])) == "no model 'zzzz'; there are a, b"
    assert str(unknown("model", "zzzz", [])) == "no model 'zzzz'; there are none"


def test_a_long_list_is_cut():
    many = [f"x{i:02}" for i in range(30)]
    message = str(unknown("layer", "----", iter(many)))
    assert message == f"no layer '----'; there are {', '.join(many[:12])}, ..."
    assert not str(unknown("layer", "----", many[:12])).endswith("...")


@given(st.text(max_size=20), st.lists(st.text(max_size=8), max_size=20))
def test_any_name_makes_one_line_that_quotes_it(name: str, allowed: list[str]):
    error = unknown("layer", name, allowed)
    assert isinstance(error, UserError)
    assert str(error).startswith(f"no layer {name!r}; ")
    assert set(nearest(name, allowed)) <= set(allowed)


@given(st.lists(st.text("abcdef0123", min_size=1, max_size=8), min_size=1, unique=True))
def test_a_name_that_is_there_is_its_own_nearest(allowed: list[str]):
    assert nearest(allowed[0], allowed)[0] == allowed[0]
