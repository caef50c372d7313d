"""What is published of the networks known here: which file, from where, under which licence.

The files are not part of the package. Each is fetched from whoever published it, over TLS, or by
hand where there is no network.
"""

from dataclasses import dataclass

from atlasjax.errors import unknown
from atlasjax.models.weights import caffemodel, inception5h, torchvision

LABELS = "imagenet_comp_graph_label_strings.txt"
SYNSETS = "synset_words.txt"


@dataclass(frozen=True)
class Remote:
    """A file that somebody has published.

    Attributes:
        file: what it is called.
        url: where it is.
        megabytes: its size, in millions of bytes; None where it is small.
        sha256: its checksum as published: whole, or as much of its beginning as there is.
        sha1: likewise.
    """

    file: str
    url: str
    megabytes: int | None = None
    sha256: str = ""
    sha1: str = ""

    @property
    def is_published(self) -> bool:
        """Whether there is a checksum to compare with."""
        return bool(self.sha256 or self.sha1)


@dataclass(frozen=True)
class Published:
    """A network whose weights somebody has published.

    Attributes:
        name: of the network, as for `models.load`.
        about: what it is, in a line.
        licence: of the weights.
        weights: the file that they are in.
        contents: where that is an archive, the files in it that are used.
        class_names: the file with the names of its classes, where it is another.
    """

    name: str
    about: str
    licence: str
    weights: Remote
    contents: tuple[str, ...] = ()
    class_names: Remote | None = None


SYNSETS_REMOTE = Remote(
    SYNSETS,
    "https://raw.githubusercontent.com/opencv/opencv/3.4.0/samples/data/dnn/synset_words.txt",
)

KNOWN = (
    Published(
        "googlenet",
        "BVLC GoogLeNet, trained in Caffe: of the deep dreams and most early papers",
        "unrestricted use",
        Remote(
            caffemodel.ORIGINAL,
            "https://dl.caffe.berkeleyvision.org/bvlc_googlenet.caffemodel",
            54,
            sha1=caffemodel.GOOGLENET_SHA1,
        ),
        class_names=SYNSETS_REMOTE,
    ),
    Published(
        "inception5h",
        "InceptionV1 of the Activation Atlas, Lucid and the Circuits thread, from TensorFlow",
        "Apache-2.0",
        Remote(
            "inception5h.zip",
            "https://storage.googleapis.com/download.tensorflow.org/models/inception5h.zip",
            50,
            # As the build files of TensorFlow's own examples have it.
            sha256="d13569f6a98159de37e92e9c8ec4dae8f674fbf475f69fe6199b514f756d4364",
        ),
        contents=(inception5h.ORIGINAL, LABELS),
    ),
    Published(
        "torchvision_googlenet",
        "torchvision's GoogLeNet, with batch norm: of most work in PyTorch",
        "BSD-3-Clause",
        Remote(
            torchvision.ORIGINAL,
            "https://download.pytorch.org/models/googlenet-1378be20.pth",
            52,
            sha256="1378be20",  # in the file's name, which is where PyTorch publishes it
        ),
        class_names=SYNSETS_REMOTE,
    ),
)
"""Sources: the model zoo of Caffe; the build files of TensorFlow's examples; torchvision's
`GoogLeNet_Weights`. The class names are ILSVRC 2012's, sorted by their WordNet ids."""


def published(name: str) -> Published:
    """Return what is published of a network.

    Args:
        name: of the network.

    Raises:
        UserError: nothing is known of it.

    >>> published("inception5h").weights.file
    'inception5h.zip'
    """
    for network in KNOWN:
        if network.name == name:
            return network
    raise unknown("network with published weights", name, [network.name for network in KNOWN])


def by_hand(name: str) -> str:
    """Return how a network's weights are got without `atlasjax weights fetch`.

    Args:
        name: of the network.

    >>> print(by_hand("inception5h"))
    get https://storage.googleapis.com/download.tensorflow.org/models/inception5h.zip by hand, then
    atlasjax weights import inception5h.zip
    """
    remote = published(name).weights
    return f"get {remote.url} by hand, then atlasjax weights import {remote.file}"
