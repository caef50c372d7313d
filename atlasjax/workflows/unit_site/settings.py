"""Settings of a site of units: how much is shown, and how dear it may be."""

from dataclasses import dataclass

from atlasjax.errors import UserError


@dataclass(frozen=True)
class UnitSettings:
    """How much is computed of every unit.

    Attributes:
        icon: side of the pictures of what a unit looks for, and of what it is against, in px.
        icon_steps: of their optimization.
        diverse: side of the four pictures that differ, in px; 0 to leave them out.
        diverse_steps: of their optimization.
        patches: of images, for the largest values and where the unit matters most.
        quantiles: of a unit's largest values in an image, from which patches are shown as well.
        each: patches at each quantile.
        patch: side of a patch, in px.
        tuning: whether units are shown stimuli.
        edges: strongest weights in and out of each unit.
        ablated: of the strongest in, how many are ablated; 0 for none.
        images: that ablations, and how often sources fire, are measured on, spread over all.
        gradients: whether contributions are gradients at these images, in place of weights times
            use: exact, and many times dearer.
        cells: of an atlas, in each of its grids, that a unit is shown in.
        batch: units that are drawn before what is done is written.
    """

    icon: int = 80
    icon_steps: int = 48
    diverse: int = 64
    diverse_steps: int = 32
    patches: int = 8
    quantiles: tuple[float, ...] = (0.95, 0.75, 0.5)
    each: int = 3
    patch: int = 64
    tuning: bool = True
    edges: int = 8
    ablated: int = 2
    images: int = 4
    gradients: bool = False
    cells: int = 3
    batch: int = 32


def check(settings: UnitSettings) -> None:
    """Refuse settings that nothing can be made with.

    >>> check(UnitSettings(edges=0))
    Traceback (most recent call last):
    atlasjax.errors.UserError: edges 0: must be at least 1
    """
    least = {"diverse": 0, "ablated": 0, "icon": 4}
    for name, value in vars(settings).items():
        if type(value) is int and value < least.get(name, 1):
            raise UserError(f"{name} {value}: must be at least {least.get(name, 1)}")
