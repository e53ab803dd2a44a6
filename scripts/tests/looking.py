"""What tests look for in figures and summaries."""

from __future__ import annotations

import json
from pathlib import Path

from matplotlib.figure import Figure


def cell_of(summary: dict, workload: str, model: str) -> dict:
    return next(
        cell for cell in summary["cells"] if cell["workload"] == workload and cell["model"] == model
    )


def quantile_of(cell: dict, q: float) -> dict:
    return next(one for one in cell["latency"] if one["q"] == q)


def artists(figure: Figure, gid: str, panel: int | str | None = None) -> list:
    chosen = figure.axes
    if panel is not None:
        chosen = [axes for i, axes in enumerate(chosen) if panel in (i, axes.get_gid())]
    return [one for axes in chosen for one in axes.findobj(lambda one: one.get_gid() == gid)]


def all_text(figure: Figure) -> str:
    return " ".join(one.get_text() for one in figure.findobj(lambda one: hasattr(one, "get_text")))


def copy_run(small, tmp_path: Path) -> tuple[Path, dict]:
    folder = tmp_path / "copy"
    (folder / "trials").mkdir(parents=True)
    for path in small[0].rglob("*.json"):
        (folder / path.relative_to(small[0])).write_text(path.read_text())
    return folder, json.loads((folder / "summary.json").read_text())
