"""Latency against load: response time over the offered rate."""

from __future__ import annotations

import math
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

import c10k_rows as rows
import c10k_style as style
from c10k_documents import Cell, Run
from c10k_style import Frame, Look, Looks

QUANTILES = (0.5, 0.95, 0.99, 0.999)


def varies_only_load(cell: Cell) -> bool:
    """Whether the cell's factors are only about when requests are sent."""
    return all(factor.name.startswith("arrivals") for factor in cell.factors)


def families(run: Run) -> dict[str, list[Cell]]:
    """Open-loop cells that differ only in their rate, by the name of their figure."""
    bases: dict[str, dict[tuple, list[Cell]]] = {}
    for cell in run.cells:
        if cell.arrivals.rate_per_s is not None and varies_only_load(cell):
            base = cell.series or cell.workload.split("-open", 1)[0] or cell.workload
            kin = (cell.arrivals.kind, cell.connections)
            bases.setdefault(base, {}).setdefault(kin, []).append(cell)
    named = {}
    for base, kins in bases.items():
        for (kind, connections), cells in kins.items():
            name = base if len(kins) == 1 else f"{base}-{kind}-{connections}c"
            named[name] = cells
    return named


def load_latency(run: Run, look: Looks, family: str) -> Figure | None:
    """Response time against offered rate; at one rate, the models beside each other."""
    cells = families(run)[family]
    shown = [
        q for q in QUANTILES if any((found := cell.quantile(q)) and found.shown for cell in cells)
    ]
    if not shown:
        return None
    order = list(dict.fromkeys(cell.model for cell in cells))
    cells = sorted(cells, key=lambda cell: (order.index(cell.model), cell.twin))
    names = [cell.name for cell in cells]
    if len(set(names)) == len(names):
        return _at_one_load(run, look, family, cells, shown)
    return _over_loads(run, look, family, cells, shown)


def _at_one_load(
    run: Run, look: Looks, family: str, cells: list[Cell], shown: list[float]
) -> Figure:
    """One row for each model, with the quantiles below each other in it."""
    one_rate = len({cell.arrivals.rate_per_s for cell in cells}) == 1
    tints = {
        q: tint for q, tint in zip(QUANTILES, (0.0, 0.35, 0.7, 1.0), strict=True) if q in shown
    }
    frame = Frame(
        run,
        f"{family}: response time at {'the same rate' if one_rate else 'different rates'}",
        f"{rows.arrivals_text(cells)} · {rows.trials_text(cells)}",
        0.5 + 0.31 * len(cells),
        handles=rows.quantile_handles(tints),
        notes=[rows.latency_marks(cells), *rows.bound_note(cells, shown), *style.flag_notes(cells)],
    )
    axes = frame.figure.subplots()

    def name(cell: Cell) -> str:
        own = "" if one_rate else f"\nat {rows.exact(cell.arrivals.rate_per_s)}/s"
        return style.label(cell) + own

    rows.quantile_panel(axes, look, cells, tints, name)
    axes.set_xlabel("Response time")
    return frame.figure


def _over_loads(
    run: Run, look: Looks, family: str, cells: list[Cell], shown: list[float]
) -> Figure:
    by_model: dict[str, list[Cell]] = {}
    order = {model: at for at, model in enumerate(run.models)}
    for cell in sorted(
        cells, key=lambda one: (order[one.model], one.twin, one.arrivals.rate_per_s)
    ):
        by_model.setdefault(cell.name, []).append(cell)
    handles = []
    for mine in by_model.values():
        worst = max((cell.validity for cell in mine), key=("valid", "suspect", "invalid").index)
        sign = {"valid": "", "suspect": " *", "invalid": " (part invalid)"}[worst]
        one = replace(mine[0], validity="valid")
        handles.append(style.handle(style.look_of(look, one), style.label(one) + sign))
    frame = Frame(
        run,
        f"{family}: response time against load",
        f"{rows.arrivals_text(cells)} · {rows.trials_text(cells)}",
        0.45 + 1.75 * len(shown),
        handles=handles,
        notes=[
            rows.latency_marks(cells),
            *rows.bound_note(cells, shown),
            *_gap_note(cells, shown),
            *_rate_notes(cells),
        ],
    )
    panels = frame.figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    for axes, q in zip(panels, shown, strict=True):
        axes.set_gid(f"panel:{rows.p_name(q)}")
        found = []
        for at, mine in enumerate(by_model.values()):
            found += [
                quantile.shown for cell in mine if (quantile := cell.quantile(q)) and quantile.shown
            ]
            # Beside each other, so that whiskers at the same rate are all seen.
            beside = (at - (len(by_model) - 1) / 2) * (1.4 if style.size.is_narrow else 2.2)
            _load_line(axes, look[mine[0].model], mine, q, beside)
        axes.set_yscale("log")
        low, high = min(one.min for one in found), max(one.max for one in found)
        style.log_axis(axes.yaxis, max(low, 1), max(high, 1) * 1.15, 1.4, room=0.2)
        axes.set_ylabel(f"{rows.p_name(q)} response")
        style.clean(axes, "both")
    rates = [cell.arrivals.rate_per_s for cell in cells]
    unit = ""
    if max(rates) > 30 * min(rates):
        panels[-1].set_xscale("log")
        style.log_axis(panels[-1].xaxis, min(rates), max(rates), 4.0, write=style.count)
    else:
        unit = style.linear_axis(panels[-1].xaxis, max(rates) * 1.06, style.COUNT_UNITS, bins=6)
    panels[-1].set_xlabel(f"Offered requests per second{unit and f' ({unit})'}")
    return frame.figure


