"""A staircase: what was answered in each step, and how long that took."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

import c10k_rows as rows
import c10k_style as style
from c10k_documents import Cell, Estimate, Run, Step
from c10k_style import Frame, Looks

# More lines than this cannot be told apart.
LINES_MAX = 8


def steps(run: Run, look: Looks, workload: str) -> Figure | None:
    """Above the replies to what was due in each step, below how long half of those took."""
    cells = [cell for cell in run.of_workload(workload) if len(cell.steps) > 1]
    if not cells:
        return None
    notes = [
        "Above: right replies to the requests that were due in a step, however late, over its "
        "length; black: what was asked for.",
        "Below: their median response time. A queue that nobody emptied is felt in later steps.",
        f"Line: median of the trials; band: {rows.ENDS}.",
        *rows.together_note(cells),
    ]
    if len(cells) > LINES_MAX:
        notes.append(f"The first {LINES_MAX} models of {len(cells)}; --models chooses others.")
        cells = cells[:LINES_MAX]
    frame = Frame(
        run,
        f"{workload}: step by step",
        f"{rows.arrivals_text(cells)} · {rows.trials_text(cells)}",
        2.6 if style.size.is_narrow else 3.4,
        handles=[
            style.handle(style.shown(look[cell.model], cell.validity), style.label(cell))
            for cell in cells
        ],
        notes=[*notes, *style.flag_notes(cells)],
    )
    above, below = frame.figure.subplots(2, 1, sharex=True)
    _asked(above, cells[0].steps)
    waits: list[float] = []
    for cell in cells:
        _line(above, cell, look, "answered", [answered(one) for one in cell.steps])
        found = [waited(one) for one in cell.steps]
        _line(below, cell, look, "waits", found)
        waits += [end for one in found if one for end in (one.low, one.high) if end > 0]
    above.set_ylim(bottom=0)
    above.yaxis.set_major_formatter(lambda y, _: style.count(y))
    above.set_ylabel("Answered/s")
    below.set_ylabel("p50")
    if waits:
        below.set_yscale("log")
        style.log_axis(below.yaxis, min(waits), max(waits), 1.2, room=0.2)
    below.set_xlim(left=0)
    below.set_xlabel("Seconds of the measurement")
    for axes in (above, below):
        style.clean(axes, "both")
    return frame.figure


def answered(step: Step) -> Estimate:
    """Right replies per second of a step."""
    one, rate = step.answered, step.rate_per_s
    interval = tuple(end * rate for end in one.interval) if one.interval else None
    values = tuple(share * rate for share in one.values)
    return Estimate(one.median * rate, one.min * rate, one.max * rate, values, interval)


def waited(step: Step) -> Estimate | None:
    """The median response time of a step, if it is no lower bound."""
    found = step.quantile(0.5)
    return found.shown if found and not found.is_bound else None


def _asked(axes: Axes, found: tuple[Step, ...]) -> None:
    edges = [one.start for one in found] + [found[-1].start + found[-1].width]
    rates = [one.rate_per_s for one in found]
    axes.stairs(rates, edges, color="black", linewidth=0.8, gid="asked", zorder=2, baseline=None)


def _line(axes: Axes, cell: Cell, look: Looks, what: str, estimates: list[Estimate | None]) -> None:
    mine = style.shown(look[cell.model], cell.validity)
    middle = [one.start + one.width / 2 for one in cell.steps]
    ends = {
        end: [getattr(one, end) if one else math.nan for one in estimates]
        for end in ("median", "low", "high")
    }
    axes.plot(
        middle,
        ends["median"],
        color=mine.color,
        linestyle=mine.dash,
        marker=mine.marker,
        ms=4,
        markeredgewidth=0.3,
        gid=f"{what}:{cell.model}",
        zorder=3,
    )
    axes.fill_between(middle, ends["low"], ends["high"], color=mine.color, alpha=0.18, linewidth=0)
