"""Shared parts of figures: rows of bars or dots, one for each model, and captions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import Normal, Stroke

import c10k_style as style
from c10k_documents import Cell, Estimate
from c10k_style import Looks

ENDS = "95 % interval of the median, or the range of the trials where there is none"
MARKS = f"Mark: median of the trials; whisker: {ENDS}."
TOGETHER = "all trials together, with the range of the single trials"


def p_name(q: float) -> str:
    return f"p{q * 100:.10g}"


def arrivals_text(cells: Iterable[Cell]) -> str:
    """How the load was made, in words; a range where the models differ."""
    cells = list(cells)
    kinds = {
        "closed": "closed loop",
        "constant": "constant arrivals",
        "poisson": "Poisson arrivals",
        "ramp": "ramp",
        "staircase": "staircase",
        "replay": "replay",
    }
    text = " and ".join(dict.fromkeys(kinds[cell.arrivals.kind] for cell in cells))
    rates = {cell.arrivals.rate_per_s for cell in cells if cell.arrivals.rate_per_s}
    if rates:
        text = f"open loop, {text} at {span(rates)}/s"
    connections = {cell.connections for cell in cells}
    return f"{text} · {span(connections)} connection{'' if connections == {1} else 's'}"


def span(values: Iterable[float]) -> str:
    low, high = min(values), max(values)
    text = exact(low) if low == high else f"{exact(low)} to {exact(high)}"
    return text.strip()


def exact(n: float) -> str:
    if n >= 1e6:
        return style.count(n)
    # A rate that is a share of what was measured has digits that mean nothing.
    text = f"{n:,.0f}" if n >= 100 else f"{n:.4g}"
    return text.replace(",", "\N{THIN SPACE}")


def trials_text(cells: Iterable[Cell]) -> str:
    trials = {len(cell.trials) for cell in cells}
    return f"{span(trials)} trial{'' if trials == {1} else 's'} each"


@dataclass(frozen=True)
class Row:
    """One estimate in a panel: where, of which cell, how it looks."""

    y: float
    cell: Cell
    estimate: Estimate | None
    at_least: bool = False
    missing: str = "too few samples"


def model_axis(axes: Axes, cells: list[Cell], names: Callable[[Cell], str] | None) -> None:
    axes.set_ylim(len(cells) - 0.45, -0.55)
    if names is None:
        axes.set_yticks(range(len(cells)), [])
        axes.tick_params(axis="y", length=0)
        return
    axes.set_yticks(range(len(cells)), [names(cell) for cell in cells])
    for tick, cell in zip(axes.get_yticklabels(), cells, strict=True):
        if cell.validity == "invalid":
            tick.set_color("#666666")


def bars(axes: Axes, look: Looks, rows: list[Row], units: tuple) -> str:
    """Bars of the median, a whisker over its interval, a dot for each trial.

    Returns the unit of the axis.
    """
    write = {style.COUNT_UNITS: style.count, style.BYTE_UNITS: style.size_of}.get(
        units, style.nanoseconds
    )
    top = max((row.estimate.max for row in rows if row.estimate), default=0.0)
    for row in rows:
        bad = row.cell.validity == "invalid"
        if row.estimate is None:
            axes.annotate(
                row.missing,
                (0, row.y),
                xytext=(3, 0),
                textcoords="offset points",
                fontsize=style.size.note,
                va="center",
                style="italic",
                gid=f"missing:{row.cell.name}",
            )
            continue
        (bar,) = axes.barh(
            row.y,
            row.estimate.median,
            height=0.68,
            color="#e3e3e3" if bad else style.lighter(look[row.cell.model].color, 0.5),
            edgecolor=style.GREY if bad else "none",
            hatch="//////" if bad else None,
            linewidth=0.6,
        )
        bar.set_gid(f"bar:{row.cell.name}")
        whisker(axes, row, "#333333")
        trial_dots(axes, row)
        axes.annotate(
            write(row.estimate.median, zeros=True),
            (row.estimate.max, row.y),
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=style.size.note,
            va="center",
            gid=f"value:{row.cell.name}",
        )
    style.clean(axes, "x")
    axes.tick_params(axis="y", length=0)
    return style.linear_axis(axes.xaxis, top * 1.38, units)


def whisker(axes: Axes, row: Row, color: str, size: float = 5.0) -> None:
    ends = [row.estimate.low, row.estimate.high]
    (line,) = axes.plot(
        ends, [row.y, row.y], color=color, linewidth=0.9, marker="|", ms=size, zorder=4
    )
    # On a dark bar too.
    line.set_path_effects([Stroke(linewidth=2.0, foreground="white"), Normal()])
    line.set_gid(f"whisker:{row.cell.name}")


def trial_dots(axes: Axes, row: Row) -> None:
    values = row.estimate.values
    spread = np.linspace(-0.2, 0.2, len(values)) if len(values) > 1 else 0.0
    (points,) = axes.plot(
        values,
        row.y + spread + np.zeros(len(values)),
        color="black",
        ls="",
        marker="o",
        ms=2.3,
        markeredgewidth=0.3,
        markeredgecolor="white",
        zorder=5,
    )
    points.set_gid(f"trials:{row.cell.name}")


def dots(axes: Axes, look: Looks, rows: list[Row], size: float = 5.0, tint: float = 0) -> None:
    """A mark at the median and a whisker over its interval."""
    for row in rows:
        mine = style.shown(look[row.cell.model], row.cell.validity)
        if row.estimate is None:
            axes.annotate(
                row.missing,
                # What is missing would lie to the right of what is there.
                (0.99, row.y),
                xycoords=("axes fraction", "data"),
                fontsize=style.size.note,
                ha="right",
                va="center",
                style="italic",
                gid=f"missing:{row.cell.name}",
            )
            continue
        whisker(axes, row, mine.color, size)
        (point,) = axes.plot(
            [row.estimate.median],
            [row.y],
            color=mine.color,
            marker=mine.marker,
            ms=size,
            ls="",
            markerfacecolor=style.lighter(mine.color, tint),
            markeredgewidth=0.8,
            zorder=5,
        )
        point.set_gid(f"median:{row.cell.name}")
        if row.at_least:
            axes.annotate(
                "≥",
                (row.estimate.min, row.y),
                xytext=(-4, 0),
                textcoords="offset points",
                fontsize=style.size.tiny,
                ha="right",
                va="center",
                color=mine.color,
                gid=f"bound:{row.cell.name}",
            )


def quantile_panel(
    axes: Axes,
    look: Looks,
    cells: list[Cell],
    tints: dict[float, float],
    names: Callable[[Cell], str] = style.label,
) -> None:
    """Several quantiles of each model in one row, dark to light, and beside it the unknown ones."""
    every: list[Row] = []
    for q, offset in zip(tints, np.linspace(-0.27, 0.27, len(tints)), strict=True):
        # One quantile stands in the middle.
        lines = quantile_rows(cells, q, float(offset) if len(tints) > 1 else 0.0, p_name(q))
        dots(axes, look, [row for row in lines if row.estimate], 3.8, tints[q])
        every += lines
    log_limits(axes, every, 0.5 * axes.figure.get_figwidth())
    model_axis(axes, cells, names)
    _unknown(axes, cells, [row for row in every if row.estimate is None])
    for y in range(1, len(cells)):
        axes.axhline(y - 0.5, color="#e8e8e8", linewidth=0.5, zorder=0)
    style.clean(axes, "x")
    axes.tick_params(axis="y", length=0)


def _unknown(axes: Axes, cells: list[Cell], lines: list[Row]) -> None:
    """A column to the right of the panel, where no mark can be."""
    looks = {"fontsize": style.size.note, "style": "italic", "annotation_clip": False}
    for y, cell in enumerate(cells):
        missing = [row.missing for row in lines if row.cell is cell]
        if missing:
            axes.annotate(
                "\n".join([", ".join(missing[:2]), *missing[2:]]),
                (1.02, y),
                xycoords=("axes fraction", "data"),
                va="center",
                linespacing=1.0,
                gid=f"missing:{cell.name}",
                **looks,
            )
    if lines:
        axes.annotate(
            "too few\nsamples:",
            (1.02, 1.0),
            xycoords="axes fraction",
            va="bottom",
            linespacing=1.0,
            **looks,
        )


def quantile_handles(tints: dict[float, float]) -> list[Line2D]:
    """A mark in the legend for each quantile."""
    handles = []
    for q, tint in tints.items():
        mark = style.handle(style.Look("#333333", "o", ""), p_name(q))
        mark.set_markerfacecolor(style.lighter("#333333", tint))
        handles.append(mark)
    return handles


def log_limits(axes: Axes, rows: list[Row], inches: float, room: float = 0.5) -> None:
    found = [row.estimate for row in rows if row.estimate]
    if not found:
        axes.set_xticks([])
    else:
        axes.set_xscale("log")
        low, high = min(one.min for one in found), max(one.max for one in found)
        style.log_axis(axes.xaxis, max(low, 1), max(high, 1), inches, room=room)


def latency_marks(cells: Iterable[Cell]) -> str:
    """The caption of a mark of latency."""
    return next(iter(together_note(cells)), MARKS)


def together_note(cells: Iterable[Cell]) -> list[str]:
    """How latency is drawn in a figure that also shows other things."""
    pooled = any(one.pooled for cell in cells for one in cell.latency)
    return [f"Latency: {TOGETHER}."] if pooled else []


def bound_note(cells: list[Cell], shown: Iterable[float]) -> list[str]:
    found = [cell.quantile(q) for cell in cells for q in shown]
    if any(one and one.shown and one.is_bound for one in found):
        return ["≥: a lower bound, because requests were cut off."]
    return []


def quantile_rows(
    cells: list[Cell], q: float, offset: float = 0.0, missing: str = "too few samples"
) -> list[Row]:
    rows = []
    for y, cell in enumerate(cells):
        found = cell.quantile(q)
        value = found.shown if found else None
        rows.append(Row(y + offset, cell, value, bool(found and found.is_bound), missing))
    return rows
