"""A run with each published network on photographs: one word tells them apart."""

import os
import zipfile

import pytest

from atlasjax import models
from atlasjax.cli import main
from atlasjax.models.weights import inception5h, known
from atlasjax.workflows import weights
from atlasjax.workflows.open import open_atlas

pytestmark = [pytest.mark.slow, pytest.mark.data]
QUICK = ["--max-images", "16", "--samples-per-image", "4", "--grids", "2", "--steps", "4"]
QUICK += ["--icon-size", "32", "--attempts", "1", "--no-stability", "--neighbors", "10"]
QUICK += ["--image-size", "64", "--resize", "64"]


@pytest.fixture(scope="module")
def here(tmp_path_factory, data, torchvision_models):
    """The three files in their original formats: Caffe's real weights, the others random ones."""
    import torch
    from frozen_graph import encode, graph

    folder = tmp_path_factory.mktemp("here")
    with zipfile.ZipFile(folder / "inception5h.zip", "w") as archive:
        archive.writestr(inception5h.ORIGINAL, encode(graph()))
        archive.writestr(known.LABELS, "dummy\n" + "".join(f"label {i}\n" for i in range(1000)))
    network = torchvision_models.googlenet(weights=None, aux_logits=True, init_weights=False)
    torch.save(network.state_dict(), folder / "googlenet.pth")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATLASJAX_CACHE", str(folder / "cache"))
        weights.take(data / "bvlc_googlenet" / "weights.safetensors")
        weights.take(folder / "inception5h.zip")
        weights.take(folder / "googlenet.pth")
        yield folder


ALL = pytest.mark.skipif(
    "ATLASJAX_SLOW" not in os.environ,
    reason="takes a minute; ATLASJAX_SLOW=1 pytest tests/workflows/test_published_runs.py",
)


@pytest.mark.parametrize(
    "name",
    [
        "inception5h",
        pytest.param("googlenet", marks=ALL),
        pytest.param("torchvision_googlenet", marks=ALL),
    ],
)
def test_a_run_needs_no_weights_to_be_named(here, data, name):
    out = here / name
    images = str(data / "imagenet_sample")
    given = ["--model", name, "--layers", "mixed4c", "--images", images, "--out", str(out)]
    main(["run", "googlenet", *given, *QUICK])
    atlas = open_atlas(out)
    assert atlas.record["experiment"]["model"] == name
    stored = models.default_weights(name)
    assert stored is not None
    assert atlas.record["weights_sha256"] == models.weights_hash(stored)
    assert len(atlas.class_names) == models.spec(name).classes
    expected = "label 4" if name == "inception5h" else models.class_names("googlenet")[5].name
    assert atlas.class_names[5] == expected
    pictures = atlas.level("mixed4c", 2).icon
    assert len(pictures) > 0
    assert pictures.std((1, 2, 3)).min() > 5  # of 255: none is grey
