"""Sweeps: how each figure changes with the settings that a plan varies."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

import c10k_rows as rows
import c10k_style as style
from c10k_clients import median_connect
from c10k_documents import Cell, Estimate, Law, Run
from c10k_load import varies_only_load
from c10k_style import Frame, Looks

REQUESTS = "requests-per-connection"


@dataclass(frozen=True)
class Metric:
    title: str
    of: Callable[[Cell], Estimate | None]
    units: tuple
    log: bool = False


def known(cell: Cell, q: float) -> Estimate | None:
    """A quantile that is no lower bound."""
    found = cell.quantile(q)
    return found.shown if found and not found.is_bound else None


def connect(cell: Cell) -> Estimate | None:
    """The median time to connect, if it is no lower bound."""
    found = median_connect(cell)
    return found.shown if found and not found.is_bound else None


METRICS = (
    Metric("Turnaround", lambda cell: cell.turnaround_ns, style.NS_UNITS),
    Metric("Replies/s", lambda cell: cell.throughput_per_s, style.COUNT_UNITS),
    Metric("p50", lambda cell: known(cell, 0.5), style.NS_UNITS, log=True),
    Metric("p95", lambda cell: known(cell, 0.95), style.NS_UNITS, log=True),
    Metric("p99", lambda cell: known(cell, 0.99), style.NS_UNITS, log=True),
    Metric("Connect", connect, style.NS_UNITS, log=True),
    Metric("CPU per reply", lambda cell: cell.server_cpu_per_request_ns, style.NS_UNITS),
    Metric("Memory", lambda cell: cell.pss_bytes, style.BYTE_UNITS),
)

EXPLAINED = (
    ("Turnaround", "Turnaround: from a client's connect to its last reply, the mean of a trial."),
    ("Connect", "Connect: median time to open a connection; p50, p95 and p99 exclude it."),
)


def axis_of(cells: list[Cell]) -> str | None:
    """The factor along the axis: of those that are numbers, the one with the most levels."""
    best, most = None, 1
    for name in dict.fromkeys(factor.name for cell in cells for factor in cell.factors):
        found = [cell.factor(name) for cell in cells]
        if all(one and one.number is not None for one in found):
            levels = len({one.number for one in found})
            if levels > most:
                best, most = name, levels
    return best


def rest_of(cell: Cell, axis: str | None) -> str:
    """The other factors of a cell, in words."""
    return ", ".join(f"{one.name} {one.text}" for one in cell.factors if one.name != axis)


def sweeps(run: Run) -> dict[str, list[Cell]]:
    """The cells of each sweep, by the name of its figure, which lacks the factor of the axis."""
    series: dict[str, list[Cell]] = {}
    for cell in run.cells:
        if cell.series and cell.factors and not varies_only_load(cell):
            series.setdefault(cell.series, []).append(cell)
    named: dict[str, list[Cell]] = {}
    for name, cells in series.items():
        axis = axis_of(cells)
        for cell in cells:
            rest = rest_of(cell, axis) if axis else ""
            named.setdefault(f"{name}, {rest}" if rest else name, []).append(cell)
    return named


def _places(cells: list[Cell], axis: str | None) -> dict[str, float]:
    """The place of each level along the axis."""
    if axis is None:
        return {
            text: float(at) for at, text in enumerate(dict.fromkeys(_text(c, None) for c in cells))
        }
    levels = {one.text: one.number for cell in cells if (one := cell.factor(axis))}
    if axis == REQUESTS:
        # 0 is without an end: more than any number.
        most = max(levels.values())
        levels = {text: number or most * 10 for text, number in levels.items()}
    return dict(sorted(levels.items(), key=lambda one: one[1]))


def _text(cell: Cell, axis: str | None) -> str:
    return cell.factor(axis).text if axis else rest_of(cell, None)


def _words(texts: list[str], axis: str | None) -> tuple[list[str], str]:
    """The labels of the levels, and of the axis."""
    if axis:
        return ["kept" if axis == REQUESTS and text == "0" else text for text in texts], axis
    # What all levels have in common need not be said at each of them.
    parts = [text.split(", ") for text in texts]
    common = [one for one in parts[0] if all(one in other for other in parts)]
    parts = [[one for one in part if one not in common] for part in parts]
    factors = {one.rpartition(" ")[0] for part in parts for one in part}
    if len(factors) == 1 and all(len(part) == 1 for part in parts):
        return [part[0].rpartition(" ")[2] for part in parts], ", ".join([*factors, *common])
    return [", ".join(part) for part in parts], ", ".join(common)


def sweep(run: Run, look: Looks, name: str) -> Figure | None:
    """One line for each model, its interval as a band; a panel for each figure."""
    cells = sweeps(run)[name]
    axis = axis_of(cells)
    shown = [metric for metric in METRICS if any(metric.of(cell) for cell in cells)]
    if axis and axis.startswith(REQUESTS):
        # More requests take longer; that is no finding.
        shown = [metric for metric in shown if metric.title != "Turnaround"]
    if all(cell.arrivals.is_open for cell in cells):
        shown = [metric for metric in shown if metric.title != "Replies/s"]
    by_model: dict[str, list[Cell]] = {}
    for model in run.models:
        for again in (False, True):
            mine = [cell for cell in cells if cell.model == model and cell.twin == again]
            if mine:
                by_model[mine[0].name] = mine
    fixed = tuple(f"{one.name} {one.text}" for one in cells[0].factors if one.name != axis)
    laws = [
        law
        for law in run.laws
        if law.series == cells[0].series and law.fixed == fixed and law.model in by_model
    ]
    across = 1 if style.size.is_narrow else 2
    lines = math.ceil(len(shown) / across)
    frame = Frame(
        run,
        f"{name}: against {axis or 'what is varied'}",
        f"{rows.arrivals_text(cells)} · {rows.trials_text(cells)}",
        0.25 + (1.15 if style.size.is_narrow else 1.5) * lines,
        handles=[
            style.handle(style.look_of(look, replace(mine[0], validity="valid")), _label(mine))
            for mine in by_model.values()
        ],
        notes=[
            "CPU and memory are the server's.",
            *(text for title, text in EXPLAINED if any(one.title == title for one in shown)),
            f"Line: median of the trials; band: {rows.ENDS}.",
            *rows.together_note(cells),
            *(["Dotted, in Replies/s: the fit of Gunther's law of scalability."] if laws else []),
            *(
                ["+twin, thin: the second measurement of the A/A control."]
                if any(one.twin for one in cells)
                else []
            ),
            *_notes(cells, axis),
        ],
    )
    panels = frame.figure.subplots(lines, across, squeeze=False, sharex=True).ravel()
    places = _places(cells, axis)
    for axes, metric in zip(panels, shown, strict=False):
        axes.set_gid(f"panel:{metric.title}")
        _panel(axes, metric, by_model, look, places=places, axis=axis)
        if metric.title == "Replies/s" and axis:
            _laws(axes, laws, look, places)
    _across(panels[: len(shown)], places, axis)
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    # The last panel of every column has the ticks, also where the grid has a hole below it.
    for axes in panels[max(len(shown) - across, 0) : len(shown)]:
        axes.tick_params(axis="x", labelbottom=True)
        axes.set_xlabel(_words(list(places), axis)[1])
    return frame.figure


def _label(cells: list[Cell]) -> str:
    bad = any(cell.validity == "invalid" for cell in cells)
    return style.label(replace(cells[0], validity="valid")) + " (part invalid)" * bad


def _panel(
    axes: Axes,
    metric: Metric,
    by_model: dict[str, list[Cell]],
    look: Looks,
    *,
    places: dict[str, float],
    axis: str | None,
) -> None:
    ends = []
    for model, cells in by_model.items():
        here = {_text(cell, axis): cell for cell in cells}
        # A point that was not measured breaks the line.
        found = [here.get(text) for text in places]
        known_ones = [metric.of(cell) if cell else None for cell in found]
        x = list(places.values())
        middle, low, high = (
            [getattr(one, end) if one else math.nan for one in known_ones]
            for end in ("median", "low", "high")
        )
        mine = look[cells[0].model]
        ends += [one for one in (*low, *high) if one > 0]
        # Between words there is nothing.
        dash = ("" if axis is None else style.TWIN if cells[0].twin else mine.dash) or "none"
        axes.plot(
            x,
            middle,
            color=mine.color,
            linestyle=dash,
            linewidth=0.8 if cells[0].twin else None,
            gid=f"line:{model}",
            zorder=3,
        )
        if cells[0].twin:
            # Only how far two equal measurements are apart.
            continue
        axes.fill_between(
            x, low, high, color=mine.color, alpha=0.18, linewidth=0, gid=f"band:{model}"
        )
        for cell, x_one, y_one in zip(found, x, middle, strict=True):
            if cell is None or math.isnan(y_one):
                continue
            bad = cell.validity == "invalid"
            axes.plot(
                [x_one],
                [y_one],
                marker=mine.marker,
                color=style.GREY if bad else mine.color,
                markerfacecolor="none" if bad else None,
                ms=4,
                markeredgewidth=0.7 if bad else 0.3,
                gid=f"median:{model}",
                zorder=5,
            )
    axes.set_ylabel(metric.title)
    if metric.log and ends:
        axes.set_yscale("log")
        style.log_axis(axes.yaxis, min(ends), max(ends), 1.0, room=0.2)
    else:
        top = max(ends, default=1.0) * 1.08
        each, unit = style.unit_of(top, metric.units)
        axes.set_ylim(0, top)
        axes.yaxis.set_major_locator(FixedLocator(style.round_ticks(top, each)))
        axes.yaxis.set_major_formatter(lambda y, _: f"{y / each:.6g}{unit}" if y else "0")
    style.clean(axes, "both")


def _laws(axes: Axes, laws: list[Law], look: Looks, places: dict[str, float]) -> None:
    """The law that was fitted to a model's throughput."""
    x = np.geomspace(max(min(places.values()), 1), max(places.values()), 60)
    for law in laws:
        axes.plot(
            x,
            law.throughput(x),
            color=look[law.model].color,
            linestyle=(0, (0.6, 1.4)),
            linewidth=0.9,
            gid=f"law:{law.model}",
            zorder=2,
        )


