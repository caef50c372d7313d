"""What commands are tried with: photographs, and what is said of a mistake."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlasjax import cli


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Coloured blocks in two classes, and one file that is no image."""
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    for i in range(24):
        blocks = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        place = folder / ("cat" if i % 2 else "dog") / f"{i:02}.png"
        place.parent.mkdir(exist_ok=True)
        Image.fromarray(np.kron(blocks, np.ones((8, 8, 1), np.uint8))).save(place)
    (folder / "dog" / "broken.jpg").write_bytes(b"not a picture")
    return folder


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[[list[str]], str]:
    """Run a command that is a mistake; return the one line that says so."""

    def run(arguments: list[str]) -> str:
        with pytest.raises(SystemExit) as stop:
            cli.main(arguments)
        assert stop.value.code == 2
        captured = capsys.readouterr()
        # A run that goes on says beforehand what it will make, and finds some mistakes only then.
        said = [line.split(":")[0] for line in captured.out.splitlines()]
        assert arguments[:1] == ["run"] or not said
        assert set(said) <= {"again", "to be made"}
        assert captured.err.startswith("atlasjax: ")
        assert captured.err.count("\n") == 1
        return captured.err

    return run
