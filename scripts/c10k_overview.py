"""Draws the overview of a run: the cost and the tail latency of each workload side by side."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

import c10k_style as style
from c10k_figures import Figures
from c10k_rows import dot, families, log, model_axis
from c10k_style import Frame

WIDE = 7.2


def overview(figures: Figures, of: Sequence[str]) -> Figure | None:
    """Draws the server CPU time per reply and the 99th percentile of each workload.

    Workloads fill the first of two columns from the top, then the second. A plan that lists its
    closed loops before its open ones therefore has each pair side by side.
    """
    found = {
        name: {
            one["name"]: one
            for one in figures.figures
            if one["of"] == name and not one.get("sweep")
        }
        for name in of
    }
    found = {name: own for name, own in found.items() if "cpu" in own or "p99" in own}
    if not found:
        return None
    order = {name: _order(own) for name, own in found.items()}
    columns = 1 if style.size.is_narrow else min(2, len(found))
    lines = -(-len(found) // columns)
    names = list(found)
    fullest = [max(len(order[name]) for name in names[line::lines]) for line in range(lines)]
    # The smallest height at which letters of this size do not overlap.
    heights = [0.6 + 0.0178 * style.size.tiny * size for size in fullest]
    every = [
        row
        for own in found.values()
        for one in own.values()
        if one["name"] in ("cpu", "p99")
        for row in one["rows"]
    ]
    words = {
        "title": "Cost and tail latency at a glance",
        "load": f"{len(found)} workload{'' if len(found) == 1 else 's'}",
        "shows": "Server CPU time per correct reply, the median with its interval; and the pooled "
        "99th percentile, over which a line spans the trials' own: of response time in an "
        "open loop, otherwise of service time.",
    }
    grey = ["Grey: invalid; the workload's own figures say why."]
    frame = Frame(
        figures,
        words,
        sum(heights),
        handles=families(figures, every),
        columns=4,
        notes=[
            *(grey if any(row["validity"] == "invalid" for row in every) else []),
            *style.suspect_note(every),
        ],
        width=WIDE if columns == 2 else None,
    )
    panels = frame.figure.subplots(lines, 2 * columns, squeeze=False, height_ratios=heights)
    for i in range(lines * columns):
        left, right = panels[i % lines, i // lines * 2 : i // lines * 2 + 2]
        if i < len(names):
            _glance(left, right, figures, names[i], found[names[i]])
        else:
            left.set_axis_off()
            right.set_axis_off()
    return frame.figure


def _order(own: dict[str, dict]) -> list[dict]:
    """The rows of both panels: those of the first figure, then those that only the other has."""
    rows = {
        row["model"]: row
        for name in ("cpu", "p99")
        if name in own
        for row in own[name]["rows"][::-1]
    }
    first = [row["model"] for name in ("cpu", "p99") if name in own for row in own[name]["rows"]]
    return [rows[model] for model in dict.fromkeys(first)]


def _glance(left: Axes, right: Axes, figures: Figures, of: str, own: dict[str, dict]) -> None:
    order = _order(own)
    places = {row["model"]: y for y, row in enumerate(order)}
    for axes, name in ((left, "cpu"), (right, "p99")):
        rows = own[name]["rows"] if name in own else []
        axes.set_gid(f"panel:{name}:{of}")
        for row in rows:
            dot(axes, figures, places[row["model"]], row, 4.0)
        for row in order:
            if name == "p99" and row["model"] not in {one["model"] for one in rows}:
                # At the right end, because the missing value would be larger than the others.
                place, gid = (0.99, places[row["model"]]), f"missing:{row['model']}"
                looks = {"xycoords": ("axes fraction", "data"), "ha": "right", "style": "italic"}
                style.beside(axes, "too few samples", place, gid, xytext=(0, 0), **looks)
        if not rows:
            axes.set_xticks([])
        elif name == "p99":
            log(axes, [end for row in rows for end in (row["low"], row["high"])], 0.36, 1.2)
        else:
            top = max(max(*row["values"], row["high"]) for row in rows)
            unit = style.linear_axis(axes.xaxis, top * 1.08, style.NS_UNITS)
            axes.set_xlabel(f"CPU per reply ({unit})", fontsize=style.size.small, labelpad=1)
        style.clean(axes, "both")
        axes.tick_params(axis="x", labelsize=style.size.tiny)
        axes.tick_params(axis="y", labelsize=style.size.tiny)
    right.set_xlabel("p99", fontsize=style.size.small, labelpad=1)
    model_axis(left, order)
    model_axis(right, order, named=False)
    title = left.set_title(of, fontsize=style.size.small + 0.5, weight="bold", loc="left", pad=3)
    title.set_in_layout(False)
