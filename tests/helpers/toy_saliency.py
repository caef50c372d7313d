"""Small networks whose saliency maps are known in closed form, and images for them."""

import jax
import jax.numpy as jnp
import numpy as np

SIZE, CLASSES = 6, 3
_RNG = np.random.default_rng(0)
LINEAR = _RNG.normal(size=(SIZE, SIZE, 3, CLASSES)).astype(np.float32)
CUBIC = _RNG.normal(size=(SIZE, SIZE, 3, CLASSES)).astype(np.float32)


def images(count: int = 2) -> jax.Array:
    return jax.random.uniform(jax.random.key(1), (count, SIZE, SIZE, 3))


def linear(x, tap):
    """Logits `sum LINEAR x`."""
    return jnp.einsum("bhwc,hwck->bk", tap("same", x), LINEAR)


def cubic(x, tap):
    """Logits `sum LINEAR x + CUBIC x^3`."""
    x = tap("same", x)
    return jnp.einsum("bhwc,hwck->bk", x, LINEAR) + jnp.einsum("bhwc,hwck->bk", x**3, CUBIC)
