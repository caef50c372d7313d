"""An atlas of GoogLeNet (InceptionV1, BVLC) from a few hundred photographs, on a laptop.

Eight positions of every image stand in for the article's one, so that 800 photographs are enough.

    atlasjax run googlenet --weights bvlc_googlenet.caffemodel --images FOLDER

Source: Carter et al., "Activation Atlas", Distill 2019.
"""

from atlasjax.experiment import Experiment

CONFIG = Experiment(
    name="googlenet",
    model="googlenet",
    layers=("mixed3b", "mixed4c", "mixed5b"),
    grids=(10, 20),
    samples_per_image=8,
)
