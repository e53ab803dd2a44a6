"""One trial over time: replies per second and p99, slice by slice."""

from __future__ import annotations

import math

from matplotlib.figure import Figure

import c10k_panels as panels
import c10k_rows as rows
import c10k_style as style
import c10k_trials as trials
from c10k_documents import Run
from c10k_style import Frame, Looks


def time(run: Run, look: Looks, workload: str) -> Figure | None:
    """For each model, the trial with the median throughput."""
    found = [(cell, trials.typical(run, cell)) for cell in run.of_workload(workload, twins=False)]
    found = [(cell, trial) for cell, trial in found if trial and len(trial.slices) > 1]
    if not found:
        return None
    notes = ["For each model, the trial whose throughput is nearest to the median."]
    if len(found) > panels.LINES_MAX:
        order = sorted(found, key=lambda one: -one[0].throughput_per_s.median)[: panels.LINES_MAX]
        notes.append(
            f"The {panels.LINES_MAX} models with the highest throughput of {len(found)}; --models "
            "chooses others."
        )
        found = [one for one in found if one in order]
    cells = [cell for cell, _ in found]
    frame = Frame(
        run,
        f"{workload}: one trial over time",
        rows.arrivals_text(cells),
        2.6 if style.size.is_narrow else 3.2,
        handles=panels.handles(look, cells),
        notes=[*notes, *style.flag_notes(cells)],
    )
    above, below = panels.in_time(frame, "Replies/s", "p99")
    tails = []
    for cell, trial in found:
        mine = style.shown(look[cell.model], cell.validity)
        looks = {"color": mine.color, "linestyle": mine.dash, "marker": mine.marker, "ms": 3}
        whole = [one for one in trial.slices if one.width > 0]
        middle = [one.start + one.width / 2 for one in whole]
        rate = [one.ok / one.width for one in whole]
        tail = [math.nan if one.p99_ns is None else one.p99_ns for one in whole]
        above.plot(middle, rate, gid=f"rate:{cell.model}", markeredgewidth=0.3, **looks)
        below.plot(middle, tail, gid=f"p99:{cell.model}", markeredgewidth=0.3, **looks)
        tails += [one for one in tail if one > 0]
    panels.finish_in_time(above, below, tails)
    return frame.figure
