"""Turnaround time and time to connect, memory per connection, and system calls per reply."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from matplotlib.figure import Figure
from matplotlib.patches import Patch

import c10k_rows as rows
import c10k_style as style
from c10k_documents import Cell, CellQuantile, Estimate, Run
from c10k_style import Frame, Looks
from c10k_trials import blocks

# So many system calls are named, the most frequent ones.
CALLS_MAX = 5
# Dark to light, and hatched besides, so that they are told apart in grey.
CALL_LOOKS = (
    (style.BLUE, None),
    (style.ORANGE, "////"),
    (style.GREEN, "...."),
    (style.SKY, "\\\\\\\\"),
    (style.PINK, "xxxx"),
)
# Settings that are numbers of connections.
CONNECTIONS = ("connections", "idle-connections")


def _one_row_each(
    run: Run,
    look: Looks,
    title: str,
    found: list[tuple[Cell, Estimate | None]],
    *,
    units: tuple,
    axis: str,
    notes: list[str],
) -> Figure | None:
    if not any(estimate for _, estimate in found):
        return None
    cells = [cell for cell, _ in found]
    frame = Frame(
        run,
        title,
        f"{rows.arrivals_text(cells)} · {rows.trials_text(cells)}",
        0.5 + 0.22 * len(cells),
        notes=[*notes, *style.flag_notes(cells)],
    )
    axes = frame.figure.subplots()
    lines = [rows.Row(y, cell, estimate) for y, (cell, estimate) in enumerate(found)]
    unit = rows.bars(axes, look, lines, units)
    rows.model_axis(axes, cells, style.label)
    axes.set_xlabel(f"{axis} ({unit})")
    return frame.figure


def turnaround(run: Run, look: Looks, workload: str) -> Figure | None:
    """From a client's connect to its last reply."""
    cells = run.of_workload(workload)
    return _one_row_each(
        run,
        look,
        f"{workload}: turnaround time",
        [(cell, cell.turnaround_ns) for cell in cells],
        units=style.NS_UNITS,
        axis="From connect to the last reply",
        notes=[f"Bar: median of the trials' means; whisker: {rows.ENDS}; dot: one trial."],
    )


def median_connect(cell: Cell) -> CellQuantile | None:
    """The median time to connect, where connections were opened anew."""
    return next((one for one in cell.connect if one.q == 0.5), None)


def connect(run: Run, look: Looks, workload: str) -> Figure | None:
    """The median time to open a connection."""
    cells = [cell for cell in run.of_workload(workload) if cell.connect]

    def known(cell: Cell) -> Estimate | None:
        found = median_connect(cell)
        return found.shown if found and not found.is_bound else None

    return _one_row_each(
        run,
        look,
        f"{workload}: time to connect",
        [(cell, known(cell)) for cell in cells],
        units=style.NS_UNITS,
        axis="Median time to connect",
        notes=[f"Bar: {rows.TOGETHER} as a whisker. Latency excludes the time to connect."],
    )


def per_connection(cell: Cell, base: Cell, factor: str) -> Estimate | None:
    """Memory for each further connection: the difference of two cells in each block."""
    more = cell.factor(factor).number - base.factor(factor).number
    values = dict(zip(blocks(cell), cell.pss_bytes.values, strict=False))
    bases = dict(zip(blocks(base), base.pss_bytes.values, strict=False))
    each = tuple(
        (values[block] - bases[block]) / more for block in sorted(values.keys() & bases.keys())
    )
    return Estimate(median(each), min(each), max(each), each) if each else None


def held(run: Run) -> dict[str, str]:
    """The series in which a number of connections varies, and which."""
    found = {}
    for cell in run.cells:
        for factor in cell.factors:
            if cell.series and factor.name in CONNECTIONS and factor.number is not None:
                found.setdefault(cell.series, factor.name)
    return found


def memory_per_connection(run: Run, look: Looks, series: str) -> Figure | None:
    """What each further connection takes, from the fewest to the most that a model was given."""
    factor = held(run)[series]
    groups: dict[tuple, list[Cell]] = {}
    for cell in run.cells:
        if cell.series == series and cell.factor(factor) and cell.pss_bytes:
            others = tuple(one.text for one in cell.factors if one.name != factor)
            groups.setdefault((cell.name, others), []).append(cell)
    found, ends = [], set()
    for cells in groups.values():
        first = min(cells, key=lambda one: one.factor(factor).number)
        last = max(cells, key=lambda one: one.factor(factor).number)
        if last is not first:
            found.append((last, per_connection(last, first, factor)))
            ends.add((first.factor(factor).text, last.factor(factor).text))
    if len({cell.name for cell, _ in found}) != len(found):
        # Other settings vary too: whose memory it is would not be told.
        return None
    span = "; ".join(f"{low} to {high}" for low, high in sorted(ends))
    return _one_row_each(
        run,
        look,
        f"{series}: memory for each further connection",
        found,
        units=style.BYTE_UNITS,
        axis="For each further connection",
        notes=[
            f"Growth of the proportional set size from the fewest to the most {factor} ({span}), "
            "divided by their difference, in pairs of the same block.",
            "Bar: median; whisker: range of the blocks; dot: one block.",
        ],
    )


def syscalls(run: Run, look: Looks, workload: str) -> Figure | None:
    """System calls for each reply, the most frequent by name."""
    cells = [cell for cell in run.of_workload(workload) if cell.syscalls]
    if not cells:
        return None
    most: dict[str, float] = {}
    for cell in cells:
        for name, times in cell.syscalls:
            most[name] = max(most.get(name, 0.0), times)
    named = sorted(most, key=lambda name: -most[name])[:CALLS_MAX]
    looks = dict(zip(named, CALL_LOOKS, strict=False))
    rest = len(most) > len(named)
    frame = Frame(
        run,
        f"{workload}: system calls per reply",
        rows.arrivals_text(cells),
        0.5 + 0.24 * len(cells),
        handles=[
            Patch(facecolor=color, hatch=hatch, edgecolor="white", label=name)
            for name, (color, hatch) in looks.items()
        ]
        + [Patch(facecolor="#e3e3e3", label="others")] * rest,
        notes=[
            "Counted by strace in a separate load. strace slows the server down, so an event loop "
            "finds more clients ready at once, and makes fewer calls than without it.",
            *style.flag_notes(cells),
        ],
    )
    axes = frame.figure.subplots()
    top = 0.0
    for y, cell in enumerate(cells):
        times = dict(cell.syscalls)
        parts = [(name, times.get(name, 0.0), *looks[name]) for name in named]
        others = sum(n for name, n in cell.syscalls if name not in looks)
        left = 0.0
        for name, width, color, hatch in [*parts, ("others", others, "#e3e3e3", None)]:
            (bar,) = axes.barh(y, width, left=left, height=0.68, color=color, hatch=hatch)
            bar.set_edgecolor("white")
            bar.set_linewidth(0.4)
            bar.set_gid(f"{name}:{cell.name}")
            left += width
        axes.annotate(
            f"{left:.3g}",
            (left, y),
            xytext=(3, 0),
            textcoords="offset points",
            fontsize=style.size.note,
            va="center",
            gid=f"value:{cell.name}",
        )
        top = max(top, left)
    rows.model_axis(axes, cells, style.label)
    axes.set_xlim(0, top * 1.15)
    axes.set_xlabel("System calls per reply")
    style.clean(axes, "x")
    axes.tick_params(axis="y", length=0)
    return frame.figure


OF_WORKLOAD: dict[str, Callable[[Run, Looks, str], Figure | None]] = {
    "turnaround": turnaround,
    "connect": connect,
    "syscalls": syscalls,
}
