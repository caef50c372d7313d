"""Networks: whatever a person calls one, and what is wrong when it is none."""

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax.adapters.entry import ModelEntry
from atlasjax.errors import UserError
from atlasjax.workflows import own_file
from atlasjax.workflows.networks import find, found_again, open_network, shapes


def toy(images: Any, tap: Any) -> Any:
    return tap("a", images[:, ::4, ::4] * 2).mean((1, 2))


def entry(load: Any = lambda: toy, **settings: Any) -> ModelEntry:
    return ModelEntry("mine", load, image_size=16, **settings)


def test_a_network_is_known_by_its_name():
    opened = open_network(find("inception_v1_tiny"), seed=3)
    assert opened.network.weights == "inception_v1_tiny:random-3"
    assert opened.shape == (224, 224, 3)
    assert len(opened.classes) == 10


def test_a_network_may_be_handed_over():
    opened = open_network(find(entry(class_names=["r", "g", "b"])))
    assert opened.found.reference is None
    assert [known.name for known in opened.classes] == ["r", "g", "b"]
    assert open_network(find(toy)).shape == (224, 224, 3)


def test_a_network_is_imported_from_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "module_of_networks.py").write_text(
        "def net(images, tap):\n    return tap('a', images).mean((1, 2))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = find("module_of_networks:net")
    assert found.reference == "module_of_networks:net"
    assert len(open_network(found).classes) == 3
    with pytest.raises(UserError, match="no name in module_of_networks 'nett'; did you mean net"):
        find("module_of_networks:nett")
    with pytest.raises(UserError, match="model 'no_module:net': ModuleNotFoundError: No module"):
        find("no_module:net")


def test_images_are_as_the_entry_says():
    opened = open_network(find(entry(mean=127.5, std=127.5, input_range=(0, 255))))
    white = opened.network.model(jnp.ones((1, 16, 16, 3)), lambda name, value: value)
    np.testing.assert_allclose(white, [[2.0, 2.0, 2.0]], rtol=1e-6)  # 2 (255 - 127.5) / 127.5


def test_names_come_from_a_file_beside_it(tmp_path: Path, write_own):
    (tmp_path / "names.txt").write_text("ant\nbee\ncow\ndog\nelk\n")
    change = "\nfrom dataclasses import replace\nMODEL = replace(MODEL, class_names='names.txt')\n"
    path = write_own(tmp_path, "own_names", config=False, change=change)
    opened = open_network(find(str(path)))
    assert [known.name for known in opened.classes] == ["ant", "bee", "cow", "dog", "elk"]
    assert shapes(str(path)) == {"one": (8, 8, 16), "two": (4, 4, 24), "logits": (5,)}


def fails() -> Any:
    raise RuntimeError("first line\nno such checkpoint")


def needs(weights: str) -> Any:
    return toy


MISTAKES = {
    "load of 'mine' failed: RuntimeError: no such checkpoint (": entry(fails),
    "mine needs weights: --weights PATH": entry(needs),
    "the network 'mine' taps no layer": entry(lambda: lambda x, tap: x.mean((1, 2))),
    "does not take images [1, 16, 16, 3] with a tap: TypeError": entry(
        lambda: lambda x, tap: tap("a", x @ jnp.ones((5, 2)))
    ),
    "does not take images [1, 16, 16, 1] with a tap": entry(
        lambda: lambda x, tap: tap("a", x @ jnp.ones((3, 2))).mean((1, 2)), channels=1
    ),
    "2 class names for the 3 classes of 'mine'": entry(class_names=["a", "b"]),
    "no file of class names 'nowhere.txt'": entry(class_names="nowhere.txt"),
    "the network 'mine' returns (1, 4, 4, 3), not logits": entry(
        lambda: lambda x, tap: tap("a", x[:, ::4, ::4])
    ),
}


@pytest.mark.parametrize("expected", MISTAKES)
def test_what_is_no_network_gets_one_line(expected: str):
    with pytest.raises(UserError) as raised:
        open_network(find(MISTAKES[expected]))
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)


def test_where_load_failed_is_named():
    with pytest.raises(UserError, match=r"test_networks\.py, line \d+\)"):
        open_network(find(entry(fails)))


def test_weights_for_a_load_that_takes_none_are_refused():
    with pytest.raises(UserError, match="load of 'mine' takes no weights"):
        open_network(find(entry()), "w.safetensors")
    assert open_network(find(entry(needs)), "w.safetensors").classes[0].name == "class 0"


def test_what_cannot_be_called_is_refused():
    with pytest.raises(UserError, match="a int is not a network"):
        open_network(find(3))


def test_a_network_is_found_again_by_its_file(tmp_path: Path, write_own):
    path = write_own(tmp_path, "own_again", config=False)
    found = find(str(path))
    assert found.file is not None
    record = {"model_file": {"path": str(found.file.path), "sha256": found.file.sha256}}
    assert found_again(record, "runs/mine").entry.name == "mine"

    other = write_own(tmp_path, "own_unknown", config=False, change="\n# never named\n")
    from_elsewhere = {"path": str(other), "sha256": own_file.digest(other)}
    with pytest.raises(
        UserError, match=r"own_unknown\.py, which .* was never run here: give --mod"
    ):
        found_again({"model_file": from_elsewhere}, "runs/mine")

    write_own(tmp_path, "own_again", config=False, change="\nx = 1\n")
    with pytest.raises(UserError, match=r"own_again\.py has changed since 'runs/mine' was made"):
        found_again(record, "runs/mine")
    assert found_again(record, "runs/mine", str(path)).entry.name == "mine"
    path.unlink()
    with pytest.raises(UserError, match=r"no file .*own_again\.py', which 'runs/mine' was made "):
        found_again(record, "runs/mine")
    with pytest.raises(UserError, match=r"was made from Python.*--model my_experiment\.py"):
        found_again({"model_given": True}, "runs/mine")
