"""Figures with lines: latency by percentile, one trial over time, and figures over a setting."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

import c10k_style as style
from c10k_figures import Figures
from c10k_rows import UNITS
from c10k_style import Frame

BEHIND = "#cfcfcf"
DECADES = [2.0, *(10.0**k for k in range(1, 12))]


def _drawn(rows: Sequence[dict]) -> tuple[list[dict], list[dict]]:
    """The rows to draw in colour, and the rows to draw in grey behind them."""
    shown = [row for row in rows if row["shown"]] or list(rows)
    return shown, [row for row in rows if row not in shown]


def _handles(figures: Figures, rows: Sequence[dict]) -> list:
    unique = {row["model"]: row for row in rows}
    return [style.handle(style.look(figures, row), style.name(row)) for row in unique.values()]


def _notes(shown: Sequence[dict], behind: Sequence[dict]) -> list[str]:
    others = len({row["model"] for row in behind})
    grey = [f"Light grey: {others} other models; --models chooses which are drawn."] * bool(others)
    return [*grey, *style.suspect_note(shown)]


def _line(axes: Axes, x: Sequence, y: Sequence, row: dict, mine: style.Look | None) -> None:
    """A model's line, grey and behind the others without a look."""
    looks = (
        {"color": mine.color, "linestyle": mine.dash, "zorder": 3}
        if mine
        else {"color": BEHIND, "linewidth": 0.6, "zorder": 1}
    )
    axes.plot(x, y, gid=f"line:{row['model']}", **looks)


def percentiles(figures: Figures, figure: dict) -> Figure:
    """Latency over the percentile; both axes are logarithmic, the latter in 1 / (1 - q)."""
    shown, behind = _drawn(figure["rows"])
    frame = Frame(
        figures, figure, 3.0, handles=_handles(figures, shown), notes=_notes(shown, behind)
    )
    axes = frame.figure.subplots()
    axes.set_xscale("log")
    axes.set_yscale("log")
    ends, right = [], 1.0
    for row in [*behind, *shown]:
        # The first point is the minimum, which is not a percentile and would stretch the axis.
        points = [(1 / (1 - q), value) for q, value, _ in row["points"][1:]]
        if not points:
            continue
        right = max(right, points[-1][0])
        mine = style.look(figures, row) if row in shown else None
        _line(axes, *zip(*points, strict=True), row, mine)
        if mine:
            ends += [value for _, value in points]
            _marks(axes, points, mine)
    ticks = [
        tick for tick in ([] if style.size.is_narrow else [1.0]) + DECADES if tick <= right * 1.2
    ]
    axes.set_xlim(1, right * 1.25)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda x, _: f"{round((1 - 1 / x) * 100, 10):.10g} %")
    )
    style.log_axis(axes.yaxis, max(min(ends), 1), max(ends), 2.5, room=0.2)
    style.clean(axes, "both")
    axes.set_xlabel("Percentile")
    axes.set_ylabel(figure["axis"].capitalize())
    return frame.figure


def _marks(axes: Axes, points: list[tuple[float, float]], mine: style.Look) -> None:
    """Draws a mark at each round quantile that has a point of the line near it."""
    for decade in DECADES:
        near = min(points, key=lambda point: abs(math.log(point[0] / decade)))
        if abs(math.log(near[0] / decade)) < 0.2:
            looks = {"shape": mine.marker, "edge": 0.3, "rim": "white", "z": 4}
            style.mark(axes, near, mine.color, **looks)


def distribution(figures: Figures, figure: dict) -> Figure:
    """The same data with the axes swapped: the share of requests answered within a time."""
    shown, behind = _drawn(figure["rows"])
    words = figure | {
        "title": figure["title"].replace("latency by percentile", "latency as a distribution"),
        "shows": "The share of requests that took no longer.",
    }
    frame = Frame(
        figures, words, 2.8, handles=_handles(figures, shown), notes=_notes(shown, behind)
    )
    axes = frame.figure.subplots()
    axes.set_xscale("log")
    ends = []
    for row in [*behind, *shown]:
        x = [value for _, value, _ in row["points"]]
        y = [q * 100 for q, *_ in row["points"]]
        _line(axes, x, y, row, style.look(figures, row) if row in shown else None)
        if row in shown:
            # The slowest 0.01 % of requests would stretch the axis, so they do not set its end.
            ends += [value for value, share in zip(x, y, strict=True) if 0 < share <= 99.99]
    style.log_axis(axes.xaxis, max(min(ends), 1), max(ends), 0.7 * frame.figure.get_figwidth())
    axes.set_ylim(0, 101)
    style.clean(axes, "both")
    axes.set_xlabel(figure["axis"].capitalize())
    axes.set_ylabel("Requests (%)")
    return frame.figure


