"""A staircase: replies in each step, and their response time."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

import c10k_panels as panels
import c10k_rows as rows
import c10k_style as style
from c10k_documents import Cell, Estimate, Run, Step
from c10k_style import Frame, Looks


def steps(run: Run, look: Looks, workload: str) -> Figure | None:
    """Above: replies to the requests that were due in each step. Below: their median time."""
    cells = [cell for cell in run.of_workload(workload, twins=False) if len(cell.steps) > 1]
    if not cells:
        return None
    notes = [
        "Above: correct replies to the requests that were due in a step, however late, per second "
        "of the step; black: the offered rate.",
        "Below: their median response time. A queue that is not yet empty shows in later steps.",
        f"Line: median of the trials; band: {rows.ENDS}.",
        *rows.together_note(cells),
    ]
    if len(cells) > panels.LINES_MAX:
        notes.append(
            f"The first {panels.LINES_MAX} models of {len(cells)}; --models chooses others."
        )
        cells = cells[: panels.LINES_MAX]
    frame = Frame(
        run,
        f"{workload}: step by step",
        f"{rows.arrivals_text(cells)} · {rows.trials_text(cells)}",
        2.6 if style.size.is_narrow else 3.4,
        handles=panels.handles(look, cells),
        notes=[*notes, *style.flag_notes(cells)],
    )
    above, below = panels.in_time(frame, "Answered/s", "p50")
    _asked(above, cells[0].steps)
    waits: list[float] = []
    for cell in cells:
        _line(above, cell, look, "answered", [answered(one) for one in cell.steps])
        found = [waited(one) for one in cell.steps]
        _line(below, cell, look, "waits", found)
        waits += [end for one in found if one for end in (one.low, one.high) if end > 0]
    panels.finish_in_time(above, below, waits)
    return frame.figure


def answered(step: Step) -> Estimate:
    """Correct replies per second of a step."""
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
