"""Latency by percentile, and as a distribution."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

import c10k_panels as panels
import c10k_rows as rows
import c10k_style as style
from c10k_documents import SAMPLES_BEYOND, Cell, Run, Samples
from c10k_results import read_headline
from c10k_style import Frame, Look, Looks

# x = 1/(1-q), the value in ns, and whether it is a lower bound.
Curve = tuple[np.ndarray, np.ndarray, np.ndarray]
AT_LEAST = "≥, dotted: a lower bound, because requests were cut off."


def percent(q: float) -> str:
    return f"{q * 100:.10g} %"


def end_of(cell: Cell) -> float:
    """The first quantile with too few samples beyond it, as 1/(1-q)."""
    inner = [one for one in cell.latency if 0.5 <= one.q < 1]
    return min((1 / (1 - one.q) for one in inner if one.pooled and not one.shown), default=np.inf)


def curve(samples: Samples, end: float = np.inf) -> Curve:
    """The points of a curve: admitted quantiles only, and none from the end on."""
    if samples.count < 2 * SAMPLES_BEYOND:
        return np.empty(0), np.empty(0), np.empty(0, dtype=bool)
    last = samples.count / SAMPLES_BEYOND
    decades = np.log10(last)
    x = np.logspace(0, decades, int(160 * decades) + 2)
    round_ones = [2.0, *(10.0**k for k in range(1, 12))]
    x = np.unique(np.concatenate([x, [one for one in round_ones if one <= last]]))
    # The written form of a round quantile, so that the same sample is picked as in the documents.
    q = np.array([float(f"{value:.12g}") for value in 1 - 1 / x])
    admitted = samples.admitted(q) | (x == x[-1])
    admitted &= x < end * (1 - 1e-9)
    x, q = x[admitted], q[admitted]
    return x, samples.at(q), samples.at_least(q)


def latency(run: Run, look: Looks, workload: str) -> Figure | None:
    """Latency by percentile, one line for each model, all its trials together."""
    cells = run.of_workload(workload)
    read = [(cell, *read_headline(run, cell)) for cell in cells]
    kinds = dict.fromkeys(kind for _, kind, _ in read)
    curves = {cell.name: curve(samples, end_of(cell)) for cell, _, samples in read}
    short = [(cell, samples) for cell, _, samples in read if not curves[cell.name][0].size]
    drawn = [cell for cell in cells if curves[cell.name][0].size]
    if not drawn:
        return None
    bounded = any(at_least.any() for *_, at_least in curves.values())
    groups = panels.parted(drawn)
    missing = [
        style.handle(
            style.look_of(look, cell),
            f"{style.label(cell)}: {'too few samples' if samples.count else 'no samples'}",
        )
        for cell, samples in short
    ]
    frame = Frame(
        run,
        f"{workload}: {' and '.join(kinds)} time by percentile",
        f"{rows.arrivals_text(cells)} · {rows.trials_text(cells)}, merged",
        panels.height(groups, 3.0),
        # Of several panels each has a legend of its own.
        handles=[*(panels.handles(look, drawn) if len(groups) == 1 else []), *missing],
        notes=[
            f"Each line ends where fewer than {SAMPLES_BEYOND:.0f} independent samples lie "
            "beyond it.",
            *([AT_LEAST] if bounded else []),
            *style.flag_notes(cells),
        ],
    )
    every = panels.draw_parted(
        frame.figure,
        groups,
        look,
        lambda axes, cell, mine: _line(axes, cell, mine, curves[cell.name]),
        lambda axes, cell, color: axes.plot(
            *curves[cell.name][:2], color=color, linewidth=0.6, zorder=1
        ),
    )
    _by_percentile(every, [curves[cell.name] for cell in drawn], len(groups))
    panels.name_axes(every, "Percentile", f"{' / '.join(kinds).capitalize()} time")
    return frame.figure


def _by_percentile(every: list[Axes], drawn: list[Curve], panels_drawn: int) -> None:
    """Sets both axes, logarithmic: time, and one over the share that took longer."""
    axes = every[0]
    right = max(x[-1] for x, _, _ in drawn)
    # "0 %" has no room beside "50 %" in a narrow panel.
    narrow = style.size.is_narrow or panels_drawn > 1
    ticks = [*([] if narrow else [1.0]), 2.0, *(10.0**k for k in range(1, 12))]
    ticks = [tick for tick in ticks if tick <= right * 1.2]
    if narrow and panels_drawn > 1 and len(ticks) > 3:
        ticks = [2.0, *ticks[2::2]] if panels.names_across() == 1 else ticks
    values = np.concatenate([y for _, y, _ in drawn])
    for axes in every:
        axes.set_xscale("log")
        axes.set_xlim(1, right * 1.25)
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: percent(round(1 - 1 / x, 12))))
        axes.set_yscale("log")
        style.log_axis(
            axes.yaxis,
            max(values.min(), 1),
            max(values.max(), 1),
            2.5 if panels_drawn == 1 else 1.5,
            room=0.2,
        )
        style.clean(axes, "both")


def cdf(run: Run, look: Looks, workload: str) -> Figure | None:
    """The share of requests that took no longer, all trials of a model together."""
    cells = run.of_workload(workload)
    read = [(cell, *read_headline(run, cell)) for cell in cells]
    drawn = [(cell, samples) for cell, _, samples in read if samples.count >= 2 * SAMPLES_BEYOND]
    if not drawn:
        return None
    kinds = " and ".join(dict.fromkeys(kind for _, kind, _ in read))
    shares = {cell.name: distribution(samples) for cell, samples in drawn}
    drawn = [(cell, samples) for cell, samples in drawn if shares[cell.name][0].size]
    if not drawn:
        return None
    groups = panels.parted([cell for cell, _ in drawn])
    frame = Frame(
        run,
        f"{workload}: distribution of {kinds} time",
        f"{rows.arrivals_text(cells)} · {rows.trials_text(cells)}, merged",
        panels.height(groups, 2.8),
        handles=panels.handles(look, [cell for cell, _ in drawn]) if len(groups) == 1 else [],
        notes=[
            "A line ends below 100 % where requests were cut off.",
            *style.flag_notes(cells),
        ],
    )
    order = [cell.name for cell, _ in drawn]
    every = panels.draw_parted(
        frame.figure,
        groups,
        look,
        lambda axes, cell, mine: axes.plot(
            *shares[cell.name],
            drawstyle="steps-post",
            color=mine.color,
            linestyle=mine.dash,
            marker=mine.marker,
            # In turn, so that marks of lines on each other are all seen.
            markevery=(0.03 + 0.02 * (order.index(cell.name) % 5), 0.12),
            markersize=3.5,
            markeredgewidth=0.3,
            gid=f"cdf:{cell.name}",
        ),
        lambda axes, cell, color: axes.plot(
            *shares[cell.name], drawstyle="steps-post", color=color, linewidth=0.6, zorder=1
        ),
    )
    # The slowest in ten thousand would take the axis for themselves.
    ends = [
        (x[0], samples.at(min(0.9999, y[-1] / 100)))
        for (x, y), samples in ((shares[cell.name], samples) for cell, samples in drawn)
    ]
    low, high = max(min(x for x, _ in ends), 1), max(x for _, x in ends)
    width = 0.7 * frame.figure.get_figwidth() / panels.across(groups)
    for axes in every:
        axes.set_xscale("log")
        style.log_axis(axes.xaxis, low, high, width)
        axes.set_ylim(0, 101)
        style.clean(axes, "both")
    panels.name_axes(every, f"{kinds.capitalize()} time", "Requests (%)")
    return frame.figure


def distribution(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Values, and the percentage that took no longer, as far as it is known."""
    share = np.cumsum(samples.counts) / samples.count
    known = ~samples.at_least(share)
    return samples.values[known], share[known] * 100


