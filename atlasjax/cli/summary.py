"""The screen at the end of a run: what was made, how good it is, and which file to open."""

from atlasjax.runs.open import Atlas


def show(atlas: Atlas, seconds: float) -> None:
    """Print a run's summary.

    Args:
        atlas: what the run made.
        seconds: how long this call took.
    """
    import rich.box
    import rich.console
    import rich.table

    from atlasjax.data.walk import listed

    record = atlas.record
    console = rich.console.Console(highlight=False, soft_wrap=True)
    table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
    for column in ("layer", "grid", "cells", "activations", "kept", "cosine", "worst"):
        table.add_column(column, justify="left" if column == "layer" else "right")
    for level in record["levels"]:
        table.add_row(
            level["layer"],
            f"{level['grid']} x {level['grid']}",
            str(level["cells"]),
            str(level["activations"]),
            f"{level['kept']:.1%}",
            f"{level['cosine_mean']:.3f}",
            f"{level['cosine_min']:.3f}",
        )
    console.print(table)
    if record["skipped"]:
        console.print(_skipped(record["skipped"]), style="yellow", markup=False)
    if record.get("passed_over"):
        console.print(f"files that are no images: {listed(record['passed_over'])}", markup=False)
    for remark in record.get("remarks", ()):
        console.print(f"note: {remark}", style="yellow", markup=False)
    minutes, rest = divmod(round(seconds), 60)
    memory = record["peak_memory_bytes"] / 2**30
    console.print(f"{minutes} min {rest} s, at most {memory:.1f} GiB of memory")
    console.print(f"open {atlas.folder / 'index.html'}")


def _skipped(names: list[str], most: int = 5) -> str:
    listed = "; ".join(names[:most])
    more = f"; and {len(names) - most} more" if len(names) > most else ""
    count = "1 image" if len(names) == 1 else f"{len(names)} images or folders"
    was = "was" if len(names) == 1 else "were"
    return f"{count} could not be read and {was} left out: {listed}{more}"
