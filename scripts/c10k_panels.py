"""Shared panels of figures: many lines split into panels, and two panels over the same seconds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

import c10k_style as style
from c10k_documents import Cell
from c10k_style import Frame, Looks

# More lines than this in one panel cannot be told apart.
LINES_MAX = 8
# So many are in each panel then, all others in light grey behind them.
EACH = 5
BEHIND = "#cfcfcf"


def parted(cells: Sequence[Cell]) -> list[list[Cell]]:
    """The lines of each panel, as even as possible; a twin stays with its first measurement."""
    models = list(dict.fromkeys(cell.model for cell in cells))
    if len(models) <= LINES_MAX:
        return [list(cells)]
    panels = math.ceil(len(models) / EACH)
    each = math.ceil(len(models) / panels)
    groups = [models[at : at + each] for at in range(0, len(models), each)]
    return [[cell for cell in cells if cell.model in group] for group in groups]


def across(groups: list[list[Cell]]) -> int:
    """How many panels stand beside each other."""
    return min(len(groups), 2)


def names_across() -> int:
    """How many names fit beside each other above one of two panels."""
    return 2 if style.size.width > 6 else 1


def height(groups: list[list[Cell]], one: float) -> float:
    """The height of a figure with these panels: `one` is that of a single panel."""
    if len(groups) == 1:
        return one
    lines = math.ceil(len(groups) / across(groups))
    return lines * (0.7 * one + 0.15 * max(map(len, groups)) / names_across())


def draw_parted(
    figure: Figure,
    groups: list[list[Cell]],
    look: Looks,
    draw: Callable[[Axes, Cell, style.Look], Any],
    behind: Callable[[Axes, Cell, str], Any],
) -> list[Axes]:
    """Draws every line in its panel, and all of them in grey behind those of the others."""
    columns = across(groups)
    lines = math.ceil(len(groups) / columns)
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, group in zip(panels, groups, strict=False):
        for other in groups:
            for cell in other if other is not group else []:
                behind(axes, cell, BEHIND)
        for cell in group:
            draw(axes, cell, style.look_of(look, cell))
        if len(groups) > 1:
            axes.legend(
                handles=handles(look, group),
                loc="lower left",
                bbox_to_anchor=(-0.02, 1.0),
                ncols=names_across(),
                frameon=False,
                handlelength=2.6,
                labelspacing=0.2,
                columnspacing=1.2,
                borderaxespad=0.1,
            )
    for axes in panels[len(groups) :]:
        axes.set_axis_off()
    for axes in panels[max(len(groups) - columns, 0) : len(groups)]:
        axes.tick_params(axis="x", labelbottom=True)
    return list(panels[: len(groups)])


def name_axes(every: list[Axes], below: str, left: str) -> None:
    """Names the axes, once in each column and in each line."""
    columns = min(len(every), 2)
    for at, axes in enumerate(every):
        if at >= len(every) - columns:
            axes.set_xlabel(below)
        if at % columns == 0:
            axes.set_ylabel(left)


def handles(look: Looks, cells: Sequence[Cell]) -> list:
    """A mark in the legend for each line."""
    return [style.handle(style.look_of(look, cell), style.label(cell)) for cell in cells]


def in_time(frame: Frame, above: str, below: str) -> tuple[Axes, Axes]:
    """A panel of rates from 0 above one of latencies, over the seconds of a measurement."""
    upper, lower = frame.figure.subplots(2, 1, sharex=True)
    upper.set_ylabel(above)
    lower.set_ylabel(below)
    lower.set_xlabel("Seconds of the measurement")
    return upper, lower


def finish_in_time(upper: Axes, lower: Axes, waits: list[float]) -> None:
    """The axes, once everything is drawn."""
    upper.set_ylim(bottom=0)
    upper.yaxis.set_major_formatter(lambda y, _: style.count(y))
    if waits:
        lower.set_yscale("log")
        style.log_axis(lower.yaxis, min(waits), max(waits), 1.2, room=0.2)
    lower.set_xlim(left=0)
    for axes in (upper, lower):
        style.clean(axes, "both")
