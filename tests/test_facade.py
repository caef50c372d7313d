"""The facade: everything it names is there, and naming it costs nothing before it is used."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import atlasjax

ROOT = Path(__file__).resolve().parent.parent


def in_a_fresh_interpreter(code: str):
    """Run code that prints JSON; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def declared() -> set[str]:
    """The names imported under TYPE_CHECKING."""
    tree = ast.parse((ROOT / "atlasjax" / "__init__.py").read_text())
    blocks = [
        node
        for node in tree.body
        if isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    ]
    assert len(blocks) == 1
    imports = [node for node in blocks[0].body if isinstance(node, ast.ImportFrom)]
    assert len(imports) == len(blocks[0].body)
    return {alias.asname or alias.name for node in imports for alias in node.names}


def test_importing_is_quick_and_imports_nothing_heavy():
    # Processor time, so that a busy machine does not matter.
    code = (
        "import json, sys, time; start = time.process_time(); import atlasjax; "
        "print(json.dumps([time.process_time() - start, sorted(sys.modules)]))"
    )
    seconds, modules = in_a_fresh_interpreter(code)
    assert seconds < 1.0
    assert "atlasjax" in modules
    assert {"jax", "flax", "umap", "numpy", "optax"} & set(modules) == set()


def test_importing_the_command_line_starts_no_backend():
    code = (
        "import json, sys, atlasjax, atlasjax.cli; "
        "bridge = sys.modules.get('jax._src.xla_bridge'); "
        "print(json.dumps(sorted(bridge._backends) if bridge else []))"
    )
    assert in_a_fresh_interpreter(code) == []


def test_resolving_every_name_starts_no_backend():
    code = (
        "import json, sys, atlasjax; [getattr(atlasjax, n) for n in atlasjax.__all__]; "
        "print(json.dumps([sorted(sys.modules['jax._src.xla_bridge']._backends), "
        "'umap' in sys.modules]))"
    )
    assert in_a_fresh_interpreter(code) == [[], False]


def test_what_is_exported_is_what_is_declared():
    assert set(atlasjax.__all__) == declared()
    assert atlasjax.__all__ == sorted(atlasjax.__all__)
    assert set(atlasjax.__all__) == {*atlasjax._HOME, *atlasjax._MODULES}


@pytest.mark.parametrize("name", atlasjax.__all__)
def test_every_name_resolves(name: str):
    found = getattr(atlasjax, name)
    home = atlasjax._HOME.get(name)
    if home is None:
        assert found is sys.modules[f"atlasjax.{name}"]
    else:
        assert found.__module__.startswith(f"atlasjax.{home}")
        assert found.__name__ == name
        assert found.__doc__
    assert name in dir(atlasjax)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'atlass'"):
        _ = atlasjax.atlass  # pyright: ignore[reportAttributeAccessIssue]


def test_no_function_has_the_name_of_a_room():
    # Importing the room would put it in the function's place.
    rooms = {path.stem for path in (ROOT / "atlasjax").iterdir()}
    assert not rooms & set(atlasjax._HOME)
