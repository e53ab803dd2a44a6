"""Figures with rows: bars, dots and quantiles of models, effects, and parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import Normal, Stroke

import c10k_style as style
from c10k_figures import Figures
from c10k_style import Frame

UNITS = {
    "ns": (style.NS_UNITS, style.nanoseconds),
    "bytes": (style.BYTE_UNITS, style.size_of),
    "per_s": (style.COUNT_UNITS, style.count),
    "count": (((1.0, ""),), lambda n, zeros=False: f"{n:.3g}"),
}
BOUND = "≥: a lower bound, because requests were cut off."
# More rows than this, one below the other, are longer than a page.
ROWS_MAX = 60


def families(figures: Figures, rows: Sequence[dict]) -> list[Patch]:
    """The legend of the families' colours."""
    names = dict.fromkeys(row["family"] for row in rows)
    return [Patch(facecolor=figures.family(name)[0], label=name) for name in names]


def model_axis(axes: Axes, rows: Sequence[dict], named: bool = True) -> None:
    axes.set_ylim(len(rows) - 0.45, -0.55)
    axes.set_yticks(range(len(rows)), [style.name(row) for row in rows] if named else [])
    axes.tick_params(axis="y", length=0)
    for tick, row in zip(axes.get_yticklabels(), rows, strict=False):
        if row["validity"] == "invalid":
            tick.set_color("#666666")


def bars(figures: Figures, figure: dict) -> Figure:
    """A bar from 0 with a whisker over its interval, and a dot for each trial."""
    rows = figure["rows"]
    frame = Frame(
        figures,
        figure,
        0.5 + 0.24 * len(rows),
        handles=families(figures, rows),
        columns=4,
        notes=style.suspect_note(rows),
    )
    axes = frame.figure.subplots()
    units, write = UNITS[figure["unit"]]
    parted = any("user_share" in row for row in rows)
    for y, row in enumerate(rows):
        _bar(axes, y, row, style.color_of(figures, row), parted)
        _whisker(axes, y, row, "#333333")
        _trials(axes, y, row)
        axes.annotate(
            write(row["value"], zeros=True),
            (max(*row["values"], row["high"]), y),
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=style.size.note,
            va="center",
            gid=f"value:{row['model']}",
        )
    top = max(max(*row["values"], row["high"]) for row in rows)
    unit = style.linear_axis(axes.xaxis, top * 1.2, units, bins=6)
    model_axis(axes, rows)
    style.clean(axes, "x")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(_title(figure["axis"], unit))
    return frame.figure


def _title(axis: str, unit: str) -> str:
    return axis[:1].upper() + axis[1:] + (f" ({unit})" if unit else "")


def _bar(axes: Axes, y: int, row: dict, color: str, parted: bool) -> None:
    """Draws user time dark and kernel time pale; hollow if only other rows have this split."""
    bad, share = row["validity"] == "invalid", row.get("user_share")
    looks = {"height": 0.68, "linewidth": 0.8, "hatch": "//////" if bad else None}
    pale = "#e3e3e3" if bad else style.lighter(color, 0.55)
    if share is None:
        face = "white" if parted else pale
        edge = color if parted or bad else "none"
        (bar,) = axes.barh(y, row["value"], color=face, edgecolor=edge, **looks)
        bar.set_gid(f"bar:{row['model']}")
        return
    user = row["value"] * share
    face = style.lighter(color, 0.15)
    edge = style.GREY if bad else "none"
    for left, width, colour, gid in (
        (0.0, user, face, "bar"),
        (user, row["value"] - user, pale, "kernel"),
    ):
        (bar,) = axes.barh(y, width, left=left, color=colour, edgecolor=edge, **looks)
        bar.set_gid(f"{gid}:{row['model']}")


def _whisker(axes: Axes, y: float, row: dict, color: str, size: float = 5.0) -> None:
    (line,) = axes.plot(
        [row["low"], row["high"]], [y, y], color=color, linewidth=0.9, marker="|", ms=size, zorder=4
    )
    # A white outline keeps the whisker visible on a dark bar.
    line.set_path_effects([Stroke(linewidth=2.0, foreground="white"), Normal()])
    line.set_gid(f"whisker:{row['model']}")


