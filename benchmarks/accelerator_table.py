"""What `accelerator.py` found, as people read it: a line for each thing, and a table of all."""

from typing import Any

BELOW = ("stages", "top")
QUIET = ("name", "measured_in", "batch", "precision", *BELOW)


def line(row: dict[str, Any]) -> str:
    """Return one measurement in one line."""
    told = {name: v for name, v in row.items() if name not in QUIET and v is not None}
    parts = [item for name in BELOW for item in row.get(name, {}).items()]
    below = "".join(f"\n    {name}: {number(value)}" for name, value in parts)
    return ", ".join(f"{name} {number(value)}" for name, value in told.items()) + below


def number(value: Any) -> str:
    if isinstance(value, dict):
        return " / ".join(f"{key}: {number(one)}" for key, one in value.items())
    if not isinstance(value, float):
        return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(results: dict[str, Any]) -> str:
    """Return all measurements as Markdown, for RESULTS.md."""
    machine = results.get("machine", {})
    memory = f", {machine['memory_gib']} GiB for JAX" if machine.get("memory_gib") else ""
    lines = [
        f"## {machine.get('kind', 'unknown')}: {machine.get('devices')} device{memory}, "
        f"{machine.get('cores')} cores, Python {machine.get('python')}, JAX {machine.get('jax')}",
        "",
        f"{results.get('given', '')}; {number(results.get('seconds'))} s in all",
    ]
    for section, columns in COLUMNS.items():
        rows = results.get(section, [])
        if rows:
            lines += ["", *_rows(section, rows, columns)]
    for row in results.get("atlas", []):
        lines += ["", "| stage of the atlas | s |", "|---|--:|"]
        stages = row["stages"]
        lines += [f"| {name} | {number(value)} |" for name, value in stages.items()]
        lines.append(f"| the rest | {number(row['seconds'] - sum(stages.values()))} |")
    for row in results.get("kernels", []):
        lines += ["", "| kernel | ms of a step |", "|---|--:|"]
        lines += [f"| `{name}` | {number(value)} |" for name, value in row["top"].items()]
    for name in ("left_out", "failed", "cut_off", "atlas_cut_off"):
        if results.get(name):
            lines += ["", f"{name.replace('_', ' ')}: {results[name]}"]
    return "\n".join(lines)


COLUMNS = {
    "chip": ("tflop_per_second", "gb_per_second"),
    "icons": (
        "icons_per_second",
        "icon_steps_per_second",
        "step_ms",
        "tflop_per_second",
        "share_of_chip",
        "kernels",
        "temporary_gib",
        "peak_gib",
        "trace_seconds",
        "compile_seconds",
        "mean_cosine",
    ),
    "kernels": ("kernels_per_step", "busy_share", "step_ms"),
    "collection": (
        "images_per_second",
        "activations_per_second",
        "batch_ms",
        "first_batch_seconds",
        "decoded_per_second",
        "peak_gib",
    ),
    "attribution": (
        "activations_per_second",
        "images_per_second",
        "batch_ms",
        "first_batch_seconds",
        "peak_gib",
    ),
    "atlas": ("seconds", "activations", "icons", "icon_batch", "mean_cosine", "peak_gib"),
}


def _rows(section: str, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> list[str]:
    kept = [name for name in columns if any(row.get(name) is not None for row in rows)]
    heading = " | ".join(name.replace("_", " ") for name in kept)
    lines = [f"| {section} | {heading} |", "|---|" + "--:|" * len(kept)]
    for row in sorted(rows, key=_place):
        cells = " | ".join(number(row.get(name)) if name in row else "" for name in kept)
        lines.append(f"| {row['name']} | {cells} |")
    return lines


def _place(row: dict[str, Any]) -> tuple:
    precision = {"float32": 0, "tf32": 1, "bfloat16": 2}.get(row.get("precision", ""), 3)
    return precision, row.get("batch", 1e9)
