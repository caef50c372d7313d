"""In which the trained forms of InceptionV1 differ: widths, padding, normalization, preprocessing.

Three are in wide use, and results in the literature belong to one or another of them. A `Spec`
names everything in which they differ; the wiring, in `inception_v1`, is the same for all.

Source: Szegedy et al., "Going deeper with convolutions", CVPR 2015, table 1, for the widths.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Block:
    """The widths of one Inception block, in channels.

    `pool_reduce` is the 1x1 convolution that follows the block's own 3x3 max pooling.
    """

    one: int
    three_bottleneck: int
    three: int
    five_bottleneck: int
    five: int
    pool_reduce: int

    @property
    def width(self) -> int:
        """Channels of the block's output."""
        return self.one + self.three + self.five + self.pool_reduce


@dataclass(frozen=True)
class LRN:
    """How the stem normalizes local responses; see `layers.local_response_norm`.

    `alpha` is divided by `size`, as Caffe does. TensorFlow's is not: times `size` it is this one.
    """

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0


@dataclass(frozen=True)
class Head:
    """An auxiliary classifier, which training added beside a block.

    Attributes:
        number: of the head: its layers are called head0_bottleneck, nn0 and softmax0.
        after: the block whose output it reads.
        bottleneck: channels of its 1x1 convolution.
        hidden: width of its hidden layer.
    """

    number: int
    after: str
    bottleneck: int = 128
    hidden: int = 1024


@dataclass(frozen=True)
class Spec:
    """Everything in which one trained InceptionV1 differs from another.

    Attributes:
        name: what the network is called, and what its weights are cached under.
        classes: number of logits.
        stem: widths of conv2d0, conv2d1 and conv2d2.
        blocks: the Inception blocks in order, by name; those of one stage share a digit.
        heads: auxiliary classifiers, which tell nothing of the logits but have layers of their own.
        lrn: how the stem normalizes local responses, if it does.
        five: side of the kernel in the branch that is called 5x5.
        last_pool: side of the windows of the last max pooling with strides.
        padding: "ceil" for Caffe's arithmetic (symmetric convolutions, pooling rounds up), "same"
            for TensorFlow's.
        mean: subtracted from RGB values in 0..255, in the order r, g, b.
        std: what they are divided by then.
        bgr: whether the first layer expects the channels as b, g, r.
        pool_gradient: how max pooling passes its gradient on; see `pooling.max_pool`.
    """

    name: str
    classes: int
    stem: tuple[int, int, int]
    blocks: tuple[tuple[str, Block], ...]
    heads: tuple[Head, ...] = ()
    lrn: LRN | None = LRN()
    five: int = 5
    last_pool: int = 3
    padding: str = "ceil"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: float = 1.0
    bgr: bool = False
    pool_gradient: str = "max"


_INCEPTION5H_BLOCKS = {
    "mixed4a": Block(192, 96, 204, 16, 48, 64),
    "mixed5a": Block(256, 160, 320, 48, 128, 128),
}

GOOGLENET = Spec(
    name="googlenet",
    classes=1000,
    stem=(64, 64, 192),
    blocks=(
        ("mixed3a", Block(64, 96, 128, 16, 32, 32)),
        ("mixed3b", Block(128, 128, 192, 32, 96, 64)),
        ("mixed4a", Block(192, 96, 208, 16, 48, 64)),
        ("mixed4b", Block(160, 112, 224, 24, 64, 64)),
        ("mixed4c", Block(128, 128, 256, 24, 64, 64)),
        ("mixed4d", Block(112, 144, 288, 32, 64, 64)),
        ("mixed4e", Block(256, 160, 320, 32, 128, 128)),
        ("mixed5a", Block(256, 160, 320, 32, 128, 128)),
        ("mixed5b", Block(384, 192, 384, 48, 128, 128)),
    ),
    mean=(123.0, 117.0, 104.0),
    bgr=True,
)
"""BVLC GoogLeNet, trained in Caffe: the weights most papers used."""

INCEPTION5H = replace(
    GOOGLENET,
    name="inception5h",
    classes=1008,
    blocks=tuple(
        (name, _INCEPTION5H_BLOCKS.get(name, widths)) for name, widths in GOOGLENET.blocks
    ),
    heads=(Head(0, "mixed4a"), Head(1, "mixed4d")),
    lrn=LRN(size=11, alpha=11e-4, beta=0.5, k=2.0),
    padding="same",
    mean=(117.0, 117.0, 117.0),
    bgr=False,
)
"""The network of `inception5h.zip`, trained in TensorFlow: that of the article, of Lucid, of the
building blocks and of the Circuits thread, whose unit numbers are this one's."""

TORCHVISION = replace(
    GOOGLENET,
    name="torchvision_googlenet",
    lrn=None,
    five=3,
    last_pool=2,
    mean=(127.5, 127.5, 127.5),
    std=127.5,
    bgr=False,
)
"""torchvision's `googlenet`, which comes from TensorFlow's slim: batch norm (here part of the
convolutions) in place of local response normalization, and 3x3 where the paper has 5x5."""


def narrow(spec: Spec, factor: int, classes: int | None = None, name: str | None = None) -> Spec:
    """Return the same network with every width divided by `factor`.

    Args:
        spec: the network to narrow.
        factor: what to divide each width by; the result is at least 1.
        classes: number of logits, if it changes.
        name: what the narrow network is called.

    Returns:
        The narrower spec.

    >>> narrow(GOOGLENET, 8, classes=10).stem
    (8, 8, 24)
    """

    def less(width: int) -> int:
        return max(1, width // factor)

    def thin(b: Block) -> Block:
        widths = (b.one, b.three_bottleneck, b.three, b.five_bottleneck, b.five, b.pool_reduce)
        return Block(*map(less, widths))

    def thin_head(head: Head) -> Head:
        return replace(head, bottleneck=less(head.bottleneck), hidden=less(head.hidden))

    a, b, c = spec.stem
    return replace(
        spec,
        name=name or f"{spec.name}-{factor}",
        classes=spec.classes if classes is None else classes,
        stem=(less(a), less(b), less(c)),
        blocks=tuple((block, thin(widths)) for block, widths in spec.blocks),
        heads=tuple(map(thin_head, spec.heads)),
    )
