"""Finds parts of figures and documents for tests."""

from __future__ import annotations

from matplotlib.figure import Figure


def quantile_of(cell: dict, q: float) -> dict:
    return next(one for one in cell["latency"] if one["q"] == q)


def artists(figure: Figure, gid: str, panel: int | str | None = None) -> list:
    chosen = figure.axes
    if panel is not None:
        chosen = [axes for i, axes in enumerate(chosen) if panel in (i, axes.get_gid())]
    return [one for axes in chosen for one in axes.findobj(lambda one: one.get_gid() == gid)]


def all_text(figure: Figure) -> str:
    found = figure.findobj(lambda one: hasattr(one, "get_text"))
    return " ".join(one.get_text() for one in found).replace("\n", " ")
