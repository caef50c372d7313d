"""Names: what a person calls units and groups of them, in a JSON file that is edited by hand.

{"mixed3b": {"names": {"379": "curve 67 deg"}, "families": {"curves": [379, 385]}}}
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from atlasjax.errors import UserError, unknown
from atlasjax.page.units.contents import Family, UnitLayer, UnitSite
from atlasjax.storage import artifacts

PARTS = ("names", "families")
NAMED = "named by hand"  # how such a family was found


class Given(NamedTuple):
    """What a person said of a layer.

    Attributes:
        names: of its units.
        families: of its units.
    """

    names: Mapping[int, str]
    families: tuple[Family, ...]


def read_names(path: Path) -> dict[str, Given]:
    """Read the names and groups that a person gave.

    Args:
        path: the file.

    Returns:
        What is said of each layer, by its name.

    Raises:
        UserError: there is no such file, or something in it is not as it must be; it says what.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "names.json"
    ...     _ = path.write_text('{"mixed3b": {"families": {"curves": [379, 385]}}}')
    ...     read_names(path)["mixed3b"].families[0].units
    (379, 385)
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"names {path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"names {path}: cannot be read: {error}") from None
    try:
        said = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise UserError(f"names {path}: not JSON at {where}: {error.msg}") from None
    except UserError as error:
        raise UserError(f"names {path}: {error}") from None
    try:
        return {layer: _given(layer, part) for layer, part in _object("the file", said).items()}
    except UserError as error:
        raise UserError(f"names {path}: {error}") from None


def named(site: UnitSite, given: Mapping[str, Given]) -> UnitSite:
    """Return a site with the names and groups that a person gave.

    A group takes the place of one that was found under the same name.

    Args:
        site: what is shown.
        given: see `read_names`. Units that the site has no page of may have names and be in groups.

    Raises:
        UserError: a layer that the site does not have.
    """
    layers = {layer.name: layer for layer in site.layers}
    for name in given:
        if name not in layers:
            raise unknown("layer of the site", name, layers)
    made = [_named(layer, given.get(layer.name)) for layer in site.layers]
    return site._replace(layers=tuple(made))


def write_template(path: Path, layers: Iterable[UnitLayer]) -> None:
    """Write a file for a person to edit: the families that were found, and the names there are.

    Args:
        path: the file.
        layers: whose units are to be named.

    Raises:
        UserError: there is such a file, which may hold a person's work.
    """
    if Path(path).exists():
        raise UserError(f"names {path}: it is there already; give another name, or edit that")
    said = {
        layer.name: {
            "names": {str(number): name for number, name in layer.names.items()},
            "families": {one.name: [int(unit) for unit in one.units] for one in layer.families},
        }
        for layer in layers
    }
    artifacts.write_text(Path(path), _by_line(said))


def _by_line(said: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Write JSON with a line for each name and each family, as long as it is.

    >>> print(_by_line({"a": {"names": {}, "families": {"curves": [3, 4]}}}), end="")
    {
      "a": {
        "names": {},
        "families": {
          "curves": [3, 4]
        }
      }
    }
    """

    def block(value: Any, depth: int) -> str:
        if not isinstance(value, Mapping) or not value:
            return json.dumps(value, ensure_ascii=False)
        space = "  " * (depth + 1)
        lines = [
            f"{space}{json.dumps(key, ensure_ascii=False)}: {block(part, depth + 1)}"
            for key, part in value.items()
        ]
        return "{\n" + ",\n".join(lines) + "\n" + "  " * depth + "}"

    return block(said, 0) + "\n"


def _named(layer: UnitLayer, given: Given | None) -> UnitLayer:
    if given is None:
        return layer
    taken = {family.name for family in given.families}
    found = tuple(family for family in layer.families if family.name not in taken)
    names = {**layer.names, **given.names}
    return layer._replace(names=names, families=given.families + found)


def _given(layer: str, said: Any) -> Given:
    parts = _object(f"layer {layer!r}", said)
    for part in parts:
        if part not in PARTS:
            raise UserError(f"layer {layer!r}: {unknown('part', part, PARTS)}")
    names: dict[int, str] = {}
    for key, name in _object(f"names of {layer!r}", parts.get("names", {})).items():
        unit = _unit(f"names of {layer!r}", key)
        if unit in names:
            raise UserError(f"names of {layer!r}: unit {unit} comes twice")
        names[unit] = _name(f"names of {layer!r}, unit {unit}", name)
    families = tuple(
        Family(_name(f"families of {layer!r}", name), _units(f"family {name!r}", units), NAMED)
        for name, units in _object(f"families of {layer!r}", parts.get("families", {})).items()
    )
    return Given(names, families)


def _units(where: str, said: Any) -> tuple[int, ...]:
    if not isinstance(said, list):
        raise UserError(f"{where}: {json.dumps(said)}: must be a list of units, such as [379, 385]")
    found = tuple(_unit(where, unit) for unit in said)
    for unit in found:
        if found.count(unit) > 1:
            raise UserError(f"{where}: unit {unit} comes twice")
    return found


def _unit(where: str, said: Any) -> int:
    number = int(said) if isinstance(said, str) and said.isascii() and said.isdigit() else said
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise UserError(f"{where}: {json.dumps(said)} is no unit: must be a number from 0 on")
    return number


def _name(where: str, said: Any) -> str:
    if not isinstance(said, str) or not said.strip():
        raise UserError(f"{where}: {json.dumps(said)}: must be a name")
    return said.strip()


def _object(where: str, said: Any) -> Mapping[str, Any]:
    if not isinstance(said, Mapping):
        raise UserError(f'{where}: must be an object in braces, {{"...": ...}}')
    return said


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its pairs, where none comes twice: JSON would keep the last alone."""
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise UserError(f"{key!r} comes twice in the same braces")
    return dict(pairs)