def _across(panels: list[Axes], places: dict[str, float], axis: str | None) -> None:
    """Logarithmic where the levels span decades; with a level of 0, linear at first."""
    x = list(places.values())
    above = [one for one in x if one > 0]
    decades = axis is not None and bool(above) and max(x) >= 30 * min(above)
    ticks = [(at, text) for text, at in places.items()]
    for axes in panels:
        if decades and min(x) > 0:
            axes.set_xscale("log")
        elif decades and min(x) == 0:
            axes.set_xscale("symlog", linthresh=min(above), linscale=0.6)
            axes.set_xlim(-0.25 * min(above), max(x) * 1.4)
        step = math.ceil(len(ticks) / 8)
        axes.xaxis.set_major_locator(FixedLocator([at for at, _ in ticks[::step]]))
        axes.xaxis.set_minor_locator(NullLocator())
        words, _ = _words([text for _, text in ticks[::step]], axis)
        turned = _crowded(axes, [at for at, _ in ticks[::step]], words)
        axes.set_xticks(
            [at for at, _ in ticks[::step]],
            words,
            rotation=35 if turned else 0,
            ha="right" if turned else "center",
        )


def _crowded(axes: Axes, at: list[float], words: list[str]) -> bool:
    """Whether words side by side below an axis would touch."""
    axes.autoscale_view()
    points = axes.transScale.transform([(one, 1.0) for one in at])[:, 0]
    low, high = axes.transScale.transform([(end, 1.0) for end in axes.get_xlim()])[:, 0]
    # A panel is about so many letters wide.
    letters = 30 if style.size.is_narrow else 26
    places = [(one - low) / (high - low) * letters for one in points]
    pairs = zip(
        zip(places, words, strict=True), zip(places[1:], words[1:], strict=True), strict=False
    )
    return any(b - a < (len(first) + len(second)) / 2 + 1 for (a, first), (b, second) in pairs)


def _notes(cells: list[Cell], axis: str | None) -> list[str]:
    notes = []
    for validity, sign in (("invalid", "Grey and hollow, invalid"), ("suspect", "Suspect")):
        by_model: dict[str, list[str]] = {}
        for cell in cells:
            if cell.validity == validity:
                name = cell.name
                text = _text(cell, axis)
                by_model.setdefault(name, []).append(_words([text], axis)[0][0] if axis else text)
        if by_model:
            texts = [f"{model} at {', '.join(at)}" for model, at in by_model.items()]
            notes.append(f"{sign}: {'; '.join(texts)}.")
    return notes
