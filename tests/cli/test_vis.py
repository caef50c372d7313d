"""The command `atlasjax vis`: what is asked of a network that has no such thing."""

import argparse
from types import SimpleNamespace

import pytest

from atlasjax.classes import ClassName
from atlasjax.cli import vis
from atlasjax.errors import UserError


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
