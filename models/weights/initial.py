"""Random weights for an untrained network, such that every layer has something to show.

With 20 layers of plain He-normal kernels a fifth of the channels of a narrow network is dead: the
means that ReLU leaves add up to biases that no image overcomes. Kernels of zero mean pass no mean
on, and then nothing dies.
"""

import numpy as np

from atlasjax.errors import UserError
from atlasjax.models.inception_v1 import InceptionV1
from atlasjax.models.specs import Spec
from atlasjax.models.weights import caffe

PIXEL = 70.0  # root mean square of 0..255 pixels around their mean
GAIN = 1.7  # sqrt(2 / (1 - 1 / pi)): what ReLU leaves of a unit variance around its own mean


def random_weights(spec: Spec, seed: int = 0) -> InceptionV1:
    """Return the network with random weights that neither die nor explode.

    Kernels are normal, have zero mean over their inputs, and norm `GAIN` for each output channel
    (the classifier: 1). That of the first layer has a mean, so that it sees colours, and norm
    `sqrt(2) / PIXEL`, as its input is not of unit size. Biases are zero.

    Args:
        spec: the network.
        seed: equal seeds give equal weights, on every machine; from 0 up.

    Returns:
        The network, in float32.

    Raises:
        UserError: a negative seed.

    Source: He et al. 2015 for the gain; Brock et al. 2021, "Characterizing signal propagation to
    close the performance gap in unnormalized ResNets", for the zero mean.

    >>> from atlasjax.models.specs import GOOGLENET, narrow
    >>> random_weights(narrow(GOOGLENET, 32, classes=10)).conv2d0.kernel.shape
    (7, 7, 3, 2)
    """
    if seed < 0:
        raise UserError(f"seed {seed}: must be 0 or greater")
    generator = np.random.default_rng(seed)
    tensors = {}
    for name, shape in caffe.tensor_shapes(spec).items():
        if name.endswith("/bias"):
            tensors[name] = np.zeros(shape, np.float32)
        else:
            tensors[name] = _kernel(generator, name.removesuffix("/weight"), shape, spec.std)
    return caffe.from_caffe(tensors, spec)


def _kernel(
    generator: np.random.Generator, layer: str, shape: tuple[int, ...], std: float
) -> np.ndarray:
    kernel = generator.standard_normal(shape, np.float32)
    inputs = tuple(range(1, len(shape)))
    gain = {"conv1/7x7_s2": np.sqrt(2.0) * std / PIXEL, "loss3/classifier": 1.0}.get(layer, GAIN)
    if layer != "conv1/7x7_s2" and np.prod(shape[1:]) > 1:
        kernel -= kernel.mean(inputs, keepdims=True)
    norm = np.sqrt(np.square(kernel).sum(inputs, keepdims=True))
    return (kernel * (gain / norm)).astype(np.float32)
