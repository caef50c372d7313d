"""The same maps as Captum and PAIR's saliency make of the same network in PyTorch.

Both are independent implementations on another library: what is compared is the whole of a method,
with its conventions of chunks, windows and sizes. Differences are relative to the largest value of
a map; 1e-4 is what float32 convolutions in two libraries differ by.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from atlasjax import adapt
from atlasjax.saliency import (
    grad_cam,
    gradient,
    gradient_times_input,
    guided_grad_cam,
    integrated_gradients,
    occlusion,
    smoothgrad,
)
from atlasjax.saliency.smoothgrad import smoothgrad_versions
from atlasjax.saliency.versions import image_keys
from atlasjax.targets import class_logit

HOW = "needs Captum and PAIR's saliency: pip install 'atlasjax[parity]'"
torch: Any = pytest.importorskip("torch", reason=HOW)
# In PyTorch's own export, and in its hooks.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")
SIZE, CLASSES, KEY = 12, [3, 1], jax.random.key(4)
TARGET = class_logit(CLASSES)


def convolutions(bend: Any, pool: Any) -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1),
        bend(),
        pool(2),
        torch.nn.Conv2d(8, 8, 3, padding=1),
        bend(),
        torch.nn.Conv2d(8, 8, 3, padding=1),
        bend(),
        torch.nn.Flatten(),
        torch.nn.Linear(8 * (SIZE // 2) ** 2, 5),
    ).eval()


@pytest.fixture(scope="module")
def network() -> Any:
    return convolutions(torch.nn.ReLU, torch.nn.MaxPool2d)


@pytest.fixture(scope="module")
def model(network: Any) -> Any:
    return adapt(network, example=(SIZE, SIZE, 3))


@pytest.fixture(scope="module")
def captum() -> Any:
    return pytest.importorskip("captum.attr", reason=HOW)


@pytest.fixture(scope="module")
def pair() -> Any:
    return pytest.importorskip("saliency.core", reason=HOW)


def images() -> jax.Array:
    return jax.random.uniform(jax.random.key(1), (2, SIZE, SIZE, 3))


def tensor() -> Any:
    return torch.from_numpy(np.asarray(images()).transpose(0, 3, 1, 2).copy()).requires_grad_()


def same(found: Any, expected: Any) -> None:
    expected = np.asarray(expected)
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def numbers(attribution: Any) -> np.ndarray:
    return attribution.detach().numpy()


def test_both_are_the_same_network(network: Any, model: Any):
    with torch.no_grad():
        same(model(images()), network(tensor()).numpy())


def test_gradients_are_captums(network: Any, model: Any, captum: Any):
    found = numbers(captum.Saliency(network).attribute(tensor(), CLASSES, abs=False))
    same(gradient(model, images(), TARGET, signed=True), found.sum(1))
    same(gradient(model, images(), TARGET), np.abs(found).max(1))
    found = numbers(captum.InputXGradient(network).attribute(tensor(), CLASSES))
    same(gradient_times_input(model, images(), TARGET), found.sum(1))


@pytest.mark.parametrize("grey", [False, True])
def test_integrated_gradients_are_captums(network: Any, model: Any, captum: Any, grey: bool):
    theirs, delta = captum.IntegratedGradients(network).attribute(
        tensor(), 0.5 if grey else 0.0, CLASSES, n_steps=20, return_convergence_delta=True
    )
    baseline = "grey" if grey else "black"
    found = integrated_gradients(model, images(), TARGET, steps=20, baseline=baseline)
    same(found.maps, numbers(theirs).sum(1))
    # A small difference of sums, in float32: to that of the sums.
    np.testing.assert_allclose(found.error, numbers(delta), atol=1e-5)


def noise(x: jax.Array, samples: int, spread: float) -> np.ndarray:
    """Return what is added to each image in each of its copies."""

    def of(image: jax.Array, key: jax.Array) -> jax.Array:
        make = smoothgrad_versions(image, key=key, samples=samples, noise=spread).make
        return jax.vmap(lambda number: make(number)[0])(jnp.arange(samples)) - image[None]

    return np.asarray(jax.vmap(of)(x, image_keys(KEY, len(x))))


def test_smoothgrad_is_captums_with_the_same_noise(
    network: Any, model: Any, captum: Any, monkeypatch: pytest.MonkeyPatch
):
    samples, spread = 6, 0.2
    theirs = (
        noise(images(), samples, spread)
        .transpose(0, 1, 4, 2, 3)
        .reshape(2 * samples, 3, SIZE, SIZE)
    )
    monkeypatch.setattr(torch, "normal", lambda mean, deviation: torch.from_numpy(theirs.copy()))
    expected = captum.NoiseTunnel(captum.Saliency(network)).attribute(
        tensor(), nt_samples=samples, target=CLASSES, abs=False
    )
    options = {"key": KEY, "samples": samples, "noise": spread}
    same(smoothgrad(model, images(), TARGET, signed=True, **options), numbers(expected).sum(1))
    same(smoothgrad(model, images(), TARGET, **options), np.abs(numbers(expected)).max(1))


def test_grad_cam_is_captums(network: Any, model: Any, captum: Any):
    for rectified in (True, False):
        coarse = captum.LayerGradCam(network, network[5]).attribute(
            tensor(), CLASSES, relu_attributions=rectified
        )
        fine = captum.LayerAttribution.interpolate(coarse, (SIZE, SIZE), "bilinear")
        found = grad_cam(model, images(), TARGET, layer="5", rectified=rectified)
        same(found, numbers(fine)[:, 0])


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU:UserWarning")  # theirs
def test_guided_grad_cam_is_captums(network: Any, model: Any, captum: Any):
    expected = captum.GuidedGradCam(network, network[5]).attribute(
        tensor(), CLASSES, interpolate_mode="bilinear"
    )
    same(guided_grad_cam(model, images(), TARGET, layer="5"), numbers(expected).sum(1))


@pytest.mark.parametrize(("window", "stride"), [(4, 4), (5, 2), (5, 3)])
def test_occlusion_is_captums(network: Any, model: Any, captum: Any, window: int, stride: int):
    expected = captum.Occlusion(network).attribute(
        tensor(), (3, window, window), (3, stride, stride), 0.5, CLASSES
    )
    options = {"window": window, "stride": stride, "baseline": "grey"}
    same(occlusion(model, images(), TARGET, **options), numbers(expected)[:, 0])


def called(network: Any, layer: int = 5) -> Any:
    """What PAIR's methods ask of a network: values and gradients of the first class asked for."""

    def call(batch: np.ndarray, call_model_args: Any = None, expected_keys: Any = None) -> Any:
        x = torch.from_numpy(batch.astype(np.float32).transpose(0, 3, 1, 2).copy()).requires_grad_()
        inner = network[: layer + 1](x)
        score = network[layer + 1 :](inner)[:, CLASSES[0]]
        by_pixel, by_layer = torch.autograd.grad(score.sum(), (x, inner))
        last = lambda value: numbers(value).transpose(0, 2, 3, 1)  # noqa: E731
        return {
            "INPUT_OUTPUT_GRADIENTS": last(by_pixel),
            "CONVOLUTION_LAYER_VALUES": last(inner),
            "CONVOLUTION_OUTPUT_GRADIENTS": last(by_layer),
            "OUTPUT_LAYER_VALUES": numbers(score),
        }

    return call


