"""Pictures that are given to the one-liners, beyond 8 bits."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlasjax.errors import UserError
from atlasjax.vis import read_image


def test_a_picture_of_12_bits_is_told_and_brought_to_8(tmp_path: Path):
    values = np.linspace(0, 4095, 256).astype(np.uint16)
    Image.fromarray(np.tile(values, (16, 1))).save(tmp_path / "a.png")
    notes: list[str] = []
    assert read_image(tmp_path / "a.png", note=notes.append).max() == 16
    assert "values of 0 to 4095 where 0 to 65535 is black to white" in notes[0]
    for given in ((0, 4095), "auto"):
        shown = read_image(tmp_path / "a.png", given, notes.append)
        assert np.abs(shown[0, :, 0] - np.round(values / 4095 * 255)).max() <= 1
    assert len(notes) == 1


def test_floats_are_read_with_a_range(tmp_path: Path):
    Image.fromarray(np.full((4, 4), 350, np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(UserError, match=r"no fixed range; give --range LOW HIGH"):
        read_image(tmp_path / "a.tif")
    assert (read_image(tmp_path / "a.tif", (0, 700)) == 128).all()
    (tmp_path / "b.png").write_text("version https://git-lfs.github.com/spec/v1\nsize 12\n")
    with pytest.raises(UserError, match="a Git LFS pointer to 12 bytes"):
        read_image(tmp_path / "b.png")
