"""Figures of one workload, one row for each model: quantiles, CPU time of both ends, memory."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.patches import Patch

import c10k_rows as rows
import c10k_style as style
import c10k_trials as trials
from c10k_documents import Run
from c10k_style import Frame, Looks

# Of two neighbours the farther is drawn; earlier versions left it out.
QUANTILES = (0.5, 0.9, 0.95, 0.99, 0.999)
TINTS = dict(zip(QUANTILES, (0.0, 0.35, 0.35, 0.7, 1.0), strict=True))


def _subtitle(cells: list) -> str:
    return f"{rows.arrivals_text(cells)} · {rows.trials_text(cells)}"


def quantiles(run: Run, look: Looks, workload: str) -> Figure | None:
    """The quantiles of each model in one row, with their intervals."""
    cells = run.of_workload(workload)
    shown = [q for q in QUANTILES if any((one := cell.quantile(q)) and one.shown for cell in cells)]
    if 0.95 in shown:
        shown = [q for q in shown if q != 0.9]
    if not shown:
        return None
    tints = {q: TINTS[q] for q in shown}
    time = "response" if cells[0].arrivals.is_open else "service"
    frame = Frame(
        run,
        f"{workload}: quantiles of {time} time",
        _subtitle(cells),
        0.45 + 0.3 * len(cells),
        handles=rows.quantile_handles(tints),
        columns=4,
        notes=[rows.latency_marks(cells), *rows.bound_note(cells, shown), *style.flag_notes(cells)],
    )
    axes = frame.figure.subplots()
    rows.quantile_panel(axes, look, cells, tints)
    axes.set_xlabel(f"{time.capitalize()} time")
    return frame.figure


# Dark to light, so that the parts are told apart in grey; the client is hatched.
USER, KERNEL, CLIENT = style.BLUE, style.SKY, "white"


def cost(run: Run, look: Looks, workload: str) -> Figure | None:
    """CPU time for each reply: the server's in user mode and in the kernel, and the client's."""
    cells = [cell for cell in run.of_workload(workload) if cell.server_cpu_per_request_ns]
    if not cells:
        return None
    handles = [
        Patch(facecolor=USER, label="server, user mode"),
        Patch(facecolor=KERNEL, label="server, kernel"),
        Patch(facecolor=CLIENT, edgecolor="#555555", hatch="////", label="generator"),
    ]
    frame = Frame(
        run,
        f"{workload}: CPU time per reply",
        _subtitle(cells),
        0.5 + 0.3 * len(cells),
        handles=handles,
        notes=[
            f"Bar: median of the trials; whisker: {rows.ENDS}.",
            "User mode and kernel are split by the kernel's clock ticks. Hatched grey: invalid.",
            *style.flag_notes(cells),
        ],
    )
    axes = frame.figure.subplots()
    top = 0.0
    for y, cell in enumerate(cells):
        server, client = cell.server_cpu_per_request_ns, cell.client_cpu_per_request_ns
        share, bad = trials.user_share(run, cell), cell.validity == "invalid"
        parts = [(server.median, USER)]
        if share is not None:
            parts = [(server.median * share, USER), (server.median * (1 - share), KERNEL)]
        left = 0.0
        for (width, color), name in zip(parts, ("user", "kernel"), strict=False):
            face = style.greyed(color) if bad else color
            (bar,) = axes.barh(
                y - 0.14, width, left=left, height=0.42, color=face, hatch="//////" if bad else None
            )
            bar.set_edgecolor(style.GREY if bad else "none")
            bar.set_gid(f"{name}:{cell.name}")
            left += width
        rows.whisker(axes, rows.Row(y - 0.14, cell, server), "#222222", 4.0)
        if client:
            (bar,) = axes.barh(y + 0.22, client.median, height=0.24, color=CLIENT, hatch="////")
            bar.set_edgecolor("#555555" if not bad else style.GREY)
            bar.set_linewidth(0.5)
            bar.set_gid(f"client:{cell.name}")
        top = max(top, server.high, client.median if client else 0)
    rows.model_axis(axes, cells, style.label)
    unit = style.linear_axis(axes.xaxis, top * 1.06, style.NS_UNITS, bins=6)
    axes.set_xlabel(f"CPU time per reply ({unit})")
    style.clean(axes, "x")
    axes.tick_params(axis="y", length=0)
    return frame.figure


def memory(run: Run, look: Looks, workload: str) -> Figure | None:
    """The server's proportional set size."""
    cells = [cell for cell in run.of_workload(workload) if cell.pss_bytes]
    if not any(cell.pss_bytes.max > 0 for cell in cells):
        return None
    frame = Frame(
        run,
        f"{workload}: memory of the server",
        _subtitle(cells),
        0.5 + 0.22 * len(cells),
        notes=[
            f"Proportional set size. Bar: median of the trials; whisker: {rows.ENDS}.",
            *style.flag_notes(cells),
        ],
    )
    axes = frame.figure.subplots()
    lines = [rows.Row(y, cell, cell.pss_bytes) for y, cell in enumerate(cells)]
    unit = rows.bars(axes, look, lines, style.BYTE_UNITS)
    rows.model_axis(axes, cells, style.label)
    axes.set_xlabel(f"Proportional set size ({unit})")
    return frame.figure