def slices(figures: Figures, figure: dict) -> Figure:
    """One trial of each model over time: replies per second in the upper panel, p99 below."""
    shown, behind = _drawn(figure["rows"])
    frame = Frame(
        figures,
        figure,
        2.6 if style.size.is_narrow else 3.2,
        handles=_handles(figures, shown),
        notes=_notes(shown, behind),
    )
    upper, lower = frame.figure.subplots(2, 1, sharex=True)
    waits = []
    for row in shown:
        mine = style.look(figures, row)
        looks = {"color": mine.color, "linestyle": mine.dash, "linewidth": 1.1}
        seconds = [start / 1e9 for start, *_ in row["points"]]
        tail = [math.nan if p99 is None else p99 for *_, p99 in row["points"]]
        rates = [rate for _, rate, _ in row["points"]]
        for axes, values, gid in ((upper, rates, "rate"), (lower, tail, "p99")):
            axes.plot(seconds, values, drawstyle="steps-post", gid=f"{gid}:{row['model']}", **looks)
        waits += [one for one in tail if one > 0]
    upper.set_ylim(bottom=0)
    upper.yaxis.set_major_formatter(lambda y, _: style.count(y))
    if waits:
        lower.set_yscale("log")
        style.log_axis(lower.yaxis, min(waits), max(waits), 1.2, room=0.2)
    lower.set_xlim(left=0)
    for axes in (upper, lower):
        style.clean(axes, "both")
    upper.set_ylabel("Replies/s")
    lower.set_ylabel("p99")
    lower.set_xlabel("Seconds of the measurement")
    return frame.figure


def sheets(figures: Figures) -> dict[tuple[str, int], list[dict]]:
    """The figures over a setting, grouped by sheet: one sheet for each series and panel."""
    found: dict[tuple[str, int], list[dict]] = {}
    for one in figures.figures:
        for panel in range(len(one["sweep"]["panels"]) if one.get("sweep") else 0):
            rows = [row for row in one["rows"] if row["panel"] == panel]
            if rows:
                found.setdefault((one["of"], panel), []).append(one | {"rows": rows})
    return found


SHEET = (
    "A line for each model: medians with the 95 % interval of each as a band; of percentiles the "
    "pooled one, with the spread of the trials' own. A hollow mark was flagged, a grey one failed "
    "a check."
)

LAW = "Dotted, in the throughput: the fit of Gunther's law of scalability."


def sweep(figures: Figures, every: list[dict], panel: int) -> Figure:
    """Draws a panel for each figure, with a line and its band for each model."""
    axis = every[0]["sweep"]
    fixed = axis["panels"][panel]
    shown, behind = _drawn([row for one in every for row in one["rows"]])
    law = any(row["law"] for row in shown)
    words = {
        "title": f"{every[0]['of']}{fixed and f', {fixed}'}: over {axis['factor']}",
        "load": every[0]["load"],
        "shows": every[0]["shows"] if len(every) == 1 else SHEET,
        "notice": [said for one in every for said in one.get("notice", ())],
        "caveats": list(dict.fromkeys(said for one in every for said in one.get("caveats", ()))),
    }
    across = 1 if style.size.is_narrow else 2
    lines = math.ceil(len(every) / across)
    frame = Frame(
        figures,
        words,
        0.25 + (1.15 if style.size.is_narrow else 1.5) * lines,
        handles=_handles(figures, shown),
        notes=[LAW] * law + _notes(shown, behind),
    )
    panels = frame.figure.subplots(lines, across, squeeze=False, sharex=True).ravel()
    for axes, one in zip(panels, every, strict=False):
        axes.set_gid(f"panel:{one['name']}")
        _panel(axes, figures, one, {row["model"] for row in shown})
    _across(panels[: len(every)], axis)
    for axes in panels[len(every) :]:
        axes.set_axis_off()
    # The last panel of every column shows the tick labels, even if the cell below it is empty.
    for axes in panels[max(len(every) - across, 0) : len(every)]:
        axes.tick_params(axis="x", labelbottom=True)
        axes.set_xlabel(textwrap.fill(axis["factor"], 60 if across == 1 else 28))
    return frame.figure


