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
        end = max(*row["values"], row["high"])
        style.beside(axes, write(row["value"], zeros=True), (end, y), f"value:{row['model']}")
    top = max(max(*row["values"], row["high"]) for row in rows)
    unit = style.linear_axis(axes.xaxis, top * 1.2, units, bins=6)
    model_axis(axes, rows)
    return _done(frame, axes, figure["axis"], unit)


def _done(frame: Frame, axes: Axes, axis: str, unit: str = "") -> Figure:
    """A grid, no ticks where the names are, and the title of the other axis."""
    style.clean(axes, "x")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(axis[:1].upper() + axis[1:] + (f" ({unit})" if unit else ""))
    return frame.figure


def _bar(axes: Axes, y: int, row: dict, color: str, parted: bool) -> None:
    """Draws user time dark and kernel time pale; hollow if only other rows have this split."""
    bad, share = row["validity"] == "invalid", row.get("user_share")
    looks = {"height": 0.68, "linewidth": 0.8, "hatch": "//////" if bad else None}
    pale = "#e3e3e3" if bad else style.lighter(color, 0.55)
    if share is None:
        looks["edgecolor"] = color if parted or bad else "none"
        drawn = [(0.0, row["value"], "white" if parted else pale, "bar")]
    else:
        looks["edgecolor"] = style.GREY if bad else "none"
        user = row["value"] * share
        drawn = [
            (0.0, user, style.lighter(color, 0.15), "bar"),
            (user, row["value"] - user, pale, "kernel"),
        ]
    for left, width, face, gid in drawn:
        axes.barh(y, width, left=left, color=face, gid=f"{gid}:{row['model']}", **looks)


def _whisker(axes: Axes, y: float, row: dict, color: str, size: float = 5.0) -> None:
    ends, looks = [row["low"], row["high"]], {"marker": "|", "ms": size, "linewidth": 0.9}
    (line,) = axes.plot(ends, [y, y], color=color, zorder=4, gid=f"whisker:{row['model']}", **looks)
    # A white outline keeps the whisker visible on a dark bar.
    line.set_path_effects([Stroke(linewidth=2.0, foreground="white"), Normal()])


def _trials(axes: Axes, y: float, row: dict, size: float = 2.3) -> None:
    values = row["values"]
    spread = np.linspace(-0.2, 0.2, len(values)) if len(values) > 1 else np.zeros(len(values))
    looks = {"marker": "o", "ms": size, "markeredgewidth": 0.3, "markeredgecolor": "white"}
    axes.plot(values, y + spread, "k", ls="", zorder=5, gid=f"trials:{row['model']}", **looks)


def dot(axes: Axes, figures: Figures, y: float, row: dict, size: float) -> None:
    color = style.color_of(figures, row)
    _whisker(axes, y, row, color, size)
    fill = "white" if row["at_least"] else None
    gid = f"median:{row['model']}"
    style.mark(axes, (row["value"], y), color, gid, size=size, fill=fill, z=6)


def dots(figures: Figures, figure: dict) -> Figure:
    """A dot with a whisker, on a logarithmic axis."""
    rows = figure["rows"]
    frame = Frame(
        figures,
        figure,
        0.5 + 0.22 * len(rows),
        handles=families(figures, rows),
        columns=4,
        notes=[BOUND] * any(row["at_least"] for row in rows) + style.suspect_note(rows),
    )
    axes = frame.figure.subplots()
    for y, row in enumerate(rows):
        dot(axes, figures, y, row, 5.0)
        _trials(axes, y, row, 1.8)
    log(axes, [end for row in rows for end in (row["low"], row["high"], *row["values"])])
    model_axis(axes, rows)
    return _done(frame, axes, figure["axis"])


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
        notes=[BOUND] * bound + style.suspect_note(rows),
    )
    axes = frame.figure.subplots()
    for y, row in enumerate(rows):
        color = style.color_of(figures, row)
        values = [value for _, value, _ in row["quantiles"]]
        axes.plot([min(values), max(values)], [y, y], color="#d0d0d0", linewidth=2, zorder=2)
        for q, value, least in row["quantiles"]:
            gid, fill = f"p{q * 100:.10g}:{row['model']}", style.lighter(color, tints[q])
            style.mark(axes, (value, y), color, gid, fill=fill)
            if least:
                looks = {"fontsize": style.size.tiny, "color": color}
                style.beside(axes, "≥", (value, y), f"bound:{row['model']}", **looks)
    log(axes, [value for row in rows for _, value, _ in row["quantiles"]])
    model_axis(axes, rows)
    return _done(frame, axes, figure["axis"])


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
    ends, unit = [], ""
    for at, row in enumerate(rows):
        mine = looks[row["name"]]
        for mark in row["marks"]:
            value, gid = mark["value"], f"{row['name']}:{_words(mark)}"
            y = words.index(_words(mark)) + (at - (len(rows) - 1) / 2) * 0.7 / len(rows)
            whisker = [mark.get("low", value), mark.get("high", value)]
            ends += [value, *whisker]
            line = {"color": mine.color, "linewidth": 0.9, "marker": "|", "ms": 4}
            axes.plot(whisker, [y, y], gid=f"whisker:{gid}", **line)
            point = {"shape": mine.marker, "size": 4, "edge": 0.3}
            style.mark(axes, (value, y), mine.color, f"mark:{gid}", **point)
    _row_axis(axes, words)
    if figure["unit"] == "ratio":
        axes.axvline(1, color="#555555", linewidth=0.8, zorder=1)
        axes.set_xscale("log")
        low, high, inches = min(*ends, 0.9), max(*ends, 1.1), 0.5 * axes.figure.get_figwidth()
        style.log_axis(axes.xaxis, low, high, inches, room=0.3, write=lambda x: f"{x:.4g}")
    else:
        axes.axvline(0, color="#555555", linewidth=0.8, zorder=1)
        unit = style.linear_axis(axes.xaxis, max(ends) * 1.05, UNITS[figure["unit"]][0], bins=6)
        axes.set_xlim(min(*ends, 0.0) * 1.05, max(ends) * 1.05)
    return _done(frame, axes, figure["axis"], unit)


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
            looks = {"color": color, "hatch": hatch, "edgecolor": "white", "linewidth": 0.4}
            gid = f"{row['name']}:{_words(mark)}"
            axes.barh(y, value, left=ends[y], height=0.68, gid=gid, **looks)
            ends[y] += value
    units, write = UNITS[figure["unit"]]
    for y, (end, below) in enumerate(zip(right, left, strict=True)):
        style.beside(axes, write(end + below, zeros=True), (end, y), f"value:{words[y]}")
    _row_axis(axes, words)
    unit = style.linear_axis(axes.xaxis, max(right) * 1.14, units, bins=6)
    axes.set_xlim(min(left) * 1.1, max(right) * 1.14)
    return _done(frame, axes, figure["axis"], unit)
