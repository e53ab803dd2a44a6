"""Latency by percentile."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

import c10k_rows as rows
import c10k_style as style
from c10k_documents import SAMPLES_BEYOND, Cell, Run, Samples
from c10k_results import read_headline
from c10k_style import Frame, Look, Looks

# x = 1/(1-q), the value in ns, and whether it is a lower bound.
Curve = tuple[np.ndarray, np.ndarray, np.ndarray]
AT_LEAST = "≥, dotted: reaches into requests that were cut off; the truth is this or more."


def percent(q: float) -> str:
    return f"{q * 100:.10g} %"


def end_of(cell: Cell) -> float:
    """Where a table begins to say that samples are too few, as 1/(1-q)."""
    inner = [one for one in cell.latency if 0.5 <= one.q < 1]
    return min((1 / (1 - one.q) for one in inner if one.pooled and not one.shown), default=np.inf)


def curve(samples: Samples, end: float = np.inf) -> Curve:
    """What can be drawn: admitted quantiles only, and none from the end on."""
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
    handles, lines, bounded = [], [], False
    for cell, _, samples in read:
        x, y, at_least = curve(samples, end_of(cell))
        mine = style.shown(look[cell.model], cell.validity)
        text = style.label(cell)
        if not x.size:
            text += ": too few samples" if samples.count else ": no samples"
        handles.append(style.handle(mine, text))
        lines.append((cell, mine, x, y, at_least))
        bounded |= bool(at_least.any())
    drawn = [line for line in lines if line[2].size]
    if not drawn:
        return None
    notes = [
        f"Each line ends where fewer than {SAMPLES_BEYOND:.0f} independent samples lie beyond it."
    ]
    frame = Frame(
        run,
        f"{workload}: {' and '.join(kinds)} time by percentile",
        f"{rows.arrivals_text(cells)} · {rows.trials_text(cells)}, merged",
        3.0,
        handles=handles,
        notes=[*notes, *([AT_LEAST] if bounded else []), *style.flag_notes(cells)],
    )
    axes = frame.figure.subplots()
    for cell, mine, *line in drawn:
        _line(axes, cell, mine, line)
    right = max(x[-1] for _, _, x, _, _ in drawn)
    axes.set_xscale("log")
    axes.set_xlim(1, right * 1.25)
    # "0 %" has no room beside "50 %" in a narrow figure.
    ticks = [*([] if style.size.is_narrow else [1.0]), 2.0, *(10.0**k for k in range(1, 12))]
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if tick <= right * 1.2]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: percent(round(1 - 1 / x, 12))))
    axes.set_xlabel("Percentile")
    axes.set_yscale("log")
    values = np.concatenate([y for _, _, _, y, _ in drawn])
    style.log_axis(axes.yaxis, max(values.min(), 1), max(values.max(), 1), 2.5, room=0.2)
    axes.set_ylabel(f"{' / '.join(kinds).capitalize()} time")
    style.clean(axes, "both")
    return frame.figure


def cdf(run: Run, look: Looks, workload: str) -> Figure | None:
    """The share of requests that took no longer, all trials of a model together."""
    cells = run.of_workload(workload)
    read = [(cell, *read_headline(run, cell)) for cell in cells]
    drawn = [(cell, samples) for cell, _, samples in read if samples.count >= 2 * SAMPLES_BEYOND]
    if not drawn:
        return None
    kinds = " and ".join(dict.fromkeys(kind for _, kind, _ in read))
    frame = Frame(
        run,
        f"{workload}: distribution of {kinds} time",
        f"{rows.arrivals_text(cells)} · {rows.trials_text(cells)}, merged",
        2.8,
        handles=[
            style.handle(style.shown(look[cell.model], cell.validity), style.label(cell))
            for cell, _ in drawn
        ],
        notes=[
            "A line that ends below 100 % has requests that were cut off.",
            *style.flag_notes(cells),
        ],
    )
    axes = frame.figure.subplots()
    shown = []
    for at, (cell, samples) in enumerate(drawn):
        mine = style.shown(look[cell.model], cell.validity)
        share = np.cumsum(samples.counts) / samples.count
        known = ~samples.at_least(share)
        x, y = samples.values[known], share[known]
        if not x.size:
            continue
        # The slowest in ten thousand would take the axis for themselves.
        shown += [x[0], samples.at(min(0.9999, float(y[-1])))]
        axes.plot(
            x,
            y * 100,
            drawstyle="steps-post",
            color=mine.color,
            linestyle=mine.dash,
            marker=mine.marker,
            # In turn, so that marks of lines on each other are all seen.
            markevery=(0.03 + 0.02 * (at % 5), 0.12),
            markersize=3.5,
            markeredgewidth=0.3,
            gid=f"cdf:{cell.model}",
        )
    axes.set_xscale("log")
    style.log_axis(axes.xaxis, max(min(shown), 1), max(shown), 0.7 * frame.figure.get_figwidth())
    axes.set_ylim(0, 101)
    axes.set_xlabel(f"{kinds.capitalize()} time")
    axes.set_ylabel("Requests (%)")
    style.clean(axes, "both")
    return frame.figure


def _line(axes: Axes, cell: Cell, look: Look, drawn: Curve) -> None:
    """Solid as far as it is known, dotted from there on."""
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
            markeredgecolor="white" if look.marker not in "12" else look.color,
            gid=f"{gid}:{cell.model}",
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
            gid=f"bound:{cell.model}",
        )