def _trials(axes: Axes, y: float, row: dict, size: float = 2.3) -> None:
    values = row["values"]
    spread = np.linspace(-0.2, 0.2, len(values)) if len(values) > 1 else np.zeros(len(values))
    (points,) = axes.plot(
        values,
        y + spread,
        color="black",
        ls="",
        marker="o",
        ms=size,
        markeredgewidth=0.3,
        markeredgecolor="white",
        zorder=5,
    )
    points.set_gid(f"trials:{row['model']}")


def dot(axes: Axes, figures: Figures, y: float, row: dict, size: float) -> None:
    color = style.color_of(figures, row)
    _whisker(axes, y, row, color, size)
    (point,) = axes.plot(
        [row["value"]],
        [y],
        color=color,
        marker="o",
        ms=size,
        ls="",
        markerfacecolor="white" if row["at_least"] else color,
        markeredgewidth=0.8,
        zorder=6,
    )
    point.set_gid(f"median:{row['model']}")


def dots(figures: Figures, figure: dict) -> Figure:
    """A dot with a whisker, on a logarithmic axis."""
    rows = figure["rows"]
    frame = Frame(
        figures,
        figure,
        0.5 + 0.22 * len(rows),
        handles=families(figures, rows),
        columns=4,
        notes=[
            *([BOUND] if any(row["at_least"] for row in rows) else []),
            *style.suspect_note(rows),
        ],
    )
    axes = frame.figure.subplots()
    for y, row in enumerate(rows):
        dot(axes, figures, y, row, 5.0)
        _trials(axes, y, row, 1.8)
    log(axes, [end for row in rows for end in (row["low"], row["high"], *row["values"])])
    model_axis(axes, rows)
    style.clean(axes, "x")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(_title(figure["axis"], ""))
    return frame.figure


def log(axes: Axes, ends: Sequence[float], room: float = 0.5, inches: float = 0.0) -> None:
    axes.set_xscale("log")
    inches = inches or 0.5 * axes.figure.get_figwidth()
    style.log_axis(axes.xaxis, max(min(ends), 1), max(*ends, 1), inches, room=room)


