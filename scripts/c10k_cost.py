"""What a reply costs: throughput and CPU time, and an overview of all workloads."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

import c10k_rows as rows
import c10k_style as style
from c10k_documents import Cell, Run
from c10k_style import Frame, Looks

WIDE = 7.2
# More rows below each other are longer than a page.
ROWS_MAX = 60


def throughput(run: Run, look: Looks, workload: str) -> Figure | None:
    """Replies per second, and server CPU time for each of them. Closed loop only."""
    cells = [cell for cell in run.of_workload(workload) if not cell.arrivals.is_open]
    if not cells:
        return None
    frame = Frame(
        run,
        f"{workload}: throughput and its cost",
        f"{rows.arrivals_text(cells)} · {rows.trials_text(cells)}",
        0.62 + 0.26 * len(cells),
        notes=[
            f"Bar: median of the trials; whisker: {rows.ENDS}; dot: one trial.",
            *style.flag_notes(cells),
        ],
    )
    left, right = frame.figure.subplots(1, 2)
    rates = [rows.Row(y, cell, cell.throughput_per_s) for y, cell in enumerate(cells)]
    costs = [
        rows.Row(y, cell, cell.server_cpu_per_request_ns, missing="no replies")
        for y, cell in enumerate(cells)
    ]
    thousands = rows.bars(left, look, rates, style.COUNT_UNITS)
    unit = rows.bars(right, look, costs, style.NS_UNITS)
    rows.model_axis(left, cells, style.label)
    rows.model_axis(right, cells, None)
    # In one column of print two names do not fit beside each other in one line.
    then = "\n" if style.size.is_narrow else " "
    left.set_xlabel(f"Replies/s{thousands and f'{then}({thousands})'}")
    right.set_xlabel(f"Server CPU{then}per reply ({unit})")
    return frame.figure


def overview(run: Run, look: Looks) -> Figure | None:
    """For each workload, server CPU time for each reply and the 99th percentile.

    Two workloads beside each other, down the first column first: a plan that lists its closed
    loops before its open ones so has them side by side.
    """
    if not run.cells:
        return None
    workloads = run.workloads
    columns = 1 if style.size.is_narrow else min(2, len(workloads))
    lines = -(-len(workloads) // columns)
    fullest = [
        max(len(run.of_workload(workload)) for workload in workloads[line::lines])
        for line in range(lines)
    ]
    # As tight as letters of that size can stand.
    heights = [0.6 + 0.0178 * style.size.tiny * size for size in fullest]
    frame = Frame(
        run,
        "Cost and tail latency at a glance",
        f"{len(workloads)} workload{'' if len(workloads) == 1 else 's'} · "
        f"{rows.trials_text(run.cells)}",
        sum(heights),
        notes=[
            f"{rows.MARKS} p99 is of response time in an open loop, otherwise of service time.",
            *rows.together_note(run.cells),
            *rows.bound_note(list(run.cells), [0.99]),
            *_overview_notes(run),
        ],
        width=WIDE if columns == 2 else None,
    )
    panels = frame.figure.subplots(lines, 2 * columns, squeeze=False, height_ratios=heights)
    for i in range(lines * columns):
        left, right = panels[i % lines, i // lines * 2 : i // lines * 2 + 2]
        if i < len(workloads):
            _glance(left, right, look, workloads[i], run.of_workload(workloads[i]))
        else:
            left.set_axis_off()
            right.set_axis_off()
    return frame.figure


def _glance(left: Axes, right: Axes, look: Looks, workload: str, cells: list[Cell]) -> None:
    costs = [
        rows.Row(y, cell, cell.server_cpu_per_request_ns, missing="no replies")
        for y, cell in enumerate(cells)
    ]
    tails = rows.quantile_rows(cells, 0.99)
    for axes, lines, name in ((left, costs, "cpu"), (right, tails, "p99")):
        axes.set_gid(f"panel:{name}:{workload}")
        rows.dots(axes, look, lines, 4.5)
        style.clean(axes, "both")
        axes.tick_params(axis="x", labelsize=style.size.tiny)
        axes.tick_params(axis="y", labelsize=style.size.tiny)
    title = left.set_title(
        workload, fontsize=style.size.small + 0.5, weight="bold", loc="left", pad=3
    )
    title.set_in_layout(False)
    top = max((row.estimate.max for row in costs if row.estimate), default=0)
    unit = style.linear_axis(left.xaxis, top * 1.08, style.NS_UNITS)
    left.set_xlabel(f"CPU per reply ({unit})", fontsize=style.size.small, labelpad=1)
    right.set_xlabel("p99", fontsize=style.size.small, labelpad=1)
    rows.log_limits(right, tails, 1.2, room=0.36)
    rows.model_axis(left, cells, style.label)
    rows.model_axis(right, cells, None)


def _overview_notes(run: Run) -> list[str]:
    flagged = any(cell.validity == "invalid" for cell in run.cells)
    suspect = any(cell.validity == "suspect" for cell in run.cells)
    return ["Grey: invalid; the workload's own figures say why."] * flagged + [
        "* Suspect; the workload's own figures say why."
    ] * suspect