def _load_line(axes: Axes, look: Look, cells: list[Cell], q: float, beside: float) -> None:
    """One model's, in the order of the rates; broken where a cell cannot say."""
    model = cells[0].name
    points = [(cell, cell.quantile(q)) for cell in cells]
    x = [cell.arrivals.rate_per_s for cell in cells]
    y = [one.shown.median if one and one.shown else math.nan for _, one in points]
    moved = axes.transData + ScaledTranslation(beside / 72, 0, axes.figure.dpi_scale_trans)
    if cells[0].twin:
        axes.plot(
            x, y, color=look.color, linestyle=style.TWIN, gid=f"line:{model}", transform=moved
        )
        return
    axes.plot(
        x,
        y,
        color=look.color,
        linestyle=look.dash,
        gid=f"line:{model}",
        zorder=3,
        transform=moved,
    )
    for (cell, quantile), x_one, y_one in zip(points, x, y, strict=True):
        if math.isnan(y_one):
            continue
        mine = style.shown(look, cell.validity)
        spread = quantile.shown
        axes.plot(
            [x_one, x_one],
            [spread.low, spread.high],
            color=mine.color,
            linewidth=0.9,
            marker="_",
            ms=4,
            gid=f"whisker:{model}",
            zorder=4,
            transform=moved,
        )
        axes.plot(
            [x_one],
            [y_one],
            color=mine.color,
            marker=mine.marker,
            ms=5,
            markeredgewidth=0.3,
            markeredgecolor="white",
            gid=f"median:{model}",
            zorder=5,
            transform=moved,
        )
        text = ("≥" if quantile.is_bound else "") + ("*" if cell.validity == "suspect" else "")
        if text:
            axes.annotate(
                text,
                (x_one, spread.max),
                xytext=(0, 2),
                textcoords="offset points",
                fontsize=style.size.small,
                ha="center",
                color=mine.color,
                gid=f"bound:{model}",
            )


def _gap_note(cells: list[Cell], shown: list[float]) -> list[str]:
    short = [
        rows.p_name(q)
        for q in shown
        if any(not (one := cell.quantile(q)) or one.shown is None for cell in cells)
    ]
    return [f"{' and '.join(short)}: left out where there were too few samples."] if short else []


def _rate_notes(cells: list[Cell]) -> list[str]:
    """Which points are flagged: a line in this figure runs over several cells."""
    notes = []
    for validity, sign in (("invalid", "Grey, invalid"), ("suspect", "* Suspect")):
        flagged = [cell for cell in cells if cell.validity == validity]
        by_model: dict[str, list[Cell]] = {}
        for cell in flagged:
            by_model.setdefault(cell.name, []).append(cell)
        texts = []
        for model, mine in by_model.items():
            rates = ", ".join(f"{style.count(cell.arrivals.rate_per_s)}/s" for cell in mine)
            why = ", ".join(dict.fromkeys(name for cell in mine for name in cell.flags))
            texts.append(f"{model} at {rates}" + (f" ({why})" if why else ""))
        if texts:
            notes.append(f"{sign}: {'; '.join(texts)}.")
    return notes