def quantiles(figures: Figures, figure: dict) -> Figure:
    """Several quantiles of each model in one row, dark to light."""
    rows = figure["rows"]
    known = sorted({q for row in rows for q, *_ in row["quantiles"]})
    tints = dict(zip(known, np.linspace(0, 0.85, len(known)), strict=True))
    handles = []
    for q, tint in tints.items():
        mark = Line2D([], [], color="#333333", marker="o", ls="", ms=5, label=f"p{q * 100:.10g}")
        mark.set_markerfacecolor(style.lighter("#333333", tint))
        handles.append(mark)
    bound = any(least for row in rows for *_, least in row["quantiles"])
    frame = Frame(
        figures,
        figure,
        0.5 + 0.24 * len(rows),
        handles=handles + families(figures, rows),
        columns=len(known),
        notes=[*([BOUND] if bound else []), *style.suspect_note(rows)],
    )
    axes = frame.figure.subplots()
    for y, row in enumerate(rows):
        color = style.color_of(figures, row)
        values = [value for _, value, _ in row["quantiles"]]
        axes.plot([min(values), max(values)], [y, y], color="#d0d0d0", linewidth=2, zorder=2)
        for q, value, least in row["quantiles"]:
            (point,) = axes.plot(
                [value],
                [y],
                color=color,
                marker="o",
                ms=5,
                ls="",
                markerfacecolor=style.lighter(color, tints[q]),
                markeredgewidth=0.8,
                zorder=5,
            )
            point.set_gid(f"p{q * 100:.10g}:{row['model']}")
            if least:
                axes.annotate(
                    "≥",
                    (value, y),
                    xytext=(4, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=style.size.tiny,
                    color=color,
                    gid=f"bound:{row['model']}",
                )
    log(axes, [value for row in rows for _, value, _ in row["quantiles"]])
    model_axis(axes, rows)
    style.clean(axes, "x")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(_title(figure["axis"], ""))
    return frame.figure


def _labels(figure: dict) -> list[str]:
    """The labels of all rows in a figure of series, in the order of the document."""
    return list(dict.fromkeys(_words(mark) for row in figure["rows"] for mark in row["marks"]))


def _words(mark: dict) -> str:
    return ", ".join(mark["row"]) if len(mark["row"][0]) < 18 else ":\n".join(mark["row"])


def _row_axis(axes: Axes, words: list[str]) -> None:
    axes.set_yticks(range(len(words)), words)
    axes.set_ylim(len(words) - 0.5, -0.5)
    for y in range(1, len(words)):
        axes.axhline(y - 0.5, color="#e8e8e8", linewidth=0.5, zorder=0)
    style.clean(axes, "x")
    axes.tick_params(axis="y", length=0)


def effects(figures: Figures, figure: dict) -> Figure:
    """A mark with its interval for each model in each row."""
    rows, words = figure["rows"], _labels(figure)
    looks = {row["name"]: style.look(figures, row) for row in rows}
    frame = Frame(
        figures,
        figure,
        0.5 + (0.14 + 0.085 * len(rows)) * len(words),
        handles=[style.handle(style.Look(o.color, o.marker, ""), n) for n, o in looks.items()],
        columns=4,
    )
    axes = frame.figure.subplots()
    for at, row in enumerate(rows):
        mine = looks[row["name"]]
        for mark in row["marks"]:
            y = words.index(_words(mark)) + (at - (len(rows) - 1) / 2) * 0.7 / len(rows)
            gid = f"{row['name']}:{_words(mark)}"
            ends = [mark.get("low", mark["value"]), mark.get("high", mark["value"])]
            axes.plot(
                ends,
                [y, y],
                color=mine.color,
                linewidth=0.9,
                marker="|",
                ms=4,
                gid=f"whisker:{gid}",
            )
            axes.plot(
                [mark["value"]],
                [y],
                color=mine.color,
                marker=mine.marker,
                ms=4,
                ls="",
                markeredgewidth=0.3,
                gid=f"mark:{gid}",
                zorder=5,
            )
    _row_axis(axes, words)
    ends = [
        end
        for row in rows
        for mark in row["marks"]
        for end in (mark["value"], mark.get("low", mark["value"]), mark.get("high", mark["value"]))
    ]
    unit = ""
    if figure["unit"] == "ratio":
        axes.axvline(1, color="#555555", linewidth=0.8, zorder=1)
        axes.set_xscale("log")
        width = 0.5 * axes.figure.get_figwidth()
        style.log_axis(
            axes.xaxis,
            min(*ends, 0.9),
            max(*ends, 1.1),
            width,
            room=0.3,
            write=lambda x: f"{x:.4g}",
        )
    else:
        axes.axvline(0, color="#555555", linewidth=0.8, zorder=1)
        unit = style.linear_axis(axes.xaxis, max(ends) * 1.05, UNITS[figure["unit"]][0], bins=6)
        axes.set_xlim(min(*ends, 0.0) * 1.05, max(ends) * 1.05)
    axes.set_xlabel(_title(figure["axis"], unit))
    return frame.figure


def parts(figures: Figures, figure: dict) -> Figure:
    """Stacks the parts of each bar; negative parts extend to the left of 0."""
    rows, words = figure["rows"], _labels(figure)
    colors = [figures.parts[row["member"] % len(figures.parts)] for row in rows]
    hatches = [style.HATCHES[row["member"] % len(style.HATCHES)] for row in rows]
    frame = Frame(
        figures,
        figure,
        0.5 + 0.22 * len(words),
        handles=[
            Patch(facecolor=color, hatch=hatch, edgecolor="white", label=row["name"])
            for row, color, hatch in zip(rows, colors, hatches, strict=True)
        ],
        columns=4,
    )
    axes = frame.figure.subplots()
    right, left = [0.0] * len(words), [0.0] * len(words)
    for row, color, hatch in zip(rows, colors, hatches, strict=True):
        for mark in row["marks"]:
            y, value = words.index(_words(mark)), mark["value"]
            ends = right if value >= 0 else left
            (bar,) = axes.barh(y, value, left=ends[y], height=0.68, color=color, hatch=hatch)
            bar.set_edgecolor("white")
            bar.set_linewidth(0.4)
            bar.set_gid(f"{row['name']}:{_words(mark)}")
            ends[y] += value
    units, write = UNITS[figure["unit"]]
    for y, (end, below) in enumerate(zip(right, left, strict=True)):
        axes.annotate(
            write(end + below, zeros=True),
            (end, y),
            xytext=(3, 0),
            va="center",
            textcoords="offset points",
            fontsize=style.size.note,
            gid=f"value:{words[y]}",
        )
    _row_axis(axes, words)
    unit = style.linear_axis(axes.xaxis, max(right) * 1.14, units, bins=6)
    axes.set_xlim(min(left) * 1.1, max(right) * 1.14)
    axes.set_xlabel(_title(figure["axis"], unit))
    return frame.figure