def _line(axes: Axes, cell: Cell, look: Look, drawn: Curve) -> None:
    """Draws a line: solid as far as it is known, dotted from there on."""
    x, y, at_least = drawn
    marked = {2.0, *(10.0**k for k in range(1, 12))}
    known = ~at_least
    from_here = max(int(np.count_nonzero(known)) - 1, 0)
    for part, gid, dash in (
        (known, "known", look.dash),
        (np.arange(x.size) >= from_here, "at-least", (0, (0.6, 1.6))),
    ):
        if gid == "at-least" and not at_least.any():
            continue
        px = x[part]
        at = [i for i, one in enumerate(px) if one in marked]
        axes.plot(
            px,
            y[part],
            color=look.color,
            linestyle=dash,
            marker=look.marker,
            markevery=at or [len(px) - 1] if len(px) else None,
            markersize=5,
            markeredgewidth=0.3,
            markeredgecolor="white",
            gid=f"{gid}:{cell.name}",
            zorder=2 if look.color == style.GREY else 3,
        )
    if at_least.any():
        axes.annotate(
            "≥",
            (x[-1], y[-1]),
            xytext=(2, 0),
            textcoords="offset points",
            color=look.color,
            fontsize=style.size.font,
            va="center",
            gid=f"bound:{cell.name}",
        )
