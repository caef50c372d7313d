"""Record: how something was made, said in lines for people."""

from collections.abc import Mapping
from typing import Any


def experiment_of(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings of the experiment, where the record has any."""
    found = record.get("experiment")
    return found if isinstance(found, Mapping) else {}


def made_of(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what the page's footer says of how the atlas was made, line by line.

    >>> made_of({"images": 9998, "experiment": {"model": "googlenet", "images": "photos"}})
    [('Model', 'googlenet'), ('Images', '9,998 from photos')]
    """
    experiment = experiment_of(record)
    known = {**experiment, **record}
    images = (_text(record.get("images")), _text(experiment.get("images")))
    lines = {
        "Model": known.get("model"),
        "Weights": known.get("weights"),
        "Images": " from ".join(filter(None, images)),
        "Not readable": len(known.get("skipped") or ()) or None,
        "Activations": known.get("activations"),
        "Seed": str(known.get("seed", "")),
        "Versions": known.get("versions"),
        "Made": known.get("finished"),
        "Command": known.get("command"),
    }
    return [(name, _text(value)) for name, value in lines.items() if _text(value)]


def _text(value: Any) -> str:
    """Say a value of the record in one line.

    >>> _text({"mixed4c": 9998, "mixed4d": 9998})
    'mixed4c 9,998, mixed4d 9,998'
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(part)}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    if isinstance(value, int):
        return f"{value:,}"
    return "" if value is None else str(value)
