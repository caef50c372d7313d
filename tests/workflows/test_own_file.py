"""A file of one's own: what is read from it, and every mistake in one."""

from pathlib import Path

import pytest

from atlasjax.adapters.entry import ModelEntry
from atlasjax.errors import UserError
from atlasjax.runs.experiment import Experiment
from atlasjax.workflows import own_file


def test_config_model_and_documentation_are_read(tmp_path: Path, write_own):
    found = own_file.read(write_own(tmp_path, "own_read"))
    assert isinstance(found.config, Experiment)
    assert isinstance(found.model, ModelEntry)
    assert found.model.name == "mine"
    assert found.documentation.strip().startswith("A network of my own.")
    assert found.path == (tmp_path / "own_read.py").resolve()
    assert own_file.named_before(found.sha256)


def test_what_lies_beside_it_can_be_imported(tmp_path: Path):
    (tmp_path / "beside_of_own.py").write_text("NAME = 'beside'")
    path = tmp_path / "own_imports.py"
    path.write_text(
        "import atlasjax as ax, beside_of_own\n"
        "def load():\n    import beside_of_own\n    return beside_of_own.NAME\n"
        "MODEL = ax.ModelEntry(beside_of_own.NAME, load)"
    )
    found = own_file.read(path)
    assert found.model is not None
    assert found.model.name == found.model.load() == "beside"


def test_a_model_may_be_the_network_itself(tmp_path: Path):
    path = tmp_path / "own_network.py"
    path.write_text("def MODEL(images, tap):\n    return tap('a', images).mean((1, 2))")
    found = own_file.read(path)
    assert found.config is None
    assert found.model is not None
    assert found.model.name == "MODEL"


MISTAKES = {
    "x = 1": "own_wrong.py: neither CONFIG = Experiment(...) nor MODEL = ModelEntry(...) in it",
    "CONFIG = 3": "own_wrong.py: CONFIG is a int; it must be an Experiment",
    "x = (": "own_wrong.py, line 1: SyntaxError: '(' was never closed",
    "\n\nraise KeyError('a')": "own_wrong.py failed: KeyError: 'a' (",
    "import not_there_at_all": "ModuleNotFoundError: No module named 'not_there_at_all'",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes_in_it_get_one_line(text: str, tmp_path: Path):
    path = tmp_path / "own_wrong.py"
    path.write_text(text)
    with pytest.raises(UserError) as raised:
        own_file.read(path)
    assert MISTAKES[text] in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_line_that_failed_is_named(tmp_path: Path):
    path = tmp_path / "own_late.py"
    path.write_text("import json\n\njson.loads('{')\n")
    with pytest.raises(UserError, match=r"JSONDecodeError: .*own_late\.py, line 3\)"):
        own_file.read(path)


def test_the_nearest_file_is_named(tmp_path: Path):
    (tmp_path / "experiment.py").write_text("")
    with pytest.raises(UserError, match=r"no file .*; did you mean .*/experiment\.py\?"):
        own_file.read(tmp_path / "experimnt.py")
