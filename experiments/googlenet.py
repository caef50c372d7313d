"""An atlas of GoogLeNet (InceptionV1, BVLC) from a few hundred photographs, on a laptop.

Eight positions of every image stand in for the article's one, so that 800 photographs are enough.

    atlasjax run googlenet --weights bvlc_googlenet.caffemodel --images FOLDER

With 800 ImageNet photographs this takes under half an hour and 2 GiB of memory on two CPU cores.
Expect about 230 cells in mixed4c at the finer grid, which hold 99% of the activations, and icons
there that reach a mean cosine of about .8; the summary at the end prints yours.

Source: Carter et al., "Activation Atlas", Distill 2019.
"""

from atlasjax.experiment import Experiment

CONFIG = Experiment(
    name="googlenet",
    model="googlenet",
    layers=("mixed3b", "mixed4c", "mixed5b"),
    grids=(10, 20),
    samples_per_image=8,
    attempts=3,
)