NAMES = {
    "throughput": "Replies/s",
    "turnaround": "Turnaround",
    "connect": "Connect",
    "cpu": "CPU per reply",
    "memory": "Memory",
    "answered": "Answered/s",
    "waits": "p50",
}


def _panel(axes: Axes, figures: Figures, figure: dict, shown: set[str]) -> None:
    ends = []
    for row in figure["rows"]:
        x = [point["x"] for point in row["points"]]
        value, low, high = (
            [point[end] for point in row["points"]] for end in ("value", "low", "high")
        )
        model = row["model"]
        mine = style.look(figures, row) if model in shown else None
        _line(axes, x, value, row, mine)
        if not mine:
            continue
        ends += [one for one in (*low, *high) if one > 0]
        looks = {"color": mine.color, "alpha": 0.18, "linewidth": 0, "gid": f"band:{model}"}
        axes.fill_between(x, low, high, **looks)
        for point in row["points"]:
            hollow, bad = point["validity"] != "valid", point["validity"] == "invalid"
            looks = {"fill": "white", "edge": 0.7} if hollow else {"edge": 0.3}
            color, place = style.GREY if bad else mine.color, (point["x"], point["value"])
            gid = f"median:{model}"
            style.mark(axes, place, color, gid, shape=mine.marker, size=4, **looks)
        if row["law"]:
            looks = {"color": mine.color, "linestyle": (0, (0.6, 1.4)), "linewidth": 0.9}
            axes.plot(*zip(*row["law"], strict=True), gid=f"law:{model}", zorder=2, **looks)
    axes.set_ylabel(NAMES.get(figure["name"], figure["name"]))
    spread = max(ends, default=1.0) / min(ends, default=1.0)
    if spread > (3 if figure["unit"] == "ns" else 30):
        axes.set_yscale("log")
        write = UNITS[figure["unit"]][1]
        style.log_axis(axes.yaxis, min(ends), max(ends), 1.0, room=0.2, write=write)
    else:
        top = max(ends, default=1.0) * 1.08
        each, unit = style.unit_of(top, UNITS[figure["unit"]][0])
        axes.set_ylim(0, top)
        axes.yaxis.set_major_locator(FixedLocator(style.round_ticks(top, each)))
        axes.yaxis.set_major_formatter(lambda y, _: f"{y / each:.6g}{unit}" if y else "0")
    style.clean(axes, "both")


def _across(panels: Sequence[Axes], axis: dict) -> None:
    """Makes the x axis logarithmic if the settings span decades, and linear near a setting of 0."""
    ticks = [(x, text) for x, text in axis["ticks"]]
    x = [at for at, _ in ticks]
    above = [one for one in x if one > 0]
    for axes in panels:
        if axis["logarithmic"] and min(x) > 0:
            axes.set_xscale("log")
        elif axis["logarithmic"] and above:
            axes.set_xscale("symlog", linthresh=min(above), linscale=0.6)
            axes.set_xlim(-0.25 * min(above), max(x) * 1.4)
        some = ticks[:: math.ceil(len(ticks) / 8)]
        at, words = [one for one, _ in some], [text for _, text in some]
        axes.xaxis.set_minor_locator(NullLocator())
        turned = _crowded(axes, at, words)
        axes.set_xticks(at, words, rotation=35 if turned else 0, ha="right" if turned else "center")


def _crowded(axes: Axes, at: list[float], words: list[str]) -> bool:
    """Whether the tick labels below an axis would touch."""
    axes.autoscale_view()
    points = axes.transScale.transform([(one, 1.0) for one in at])[:, 0]
    low, high = axes.transScale.transform([(end, 1.0) for end in axes.get_xlim()])[:, 0]
    # The approximate width of a panel, in letters.
    letters = 30 if style.size.is_narrow else 26
    places = [(one - low) / (high - low) * letters for one in points]
    pairs = pairwise(zip(places, words, strict=True))
    return any(b - a < (len(first) + len(second)) / 2 + 1 for (a, first), (b, second) in pairs)
