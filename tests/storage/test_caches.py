"""A user without a home: in processes of their own, of another user where the tests run as root."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from atlasjax.errors import UserError
from atlasjax.storage import artifacts, caches, places

ROOT = Path(__file__).resolve().parents[2]
VARIABLES = ("NUMBA_CACHE_DIR", "MPLCONFIGDIR", "KERAS_HOME", "HF_HOME", "TORCH_HOME")


def as_nobody(user: int, program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program as a user who may read everything and write nothing but temporary files."""
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can become another user, with setpriv")
    become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    # It need not own the Python that it runs, which may be below /root.
    reads = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    path = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [*become, *reads, sys.executable, "-c", program],
        env=path | environment,
        cwd="/",
        check=False,
        capture_output=True,
        text=True,
    )


LIBRARIES = """
import os
from atlasjax.atlas.umap_learn import umap_module
umap_module()  # which keeps functions by Numba
import matplotlib.figure, matplotlib.font_manager
from atlasjax.storage import artifacts, places
assert artifacts.user_cache() == places.temporary() and places.temporary().is_dir()
assert artifacts.lasting_cache() is None
print(places.temporary())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("user", "environment"),
    [(65534, {"HOME": "/nonexistent"}), (54321, {})],
    ids=["no home", "not in passwd"],
)
def test_libraries_are_imported_without_a_home(user: int, environment: dict[str, str]):
    done = as_nobody(user, LIBRARIES, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert not Path(done.stdout.strip()).exists()  # nothing is left behind


COMMAND = """
import json, os
from atlasjax.cli.process import prepare
prepare()
import jax
names = ("NUMBA_CACHE_DIR", "MPLCONFIGDIR", "KERAS_HOME", "HF_HOME", "TORCH_HOME")
found = {name: os.environ[name] for name in names}
assert all(os.access(folder, os.W_OK) for folder in found.values()), found
print(json.dumps([found, jax.config.values["jax_compilation_cache_dir"]]))
"""


@pytest.mark.slow
def test_a_command_keeps_everything_where_it_can(tmp_path: Path):
    tmp_path.chmod(0o777)
    for folder in tmp_path.parents:  # so that another user gets there
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    own = {"HOME": "/nonexistent", "ATLASJAX_CACHE": str(tmp_path / "cache"), "HF_HOME": "/tmp"}
    done = as_nobody(65534, COMMAND, **own)
    assert (done.returncode, done.stderr) == (0, "")
    found, programs = json.loads(done.stdout)
    assert found.pop("HF_HOME") == "/tmp"  # what the user has set stays
    assert {Path(folder).parents[1] for folder in found.values()} == {tmp_path / "cache"}
    assert programs == str(tmp_path / "cache" / "programs")


def test_nothing_changes_for_a_user_with_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in (*VARIABLES, "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    caches.provide()
    assert not set(VARIABLES) & set(os.environ)
    assert not list(tmp_path.iterdir())


def test_a_folder_of_someone_else_in_a_home_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in (*VARIABLES, "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, "")  # so that it is put back afterwards
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "numba").write_text("what cannot be a folder")
    caches.provide()
    assert [name for name in VARIABLES if name in os.environ] == ["NUMBA_CACHE_DIR"]


@pytest.mark.parametrize("kept", [True, False])
def test_each_library_gets_a_folder_of_its_own(
    kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in (*VARIABLES, "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, "")  # so that it is put back afterwards
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", "/dev/null/home")
    monkeypatch.setenv("ATLASJAX_CACHE", str(tmp_path) if kept else "/dev/null/cache")
    caches.provide()
    found = [Path(os.environ[name]) for name in VARIABLES]
    assert len(set(found)) == len(VARIABLES)
    assert all(folder.is_dir() for folder in found)
    home = tmp_path if kept else places.temporary()
    assert all(folder.is_relative_to(home) for folder in found)
    assert artifacts.lasting_cache() == (tmp_path if kept else None)


def test_a_path_in_a_home_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch):
    def no_home(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)
    with pytest.raises(UserError, match=r"'~/a.png': this user has no home folder"):
        places.expanded("~/a.png")
    assert not places.can_be_written("~/a")
