"""What keeping state costs: each home of the state over no state, in pairs of the same block."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

import c10k_rows as rows
import c10k_style as style
from c10k_documents import Cell, Estimate, Factor, Run
from c10k_style import Frame, Look
from c10k_sweep import REQUESTS, known
from c10k_trials import blocks

STATE = "server.state"
# So many rows of models and settings go into one figure.
ROWS_MAX = 8
NONE = "none"
# Student's t at 97.5 %, by degrees of freedom from 1 on; beyond them the normal distribution's.
T = (12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160)
T_BEYOND = 2.145
# One look for each home of state, wherever it is drawn.
HOMES = {
    NONE: Look(style.BLACK, "o", "-"),
    "connection": Look(style.BLUE, "s", "-"),
    "table": Look(style.RED, "^", "-"),
    "client": Look(style.GREEN, "D", "-"),
    "external": Look(style.PINK, "v", "-"),
}
METRICS: tuple[tuple[str, Callable[[Cell], Estimate | None]], ...] = (
    ("CPU per reply", lambda cell: cell.server_cpu_per_request_ns),
    ("p50", lambda cell: known(cell, 0.5)),
    ("p99", lambda cell: known(cell, 0.99)),
)


@dataclass(frozen=True)
class Ratio:
    """A geometric mean of ratios in pairs, and its 95 % interval."""

    value: float
    low: float
    high: float
    pairs: int


def paired(cell: Cell, base: Cell, of: Callable[[Cell], Estimate | None]) -> Ratio | None:
    """One cell over another, block by block."""
    mine, other = of(cell), of(base)
    if not mine or not other:
        return None
    values = dict(zip(blocks(cell), mine.values, strict=False))
    bases = dict(zip(blocks(base), other.values, strict=False))
    logs = [
        math.log(values[block] / bases[block])
        for block in sorted(values.keys() & bases.keys())
        if values[block] > 0 and bases[block] > 0
    ]
    if not logs:
        return None
    n = len(logs)
    mean = sum(logs) / n
    if n == 1:
        return Ratio(math.exp(mean), math.nan, math.nan, 1)
    error = math.sqrt(sum((one - mean) ** 2 for one in logs) / (n - 1) / n)
    reach = (T[n - 2] if n - 2 < len(T) else T_BEYOND) * error
    return Ratio(math.exp(mean), math.exp(mean - reach), math.exp(mean + reach), n)


def series(run: Run) -> dict[str, list[Cell]]:
    """The sweeps in which the home of the state varies, and one home is none."""
    found: dict[str, list[Cell]] = {}
    for cell in run.cells:
        if cell.series and cell.factor(STATE) and not cell.twin:
            found.setdefault(cell.series, []).append(cell)
    found = {
        name: cells
        for name, cells in found.items()
        if {NONE} < {cell.factor(STATE).text for cell in cells}
    }
    return {name: part for whole, cells in found.items() for name, part in _parts(whole, cells)}


def _others(cell: Cell) -> list[str]:
    return [_words(one) for one in cell.factors if one.name != STATE]


def _parts(name: str, cells: list[Cell]) -> list[tuple[str, list[Cell]]]:
    """One figure, or one for each combination of the other settings if it had too many rows."""
    rows_wanted = {(cell.model, *_others(cell)) for cell in cells}
    if len(rows_wanted) <= ROWS_MAX:
        return [(name, cells)]
    parts: dict[str, list[Cell]] = {}
    for cell in cells:
        parts.setdefault(", ".join([name, *_others(cell)]), []).append(cell)
    return list(parts.items())


def _words(factor: Factor) -> str:
    """A level of another factor; 0 requests per connection means that connections are kept."""
    if factor.name != REQUESTS:
        return f"{factor.name} {factor.text}"
    return "connections kept" if factor.number == 0 else f"{factor.text} per connection"


def _groups(cells: list[Cell], run: Run) -> dict[str, dict[str, Cell]]:
    """The cells by their state, for each model and combination of the other factors."""
    order = sorted(
        cells,
        key=lambda cell: (
            run.models.index(cell.model),
            [one.number or 0.0 for one in cell.factors if one.name != STATE],
        ),
    )
    groups: dict[str, dict[str, Cell]] = {}
    # What all have in common would be said in every row.
    common = set.intersection(*(set(_others(cell)) for cell in cells))
    for cell in order:
        others = [text for text in _others(cell) if text not in common]
        name = "\n".join([cell.model, *others])
        groups.setdefault(name, {})[cell.factor(STATE).text] = cell
    return groups


def stateful(run: Run, name: str) -> Figure | None:
    """Absolute figures on the left; on the right each over that without state."""
    cells = series(run)[name]
    groups = _groups(cells, run)
    homes = list(dict.fromkeys(cell.factor(STATE).text for cell in cells))
    homes.sort(key=lambda home: list(HOMES).index(home) if home in HOMES else len(HOMES))
    spare = dict(zip(homes, style.SPARE, strict=False))
    looks = {home: HOMES.get(home, spare.get(home)) for home in homes}
    shown = [(title, of) for title, of in METRICS if any(of(cell) for cell in cells)]
    if not shown:
        return None
    each = 0.5 + (0.1 + 0.085 * len(homes)) * len(groups)
    each = max(each, 0.5 + 0.3 * len(groups))
    frame = Frame(
        run,
        f"{name}: what keeping state costs",
        f"{rows.arrivals_text(cells)} · {rows.trials_text(cells)}",
        each * len(shown),
        handles=[
            style.handle(Look(looks[h].color, looks[h].marker, ""), f"state: {h}") for h in homes
        ],
        columns=3,
        notes=[
            "CPU is the server's.",
            rows.MARKS,
            *rows.together_note(cells),
            "Right: the ratio to no state, in pairs of the same block: geometric mean and its 95 % "
            "interval (Student's t).",
            *style.flag_notes(cells),
        ],
    )
    panels = frame.figure.subplots(len(shown), 2, squeeze=False)
    for (left, right), (title, of) in zip(panels, shown, strict=True):
        _absolute(left, groups, homes, looks, of)
        _ratios(right, groups, homes, looks, of)
        left.set_xlabel(title)
        right.set_xlabel("ratio to no state")
        left.set_yticks(range(len(groups)), list(groups))
        right.set_yticks(range(len(groups)), [])
        for axes in (left, right):
            axes.set_ylim(len(groups) - 0.45, -0.55)
            axes.tick_params(axis="y", length=0)
            for y in range(1, len(groups)):
                axes.axhline(y - 0.5, color="#e8e8e8", linewidth=0.5, zorder=0)
            style.clean(axes, "x")
    return frame.figure


def _place(homes: list[str], home: str, y: int) -> float:
    return y + (homes.index(home) - (len(homes) - 1) / 2) * 0.7 / len(homes)


def _mark(
    axes: Axes,
    look: Look,
    at: tuple[float, float],
    ends: tuple[float, float],
    *,
    invalid: bool,
    gid: str,
) -> None:
    color = style.GREY if invalid else look.color
    x, y = at
    if not math.isnan(ends[0]):
        axes.plot(ends, [y, y], color=color, linewidth=0.9, marker="|", ms=4, gid=f"whisker:{gid}")
    axes.plot(
        [x],
        [y],
        color=color,
        marker=look.marker,
        markerfacecolor="none" if invalid else color,
        ms=4,
        ls="",
        markeredgewidth=0.6,
        gid=gid,
        zorder=5,
    )


def _absolute(axes: Axes, groups: dict, homes: list[str], looks: dict, of: Callable) -> None:
    """Logarithmic: an external store takes many times what the others do."""
    found: list[float] = []
    for y, by_home in enumerate(groups.values()):
        for home, cell in by_home.items():
            if estimate := of(cell):
                at = (estimate.median, _place(homes, home, y))
                ends = (estimate.low, estimate.high)
                gid = f"median:{cell.workload}:{cell.model}"
                _mark(axes, looks[home], at, ends, invalid=cell.validity == "invalid", gid=gid)
                found += [one for one in (estimate.low, estimate.high) if one > 0]
    if found:
        axes.set_xscale("log")
        style.log_axis(axes.xaxis, min(found), max(found), 1.2, room=0.45)


def _ratios(axes: Axes, groups: dict, homes: list[str], looks: dict, of: Callable) -> None:
    axes.axvline(1, color="#555555", linewidth=0.8, zorder=1)
    ends = [0.9, 1.1]
    for y, by_home in enumerate(groups.values()):
        base = by_home.get(NONE)
        for home, cell in by_home.items():
            ratio = paired(cell, base, of) if base and home != NONE else None
            if ratio is None:
                continue
            invalid = "invalid" in (cell.validity, base.validity)
            at = (ratio.value, _place(homes, home, y))
            gid = f"ratio:{cell.workload}:{cell.model}"
            _mark(axes, looks[home], at, (ratio.low, ratio.high), invalid=invalid, gid=gid)
            ends += [one for one in (ratio.low, ratio.value, ratio.high) if not math.isnan(one)]
    low, high = min(ends), max(ends)
    axes.set_xscale("log")
    style.log_axis(axes.xaxis, low, high, 1.2, room=0.3, write=lambda x: f"{x:.4g}")