FIRST = class_logit(CLASSES[0])


def test_integrated_gradients_are_pairs(pair: Any):
    # Theirs is a plain mean over steps, which nears the integral as 1 / steps, and only of smooth
    # networks so.
    smooth = convolutions(torch.nn.Tanh, torch.nn.AvgPool2d)
    expected = pair.IntegratedGradients().GetMask(
        np.asarray(images()[0]), called(smooth), x_steps=20000, batch_size=1000
    )
    ours = adapt(smooth, example=(SIZE, SIZE, 3))
    same(integrated_gradients(ours, images()[:1], FIRST, steps=20).maps[0], expected.sum(-1))


def test_smoothgrad_is_pairs_with_the_same_noise(
    network: Any, model: Any, pair: Any, monkeypatch: pytest.MonkeyPatch
):
    x, samples, spread = images()[:1], 5, 0.15
    drawn = iter(noise(x, samples, spread)[0])
    seen = []

    def normal(mean: float, deviation: float, shape: Any) -> np.ndarray:
        seen.append(deviation)
        return next(drawn)

    monkeypatch.setattr(np.random, "normal", normal)
    expected = pair.GradientSaliency().GetSmoothedMask(
        np.asarray(x[0]), called(network), stdev_spread=spread, nsamples=samples, magnitude=False
    )
    options = {"key": KEY, "samples": samples, "noise": spread, "signed": True}
    same(smoothgrad(model, x, FIRST, **options)[0], expected.sum(-1))
    # The noise itself is as theirs: a part of the range.
    np.testing.assert_allclose(seen, spread * float(x.max() - x.min()), rtol=1e-5)


def test_grad_cam_is_pairs(network: Any, model: Any, pair: Any):
    x = images()[:1]
    first = called(network, 0)  # a layer of the image's size, since they resize in another way
    expected = pair.GradCam().GetMask(
        np.asarray(x[0]), first, should_resize=False, three_dims=False
    )
    same(grad_cam(model, x, FIRST, layer="0")[0], expected)


def test_occlusion_is_pairs(network: Any, model: Any, pair: Any):
    x, size = images()[:1], 5
    expected = pair.Occlusion().GetMask(np.asarray(x[0]), called(network), size=size)[..., 0]
    # Theirs is the sum over all windows on a pixel, ours their mean.
    place = np.arange(SIZE)
    first = np.arange(SIZE - size + 1)[:, None]
    times = ((place >= first) & (place < first + size)).sum(0).astype(np.float32)
    found = occlusion(model, x, FIRST, window=size, stride=1)[0]
    same(found * (times[:, None] * times), expected)
